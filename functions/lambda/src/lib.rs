//! The HTTP API and the sweeper as functions of AWS Lambda.
//!
//! A function is one file in `bin/` that says which areas of the API it serves; the handlers are
//! those of `zkpool-functions`, over a bucket and a queue. What differs between functions is
//! what their roles may do, so that whoever can read a proof cannot submit one.
//!
//! A process is started for the first event (a *cold start*), builds its context once from the
//! environment, and handles one event at a time after that. One that cannot build its context
//! says which variable is to blame and ends; Lambda reports it as a failed initialisation.
//!
//! The log is one JSON object per line. Every line of an event carries Lambda's id of it, and of
//! a request also its own id and its trace, which its job's record carries on to the prover.

mod context;
mod log;
mod notices;
mod schedule;

use std::process::ExitCode;

use axum::Router;
use lambda_http::Error;
use tokio::runtime::Builder;
use zkpool_functions::Context;

pub use context::StartError;

/// Serves the areas that `areas` makes, as the target of an HTTP API (events of version 2).
pub fn serve(areas: fn(&Context) -> Router) -> ExitCode {
    run(async move {
        let context = context::from_environment().await?;
        let areas = areas(&context);
        lambda_http::run(zkpool_functions::complete(context, areas)).await
    })
}

/// Sweeps once for each event, whatever the event says.
pub fn sweep() -> ExitCode {
    run(async { schedule::run(context::from_environment().await?).await })
}

/// Rolls up once for each event, and checks the books too where the event says `{"audit": true}`.
pub fn roll_up() -> ExitCode {
    run(async { schedule::run_roll_up(context::from_environment().await?).await })
}

/// Tells webhooks what the messages of each event say.
pub fn tell_webhooks() -> ExitCode {
    run(async { notices::run(context::from_environment().await?).await })
}

/// Runs a function until Lambda ends its process.
fn run(function: impl Future<Output = Result<(), Error>>) -> ExitCode {
    log::init();
    let ended = match Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(function),
        Err(error) => Err(error.into()),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = error.as_ref() as &dyn std::error::Error, "cannot run");
            ExitCode::FAILURE
        }
    }
}
