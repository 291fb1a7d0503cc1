//! Observing queue, provers and recent proofs.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use uuid::Uuid;
use zkpool_jobs::unswept::read_readable;
use zkpool_jobs::{Ports, Unswept, keys, unswept};
use zkpool_ports::{BlobError, BlobStore, QueueError};
use zkpool_types::{JobId, JobState, Outcome, ProjectId};

use crate::{Fleet, LATELY, Observed};

/// Projects whose proofs are looked at. The mean of some is close to the mean of all, and every
/// look is a request that costs.
const PROJECTS_MAX: usize = 10;

/// Jobs of each project whose proofs are looked at.
const JOBS_MAX: usize = 20;

/// Jobs of each project that are counted, in pages of what S3 lists at once. More than these wait
/// in the queue, and are counted there.
const COUNT_PAGES_MAX: usize = 5;

/// Names on one page.
const PAGE: usize = 1000;

/// Jobs of one project that are counted at most.
pub const COUNTED_MAX: u64 = (COUNT_PAGES_MAX * PAGE) as u64;

/// Largest outcome that is read, in bytes. One with more public inputs is not typical.
const OUTCOME_BYTES_MAX: u64 = 1024 * 1024;

/// The provers could not be counted.
#[derive(Debug, thiserror::Error)]
#[error("the provers cannot be counted")]
pub struct FleetError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Who knows how many provers there are.
#[async_trait]
pub trait Provers: Send + Sync + fmt::Debug {
    /// The provers that are wanted and running now.
    async fn count(&self) -> Result<Fleet, FleetError>;
}

