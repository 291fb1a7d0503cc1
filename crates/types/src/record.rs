//! Records that stand beside a job: what keeps a repeated request from becoming a second job,
//! what announces an upload, what shows wasted work, and how far the sweeper has looked.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Attempt, JobId, ProjectId, Receipt, Sha256Digest, Timestamp, UploadId};

/// Which job an idempotency key stands for: create-once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdempotencyRecord {
    /// The job.
    pub job: JobId,
    /// Digest of the submitted body. The same key with another body is a conflict.
    pub body_digest: Sha256Digest,
}

/// An announced upload: create-once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upload {
    /// The upload.
    pub id: UploadId,
    /// The tenant.
    pub project: ProjectId,
    /// Exact length in bytes.
    pub size: u64,
    /// SHA-256 of the bytes.
    pub sha256: Sha256Digest,
    /// When bytes are no longer accepted.
    pub expires_at: Timestamp,
}

/// Work of an attempt that did not end its job, shown and not charged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waste {
    /// The attempt.
    pub attempt: Attempt,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// What was metered, at charge zero.
    pub receipt: Receipt,
}

/// Tells the sweeper to look at a job that may lie below its watermark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LateMark {
    /// When the job's submission was taken up again.
    pub at: Timestamp,
}

/// How far the sweeper has looked in one project. It can be lost: the next sweep starts over.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SweepMark {
    /// Every job up to this one has ended and is cleaned up.
    pub watermark: Option<JobId>,
    /// Where the next sweep goes on, if the last one reached its bound.
    pub cursor: Option<JobId>,
    /// When open jobs were last enqueued again, and notices of ended ones sent again.
    pub enqueued: BTreeMap<JobId, Timestamp>,
}
