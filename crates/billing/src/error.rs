//! What can go wrong.

use zkpool_jobs::PortError;
use zkpool_ledger::costs::CostError;
use zkpool_ports::BlobError;
use zkpool_types::ErrorCode;

/// Why costs cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum BillingError {
    /// Costs cannot be added up.
    #[error(transparent)]
    Cost(#[from] CostError),
    /// A port failed, or holds something that is no record.
    #[error(transparent)]
    Port(#[from] PortError),
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
            Self::Cost(CostError::Overflow) => ErrorCode::Internal,
            Self::Cost(CostError::TooManyGroups { .. }) | Self::Query(_) => {
                ErrorCode::InvalidRequest
            }
            Self::Port(error) => error.code(),
        }
    }
}
