//! What can go wrong, one variant per thing a caller does differently.

use zkpool_ledger::ReceiptError;
use zkpool_ports::{BlobError, BlobKey, QueueError};
use zkpool_types::{ErrorCode, JobId, JobState, Sha256Digest, Timestamp, UploadId};

/// A port failed or holds something that is no record.
#[derive(Debug, thiserror::Error)]
pub enum PortError {
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] BlobError),
    /// The queue failed.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// A stored record does not read back.
    #[error("expected a record at {key}")]
    Corrupt {
        /// The record.
        key: BlobKey,
        /// What the reader said.
        #[source]
        source: serde_json::Error,
    },
    /// What signatures are made with is of no use.
    #[error("expected a secret at {key}")]
    Secret {
        /// The secret.
        key: BlobKey,
    },
    /// A record is larger than its readers accept. Nothing was stored.
    #[error("expected a record of at most {max} bytes at {key}, found {size}")]
    RecordTooLarge {
        /// The record.
        key: BlobKey,
        /// Its length in bytes.
        size: u64,
        /// The bound in bytes.
        max: u64,
    },
}

impl PortError {
    /// The stable code: what may pass by itself is `unavailable`.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Storage(_) | Self::Queue(_) => ErrorCode::Unavailable,
            Self::Corrupt { .. } | Self::Secret { .. } | Self::RecordTooLarge { .. } => {
                ErrorCode::Internal
            }
        }
    }
}

/// Why a job could not be read, claimed or cancelled.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// The job does not exist or belongs to another project.
    #[error("there is no job {0}")]
    NotFound(JobId),
    /// The job has ended and stays as it ended.
    #[error("job {job} has already {state}")]
    AlreadyFinished {
        /// The job.
        job: JobId,
        /// How it ended.
        state: JobState,
    },
    /// No receipt could be made for an outcome.
    #[error(transparent)]
    Receipt(#[from] ReceiptError),
    /// A port failed.
    #[error(transparent)]
    Port(#[from] PortError),
}

impl JobError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::NotFound(_) => ErrorCode::NotFound,
            Self::AlreadyFinished { .. } => ErrorCode::AlreadyFinished,
            Self::Receipt(_) => ErrorCode::Internal,
            Self::Port(error) => error.code(),
        }
    }
}

/// Why an outcome could not be committed. The job is unchanged, or its outcome is the caller's
/// own and a second try says so.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// No receipt can be made of the usage.
    #[error(transparent)]
    Receipt(#[from] ReceiptError),
    /// A port failed.
    #[error(transparent)]
    Port(#[from] PortError),
}

impl CommitError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Receipt(_) => ErrorCode::Internal,
            Self::Port(error) => error.code(),
        }
    }
}

impl From<CommitError> for JobError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Receipt(error) => Self::Receipt(error),
            CommitError::Port(error) => Self::Port(error),
        }
    }
}

/// Why a proof request was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// The idempotency key is empty or too long.
    #[error("expected an idempotency key of 1 to {max} bytes, found {found}")]
    IdempotencyKeyLength {
        /// The bound in bytes.
        max: usize,
        /// Its length in bytes.
        found: usize,
    },
    /// The idempotency key stands for a request with another body.
    #[error("the idempotency key belongs to another request body")]
    IdempotencyConflict,
    /// The deadline lies in the past or too far ahead.
    #[error("expected a deadline after {now} and at most {latest}, found {found}")]
    Deadline {
        /// The time of the request.
        now: Timestamp,
        /// The latest deadline accepted.
        latest: Timestamp,
        /// The deadline of the request.
        found: Timestamp,
    },
    /// There are too many tags, or one is empty or too long.
    #[error("expected at most {count_max} tags of 1 to {bytes_max} bytes, found {found}")]
    Tags {
        /// The bound on their number.
        count_max: usize,
        /// The bound on each name and value in bytes.
        bytes_max: usize,
        /// What was found instead.
        found: String,
    },
    /// The witness's upload cannot be used.
    #[error(transparent)]
    Upload(#[from] UploadError),
    /// A port failed. The same request with the same key may be sent again.
    #[error(transparent)]
    Port(#[from] PortError),
}

impl SubmitError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::IdempotencyKeyLength { .. } => ErrorCode::IdempotencyKeyRequired,
            Self::IdempotencyConflict => ErrorCode::IdempotencyConflict,
            Self::Deadline { .. } | Self::Tags { .. } => ErrorCode::InvalidRequest,
            Self::Upload(error) => error.code(),
            Self::Port(error) => error.code(),
        }
    }
}

/// Why an upload was refused or cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// The upload does not exist or belongs to another project.
    #[error("there is no upload {0}")]
    NotFound(UploadId),
    /// The announced size is zero or larger than accepted.
    #[error("expected an upload of 1 to {max} bytes, found {found}")]
    Size {
        /// The bound in bytes.
        max: u64,
        /// The announced size in bytes.
        found: u64,
    },
    /// The address has expired.
    #[error("upload {upload} expired at {expired_at}")]
    Expired {
        /// The upload.
        upload: UploadId,
        /// When it expired.
        expired_at: Timestamp,
    },
    /// The bytes have not arrived yet.
    #[error("upload {0} has not received its bytes")]
    Incomplete(UploadId),
    /// The bytes are not the announced ones. Nothing was stored.
    #[error("the bytes are not those that were announced")]
    Mismatch(#[source] BlobError),
    /// The sender stopped before the end. Nothing was stored.
    #[error("the sender failed")]
    Sender(#[source] BlobError),
    /// A port failed.
    #[error(transparent)]
    Port(#[from] PortError),
}

impl UploadError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::NotFound(_) | Self::Expired { .. } => ErrorCode::NotFound,
            Self::Size { found: 0, .. } | Self::Sender(_) => ErrorCode::InvalidRequest,
            Self::Size { .. } => ErrorCode::BodyTooLarge,
            Self::Incomplete(_) => ErrorCode::UploadIncomplete,
            Self::Mismatch(_) => ErrorCode::DigestMismatch,
            Self::Port(error) => error.code(),
        }
    }
}

/// Why a witness could not be read for proving.
#[derive(Debug, thiserror::Error)]
pub enum WitnessError {
    /// The stored bytes are not the submitted ones.
    #[error(
        "expected a witness of {expected_size} bytes and {expected:?}, found {found_size} bytes and {found:?}"
    )]
    Altered {
        /// Submitted length in bytes.
        expected_size: u64,
        /// Submitted digest.
        expected: Sha256Digest,
        /// Length read in bytes; reading stops one chunk beyond the submitted length.
        found_size: u64,
        /// Digest of the bytes read.
        found: Sha256Digest,
    },
    /// There is no witness: the job has ended meanwhile.
    #[error("the witness of job {0} has been deleted")]
    Deleted(JobId),
    /// A port failed.
    #[error(transparent)]
    Port(#[from] PortError),
}

impl WitnessError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Altered { .. } => ErrorCode::DigestMismatch,
            Self::Deleted(_) => ErrorCode::NotFound,
            Self::Port(error) => error.code(),
        }
    }
}

macro_rules! through_port_error {
    ($($error:ident),*) => {$(
        impl From<BlobError> for $error {
            fn from(error: BlobError) -> Self {
                Self::Port(error.into())
            }
        }

        impl From<QueueError> for $error {
            fn from(error: QueueError) -> Self {
                Self::Port(error.into())
            }
        }
    )*};
}

through_port_error!(JobError, CommitError, SubmitError, UploadError, WitnessError);
