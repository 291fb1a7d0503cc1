//! What surrounds receipts: quotes and budgets before them, cost reports, partitions of usage, chains
//! of receipts and closed months after them.
//!
//! Nothing here takes part in a job. Receipts are written with outcomes; this crate reads them
//! afterwards. A *row of usage* is one receipt, or one correction. The roll-up puts rows into
//! *partitions* (Parquet files by day and hour) and receipts into a *chain* per project; a report
//! adds up partitions and what is not rolled up yet, so that it always includes the last proof.
//!
//! Before receipts, a *quote* is a price that holds until it expires; an *agreed price* is one that a
//! job was accepted with, and is what its receipt charges. A *budget* bounds what a project commits
//! itself to in a month: *charged*, or *reserved* for a job that is open.
//!
//! Every amount is a whole number of nano-dollars, and is written as an exact decimal.

pub mod audit;
pub mod budgets;
pub mod corrections;
mod error;
pub mod fleet;
pub mod focus;
pub mod partition;
pub mod performance;
pub mod quotes;
pub mod receipts;
pub mod report;
pub mod rollup;
mod rows;
mod sum;
mod table;

use zkpool_jobs::Ports;

pub use budgets::{BudgetError, Budgets};
pub use error::BillingError;
pub use focus::FocusTable;
pub use performance::Performance;
pub use quotes::{QuoteError, Quotes};
pub use rollup::RollupReport;
pub use table::parquet_of;

/// The costs of every project.
#[derive(Clone, Debug)]
pub struct Costs {
    ports: Ports,
}

impl Costs {
    /// Costs over these ports.
    #[must_use]
    pub const fn new(ports: Ports) -> Self {
        Self { ports }
    }
}
