//! Why something about webhooks fails.

use zkpool_jobs::PortError;
use zkpool_ports::{BlobError, QueueError};
use zkpool_types::ErrorCode;

use crate::address::Refused;

/// Why something about webhooks fails.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// The address is not one that is sent to.
    #[error("at url: {0}")]
    Address(#[from] Refused),
    /// The project has as many webhooks as it may.
    #[error("at most {max} webhooks are accepted in a project")]
    TooMany {
        /// The bound.
        max: usize,
    },
    /// The delivery was tried as often as it may be.
    #[error("the delivery was tried {max} times, which is as often as one is")]
    TriedTooOften {
        /// The bound.
        max: u32,
    },
    /// The project has no such webhook or delivery.
    #[error("there is no such webhook or delivery in this project")]
    NotFound,
    /// A message says nothing that is understood.
    #[error("expected a notice, found something else")]
    NotANotice(#[source] serde_json::Error),
    /// An event could not be written as JSON.
    #[error("an event could not be written")]
    Body(#[source] serde_json::Error),
    /// A body could not be signed under the stored secret.
    #[error("the stored secret signs nothing")]
    Secret(#[source] standardwebhooks::WebhookError),
    /// A port failed.
    #[error(transparent)]
    Port(#[from] PortError),
}

impl WebhookError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Address(_) => ErrorCode::WebhookUrlRefused,
            Self::TooMany { .. } | Self::TriedTooOften { .. } => ErrorCode::LimitReached,
            Self::NotFound => ErrorCode::NotFound,
            Self::NotANotice(_) | Self::Body(_) | Self::Secret(_) => ErrorCode::Internal,
            Self::Port(error) => error.code(),
        }
    }
}

impl From<BlobError> for WebhookError {
    fn from(error: BlobError) -> Self {
        Self::Port(error.into())
    }
}

impl From<QueueError> for WebhookError {
    fn from(error: QueueError) -> Self {
        Self::Port(error.into())
    }
}
