//! What follows from receipts: cost reports, partitions of usage, chains of receipts, closed months.
//!
//! Nothing here takes part in a job. Receipts are written with outcomes; this crate reads them
//! afterwards. A *row of usage* is one receipt, or one correction. The roll-up puts rows into
//! *partitions* (Parquet files by day and hour) and receipts into a *chain* per project; a report
//! adds up partitions and what is not rolled up yet, so that it always includes the last proof.
//!
//! Every amount is a whole number of nano-dollars, and is written as an exact decimal.

pub mod audit;
pub mod corrections;
mod error;
pub mod fleet;
pub mod focus;
pub mod partition;
pub mod receipts;
pub mod report;
pub mod rollup;
mod rows;
mod table;

use zkpool_jobs::Ports;

pub use error::BillingError;
pub use focus::FocusTable;
pub use rollup::RollupReport;

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
