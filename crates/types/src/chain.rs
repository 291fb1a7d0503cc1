//! Chains of receipts: per project, what was charged in which order, so that nobody can rewrite it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::{
    AttemptId, CorrectionId, CostKind, JobId, KeyId, ProjectId, Receipt, Sha256Digest, Timestamp,
};

/// The record that a link stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ChainRecord {
    /// The receipt in the job's outcome.
    Outcome,
    /// The receipt of an attempt that ended nothing.
    Waste(AttemptId),
    /// A correction.
    Correction(CorrectionId),
}

/// One receipt in its chain. Its hash is the SHA-256 of its canonical JSON without `hash`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ChainLink {
    /// Its number, from 1.
    pub seq: u64,
    /// The hash of the link before; 64 zeros for the first.
    pub previous: Sha256Digest,
    /// The job.
    pub job: JobId,
    /// Which record of the job.
    pub record: ChainRecord,
    /// What it counts as.
    pub kind: CostKind,
    /// When it counts.
    pub billed_at: Timestamp,
    /// SHA-256 of the canonical JSON of the receipt, or of the correction.
    pub receipt_sha256: Sha256Digest,
    /// The hash of this link.
    pub hash: Sha256Digest,
}

/// Where a chain ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainHead {
    /// Links so far.
    pub length: u64,
    /// The hash of the last one; 64 zeros where there is none.
    pub hash: Sha256Digest,
}

impl Default for ChainHead {
    fn default() -> Self {
        Self { length: 0, hash: Sha256Digest::from_bytes([0; 32]) }
    }
}

/// Which jobs of a project are in its chain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollupMark {
    /// Every job up to this one is in the chain, or open.
    pub cursor: Option<JobId>,
    /// Jobs up to the cursor that have not ended.
    pub open: BTreeSet<JobId>,
    /// Jobs behind the cursor that are in the chain.
    pub ahead: BTreeSet<JobId>,
}

/// One step of the roll-up of a project: create-once, numbered without a gap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// From 1.
    pub number: u64,
    /// The tenant.
    pub project: ProjectId,
    /// When it was made.
    pub rolled_up_at: Timestamp,
    /// The receipts that it adds.
    pub links: Vec<ChainLink>,
    /// Where the chain ends with it.
    pub head: ChainHead,
    /// The latest closed month, such as `2026-10`. No later batch adds to it.
    pub closed_through: Option<String>,
    /// The key by which a month was closed with this batch; none where none was, or where that was
    /// due or done in storage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_by: Option<KeyId>,
    /// Which jobs are in the chain with it.
    pub mark: RollupMark,
    /// Receipts of this batch and all before it by the day on which they count, so that a report
    /// knows whether it has seen them all. At most the latest [`COUNTED_DAYS_MAX`] days.
    #[serde(default)]
    pub days: BTreeMap<Date, u64>,
}

/// Days whose receipts a batch counts: as many as a report may have.
pub const COUNTED_DAYS_MAX: usize = 3660;

/// The batch that was made last, as far as its writer got: a hint that can be derived again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchHint {
    /// Its number.
    pub number: u64,
    /// Whether its partitions are written.
    pub complete: bool,
}

/// A receipt and its link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ReceiptView {
    /// The receipt.
    pub receipt: Receipt,
    /// Its link, once it is in the chain: within the hour.
    pub link: Option<ChainLink>,
}

/// A page of a chain, for whoever keeps a copy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ChainPage {
    /// Links in their order.
    pub links: Vec<ChainLink>,
    /// Pass it as `after` for the next page; absent on the last one.
    pub next: Option<u64>,
}

/// The published state of all chains at the end of a day: create-once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DailyRoot {
    /// The day, in UTC.
    pub date: Date,
    /// When it was made.
    pub made_at: Timestamp,
    /// For each project the SHA-256 of the canonical JSON of its name, length and hash, sorted:
    /// a project finds its own and learns nothing of others.
    pub leaves: Vec<Sha256Digest>,
    /// SHA-256 over the leaves.
    pub root: Sha256Digest,
}

/// What a nightly check of one project found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRecord {
    /// The tenant.
    pub project: ProjectId,
    /// The batches that were looked at, first and last.
    pub batches: (u64, u64),
    /// When it was made.
    pub made_at: Timestamp,
    /// Rows compared.
    pub rows: u64,
    /// What differs, in words; empty where all is well. At most 100.
    pub differences: Vec<String>,
}
