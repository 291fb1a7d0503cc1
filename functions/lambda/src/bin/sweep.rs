//! Makes up on a schedule for lost messages, overdue jobs and what a crash left behind.

use std::process::ExitCode;

fn main() -> ExitCode {
    zkpool_lambda::sweep()
}
