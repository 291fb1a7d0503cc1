//! Cost reports: what is asked, and rows that sum exactly to receipts.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::{
    AttemptId, CircuitRef, CorrectionId, DeviceClass, ErrorCode, JobId, JobState, KeyId, ProjectId,
    Timestamp, Usage,
};

/// The tag that names a cost centre.
pub const COST_CENTER_TAG: &str = "cost-center";

/// The project of whoever runs the service: its keys see the cost of the whole fleet.
pub const OPERATOR_PROJECT: &str = "operator";

/// Dimensions of one grouping.
pub const DIMENSIONS_MAX: usize = 4;

/// Days of one report: ten years.
pub const REPORT_DAYS_MAX: i32 = 3660;

/// Length of the reason of a correction.
pub const REASON_BYTES_MAX: usize = 500;

/// What costs are grouped by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Dimension {
    /// The tenant.
    Project,
    /// The circuit, as `name@version`.
    Circuit,
    /// The value of a tag, written `tag:NAME`.
    Tag(String),
    /// The value of the tag `cost-center`.
    CostCenter,
    /// All tags together, as a JSON object.
    Tags,
    /// The class of device that did the work.
    Device,
    /// The day of the charge in UTC, such as `2026-11-25`.
    Day,
    /// The month of the charge in UTC, such as `2026-11`.
    Month,
    /// What a row stands for: see [`CostKind`].
    Kind,
    /// The job, which makes a row of each proof.
    Proof,
}

/// The text is no dimension.
#[derive(Debug, thiserror::Error)]
#[error(
    "expected one of project, circuit, tag:NAME, cost-center, tags, device, day, month, kind, proof, found {0:?}"
)]
pub struct InvalidDimension(String);

impl FromStr for Dimension {
    type Err = InvalidDimension;

    fn from_str(text: &str) -> Result<Self, InvalidDimension> {
        Ok(match text {
            "project" => Self::Project,
            "circuit" => Self::Circuit,
            COST_CENTER_TAG => Self::CostCenter,
            "tags" => Self::Tags,
            "device" => Self::Device,
            "day" => Self::Day,
            "month" => Self::Month,
            "kind" => Self::Kind,
            "proof" => Self::Proof,
            _ => match text.strip_prefix("tag:") {
                Some(name) if !name.is_empty() => Self::Tag(name.to_owned()),
                _ => return Err(InvalidDimension(text.chars().take(80).collect())),
            },
        })
    }
}

impl TryFrom<String> for Dimension {
    type Error = InvalidDimension;

    fn try_from(text: String) -> Result<Self, InvalidDimension> {
        text.parse()
    }
}

impl From<Dimension> for String {
    fn from(dimension: Dimension) -> Self {
        dimension.to_string()
    }
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Project => "project",
            Self::Circuit => "circuit",
            Self::CostCenter => COST_CENTER_TAG,
            Self::Tags => "tags",
            Self::Device => "device",
            Self::Day => "day",
            Self::Month => "month",
            Self::Kind => "kind",
            Self::Proof => "proof",
            Self::Tag(name) => return write!(f, "tag:{name}"),
        };
        f.write_str(name)
    }
}

/// What a row of usage stands for. Only proofs and corrections carry a charge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum CostKind {
    /// A proof that was made.
    Proof,
    /// A job that ended without a proof, at charge 0.
    Failed,
    /// An attempt before the one that ended its job, at charge 0.
    Retry,
    /// An attempt that was overtaken by another one, at charge 0.
    Duplicate,
    /// An amount that was charged too much or too little, put right.
    Correction,
}

impl CostKind {
    /// Every kind.
    pub const ALL: [Self; 5] =
        [Self::Proof, Self::Failed, Self::Retry, Self::Duplicate, Self::Correction];

    /// The kind as it is written in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Proof => "proof",
            Self::Failed => "failed",
            Self::Retry => "retry",
            Self::Duplicate => "duplicate",
            Self::Correction => "correction",
        }
    }
}

/// One receipt, or one correction, as a row of usage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageRow {
    /// What it stands for.
    pub kind: CostKind,
    /// The job.
    pub job: JobId,
    /// The attempt, where one did the work.
    pub attempt: Option<AttemptId>,
    /// The tenant.
    pub project: ProjectId,
    /// The circuit.
    pub circuit: CircuitRef,
    /// How the job ended.
    pub state: JobState,
    /// Why, where it failed.
    pub failure: Option<ErrorCode>,
    /// The class of device that did the work; none where none did.
    pub device: Option<DeviceClass>,
    /// The requester's labels.
    pub tags: BTreeMap<String, String>,
    /// The price book that was applied.
    pub price_book: String,
    /// The month, such as `2026-11`, in whose budgets the price was reserved; none where no budget
    /// applied.
    pub reserved_in: Option<String>,
    /// When the work ended.
    pub finished_at: Timestamp,
    /// When it counts: when the work ended, or later where that month was closed already.
    pub billed_at: Timestamp,
    /// What was metered.
    pub usage: Usage,
    /// The charge in nano-dollars; below zero for a correction in the requester's favour.
    pub charge_nano_usd: i64,
    /// What uncharged work would have cost, in nano-dollars.
    pub waste_nano_usd: i64,
    /// What the usage comes to under the price book, charged or not, in nano-dollars; zero for a
    /// correction.
    pub metered_nano_usd: i64,
}

