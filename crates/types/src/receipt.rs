//! Receipts: what was metered, what was charged, and all that is needed to recompute it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{CircuitRef, JobId, NanoUsd, ProjectId, QuoteId};

/// A kind of machine with a price of its own, such as `cpu` or `nvidia-h100`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(transparent)]
pub struct DeviceClass(String);

impl DeviceClass {
    /// The class of this name.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(name.to_owned())
    }

    /// The class's name as price books write it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DeviceClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The device that worked on a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvingDevice {
    /// The class that its time is charged as.
    pub class: DeviceClass,
    /// What it calls itself.
    pub name: Option<String>,
}

impl From<DeviceClass> for ProvingDevice {
    fn from(class: DeviceClass) -> Self {
        Self { class, name: None }
    }
}

/// What one job used. Times are whole microseconds, sizes are bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Usage {
    /// From acceptance to the claim of the attempt that ended the job.
    pub queue_us: u64,
    /// Reading the witness and, where it was not resident, the proving key.
    pub fetch_us: u64,
    /// Checking the witness and evaluating the constraints on it.
    pub witness_us: u64,
    /// Number-theoretic transforms.
    pub ntt_us: u64,
    /// Multi-scalar multiplications.
    pub msm_us: u64,
    /// Verifying the proof before publication.
    pub verify_us: u64,
    /// Time this job had the device for itself: witness, transforms, multiplications and
    /// verification, or transforms and multiplications alone on a device that computes for one job
    /// while the next one's witness is handed over.
    pub device_us: u64,
    /// Time on devices that failed before another one did the work. Nobody is charged for it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub fallback_us: u64,
    /// Size of the witness.
    pub witness_bytes: u64,
    /// Size of the published proof and public inputs.
    pub proof_bytes: u64,
    /// Storage and queue requests made for this job, in request units of the price book.
    pub requests: u64,
    /// Storage writes and listings among them. Not told apart in receipts of price books before
    /// 2026-11-25, and so for the next two.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub storage_writes: u64,
    /// Storage reads among them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub storage_reads: u64,
    /// Queue requests among them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub queue_requests: u64,
    /// Proofs of a device that did not verify where the CPU's did. The CPU's was published.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub self_check_failures: u64,
    /// Deliveries it took, the last one included.
    pub attempts: u32,
}

/// What older records do not have is left out where it is nothing, so that they read back the same.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(value: &u64) -> bool {
    *value == 0
}

/// One line of a charge: `amount = quantity * unit price`, rounded as the price book says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ChargeLine {
    /// What is charged, such as `device` or `margin`.
    pub item: String,
    /// How much of it.
    pub quantity: u64,
    /// The unit of `quantity`, such as `us` or `request`.
    pub unit: String,
    /// The amount of this line.
    pub amount_nano_usd: NanoUsd,
}

impl fmt::Display for ChargeLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { item, quantity, unit, amount_nano_usd } = self;
        write!(f, "{item}, {quantity} {unit}, {amount_nano_usd}")
    }
}

/// A charge whose price was agreed before the work, beside what the work came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct QuotedCharge {
    /// The quote that was submitted with the job; none where the service set the price itself, for
    /// a submission with a bound or a project with a budget.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quote: Option<QuoteId>,
    /// The price agreed.
    pub price_nano_usd: NanoUsd,
    /// What the usage comes to.
    pub metered_nano_usd: NanoUsd,
    /// The breakdown of what the usage comes to. Its lines sum exactly to that.
    pub metered_lines: Vec<ChargeLine>,
}

/// What was metered and charged for one job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Receipt {
    /// The job.
    pub job: JobId,
    /// The tenant.
    pub project: ProjectId,
    /// The circuit.
    pub circuit: CircuitRef,
    /// The version (date) of the price book that was applied.
    pub price_book: String,
    /// The class that the device which did the work is charged as; none where none did.
    pub device: Option<DeviceClass>,
    /// What that device calls itself, where it was noted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_name: Option<String>,
    /// What was metered.
    pub usage: Usage,
    /// Utilisation assumed, in basis points.
    pub utilisation_bp: u32,
    /// Margin, in basis points.
    pub margin_bp: u32,
    /// The breakdown of the charge. Lines sum exactly to it.
    pub lines: Vec<ChargeLine>,
    /// The price agreed before the work, where one was. It is then the only line of the charge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quoted: Option<QuotedCharge>,
    /// Whether the work is charged: for success only.
    pub charged: bool,
    /// The charge: zero for every end but success.
    pub charge_nano_usd: NanoUsd,
    /// What uncharged work would have cost, shown and not charged; zero for success.
    pub waste_nano_usd: NanoUsd,
    /// Whether the proof came from a development key.
    pub development: bool,
    /// What becomes of the witness, such as `deleted after this outcome`.
    pub witness_retention: String,
}

impl Receipt {
    /// What the usage comes to under the price book, charged or not.
    #[must_use]
    pub fn metered_nano_usd(&self) -> NanoUsd {
        match &self.quoted {
            Some(quoted) => quoted.metered_nano_usd,
            None if self.charged => self.charge_nano_usd,
            None => self.waste_nano_usd,
        }
    }
}
