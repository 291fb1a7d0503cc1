//! The dashboard.

use std::process::ExitCode;

fn main() -> ExitCode {
    zkpool_lambda::serve(zkpool_functions::dashboard::router)
}
