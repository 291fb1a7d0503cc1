//! Sending what was planned, when it was planned.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use zkpool_ports::Clock;
use zkpool_sdk::{Client, Error, ProofRequest, Status};
use zkpool_types::{JobId, ProjectId};

use super::fixtures;
use super::plan::Planned;
use super::scenario::Circuit;
use super::tally::{Part, Tally};

/// The label by which a run finds its jobs again.
pub(crate) const RUN_TAG: &str = "load-run";

/// The label that says whose job it is, also where one key sends for all.
pub(crate) const TENANT_TAG: &str = "load-tenant";

/// Submissions on their way at once, each on a connection of its own: half of what a server of
/// this machine takes. A further one waits, and its latency counts all the same.
const IN_FLIGHT_MAX: usize = 512;

/// Jobs that are followed at once. One that is due while so many are is sent and not followed.
const FOLLOWED_MAX: usize = 256;

/// What a stream sends.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) project: ProjectId,
    pub(crate) client: Client,
    pub(crate) circuit: Circuit,
    /// The circuit's reference under each of its keys.
    pub(crate) references: Vec<String>,
}

impl Order {
    /// What is asked for in the stream's job of this number.
    pub(crate) fn request(&self, number: usize) -> ProofRequest {
        let key = fixtures::key_of(&self.circuit, number) as usize;
        let reference = self.references.get(key).cloned().unwrap_or_default();
        fixtures::request(self.circuit.source, reference, number)
    }
}

/// What is sent, and what has happened so far.
#[derive(Debug)]
pub(crate) struct Generator {
    pub(crate) orders: Vec<Order>,
    /// The name of this run.
    pub(crate) run: String,
    pub(crate) follow_one_in: u32,
    pub(crate) clock: Arc<dyn Clock>,
    in_flight: Semaphore,
    followed: Semaphore,
    happened: Mutex<Happened>,
}

/// What happened.
#[derive(Clone, Debug, Default)]
pub(crate) struct Happened {
    pub(crate) tenants: BTreeMap<ProjectId, Tally>,
    /// When the last submission was accepted, from the start.
    pub(crate) last_accepted: Duration,
    /// Submissions that were accepted in each second.
    pub(crate) accepted_by_second: Vec<u32>,
}

impl Generator {
    pub(crate) fn new(
        orders: Vec<Order>,
        run: String,
        follow_one_in: u32,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            orders,
            run,
            follow_one_in,
            clock,
            in_flight: Semaphore::new(IN_FLIGHT_MAX),
            followed: Semaphore::new(FOLLOWED_MAX),
            happened: Mutex::default(),
        }
    }

    /// Sends every job when it is due, from now on, and returns when all were answered and those
    /// that are followed have ended, `until` at the latest.
    pub(crate) async fn send(self: &Arc<Self>, plan: &[Planned], until: Duration) -> Happened {
        let start = self.clock.elapsed();
        let mut sending = JoinSet::new();
        for (index, job) in plan.iter().copied().enumerate() {
            let early = (start + job.at).saturating_sub(self.clock.elapsed());
            if !early.is_zero() {
                self.clock.sleep(early).await;
            }
            let is_followed = index.is_multiple_of(self.follow_one_in as usize);
            let until = is_followed.then_some(until);
            let this = Arc::clone(self);
            sending.spawn(async move { this.send_one(job, start, until).await });
            while sending.try_join_next().is_some() {}
        }
        while sending.join_next().await.is_some() {}
        self.happened().clone()
    }

    /// Sends one job, and follows it where there is time for that.
    async fn send_one(&self, job: Planned, start: Duration, until: Option<Duration>) {
        let Some(order) = self.orders.get(job.stream) else { return };
        let request = order.request(job.number);
        let request = request.tag(RUN_TAG, &self.run).tag(TENANT_TAG, order.project.to_string());
        let room = self.in_flight.acquire().await;
        let submitted = submit(&order.client, request).await;
        drop(room);
        let latency = self.clock.elapsed().saturating_sub(start + job.at);
        match submitted {
            Err(error) => self.tenant(order, |tally| tally.failed(&error)),
            Ok(id) => {
                self.accepted(order, job.at + latency, latency);
                let Some(until) = until else { return };
                if let Ok(_room) = self.followed.try_acquire() {
                    self.follow(order, id, start + job.at, until).await;
                }
            }
        }
    }

    async fn follow(&self, order: &Order, id: JobId, due: Duration, until: Duration) {
        let left = until.saturating_sub(self.clock.elapsed());
        match order.client.wait_at_most(id, left).await {
            Ok(Status::Proved(_)) => {
                let whole = self.clock.elapsed().saturating_sub(due);
                self.tenant(order, |tally| tally.add(Part::Whole, whole));
            }
            // How it ended, or that it has not, is seen with all others.
            Ok(_) | Err(Error::NotEnded { .. }) => {}
            Err(error) => self.tenant(order, |tally| tally.failed(&error)),
        }
    }

    fn accepted(&self, order: &Order, at: Duration, latency: Duration) {
        self.tenant(order, |tally| {
            tally.submitted += 1;
            tally.add(Part::Submission, latency);
        });
        let mut happened = self.happened();
        happened.last_accepted = happened.last_accepted.max(at);
        count_second(&mut happened.accepted_by_second, at);
    }

    fn tenant(&self, order: &Order, note: impl FnOnce(&mut Tally)) {
        note(self.happened().tenants.entry(order.project.clone()).or_default());
    }

    /// What happened, also after a panic of a task: every count is whole.
    fn happened(&self) -> MutexGuard<'_, Happened> {
        self.happened.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn submit(client: &Client, request: ProofRequest) -> Result<JobId, Error> {
    let submission = client.prepare(request).await?;
    Ok(client.submit(&submission).await?.id)
}

/// Counts something in the second in which it happened.
pub(crate) fn count_second(seconds: &mut Vec<u32>, at: Duration) {
    /// Seconds that are counted: longer than any run lasts.
    const SECONDS_MAX: usize = 1 << 18;
    let second = usize::try_from(at.as_secs()).unwrap_or(SECONDS_MAX).min(SECONDS_MAX);
    if seconds.len() <= second {
        seconds.resize(second + 1, 0);
    }
    if let Some(count) = seconds.get_mut(second) {
        *count += 1;
    }
}
