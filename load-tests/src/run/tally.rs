//! What happened, counted as it happens.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;
use zkpool_sdk::Error;
use zkpool_types::JobState;
use zkpool_types::api::ProofView;

/// Latencies in microseconds, to three digits.
#[derive(Clone, Debug)]
pub(crate) struct Latencies(Option<Histogram<u64>>);

/// Digits that a latency is kept with.
const DIGITS: u8 = 3;

/// Longest latency, in microseconds: an hour. A longer one counts as this.
const LATENCY_US_MAX: u64 = 3_600_000_000;

impl Default for Latencies {
    fn default() -> Self {
        // These bounds are valid, so that there always is a histogram.
        Self(Histogram::new_with_bounds(1, LATENCY_US_MAX, DIGITS).ok())
    }
}

/// Latencies in numbers, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Spread {
    /// How many there are.
    pub(crate) count: u64,
    pub(crate) p50_ms: f64,
    pub(crate) p95_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) max_ms: f64,
}

impl Latencies {
    /// Counts one.
    pub(crate) fn add(&mut self, latency: Duration) {
        self.add_us(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX));
    }

    fn add_us(&mut self, latency_us: u64) {
        if let Some(histogram) = &mut self.0 {
            histogram.saturating_record(latency_us);
        }
    }

    fn add_all(&mut self, others: &Self) {
        if let (Some(histogram), Some(others)) = (&mut self.0, &others.0) {
            // Both have the same bounds, so that nothing of the others is out of them.
            let _ = histogram.add(others);
        }
    }

    /// The latency that so large a share does not exceed, in milliseconds.
    pub(crate) fn at_ms(&self, share: f64) -> f64 {
        self.0.as_ref().map_or(0.0, |histogram| ms(histogram.value_at_quantile(share)))
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.as_ref().map_or(0, Histogram::len)
    }

    pub(crate) fn spread(&self) -> Spread {
        Spread {
            count: self.count(),
            p50_ms: self.at_ms(0.5),
            p95_ms: self.at_ms(0.95),
            p99_ms: self.at_ms(0.99),
            max_ms: self.at_ms(1.0),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "latencies are below 2^52 microseconds")]
fn ms(us: u64) -> f64 {
    us as f64 / 1e3
}

/// The parts of a job's time, in the order in which they come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Part {
    /// From when it was due to the answer that it is accepted, durably.
    Submission,
    /// In the queue.
    Waiting,
    /// Its key and witness on their way to the prover.
    Fetching,
    /// On the device, verification included.
    Proving,
    /// From acceptance to the record of its end.
    Service,
    /// From when it was due until its proof was there and verified, of those that were followed.
    Whole,
}

impl Part {
    pub(crate) const ALL: [Self; 6] = [
        Self::Submission,
        Self::Waiting,
        Self::Fetching,
        Self::Proving,
        Self::Service,
        Self::Whole,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Submission => "submission",
            Self::Waiting => "waiting",
            Self::Fetching => "fetching",
            Self::Proving => "proving",
            Self::Service => "service",
            Self::Whole => "whole",
        }
    }
}

/// What is counted of all jobs, or of those of one project.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) parts: BTreeMap<Part, Latencies>,
    /// Submissions that were accepted.
    pub(crate) submitted: u64,
    /// Jobs by how they stand at the end.
    pub(crate) states: BTreeMap<&'static str, u64>,
    /// Whatever failed, by its code.
    pub(crate) errors: BTreeMap<String, u64>,
    pub(crate) charged_nano_usd: u64,
    /// Charged for jobs that ended without a proof.
    pub(crate) charged_in_vain_nano_usd: u64,
    /// Time on devices.
    pub(crate) proving_us: u64,
}

impl Tally {
    /// Counts a latency.
    pub(crate) fn add(&mut self, part: Part, latency: Duration) {
        self.parts.entry(part).or_default().add(latency);
    }

    /// Adds what was counted while jobs were sent.
    pub(crate) fn add_sent<'a>(&mut self, tallies: impl Iterator<Item = &'a Self>) {
        for tally in tallies {
            self.submitted += tally.submitted;
            for (code, count) in &tally.errors {
                *self.errors.entry(code.clone()).or_default() += count;
            }
            for part in [Part::Submission, Part::Whole] {
                if let Some(latencies) = tally.parts.get(&part) {
                    self.parts.entry(part).or_default().add_all(latencies);
                }
            }
        }
    }

    /// Counts a failure.
    pub(crate) fn failed(&mut self, error: &Error) {
        *self.errors.entry(code(error)).or_default() += 1;
    }

    /// Counts a job as the service shows it.
    pub(crate) fn job(&mut self, view: &ProofView) {
        *self.states.entry(view.state.name()).or_default() += 1;
        if let Some(failure) = &view.failure {
            *self.errors.entry(failure.code.to_string()).or_default() += 1;
        }
        let Some(receipt) = &view.receipt else { return };
        if view.state != JobState::Succeeded {
            self.charged_in_vain_nano_usd += receipt.charge_nano_usd.get();
            return;
        }
        let usage = &receipt.usage;
        let proving_us = usage.witness_us + usage.ntt_us + usage.msm_us + usage.verify_us;
        self.charged_nano_usd += receipt.charge_nano_usd.get();
        self.proving_us += proving_us;
        let times = [
            (Part::Waiting, usage.queue_us),
            (Part::Fetching, usage.fetch_us),
            (Part::Proving, proving_us),
        ];
        for (part, us) in times {
            self.parts.entry(part).or_default().add_us(us);
        }
        let ended = view.finished_at.map(|end| end.duration_since(view.accepted_at));
        if let Some(service) = ended.and_then(|took| Duration::try_from(took).ok()) {
            self.add(Part::Service, service);
        }
    }

    /// How many jobs stand so.
    pub(crate) fn count(&self, state: JobState) -> u64 {
        self.states.get(state.name()).copied().unwrap_or(0)
    }

    pub(crate) fn at_ms(&self, part: Part, share: f64) -> f64 {
        self.parts.get(&part).map_or(0.0, |latencies| latencies.at_ms(share))
    }
}

/// A failure's code, or what the SDK calls it where the service gave none.
fn code(error: &Error) -> String {
    match error.code() {
        Some(code) => code.to_string(),
        None => format!("{:?}", error.kind()).to_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_are_kept_to_three_digits() {
        let mut latencies = Latencies::default();
        (1..=1000).for_each(|ms| latencies.add(Duration::from_millis(ms)));
        let Spread { count, p50_ms, p99_ms, max_ms, .. } = latencies.spread();
        assert_eq!(count, 1000);
        for (found, expected) in [(p50_ms, 500.0), (p99_ms, 990.0), (max_ms, 1000.0)] {
            assert!((found / expected - 1.0).abs() < 2e-3, "{found}, expected {expected}");
        }
    }

    #[test]
    fn a_latency_beyond_the_longest_counts_as_the_longest() {
        let mut latencies = Latencies::default();
        latencies.add(Duration::from_secs(1 << 40));
        assert!(latencies.at_ms(1.0) >= 3_600_000.0);
    }
}
