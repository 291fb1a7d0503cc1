//! Shows and lists proof requests; says whether the service is ready.

use std::process::ExitCode;

use zkpool_functions::{health, proofs};

fn main() -> ExitCode {
    zkpool_lambda::serve(|context| proofs::status_router(context).merge(health::router(context)))
}
