//! How proofs of a circuit went, for its project, for prices, and where published for anyone.
//!
//! Performance is a tenant's own: how many proofs it makes, when, and how often its witnesses are
//! refused says what its business does. So nothing is public by default, and nothing is added up
//! across projects either: of few projects, or where one is much larger, a sum tells about each.
//! A project publishes a circuit, and then anyone sees what [`PublicCircuit`] says and no more.
//!
//! Two questions are told apart. How proofs went over some days is added up from rows of usage,
//! all of them. What the next one will take is a price's question: it rests on the latest jobs.

mod histogram;
mod tally;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::civil::Date;
use jiff::{SignedDuration, ToSpan};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use zkpool_jobs::records::{OUTCOME_BYTES_MAX, RECORD_BYTES_MAX};
use zkpool_jobs::{JobError, Jobs, PortError, Ports, Records, keys};
use zkpool_ledger::costs::day_of;
use zkpool_ports::{BlobKey, Durability};
use zkpool_types::api::{CircuitPerformance, DayPerformance, DevicePerformance, PublicPerformance};
use zkpool_types::limits::PUBLIC_SAMPLES_MIN;
use zkpool_types::performance::{PublicCircuit, Reliability};
use zkpool_types::{CircuitManifest, CircuitRef, ProjectId, Timestamp};

use crate::report::check_days;
use crate::{BillingError, Costs};
use tally::{Sample, Tallies, Tally};

/// Days of one answer: a year.
const DAYS_MAX: i32 = 366;

/// Days that are shown where nobody says which.
pub const DAYS_DEFAULT: i64 = 30;

/// Jobs of the project that a price looks at, newest first.
const LATEST_MAX: usize = 500;

/// Age at which what a price rests on is looked at again.
const RECENT_MAX: SignedDuration = SignedDuration::from_mins(5);

/// Age at which what anyone sees is computed again. Whoever asks more often costs one read.
const PUBLIC_MAX: SignedDuration = SignedDuration::from_mins(10);

/// Published circuits that are shown.
const PUBLISHED_MAX: usize = 100;

/// Content of a mark. Where it lies says everything.
const MARK: &[u8] = b"{}";

/// The performance of every circuit. Clones share their state.
#[derive(Clone, Debug)]
pub struct Performance {
    ports: Ports,
    jobs: Jobs,
    costs: Costs,
    records: Records,
    /// One computation of what anyone sees at a time.
    publishing: Arc<Mutex<()>>,
}

/// What was measured, and when that was looked at.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Measured {
    at: Timestamp,
    #[serde(default)]
    devices: Vec<DevicePerformance>,
}

impl Performance {
    /// Performance over these ports.
    #[must_use]
    pub fn new(ports: Ports, jobs: Jobs) -> Self {
        let records = Records::new(Arc::clone(&ports.blobs));
        let costs = Costs::new(ports.clone());
        Self { ports, jobs, costs, records, publishing: Arc::default() }
    }

    /// How every proof of circuits of this project went that counts on these days, as a whole and by
    /// day.
    ///
    /// # Errors
    /// The days are out of range, or a port failed.
    pub async fn over(
        &self,
        project: &ProjectId,
        circuits: &[CircuitRef],
        (from, to): (Date, Date),
    ) -> Result<Vec<CircuitPerformance>, BillingError> {
        check_days(from, to, DAYS_MAX)?;
        let summed = self.costs.sum(project, &(from..=to), || Tallies::of(circuits)).await?;
        Ok(summed.sum.finish(from, to))
    }

    /// The circuit's proofs among the latest jobs of this project, by class of device.
    ///
    /// # Errors
    /// A port failed.
    pub async fn latest(
        &self,
        project: &ProjectId,
        circuit: &CircuitRef,
    ) -> Result<Vec<DevicePerformance>, JobError> {
        let mut tally = Tally::default();
        for outcome in self.jobs.latest(project, LATEST_MAX).await? {
            if outcome.receipt.circuit == *circuit {
                tally.add(&Sample::ended(&outcome));
            }
        }
        Ok(tally.devices())
    }

    /// The same, some minutes old at most: at the cost of one read, for every submission.
    ///
    /// # Errors
    /// A port failed.
    pub async fn recent(
        &self,
        project: &ProjectId,
        circuit: &CircuitRef,
    ) -> Result<Vec<DevicePerformance>, JobError> {
        let key = keys::performance(project, circuit);
        let now = self.ports.clock.now();
        let kept: Option<Measured> = self.records.read(&key, OUTCOME_BYTES_MAX).await?;
        let is_fresh = |kept: &Measured| now.duration_since(kept.at) < RECENT_MAX;
        // Before the first proof every submission looks again, and finds it.
        if let Some(kept) = kept.filter(|kept| is_fresh(kept) && !kept.devices.is_empty()) {
            return Ok(kept.devices);
        }
        let measured = Measured { at: now, devices: self.latest(project, circuit).await? };
        if !measured.devices.is_empty() {
            self.records.put_cached(&key, &measured).await?;
        }
        Ok(measured.devices)
    }

    /// Publishes a circuit, or takes it back. Both take effect at once.
    ///
    /// # Errors
    /// A port failed.
    pub async fn publish(&self, circuit: &CircuitManifest, public: bool) -> Result<(), JobError> {
        let key = keys::published(&circuit.project, &circuit.circuit);
        let blobs = &self.ports.blobs;
        if public {
            blobs.put(&key, MARK.into(), Durability::Durable).await?;
        } else {
            blobs.delete(&key).await?;
        }
        Ok(blobs.delete(&keys::public_performance()).await?)
    }

