//! What provers note about themselves.

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
