//! Rows of usage counted by circuit, day and class of device.

use std::collections::BTreeMap;

use bytes::Bytes;
use jiff::civil::Date;
use parquet::data_type::ByteArray;
use zkpool_ledger::costs::day_of;
use zkpool_types::api::{CircuitPerformance, DayPerformance, DevicePerformance};
use zkpool_types::performance::Reliability;
use zkpool_types::{
    CircuitRef, CostKind, DeviceClass, ErrorCode, JobState, NanoUsd, Outcome, UsageRow,
};

use super::histogram::Histogram;
use crate::BillingError;
use crate::partition::{METERED, cell, is_older, kind_of, utf8};
use crate::rows::{kind_of_end, signed};
use crate::sum::Sum;
use crate::table::{Columns, TableError};

/// 100 % in basis points.
const BP_ONE: u64 = 10_000;

/// The columns that are counted.
const COLUMNS: [&str; 8] =
    ["kind", "circuit", "state", "failure", "device", "device_us", "self_check_failures", METERED];

/// The days of circuits. Memory grows with circuits, days and classes of device.
#[derive(Clone, Debug, Default)]
pub(super) struct Tallies(BTreeMap<CircuitRef, BTreeMap<Date, Tally>>);

impl Tallies {
    /// Nothing counted of these circuits yet, and nothing of others ever.
    pub(super) fn of(circuits: &[CircuitRef]) -> Self {
        Self(circuits.iter().map(|circuit| (circuit.clone(), BTreeMap::new())).collect())
    }

    /// Each circuit's days and what they come to.
    pub(super) fn finish(self, from: Date, to: Date) -> Vec<CircuitPerformance> {
        self.0.into_iter().map(|(circuit, days)| summary(circuit, (from, to), &days)).collect()
    }

    fn add(&mut self, circuit: &CircuitRef, day: Date, sample: &Sample) {
        if let Some(days) = self.0.get_mut(circuit) {
            days.entry(day).or_default().add(sample);
        }
    }
}

impl Sum for Tallies {
    fn add_partition(&mut self, file: Bytes, day: Date) -> Result<Option<usize>, BillingError> {
        let columns = Columns::read(file, &COLUMNS)?;
        if is_older(&columns) {
            return Ok(None);
        }
        let wanted: BTreeMap<String, CircuitRef> =
            self.0.keys().map(|circuit| (circuit.to_string(), circuit.clone())).collect();
        let circuits = columns.text("circuit")?;
        for (row, name) in circuits.iter().enumerate() {
            if let Some(circuit) = name.as_ref().and_then(|name| wanted.get(utf8(name))) {
                self.add(circuit, day, &Sample::read(&columns, row)?);
            }
        }
        Ok(Some(columns.rows()))
    }

    fn add_row(&mut self, row: &UsageRow) -> Result<(), BillingError> {
        self.add(&row.circuit, day_of(row.billed_at), &Sample::of(row));
        Ok(())
    }
}

/// What is counted of one row.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    kind: CostKind,
    state: JobState,
    failure: Option<ErrorCode>,
    device: Option<DeviceClass>,
    device_us: u64,
    metered_nano_usd: i64,
    self_check_failures: u64,
}

impl Sample {
    fn of(row: &UsageRow) -> Self {
        Self {
            kind: row.kind,
            state: row.state,
            failure: row.failure,
            device: row.device.clone(),
            device_us: row.usage.device_us,
            metered_nano_usd: row.metered_nano_usd,
            self_check_failures: row.usage.self_check_failures,
        }
    }

    /// The row that a job's outcome becomes.
    pub(super) fn ended(outcome: &Outcome) -> Self {
        let receipt = &outcome.receipt;
        Self {
            kind: kind_of_end(outcome.state),
            state: outcome.state,
            failure: outcome.failure.as_ref().map(|failure| failure.code),
            device: receipt.device.clone(),
            device_us: receipt.usage.device_us,
            metered_nano_usd: signed(receipt.metered_nano_usd()),
            self_check_failures: receipt.usage.self_check_failures,
        }
    }

    fn read(columns: &Columns, row: usize) -> Result<Self, TableError> {
        let text = |name| Ok::<_, TableError>(columns.text(name)?[row].as_ref());
        let count = |name| {
            let found = columns.numbers(name)?[row];
            found
                .try_into()
                .map_err(|_| TableError::Cell { column: name, found: found.to_string() })
        };
        let device = |name: &ByteArray| DeviceClass::new(utf8(name));
        Ok(Self {
            kind: kind_of(text("kind")?.map(utf8))?,
            state: cell(columns, "state", row)?,
            failure: cell(columns, "failure", row)?,
            device: text("device")?.map(device),
            device_us: count("device_us")?,
            metered_nano_usd: columns.numbers(METERED)?[row],
            self_check_failures: count("self_check_failures")?,
        })
    }
}

/// What proofs took and came to on one class of device.
#[derive(Clone, Debug, Default)]
struct Samples {
    device_us: Histogram,
    cost: Histogram,
    retries: u64,
}

/// Rows counted together.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    devices: BTreeMap<DeviceClass, Samples>,
    reliability: Reliability,
}

impl Tally {
    pub(super) fn add(&mut self, sample: &Sample) {
        if let Some(device) = &sample.device {
            self.add_to_device(device, sample);
        }
        self.count(&of_one(sample));
    }

    fn add_to_device(&mut self, device: &DeviceClass, sample: &Sample) {
        match sample.kind {
            CostKind::Proof => {
                let samples = self.devices.entry(device.clone()).or_default();
                samples.device_us.add(sample.device_us);
                samples.cost.add(sample.metered_nano_usd.try_into().unwrap_or_default());
            }
            CostKind::Retry => self.devices.entry(device.clone()).or_default().retries += 1,
            CostKind::Failed | CostKind::Duplicate | CostKind::Correction => {}
        }
    }