    /// What anyone may see.
    ///
    /// # Errors
    /// A port failed.
    pub async fn public(&self) -> Result<PublicPerformance, BillingError> {
        let _one = self.publishing.lock().await;
        let key = keys::public_performance();
        let now = self.ports.clock.now();
        let kept: Option<PublicPerformance> = self.records.read(&key, OUTCOME_BYTES_MAX).await?;
        match kept.filter(|kept| now.duration_since(kept.computed_at) < PUBLIC_MAX) {
            Some(kept) => Ok(kept),
            None => {
                let fresh = self.compute_public(now).await?;
                self.records.put_cached(&key, &fresh).await?;
                Ok(fresh)
            }
        }
    }

    /// Goes over the rows of each project once, however many circuits it published.
    async fn compute_public(&self, now: Timestamp) -> Result<PublicPerformance, BillingError> {
        let mut projects: BTreeMap<ProjectId, Vec<CircuitManifest>> = BTreeMap::new();
        for mark in self.ports.blobs.list(keys::PUBLISHED, None, PUBLISHED_MAX).await? {
            if let Some(manifest) = self.marked(&mark).await? {
                projects.entry(manifest.project.clone()).or_default().push(manifest);
            }
        }
        let (mut circuits, today) = (Vec::new(), day_of(now));
        let days = (default_from(today), today);
        for (project, manifests) in projects {
            let names: Vec<_> = manifests.iter().map(|manifest| manifest.circuit.clone()).collect();
            for performance in self.over(&project, &names, days).await? {
                let manifest = manifests.iter().find(|it| it.circuit == performance.circuit);
                circuits.extend(manifest.map(|manifest| published(manifest, performance, now)));
            }
        }
        Ok(PublicPerformance { computed_at: now, circuits })
    }

    /// The circuit that a mark is of.
    async fn marked(&self, mark: &BlobKey) -> Result<Option<CircuitManifest>, PortError> {
        let Some((project, circuit)) = mark_of(mark) else { return Ok(None) };
        self.records.read(&keys::circuit(&project, &circuit), RECORD_BYTES_MAX).await
    }
}

/// The first of the [`DAYS_DEFAULT`] days that end with `to`.
#[must_use]
pub fn default_from(to: Date) -> Date {
    to.checked_sub((DAYS_DEFAULT - 1).days()).unwrap_or(to)
}

fn mark_of(mark: &BlobKey) -> Option<(ProjectId, CircuitRef)> {
    let mut names = mark.as_str().strip_prefix(keys::PUBLISHED)?.split('/');
    let (project, name, version) = (names.next()?, names.next()?, names.next()?);
    Some((project.parse().ok()?, format!("{name}@{version}").parse().ok()?))
}

/// What is shown of a circuit.
fn published(
    manifest: &CircuitManifest,
    performance: CircuitPerformance,
    now: Timestamp,
) -> PublicCircuit {
    let CircuitPerformance { circuit, from: _, to: _, devices, reliability, days } = performance;
    let today = day_of(now);
    let over = days.into_iter().filter(|day| day.day < today && enough(&day.reliability));
    PublicCircuit {
        circuit,
        proof_system: manifest.proof_system,
        curve: manifest.curve,
        domain_size: manifest.domain_size,
        devices: shown_devices(devices),
        reliability: if enough(&reliability) { shown(reliability) } else { Reliability::default() },
        days: over.map(shown_day).collect(),
    }
}

/// Whether these are enough jobs to tell of none of them.
fn enough(reliability: &Reliability) -> bool {
    let Reliability { succeeded, refused, failed, .. } = reliability;
    succeeded + refused + failed >= PUBLIC_SAMPLES_MIN
}

fn shown_day(day: DayPerformance) -> DayPerformance {
    let DayPerformance { day, devices, reliability } = day;
    DayPerformance { day, devices: shown_devices(devices), reliability: shown(reliability) }
}

fn shown_devices(devices: Vec<DevicePerformance>) -> Vec<DevicePerformance> {
    let enough = devices.into_iter().filter(|row| row.samples >= PUBLIC_SAMPLES_MIN);
    let shown = |row: DevicePerformance| DevicePerformance {
        samples: first_digit(row.samples),
        retries: first_digit(row.retries),
        ..row
    };
    enough.map(shown).collect()
}

fn shown(reliability: Reliability) -> Reliability {
    Reliability {
        succeeded: first_digit(reliability.succeeded),
        refused: first_digit(reliability.refused),
        failed: first_digit(reliability.failed),
        self_check_failures: first_digit(reliability.self_check_failures),
        ..reliability
    }
}

/// The count rounded down to its first digit: 4321 becomes 4000.
fn first_digit(count: u64) -> u64 {
    let magnitude = count.checked_ilog10().map_or(1, |digits| 10_u64.pow(digits));
    count / magnitude * magnitude
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_rounded_down_to_their_first_digit() {
        for (count, expected) in [(0, 0), (7, 7), (10, 10), (99, 90), (4_321, 4_000)] {
            assert_eq!(first_digit(count), expected);
        }
        assert_eq!(first_digit(u64::MAX), 10_000_000_000_000_000_000);
    }

    #[test]
    fn a_mark_names_its_circuit() {
        let project: ProjectId = "acme".parse().unwrap();
        let circuit: CircuitRef = "a@0123456789abcdef".parse().unwrap();
        let mark = keys::published(&project, &circuit);
        assert_eq!(mark_of(&mark), Some((project, circuit)));
    }
}
