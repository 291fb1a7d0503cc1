//! Events of a schedule.

use lambda_http::lambda_runtime::{self, LambdaEvent};
use lambda_http::{Error, service_fn};
use serde_json::{Value, json};
use zkpool_functions::Context;
use zkpool_jobs::SweepReport;

/// Sweeps for each event until the process is ended.
pub(crate) async fn run(context: Context) -> Result<(), Error> {
    lambda_runtime::run(service_fn(|_: LambdaEvent<Value>| sweep(&context))).await
}

/// Sweeps once. What failed is left to the next event, and shown.
async fn sweep(context: &Context) -> Result<Value, Error> {
    let report = context.jobs().sweep().await;
    tracing::info!(?report, "swept");
    Ok(json(report))
}

fn json(report: SweepReport) -> Value {
    let SweepReport {
        reenqueued,
        expired,
        dead_lettered,
        witnesses_deleted,
        uploads_deleted,
        errors,
    } = report;
    json!({
        "reenqueued": reenqueued,
        "expired": expired,
        "dead_lettered": dead_lettered,
        "witnesses_deleted": witnesses_deleted,
        "uploads_deleted": uploads_deleted,
        "errors": errors,
    })
}
