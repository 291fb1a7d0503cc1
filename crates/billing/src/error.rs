//! What can go wrong.

use jiff::civil::Date;
use zkpool_jobs::PortError;
use zkpool_ledger::chain::ChainError;
use zkpool_ledger::costs::CostError;
use zkpool_ports::BlobError;
use zkpool_types::{CorrectionId, ErrorCode, JobId};

use crate::rollup::MonthError;
use crate::table::TableError;

/// Why costs cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum BillingError {
    /// Costs cannot be added up.
    #[error(transparent)]
    Cost(#[from] CostError),
    /// A port failed, or holds something that is no record.
    #[error(transparent)]
    Port(#[from] PortError),
    /// A partition cannot be written or read.
    #[error(transparent)]
    Table(#[from] TableError),
    /// A receipt cannot be put in its chain.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// A month cannot be closed.
    #[error(transparent)]
    Month(#[from] MonthError),
    /// A record that is in the chain is gone.
    #[error("link {seq} names a record of job {job} that is gone")]
    Lost {
        /// The job.
        job: JobId,
        /// The link's number.
        seq: u64,
    },
    /// Partitions of a day are gone, and so are records that they could be made from.
    #[error("expected {expected} receipts on {day}, found {found}")]
    Incomplete {
        /// The day.
        day: Date,
        /// Receipts that the chain counts.
        expected: u64,
        /// Receipts of which there is something.
        found: u64,
    },
    /// Roll-ups wrote batch after batch while a report was read.
    #[error("receipts were rolled up while they were read; ask again")]
    Disturbed,
    /// A job has not ended, or there is none.
    #[error("expected a job that has ended, found none of id {0}")]
    NotEnded(JobId),
    /// The idempotency key of a correction belongs to another one.
    #[error("correction {0} is another one of the same idempotency key")]
    CorrectionConflict(CorrectionId),
    /// What was asked for is not what can be answered.
    #[error("{0}")]
    Query(String),
}

impl From<BlobError> for BillingError {
    fn from(error: BlobError) -> Self {
        Self::Port(error.into())
    }
}

impl BillingError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Cost(CostError::Overflow)
            | Self::Table(_)
            | Self::Chain(_)
            | Self::Lost { .. }
            | Self::Incomplete { .. } => ErrorCode::Internal,
            Self::Cost(CostError::TooManyGroups { .. }) | Self::Query(_) | Self::Month(_) => {
                ErrorCode::InvalidRequest
            }
            Self::Disturbed => ErrorCode::Unavailable,
            Self::NotEnded(_) => ErrorCode::NotFound,
            Self::CorrectionConflict(_) => ErrorCode::IdempotencyConflict,
            Self::Port(error) => error.code(),
        }
    }
}
