//! How proofs of a circuit go: how long they take, what they come to, how often they fail.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::{CircuitRef, Curve, DeviceClass, NanoUsd, ProofSystemKind, Timestamp};

/// How proofs went on one class of device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DevicePerformance {
    /// The class of device.
    pub device: DeviceClass,
    /// Proofs measured: what percentiles are of. They are exact for up to 1024 different values, and
    /// beyond that rounded down, by less than 1 % where values lie within a factor of 256.
    pub samples: u64,
    /// Median device time.
    pub device_us_median: u64,
    /// 95th percentile of device time.
    pub device_us_p95: u64,
    /// Median of what a proof comes to, margin included.
    #[serde(default)]
    pub cost_nano_usd_median: NanoUsd,
    /// 95th percentile of what a proof comes to.
    #[serde(default)]
    pub cost_nano_usd_p95: NanoUsd,
    /// Attempts on this class that came to nothing and were repeated.
    #[serde(default)]
    pub retries: u64,
    /// Share of attempts that ended with a proof among those and the repeated ones, in basis
    /// points; none where there were none.
    #[serde(default)]
    pub success_bp: Option<u32>,
}

/// How jobs ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Reliability {
    /// Jobs that ended with a proof.
    pub succeeded: u64,
    /// Jobs that failed for a reason of their own: a witness that does not satisfy the circuit.
    pub refused: u64,
    /// Jobs that the service failed: no attempt finished, or not before the deadline.
    pub failed: u64,
    /// Share of jobs that ended with a proof among those that could, in basis points; none where
    /// there were none. Refused and cancelled jobs do not count.
    pub success_bp: Option<u32>,
    /// Proofs of a device that did not verify where the CPU's did. None of them was published.
    pub self_check_failures: u64,
    /// Share of self-checks that failed, in basis points; none where there were none.
    pub self_check_failure_bp: Option<u32>,
}

/// One day (UTC) of a circuit, by when its jobs count, as in cost reports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DayPerformance {
    /// The day.
    pub day: Date,
    /// One row a class of device.
    pub devices: Vec<DevicePerformance>,
    /// How the day's jobs ended.
    pub reliability: Reliability,
}

/// `GET /v1/circuits/{ref}/performance`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CircuitPerformance {
    /// The circuit.
    pub circuit: CircuitRef,
    /// First day, in UTC.
    pub from: Date,
    /// Last day, included.
    pub to: Date,
    /// One row a class of device, over every proof of the circuit in this project in these days.
    pub devices: Vec<DevicePerformance>,
    /// How the jobs of the circuit in this project ended in these days.
    #[serde(default)]
    pub reliability: Reliability,
    /// The same by day, the latest first.
    #[serde(default)]
    pub days: Vec<DayPerformance>,
}

/// `PUT /v1/circuits/{ref}/publication`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SetPublication {
    /// Whether anyone may see how proofs of this circuit go.
    pub public: bool,
}

/// Whether anyone may see how proofs of a circuit go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PublicationView {
    /// The circuit.
    pub circuit: CircuitRef,
    /// Whether it is published.
    pub public: bool,
}

/// A published circuit as anyone sees it.
///
/// It names no project, no job, no tag and no time but days that are over, it has no row of fewer
/// than [`crate::limits::PUBLIC_SAMPLES_MIN`] proofs, and counts are rounded down to their first
/// digit: enough to judge the service, too little to follow a tenant's business.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PublicCircuit {
    /// The circuit.
    pub circuit: CircuitRef,
    /// How its proofs are made.
    pub proof_system: ProofSystemKind,
    /// The curve of its keys.
    pub curve: Curve,
    /// Size of the evaluation domain.
    pub domain_size: u64,
    /// One row a class of device.
    pub devices: Vec<DevicePerformance>,
    /// How jobs ended.
    pub reliability: Reliability,
    /// The same by day, the latest first.
    pub days: Vec<DayPerformance>,
}

/// `GET /v1/performance`, for anyone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PublicPerformance {
    /// When this was computed. It is some minutes old at most.
    pub computed_at: Timestamp,
    /// Circuits whose project published them.
    pub circuits: Vec<PublicCircuit>,
}
