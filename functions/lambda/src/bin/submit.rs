//! Takes proof requests and announces uploads; takes requests back.

use std::process::ExitCode;

use zkpool_functions::{proofs, uploads};

fn main() -> ExitCode {
    zkpool_lambda::serve(|context| {
        proofs::submission_router(context).merge(uploads::router(context))
    })
}
