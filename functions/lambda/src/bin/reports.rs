//! Reports costs; shows receipts, their chain and daily roots.

use std::process::ExitCode;

use zkpool_functions::costs;

fn main() -> ExitCode {
    zkpool_lambda::serve(costs::router)
}
