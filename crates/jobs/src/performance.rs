//! How recent proofs of a circuit went.

use std::collections::BTreeMap;

use futures_util::future::try_join_all;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use zkpool_types::api::{CircuitPerformance, DayPerformance, DevicePerformance};
use zkpool_types::performance::Reliability;
use zkpool_types::{CircuitRef, DeviceClass, ErrorCode, JobState, NanoUsd, Outcome, ProjectId};

use crate::{JobError, Jobs};

/// Jobs of the project that are looked at, newest first.
const SCAN_MAX: usize = 500;

/// Outcomes read at once.
const READS_AT_ONCE: usize = 16;

/// 100 % in basis points.
const BP_ONE: u64 = 10_000;

impl Jobs {
    /// Median and 95th percentile of device time and cost by class of device, and how jobs ended,
    /// over the circuit's jobs among the latest 500 of the project; as a whole and by day.
    ///
    /// # Errors
    /// A port failed.
    pub async fn performance(
        &self,
        project: &ProjectId,
        circuit: &CircuitRef,
    ) -> Result<CircuitPerformance, JobError> {
        let mut days: BTreeMap<Date, Tally> = BTreeMap::new();
        for jobs in self.newest(project, None, SCAN_MAX).await?.chunks(READS_AT_ONCE) {
            let outcomes = try_join_all(jobs.iter().map(|job| self.outcome(project, *job))).await?;
            for outcome in outcomes.into_iter().flatten() {
                if outcome.receipt.circuit == *circuit {
                    let day = TimeZone::UTC.to_datetime(outcome.finished_at).date();
                    days.entry(day).or_default().add(&outcome);
                }
            }
        }
        Ok(summary(circuit, &days))
    }
}

fn summary(circuit: &CircuitRef, days: &BTreeMap<Date, Tally>) -> CircuitPerformance {
    let mut whole = Tally::default();
    days.values().for_each(|day| whole.merge(day));
    let row = |(day, tally): (&Date, &Tally)| DayPerformance {
        day: *day,
        devices: tally.devices(),
        reliability: tally.reliability,
    };
    CircuitPerformance {
        circuit: circuit.clone(),
        devices: whole.devices(),
        reliability: whole.reliability,
        days: days.iter().rev().map(row).collect(),
    }
}

/// What proofs took and came to on one class of device.
#[derive(Clone, Debug, Default)]
struct Samples {
    device_us: Vec<u64>,
    cost: Vec<u64>,
}

/// Outcomes counted together.
#[derive(Clone, Debug, Default)]
struct Tally {
    samples: BTreeMap<DeviceClass, Samples>,
    reliability: Reliability,
}

impl Tally {
    fn add(&mut self, outcome: &Outcome) {
        let receipt = &outcome.receipt;
        if let (JobState::Succeeded, Some(device)) = (outcome.state, &receipt.device) {
            let samples = self.samples.entry(device.clone()).or_default();
            samples.device_us.push(receipt.usage.device_us);
            samples.cost.push(receipt.metered_nano_usd().get());
        }
        self.count(&of_one(outcome));
    }

    fn merge(&mut self, other: &Self) {
        for (device, samples) in &other.samples {
            let mine = self.samples.entry(device.clone()).or_default();
            mine.device_us.extend(&samples.device_us);
            mine.cost.extend(&samples.cost);
        }
        self.count(&other.reliability);
    }

    /// Adds counts and derives the shares anew.
    fn count(&mut self, other: &Reliability) {
        let mine = &mut self.reliability;
        mine.succeeded += other.succeeded;
        mine.refused += other.refused;
        mine.failed += other.failed;
        mine.self_check_failures += other.self_check_failures;
        mine.success_bp = share(mine.succeeded, mine.succeeded + mine.failed);
        let checks = mine.succeeded + mine.self_check_failures;
        mine.self_check_failure_bp = share(mine.self_check_failures, checks);
    }

    fn devices(&self) -> Vec<DevicePerformance> {
        self.samples.iter().map(|(device, samples)| row(device, samples)).collect()
    }
}

/// The counts of one outcome. A cancelled job is neither the service's doing nor its failure.
fn of_one(outcome: &Outcome) -> Reliability {
    let exhausted =
        outcome.failure.as_ref().is_some_and(|f| f.code == ErrorCode::AttemptsExhausted);
    let (succeeded, refused, failed) = match outcome.state {
        JobState::Succeeded => (1, 0, 0),
        JobState::Failed if !exhausted => (0, 1, 0),
        JobState::Failed | JobState::Expired => (0, 0, 1),
        JobState::Cancelled | JobState::Queued | JobState::Proving => (0, 0, 0),
    };
    let self_check_failures = outcome.receipt.usage.self_check_failures;
    Reliability { succeeded, refused, failed, self_check_failures, ..Reliability::default() }
}

/// `part` of `whole` in basis points, rounded down; none of nothing.
fn share(part: u64, whole: u64) -> Option<u32> {
    let bp = part.saturating_mul(BP_ONE).checked_div(whole)?;
    u32::try_from(bp).ok()
}

fn row(device: &DeviceClass, samples: &Samples) -> DevicePerformance {
    let mut device_us = samples.device_us.clone();
    let mut cost = samples.cost.clone();
    device_us.sort_unstable();
    cost.sort_unstable();
    DevicePerformance {
        device: device.clone(),
        samples: device_us.len() as u64,
        device_us_median: percentile(&device_us, 50),
        device_us_p95: percentile(&device_us, 95),
        cost_nano_usd_median: NanoUsd::new(percentile(&cost, 50)),
        cost_nano_usd_p95: NanoUsd::new(percentile(&cost, 95)),
    }
}

/// The smallest of the sorted values that at least `percent` of them do not exceed (nearest
/// rank); zero where there are none.
fn percentile(sorted: &[u64], percent: usize) -> u64 {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_the_nearest_rank() {
        let values: Vec<u64> = (1..=100).collect();
        assert_eq!(percentile(&values, 50), 50);
        assert_eq!(percentile(&values, 95), 95);
        assert_eq!(percentile(&[7], 95), 7);
        assert_eq!(percentile(&[1, 2, 3], 50), 2);
        assert_eq!(percentile(&[], 50), 0);
    }

    #[test]
    fn days_add_up_to_the_whole_and_shares_are_of_what_could_succeed() {
        let cpu = DeviceClass::new("cpu");
        let day = |times: &[u64], failed, self_check_failures| {
            let samples = Samples { device_us: times.to_vec(), cost: times.to_vec() };
            let mut tally = Tally::default();
            tally.samples.insert(cpu.clone(), samples);
            tally.count(&Reliability {
                succeeded: times.len() as u64,
                refused: 5,
                failed,
                self_check_failures,
                ..Reliability::default()
            });
            tally
        };
        let first = "2026-11-24".parse().unwrap();
        let second = "2026-11-25".parse().unwrap();
        let days = BTreeMap::from([(first, day(&[1, 2], 1, 0)), (second, day(&[3], 0, 1))]);
        let circuit = "a@0123456789abcdef".parse().unwrap();
        let summary = summary(&circuit, &days);
        assert_eq!(summary.days[0].day, second);
        assert_eq!(summary.days[1].reliability.success_bp, Some(6_666));
        assert_eq!((summary.devices[0].samples, summary.devices[0].device_us_median), (3, 2));
        let whole = summary.reliability;
        assert_eq!((whole.succeeded, whole.refused, whole.failed), (3, 10, 1));
        assert_eq!((whole.success_bp, whole.self_check_failure_bp), (Some(7_500), Some(2_500)));
        assert_eq!(share(0, 0), None);
    }
}