    fn merge(&mut self, other: &Self) {
        for (device, samples) in &other.devices {
            let mine = self.devices.entry(device.clone()).or_default();
            mine.device_us.merge(&samples.device_us);
            mine.cost.merge(&samples.cost);
            mine.retries += samples.retries;
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

    /// One row a class of device.
    pub(super) fn devices(&self) -> Vec<DevicePerformance> {
        self.devices.iter().map(|(device, samples)| row(device, samples)).collect()
    }
}

/// The counts of one row. A cancelled job is neither the service's doing nor its failure, and an
/// attempt that ended nothing is none of a job's end.
fn of_one(sample: &Sample) -> Reliability {
    let exhausted = sample.failure == Some(ErrorCode::AttemptsExhausted);
    let (succeeded, refused, failed) = match (sample.kind, sample.state) {
        (CostKind::Proof, _) => (1, 0, 0),
        (CostKind::Failed, JobState::Failed) if !exhausted => (0, 1, 0),
        (CostKind::Failed, JobState::Failed | JobState::Expired) => (0, 0, 1),
        (CostKind::Failed, _) => (0, 0, 0),
        (CostKind::Retry | CostKind::Duplicate | CostKind::Correction, _) => {
            return Reliability::default();
        }
    };
    let self_check_failures = sample.self_check_failures;
    Reliability { succeeded, refused, failed, self_check_failures, ..Reliability::default() }
}

/// `part` of `whole` in basis points, rounded down; none of nothing.
fn share(part: u64, whole: u64) -> Option<u32> {
    let bp = part.saturating_mul(BP_ONE).checked_div(whole)?;
    u32::try_from(bp).ok()
}

fn row(device: &DeviceClass, samples: &Samples) -> DevicePerformance {
    let Samples { device_us, cost, retries } = samples;
    let proofs = device_us.len();
    DevicePerformance {
        device: device.clone(),
        samples: proofs,
        device_us_median: device_us.percentile(50),
        device_us_p95: device_us.percentile(95),
        cost_nano_usd_median: NanoUsd::new(cost.percentile(50)),
        cost_nano_usd_p95: NanoUsd::new(cost.percentile(95)),
        retries: *retries,
        success_bp: share(proofs, proofs + retries),
    }
}

fn summary(
    circuit: CircuitRef,
    (from, to): (Date, Date),
    days: &BTreeMap<Date, Tally>,
) -> CircuitPerformance {
    let mut whole = Tally::default();
    days.values().for_each(|day| whole.merge(day));
    let row = |(day, tally): (&Date, &Tally)| DayPerformance {
        day: *day,
        devices: tally.devices(),
        reliability: tally.reliability,
    };
    CircuitPerformance {
        circuit,
        from,
        to,
        devices: whole.devices(),
        reliability: whole.reliability,
        days: days.iter().rev().map(row).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn circuit() -> CircuitRef {
        "a@0123456789abcdef".parse().unwrap()
    }

    fn sample(kind: CostKind, device_us: u64) -> Sample {
        Sample {
            kind,
            state: JobState::Succeeded,
            failure: None,
            device: Some(DeviceClass::new("cpu")),
            device_us,
            metered_nano_usd: 2,
            self_check_failures: 0,
        }
    }

    fn failed(state: JobState, failure: ErrorCode) -> Sample {
        let failure = Some(failure);
        Sample { state, failure, device: None, ..sample(CostKind::Failed, 0) }
    }

    #[test]
    fn days_add_up_to_the_whole_and_shares_are_of_what_could_succeed() {
        let (first, second) = ("2026-11-24".parse().unwrap(), "2026-11-25".parse().unwrap());
        let mut tallies = Tallies::of(&[circuit()]);
        tallies.add(&circuit(), first, &sample(CostKind::Proof, 1));
        tallies.add(&circuit(), first, &sample(CostKind::Proof, 2));
        tallies.add(&circuit(), first, &failed(JobState::Failed, ErrorCode::AttemptsExhausted));
        tallies.add(&circuit(), first, &failed(JobState::Failed, ErrorCode::UnsatisfiedWitness));
        let fell_back = Sample { self_check_failures: 1, ..sample(CostKind::Proof, 3) };
        tallies.add(&circuit(), second, &fell_back);
        tallies.add(&circuit(), second, &sample(CostKind::Retry, 9));
        tallies.add(&circuit(), second, &sample(CostKind::Duplicate, 9));
        tallies.add(&"b@0123456789abcdef".parse().unwrap(), first, &sample(CostKind::Proof, 7));

        let [shown] = &tallies.finish(first, second)[..] else { panic!("not one circuit") };
        assert_eq!((shown.days[0].day, shown.days[1].day), (second, first));
        assert_eq!(shown.days[1].reliability.success_bp, Some(6_666));
        let [cpu] = &shown.devices[..] else { panic!("{:?}", shown.devices) };
        assert_eq!((cpu.samples, cpu.device_us_median, cpu.device_us_p95), (3, 2, 3));
        assert_eq!((cpu.retries, cpu.success_bp), (1, Some(7_500)));
        let whole = shown.reliability;
        assert_eq!((whole.succeeded, whole.refused, whole.failed), (3, 1, 1));
        assert_eq!((whole.success_bp, whole.self_check_failure_bp), (Some(7_500), Some(2_500)));
        assert_eq!(share(0, 0), None);
    }

    #[test]
    fn a_cancelled_job_counts_for_nothing() {
        let cancelled =
            Sample { failure: None, ..failed(JobState::Cancelled, ErrorCode::Internal) };
        assert_eq!(of_one(&cancelled), Reliability::default());
    }
}
