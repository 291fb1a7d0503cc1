//! Arrivals that follow a pattern.

use std::f64::consts::TAU;

use serde::Deserialize;
use zkpool_ports::{Rng, SeededRng};

use crate::{Arrival, Circuit};

const HOUR_MS: f64 = 3_600_000.0;

/// How jobs come.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Pattern {
    /// One by one, at random, at a pace that swings with the time of day around its mean.
    Diurnal {
        /// Mean pace.
        per_hour: f64,
        /// From the mean to the highest pace, as a share of the mean; at most 1.
        swing: f64,
    },
    /// Nothing but bursts at random times.
    Bursty {
        /// Mean pace of bursts.
        bursts_per_hour: f64,
        /// Mean number of jobs in one, which is distributed geometrically.
        jobs: f64,
    },
    /// A batch at every turn of a fixed cadence, as large as the traffic of the time of day.
    Rollup {
        /// From one batch to the next, in seconds.
        every_s: f64,
        /// Mean number of proofs in a batch.
        jobs: f64,
        /// As for [`Pattern::Diurnal`].
        swing: f64,
    },
}

impl Pattern {
    /// The jobs of so many hours, of which at most `max` are made.
    pub(crate) fn arrivals(
        &self,
        seed: u64,
        hours: u64,
        circuits: &[Circuit],
        max: usize,
    ) -> Vec<Arrival> {
        let mut dice = Dice::new(seed);
        let times_ms = self.times_ms(whole(hours) * HOUR_MS, max, &mut dice);
        times_ms
            .into_iter()
            .map(|at_ms| Arrival { at_ms, circuit: dice.circuit(circuits) })
            .collect()
    }

    fn times_ms(&self, end_ms: f64, max: usize, dice: &mut Dice) -> Vec<u64> {
        let (pace_ms, mut now_ms, mut times) = (self.pace_ms(), 0.0, Vec::new());
        while times.len() < max {
            now_ms += match self {
                Self::Rollup { .. } => pace_ms,
                Self::Diurnal { .. } | Self::Bursty { .. } => dice.exponential(pace_ms),
            };
            if now_ms >= end_ms {
                break;
            }
            let count = self.count(now_ms, dice).min(max - times.len());
            times.extend(std::iter::repeat_n(millis(now_ms), count));
        }
        times
    }

    /// Mean time from one moment at which jobs may come to the next.
    fn pace_ms(&self) -> f64 {
        let pace_ms = match self {
            Self::Diurnal { per_hour, swing } => HOUR_MS / (per_hour * (1.0 + swing)),
            Self::Bursty { bursts_per_hour, .. } => HOUR_MS / bursts_per_hour,
            Self::Rollup { every_s, .. } => every_s * 1000.0,
        };
        // Nothing at no pace is nothing, and time goes on.
        if pace_ms.is_nan() { f64::INFINITY } else { pace_ms.max(f64::MIN_POSITIVE) }
    }

    /// Jobs at such a moment.
    fn count(&self, now_ms: f64, dice: &mut Dice) -> usize {
        match self {
            // Candidates come at the highest pace, and as many are kept as the time of day asks for.
            Self::Diurnal { swing, .. } => {
                usize::from(dice.unit() * (1.0 + swing) < of_day(now_ms, *swing))
            }
            Self::Bursty { jobs, .. } => 1 + jobs_of(dice.exponential(jobs - 1.0)),
            Self::Rollup { jobs, swing, .. } => jobs_of((jobs * of_day(now_ms, *swing)).round()),
        }
    }
}

/// The traffic of a time of day, as a multiple of the mean: lowest at the start.
fn of_day(now_ms: f64, swing: f64) -> f64 {
    1.0 - swing * (TAU * now_ms / (24.0 * HOUR_MS)).cos()
}

/// Draws from a seed.
#[derive(Debug)]
pub struct Dice(SeededRng);

impl Dice {
    /// The draws of a seed: the same ones every time.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(SeededRng::new(seed))
    }

    /// Evenly from 0 to below 1.
    #[must_use]
    pub fn unit(&self) -> f64 {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        f64::from(u32::from_le_bytes(bytes)) / (f64::from(u32::MAX) + 1.0)
    }

    /// From a distribution without memory: times between arrivals that know nothing of each other.
    #[must_use]
    pub fn exponential(&self, mean: f64) -> f64 {
        // What never comes is not a product of zero and infinity.
        if mean.is_infinite() { mean } else { -mean * (1.0 - self.unit()).ln() }
    }

    /// A position, as often as its share says.
    pub(crate) fn position(&self, shares: impl Iterator<Item = u32> + Clone) -> usize {
        let total: f64 = shares.clone().map(f64::from).sum();
        let mut left = self.unit() * total;
        let stop = |share| {
            left -= f64::from(share);
            left < 0.0
        };
        shares.into_iter().map(stop).take_while(|stopped| !stopped).count()
    }

    fn circuit(&mut self, circuits: &[Circuit]) -> usize {
        self.position(circuits.iter().map(|circuit| circuit.share)).min(circuits.len() - 1)
    }
}

#[expect(clippy::cast_precision_loss, reason = "hours of a trace are few")]
fn whole(hours: u64) -> f64 {
    hours as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a positive time, and the cast saturates"
)]
fn millis(time_ms: f64) -> u64 {
    time_ms as u64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a number of jobs, and the cast saturates"
)]
fn jobs_of(jobs: f64) -> usize {
    jobs as usize
}