/// Why nothing was measured.
#[derive(Debug, thiserror::Error)]
pub enum MeasureError {
    /// The queue did not tell its depth.
    #[error("the queue does not tell its depth: {0}")]
    Queue(#[from] QueueError),
    /// The provers could not be counted.
    #[error(transparent)]
    Fleet(#[from] FleetError),
    /// Receipts could not be read.
    #[error("recent proofs cannot be read: {0}")]
    Blobs(#[from] BlobError),
}

/// Observes once. Where no recent proof was measured, one is taken to need `proving_default`.
///
/// While there is neither a job nor a prover no record is read, so that an idle service pays for
/// none.
///
/// # Errors
/// Queue, provers or storage did not answer; see [`MeasureError`].
pub async fn measure(
    ports: &Ports,
    provers: &dyn Provers,
    proving_default: Duration,
) -> Result<Observed, MeasureError> {
    let queue = ports.queue.depth().await?;
    let fleet = provers.count().await?;
    let idle = queue.visible + queue.in_flight + queue.delayed == 0 && fleet.wanted == 0;
    if idle {
        return Ok(Observed { queue, accepted_lately: 0, fleet, proving: proving_default });
    }
    let projects = projects(ports.blobs.as_ref()).await?;
    let accepted_lately = accepted_lately(ports, &projects).await?;
    let proving = proving_time(ports.blobs.as_ref(), &projects).await?.unwrap_or(proving_default);
    Ok(Observed { queue, accepted_lately, fleet, proving })
}

/// Projects that have jobs, [`PROJECTS_MAX`] of them.
async fn projects(blobs: &dyn BlobStore) -> Result<Vec<ProjectId>, BlobError> {
    let names = blobs.list_children(keys::JOB_PROJECTS, None, PROJECTS_MAX).await?;
    Ok(names.iter().filter_map(|name| name.parse().ok()).collect())
}

/// Jobs that were accepted within [`LATELY`]. Ids begin with their time, so that they are counted
/// by their names.
async fn accepted_lately(ports: &Ports, projects: &[ProjectId]) -> Result<u64, BlobError> {
    let since = ports.clock.now().as_millisecond() - i64::try_from(LATELY.as_millis()).unwrap_or(0);
    let first = JobId::new(Uuid::from_u128(u128::try_from(since).unwrap_or(0) << 80)).to_string();
    let counts = projects.iter().map(|project| count_after(&*ports.blobs, project, first.clone()));
    join_all(counts).await.into_iter().sum()
}

/// Jobs of the project after this id, as far as they are counted.
async fn count_after(
    blobs: &dyn BlobStore,
    project: &ProjectId,
    mut after: String,
) -> Result<u64, BlobError> {
    let (prefix, mut counted) = (keys::jobs(project), 0);
    for _ in 0..COUNT_PAGES_MAX {
        let page = blobs.list_children(&prefix, Some(&after), PAGE).await?;
        counted += page.len() as u64;
        match page.into_iter().nth(PAGE - 1) {
            Some(last) => after = last,
            None => break,
        }
    }
    Ok(counted)
}

/// The mean time that recent proofs kept their device, or `None` where there is none.
///
/// Recent are the last job below each project's sweep mark and those behind it. The mark lags a
/// quarter of an hour, so that the first of them have mostly ended, however many wait behind.
async fn proving_time(
    blobs: &dyn BlobStore,
    projects: &[ProjectId],
) -> Result<Option<Duration>, BlobError> {
    let times = join_all(projects.iter().map(|project| proving_times(blobs, project))).await;
    let times: Vec<_> = times.into_iter().collect::<Result<Vec<_>, _>>()?.concat();
    let count = u32::try_from(times.len()).unwrap_or(u32::MAX);
    Ok(times.iter().sum::<Duration>().checked_div(count))
}

/// The times of recent proofs of one project.
async fn proving_times(
    blobs: &dyn BlobStore,
    project: &ProjectId,
) -> Result<Vec<Duration>, BlobError> {
    let Unswept { last_swept, behind } = unswept(blobs, project, JOBS_MAX).await?;
    let jobs = last_swept.into_iter().chain(behind);
    let keys: Vec<_> = jobs.map(|job| keys::outcome(project, job)).collect();
    let reads = keys.iter().map(|key| read_readable::<Outcome>(blobs, key, OUTCOME_BYTES_MAX));
    let outcomes = join_all(reads).await.into_iter().collect::<Result<Vec<_>, _>>()?;
    Ok(outcomes.into_iter().flatten().filter_map(|outcome| time_of(&outcome)).collect())
}

/// How long the proof kept its device. What failed says nothing of the next one.
fn time_of(outcome: &Outcome) -> Option<Duration> {
    let proven = outcome.state == JobState::Succeeded;
    proven.then(|| Duration::from_micros(outcome.receipt.usage.device_us))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use zkpool_ports::BlobKey;
    use zkpool_ports::memory::{MemoryBlobs, MemoryQueue};
    use zkpool_ports::{Durability, Message, QueuePolicy, SeededRng, TimeOrderedIds, VirtualClock};
    use zkpool_types::{NanoUsd, Receipt, SweepMark, Timestamp, Usage};

    use super::*;

    const DEFAULT: Duration = Duration::from_secs(7);

    #[derive(Debug)]
    struct Two;

    #[async_trait]
    impl Provers for Two {
        async fn count(&self) -> Result<Fleet, FleetError> {
            Ok(Fleet { wanted: 2, running: 1 })
        }
    }

    #[derive(Debug)]
    struct Asleep;

    #[async_trait]
    impl Provers for Asleep {
        async fn count(&self) -> Result<Fleet, FleetError> {
            Ok(Fleet::default())
        }
    }

    fn ports() -> Ports {
        ports_at(Arc::new(VirtualClock::new()))
    }

    fn ports_at(clock: Arc<VirtualClock>) -> Ports {
        let rng = Arc::new(SeededRng::new(1));
        let queue = || MemoryQueue::new(QueuePolicy { receives_max: 3 }, clock.clone());
        Ports {
            blobs: Arc::new(MemoryBlobs::new()),
            queue: Arc::new(queue()),
            notices: Arc::new(queue()),
            ids: Arc::new(TimeOrderedIds::new(clock.clone(), rng.clone())),
            clock,
            rng,
        }
    }

    async fn put(ports: &Ports, key: &BlobKey, body: impl serde::Serialize) {
        let body = Bytes::from(serde_json::to_vec(&body).unwrap());
        ports.blobs.put(key, body, Durability::Durable).await.unwrap();
    }

    /// Stores the outcome of a new job that kept its device for `device_us`.
    async fn ended(ports: &Ports, project: &str, state: JobState, device_us: u64) -> JobId {
        let (job, project) = (JobId::new(ports.ids.next()), project.parse::<ProjectId>().unwrap());
        let receipt = Receipt {
            job,
            project: project.clone(),
            circuit: "transfer@0123456789abcdef".parse().unwrap(),
            price_book: "2026-11-23".to_owned(),
            device: None,
            device_name: None,
            usage: Usage { device_us, ..Usage::default() },
            utilisation_bp: 7000,
            margin_bp: 1500,
            lines: Vec::new(),
            quoted: None,
            charged: false,
            charge_nano_usd: NanoUsd::ZERO,
            waste_nano_usd: NanoUsd::ZERO,
            development: false,
            witness_retention: String::new(),
        };
        let key = keys::outcome(&project, job);
        let finished_at = Timestamp::UNIX_EPOCH;
        let outcome = Outcome {
            job,
            project,
            attempt: None,
            state,
            finished_at,
            proof: None,
            failure: None,
            receipt,
        };
        put(ports, &key, outcome).await;
        job
    }

    async fn send(ports: &Ports, id: &str) {
        let message = Message { id: id.to_owned(), group: "acme".to_owned(), body: String::new() };
        ports.queue.send(message, Duration::ZERO).await.unwrap();
    }

    async fn measured(ports: &Ports) -> Observed {
        measure(ports, &Two, DEFAULT).await.unwrap()
    }

    #[tokio::test]
    async fn the_mean_of_recent_proofs_of_every_project_is_measured() {
        let ports = ports();
        ended(&ports, "acme", JobState::Succeeded, 2_000_000).await;
        ended(&ports, "acme", JobState::Failed, 90_000_000).await;
        ended(&ports, "rollup", JobState::Succeeded, 4_000_000).await;
        send(&ports, "waiting").await;
        let observed = measured(&ports).await;
        assert_eq!(observed.proving, Duration::from_secs(3));
        assert_eq!(observed.fleet, Fleet { wanted: 2, running: 1 });
        assert_eq!((observed.queue.visible, observed.accepted_lately), (1, 3));
    }

    #[tokio::test]
    async fn jobs_are_forgotten_after_a_while() {
        let clock = Arc::new(VirtualClock::new());
        let ports = ports_at(Arc::clone(&clock));
        ended(&ports, "acme", JobState::Succeeded, 2_000_000).await;
        clock.advance(LATELY - Duration::from_secs(1));
        ended(&ports, "acme", JobState::Succeeded, 2_000_000).await;
        assert_eq!(measured(&ports).await.accepted_lately, 2);
        clock.advance(Duration::from_secs(2));
        assert_eq!(measured(&ports).await.accepted_lately, 1);
    }

    #[tokio::test]
    async fn jobs_are_counted_over_pages_and_not_without_end() {
        let ports = ports();
        for _ in 0..COUNT_PAGES_MAX * PAGE + 10 {
            let key = keys::witness(&"acme".parse().unwrap(), JobId::new(ports.ids.next()));
            ports.blobs.put(&key, Bytes::new(), Durability::Cached).await.unwrap();
        }
        assert_eq!(measured(&ports).await.accepted_lately, (COUNT_PAGES_MAX * PAGE) as u64);
    }

    #[tokio::test]
    async fn of_proofs_before_the_sweep_mark_only_the_last_is_recent() {
        let ports = ports();
        ended(&ports, "acme", JobState::Succeeded, 60_000_000).await;
        let last = ended(&ports, "acme", JobState::Succeeded, 2_000_000).await;
        let mark = SweepMark { watermark: Some(last), ..SweepMark::default() };
        put(&ports, &keys::sweep_mark(&"acme".parse().unwrap()), mark).await;
        assert_eq!(measured(&ports).await.proving, Duration::from_secs(2));
        ended(&ports, "acme", JobState::Succeeded, 4_000_000).await;
        assert_eq!(measured(&ports).await.proving, Duration::from_secs(3));
    }

    #[tokio::test]
    async fn without_a_proof_the_default_is_taken() {
        let ports = ports();
        ended(&ports, "acme", JobState::Failed, 90_000_000).await;
        assert_eq!(measured(&ports).await.proving, DEFAULT);
    }

    #[tokio::test]
    async fn an_idle_service_reads_no_record() {
        let ports = ports();
        ended(&ports, "acme", JobState::Succeeded, 2_000_000).await;
        let observed = measure(&ports, &Asleep, DEFAULT).await.unwrap();
        assert_eq!((observed.proving, observed.accepted_lately), (DEFAULT, 0));
    }

    #[tokio::test]
    async fn a_record_that_cannot_be_read_is_passed_over() {
        let ports = ports();
        let project = "acme".parse().unwrap();
        put(&ports, &keys::sweep_mark(&project), "not a mark").await;
        put(&ports, &keys::outcome(&project, JobId::new(ports.ids.next())), "not an outcome").await;
        ended(&ports, "acme", JobState::Succeeded, 2_000_000).await;
        assert_eq!(measured(&ports).await.proving, Duration::from_secs(2));
    }
}
