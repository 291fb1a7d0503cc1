//! Tells webhooks what happened: the messages of the queue of notices.

use std::process::ExitCode;

fn main() -> ExitCode {
    zkpool_lambda::tell_webhooks()
}
