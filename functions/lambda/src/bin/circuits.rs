//! Registers and shows circuits; creates, lists and revokes keys.

use std::process::ExitCode;

use zkpool_functions::{circuits, keys};

fn main() -> ExitCode {
    zkpool_lambda::serve(|context| circuits::router(context).merge(keys::router(context)))
}
