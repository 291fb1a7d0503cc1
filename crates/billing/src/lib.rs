//! What follows from receipts: cost reports, partitions of usage, chains of receipts, closed months.
//!
//! Nothing here takes part in a job. Receipts are written with outcomes; this crate reads them
//! afterwards. A *row of usage* is one receipt, or one correction.

mod error;
pub mod report;
mod rows;

use zkpool_jobs::Ports;

pub use error::BillingError;

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
