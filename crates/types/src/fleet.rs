//! What provers note about themselves, and what they cost together.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::{DeviceClass, Timestamp};

/// How long one prover ran on one day: written again and again while it does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shift {
    /// The class of its device.
    pub device: DeviceClass,
    /// When it began that day.
    pub since: Timestamp,
    /// When it noted this last.
    pub until: Timestamp,
    /// Results that it published that day.
    pub published: u64,
    /// From verified to committed, all of them together, in microseconds.
    pub publish_us: u64,
}

impl Shift {
    /// How long it ran, in microseconds; zero where the clock went backwards.
    #[must_use]
    pub fn ran_us(&self) -> u64 {
        u64::try_from(self.until.duration_since(self.since).as_micros()).unwrap_or(0)
    }
}

/// What a part of the fleet's time is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum FleetPart {
    /// Proofs that were charged.
    Charged,
    /// Work that was not: failures, retries, duplicates, devices that failed.
    Wasted,
    /// Time in which no device computed, and everything around it.
    Idle,
}

impl FleetPart {
    /// The part as it is written in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Charged => "charged",
            Self::Wasted => "wasted",
            Self::Idle => "idle",
        }
    }
}

/// One part of the time of one class of device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct FleetRow {
    /// The class.
    pub device: DeviceClass,
    /// Which part.
    pub part: FleetPart,
    /// How long, in microseconds. Idle time below zero says that notes of provers are missing.
    pub time_us: i64,
    /// What it costs at the price book's rate, in nano-dollars.
    pub cost_nano_usd: i64,
}

/// How long provers of a class ran, and how long they took to publish.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct FleetClass {
    /// The class.
    pub device: DeviceClass,
    /// Time that provers ran, in microseconds.
    pub time_us: u64,
    /// What that costs, in nano-dollars: the sum of the rows of the class.
    pub cost_nano_usd: i64,
    /// Results that were published.
    pub published: u64,
    /// From verified to committed, all of them together, in microseconds.
    pub publish_us: u64,
}

/// `GET /v1/costs/fleet`. Rows sum exactly to the cost of their class, and classes to the total.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct FleetReport {
    /// First day, in UTC.
    pub from: Date,
    /// Last day, included.
    pub to: Date,
    /// The version of the price book.
    pub price_book: String,
    /// Every class that ran or was charged.
    pub classes: Vec<FleetClass>,
    /// Its time in parts.
    pub rows: Vec<FleetRow>,
    /// What the fleet cost.
    pub cost_nano_usd: i64,
    /// What was charged, in all projects, corrections included.
    pub charge_nano_usd: i64,
    /// What is left of the charge.
    pub margin_nano_usd: i64,
}
