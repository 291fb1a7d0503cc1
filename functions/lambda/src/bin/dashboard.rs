//! The dashboard, and the description of the API.

use std::process::ExitCode;

use zkpool_functions::{dashboard, openapi};

fn main() -> ExitCode {
    zkpool_lambda::serve(|context| dashboard::router(context).merge(openapi::router(context)))
}
