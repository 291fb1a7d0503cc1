//! Puts receipts into partitions and chains on a schedule, and compares them with their records.

use std::process::ExitCode;

fn main() -> ExitCode {
    zkpool_lambda::roll_up()
}
