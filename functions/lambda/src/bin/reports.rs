//! Reports costs; shows receipts, their chain and daily roots; closes months and corrects charges.

use std::process::ExitCode;

use zkpool_functions::{books, costs};

fn main() -> ExitCode {
    zkpool_lambda::serve(|context| costs::router(context).merge(books::router(context)))
}
