//! Why budgets could not be set, read or drawn on.

use zkpool_jobs::{CircuitError, JobError, PortError};
use zkpool_ports::BlobError;
use zkpool_types::{BudgetScope, ErrorCode, NanoUsd};

use crate::{BillingError, QuoteError};

/// Why budgets could not be set, read or drawn on.
#[derive(Debug, thiserror::Error)]
pub enum BudgetError {
    /// There are too many budgets.
    #[error("at budgets: expected at most {max}, found {found}")]
    TooMany {
        /// The bound.
        max: usize,
        /// What was found.
        found: usize,
    },
    /// Two budgets are for the same scope.
    #[error("at budgets: expected one for {0}, found two")]
    Duplicate(BudgetScope),
    /// The name or value of a tag is longer than any job's.
    #[error("at budgets: expected a tag of at most {max} bytes in name and value each")]
    Tag {
        /// The bound in bytes.
        max: usize,
    },
    /// There are too many alerts, or one is no share.
    #[error("at alerts_percent: expected at most {max} shares of 1 to 100, found {found:?}")]
    Alerts {
        /// The bound.
        max: usize,
        /// What was found.
        found: Vec<u8>,
    },
    /// The price does not fit what is left of a budget with a hard stop.
    #[error(
        "the budget {scope} of {limit} a month has {committed} charged or reserved: a price of \
         {price} does not fit"
    )]
    Exceeded {
        /// The budget.
        scope: BudgetScope,
        /// Its limit.
        limit: NanoUsd,
        /// What counts against it already.
        committed: NanoUsd,
        /// The price.
        price: NanoUsd,
    },
    /// Others wrote to the budget log every time this one tried. The same request may be sent again.
    #[error("the budget log of the project is busy")]
    Busy,
    /// What was spent before cannot be priced.
    #[error(transparent)]
    Quote(#[from] QuoteError),
    /// What was spent before cannot be read from rows of usage.
    #[error(transparent)]
    Usage(Box<BillingError>),
    /// The circuit of an open job cannot be read.
    #[error(transparent)]
    Circuit(#[from] CircuitError),
    /// A port failed.
    #[error(transparent)]
    Port(#[from] PortError),
}

impl BudgetError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::TooMany { .. } | Self::Duplicate(_) | Self::Tag { .. } | Self::Alerts { .. } => {
                ErrorCode::InvalidRequest
            }
            Self::Exceeded { .. } => ErrorCode::BudgetExceeded,
            Self::Busy => ErrorCode::Unavailable,
            Self::Quote(error) => error.code(),
            Self::Usage(error) => error.code(),
            Self::Circuit(error) => error.code(),
            Self::Port(error) => error.code(),
        }
    }
}

impl From<BlobError> for BudgetError {
    fn from(error: BlobError) -> Self {
        Self::Port(error.into())
    }
}

impl From<BillingError> for BudgetError {
    fn from(error: BillingError) -> Self {
        Self::Usage(Box::new(error))
    }
}

impl From<JobError> for BudgetError {
    fn from(error: JobError) -> Self {
        Self::Quote(error.into())
    }
}
