//! Registers and shows circuits; creates, lists and revokes keys; lists actions; keeps webhooks and
//! their log.

use std::process::ExitCode;

use zkpool_functions::{actions, circuits, keys, webhooks};

fn main() -> ExitCode {
    zkpool_lambda::serve(|context| {
        circuits::router(context)
            .merge(keys::router(context))
            .merge(actions::router(context))
            .merge(webhooks::router(context))
    })
}
