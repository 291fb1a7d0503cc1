//! Events of a schedule.

use lambda_http::lambda_runtime::{self, LambdaEvent};
use lambda_http::{Error, service_fn};
use serde_json::{Value, json};
use zkpool_billing::RollupReport;
use zkpool_functions::Context;
use zkpool_jobs::SweepReport;

/// Sweeps for each event until the process is ended.
pub(crate) async fn run(context: Context) -> Result<(), Error> {
    lambda_runtime::run(service_fn(|_: LambdaEvent<Value>| sweep(&context))).await
}

/// Sweeps once. What failed is left to the next event, and shown.
async fn sweep(context: &Context) -> Result<Value, Error> {
    let report = context.jobs().sweep().await;
    let webhooks = context.sweep_webhooks().await;
    tracing::info!(?report, ?webhooks, "swept");
    Ok(json(report))
}

/// Rolls up for each event until the process is ended.
pub(crate) async fn run_roll_up(context: Context) -> Result<(), Error> {
    let handler = |event: LambdaEvent<Value>| roll_up(&context, event.payload);
    lambda_runtime::run(service_fn(handler)).await
}

/// Rolls up once, and compares rows with their records where that is asked for. A difference
/// fails the event, which is what an alarm watches.
async fn roll_up(context: &Context, event: Value) -> Result<Value, Error> {
    let costs = context.costs();
    let report = costs.roll_up_all().await?;
    tracing::info!(?report, "rolled up");
    let mut rows = 0;
    if event["audit"] == Value::Bool(true) {
        let audits = costs.audit_all().await?;
        rows = audits.iter().map(|audit| audit.rows).sum();
        if audits.iter().any(|audit| !audit.differences.is_empty()) {
            return Err("rows of usage differ from the records they were made of".into());
        }
    }
    let RollupReport { projects, receipts, errors } = report;
    Ok(json!({ "projects": projects, "receipts": receipts, "errors": errors, "audited": rows }))
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
