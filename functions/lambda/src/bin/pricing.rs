//! Quotes proofs, keeps budgets, and shows anyone how proofs of published circuits go.

use std::process::ExitCode;

use zkpool_functions::{budgets, performance, quotes};

fn main() -> ExitCode {
    zkpool_lambda::serve(|context| {
        quotes::router(context).merge(budgets::router(context)).merge(performance::router(context))
    })
}