/// An amount put right after its receipt: create-once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Correction {
    /// The correction.
    pub id: CorrectionId,
    /// The tenant.
    pub project: ProjectId,
    /// The job whose charge is put right.
    pub job: JobId,
    /// What is added to the charge, in nano-dollars; below zero for a credit.
    pub charge_nano_usd: i64,
    /// Why.
    pub reason: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// The key by which it was made; none where it was made in storage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_by: Option<KeyId>,
}

/// `POST /v1/costs/corrections`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct MakeCorrection {
    /// The tenant.
    pub project: ProjectId,
    /// The job whose charge is put right.
    pub job: JobId,
    /// What is added to the charge, in nano-dollars; below zero for a credit.
    pub charge_nano_usd: i64,
    /// Why, in at most [`REASON_BYTES_MAX`] bytes.
    pub reason: String,
}

/// `POST /v1/costs/closings`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CloseMonth {
    /// The tenant.
    pub project: ProjectId,
    /// The month, such as `2026-10`. Every month before it is closed with it.
    pub month: String,
}

/// Which months of a project are closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ClosedMonths {
    /// The tenant.
    pub project: ProjectId,
    /// The latest closed month: the one that was asked for, or a later one.
    pub closed_through: String,
}

/// What a cost report is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CostQuery {
    /// First day, in UTC.
    pub from: Date,
    /// Last day, in UTC, included.
    pub to: Date,
    /// What makes a row; one row for everything where it is empty.
    pub group_by: Vec<Dimension>,
}

/// Sums over rows of usage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CostSums {
    /// Jobs that ended with a proof.
    pub proofs: u64,
    /// Jobs that ended without one.
    pub failures: u64,
    /// Attempts that ended nothing.
    pub wasted_attempts: u64,
    /// The charge in nano-dollars, corrections included.
    pub charge_nano_usd: i64,
    /// The part of the charge that is corrections.
    pub corrections_nano_usd: i64,
    /// What uncharged work would have cost, in nano-dollars.
    pub waste_nano_usd: i64,
    /// What was metered, charged or not. `attempts` counts deliveries of jobs that ended.
    pub usage: UsageSums,
}

/// What was metered, added up. Times are microseconds, sizes are bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct UsageSums {
    /// Waiting.
    pub queue_us: u64,
    /// Reading witnesses and keys.
    pub fetch_us: u64,
    /// Evaluating constraints.
    pub witness_us: u64,
    /// Number-theoretic transforms.
    pub ntt_us: u64,
    /// Multi-scalar multiplications.
    pub msm_us: u64,
    /// Verifying.
    pub verify_us: u64,
    /// Time on the device, which is what is charged.
    pub device_us: u64,
    /// Time on devices that failed before another one did the work: seen, never charged.
    pub fallback_us: u64,
    /// Sizes of witnesses.
    pub witness_bytes: u64,
    /// Sizes of proofs.
    pub proof_bytes: u64,
    /// Storage and queue requests, in request units of the price book.
    pub requests: u64,
    /// Deliveries.
    pub attempts: u64,
}

/// One group of a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CostRow {
    /// The group: each dimension asked for and its value, null where rows have none.
    pub group: BTreeMap<Dimension, Option<String>>,
    /// What the group sums up to.
    #[serde(flatten)]
    pub sums: CostSums,
}

/// `GET /v1/costs`. Rows sum exactly to the totals, and the totals to the receipts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CostReport {
    /// The tenant.
    pub project: ProjectId,
    /// First day.
    pub from: Date,
    /// Last day, included.
    pub to: Date,
    /// What makes a row.
    pub group_by: Vec<Dimension>,
    /// The currency of every amount: `USD`.
    pub currency: String,
    /// The latest month that is closed, such as `2026-10`: no amount of it changes any more.
    pub closed_through: Option<String>,
    /// The groups, in the order of their values.
    pub rows: Vec<CostRow>,
    /// The charge of all rows, in nano-dollars.
    pub total_nano_usd: i64,
    /// All rows together.
    pub total: CostSums,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dimension_reads_back_as_it_is_written() {
        for text in [
            "project",
            "circuit",
            "tag:team",
            "cost-center",
            "device",
            "day",
            "month",
            "kind",
            "proof",
        ] {
            assert_eq!(text.parse::<Dimension>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_misspelt_dimension_is_rejected() {
        for bad in ["", "tag:", "tag", "Circuit", "week"] {
            assert!(bad.parse::<Dimension>().is_err(), "{bad:?} was accepted");
        }
    }
}
