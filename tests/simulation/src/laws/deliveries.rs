//! Laws about who holds which job's message.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use zkpool_ports::{Delivery, QueueError, ReceiptHandle};
use zkpool_types::limits::{ATTEMPTS_MAX, VISIBILITY_S};
use zkpool_types::{AttemptId, JobId, JobMessage, Outcome, ProjectId};

use super::{Broken, Laws, Place, State, holds, read};
use crate::machine::Machine;

/// How old an answer about a delivery may be when a result is committed, if the delivery has gone
/// to somebody else meanwhile.
const FENCE_AGE_MAX: Duration = Duration::from_secs(1);

/// Every delivery, and what machines were told of theirs.
#[derive(Default)]
pub(super) struct Deliveries {
    /// The job that a delivery is of.
    jobs: BTreeMap<String, (ProjectId, JobId)>,
    /// The latest delivery of each message that is still held or may be taken up again.
    latest: BTreeMap<String, String>,
    /// What a machine knows of its latest delivery of a job.
    known: BTreeMap<(String, JobId), Known>,
    /// Deliveries that a machine keeps hidden.
    kept: BTreeMap<String, Arc<Machine>>,
    /// Attempts that have begun to write their outcome while they held their job.
    writing: BTreeSet<AttemptId>,
}

/// What a machine knows of a delivery.
struct Known {
    receipt: String,
    is_held: bool,
    since: Duration,
}

/// Which message a receipt belongs to.
fn message(receipt: &str) -> &str {
    receipt.split_once('.').map_or(receipt, |(message, _)| message)
}

/// Which delivery of its message a receipt belongs to.
fn number(receipt: &str) -> u64 {
    receipt.split_once('.').and_then(|(_, number)| number.parse().ok()).unwrap_or(0)
}

impl Deliveries {
    fn is_latest(&self, receipt: &str) -> bool {
        self.latest.get(message(receipt)).is_some_and(|latest| latest == receipt)
    }
}

impl Laws {
    /// A message was handed to a machine.
    pub(crate) fn delivered(&self, machine: &Machine, delivery: &Delivery) {
        let Ok(JobMessage { project, job }) = serde_json::from_str(&delivery.message.body) else {
            return;
        };
        let receipt = delivery.receipt.0.clone();
        let mut state = self.state();
        // One that is repeated late takes nothing from anyone.
        let latest = state.deliveries.latest.get(message(&receipt));
        let is_latest = latest.is_none_or(|latest| number(latest) <= number(&receipt));
        let broken = if is_latest { state.taken_from(&receipt) } else { Ok(()) };
        let deliveries = &mut state.deliveries;
        deliveries.jobs.insert(receipt.clone(), (project, job));
        if is_latest {
            deliveries.latest.insert(message(&receipt).to_owned(), receipt.clone());
        }
        let since = self.universe.now();
        let known = Known { receipt, is_held: true, since };
        deliveries.known.insert((machine.name.clone(), job), known);
        drop(state);
        self.judge(broken);
    }

    /// A machine has hidden a message from others: to work on its job, or for a short while to
    /// leave it to a later attempt.
    pub(crate) fn extended(
        &self,
        machine: &Arc<Machine>,
        receipt: &ReceiptHandle,
        visibility: Duration,
    ) {
        let kept = &mut self.state().deliveries.kept;
        if visibility >= Duration::from_secs(VISIBILITY_S) {
            kept.insert(receipt.0.clone(), Arc::clone(machine));
        } else {
            kept.remove(&receipt.0);
        }
    }

    /// A machine was told whether it still holds a delivery.
    pub(crate) fn extension_answered(
        &self,
        machine: &Machine,
        receipt: &ReceiptHandle,
        answer: &Result<(), QueueError>,
    ) {
        let is_held = match answer {
            Ok(()) => true,
            Err(QueueError::ReceiptExpired) => false,
            Err(_) => return,
        };
        let mut state = self.state();
        let Some((_, job)) = state.deliveries.jobs.get(&receipt.0).cloned() else { return };
        let since = self.universe.now();
        if let Some(known) = state.deliveries.known.get_mut(&(machine.name.clone(), job)) {
            *known = Known { receipt: receipt.0.clone(), is_held, since };
        }
    }

    /// A delivery was given back, or was not because it is no longer held.
    pub(crate) fn released(&self, receipt: &ReceiptHandle, is_done: bool) {
        if is_done {
            let deliveries = &mut self.state().deliveries;
            deliveries.latest.remove(message(&receipt.0));
            deliveries.kept.remove(&receipt.0);
        }
    }

    /// A machine is about to create an object. An outcome of an attempt is created by whoever was
    /// just told that it holds the job, and by nobody who was told that it does not.
    pub(crate) fn is_going_to_write(&self, machine: &Machine, key: &str, body: &[u8]) {
        let Some(Place { job, name: "outcome.json", .. }) = Place::of(key) else { return };
        let now = self.universe.now();
        let mut state = self.state();
        let broken = state.fenced(machine, job, body, now);
        drop(state);
        self.judge(broken);
    }

    /// A message was deleted: nobody will be told of its job again.
    pub(crate) fn message_deleted(&self, receipt: &ReceiptHandle) {
        let mut state = self.state();
        state.deliveries.latest.remove(message(&receipt.0));
        let Some(place) = state.deliveries.jobs.get(&receipt.0) else { return };
        let is_open = state
            .world
            .jobs
            .get(place)
            .is_some_and(|observed| observed.request.is_some() && observed.outcome.is_none());
        let broken =
            holds("L1", !is_open, || format!("the message of open job {} is deleted", place.1));
        drop(state);
        self.judge(broken);
    }

    /// A message was given up by the queue.
    pub(crate) fn died(&self, letter: &Delivery) {
        if let Ok(JobMessage { project, job }) = serde_json::from_str(&letter.message.body) {
            self.state().deliveries.jobs.insert(letter.receipt.0.clone(), (project, job));
        }
        let found = letter.receive_count;
        self.judge(holds("L1", found == ATTEMPTS_MAX, || {
            format!("a dead letter after {found} deliveries, expected {ATTEMPTS_MAX}")
        }));
    }

    /// A prover was asked to stop and has: whatever it held is visible to others, if all of its
    /// calls went well.
    pub(crate) fn stopped(&self, machine: &Machine) {
        let mut state = self.state();
        let State { deliveries, .. } = &*state;
        let of_machine = deliveries.kept.iter().filter(|(_, by)| by.name == machine.name);
        let held = of_machine.map(|(receipt, _)| receipt).find(|receipt| state.is_open(receipt));
        let broken = holds("L1", held.is_none() || !machine.is_sound(), || {
            format!("{} has stopped and still holds delivery {held:?}", machine.name)
        });
        state.deliveries.forget(machine);
        drop(state);
        self.judge(broken);
    }

    /// A process begins: what another one of the machine held is nobody's.
    pub(crate) fn began(&self, machine: &Machine) {
        self.state().deliveries.forget(machine);
    }
}

impl Deliveries {
    fn forget(&mut self, machine: &Machine) {
        self.kept.retain(|_, by| by.name != machine.name);
    }
}

impl State {
    /// Whether this is the latest delivery of a job that has not ended.
    fn is_open(&self, receipt: &str) -> bool {
        let place = self.deliveries.jobs.get(receipt);
        let observed = place.and_then(|place| self.world.jobs.get(place));
        let is_open = observed
            .is_some_and(|observed| observed.request.is_some() && observed.outcome.is_none());
        is_open && self.deliveries.is_latest(receipt)
    }

    /// A message is delivered again: not if it is kept hidden by a machine for which all goes well.
    fn taken_from(&self, receipt: &str) -> Broken {
        let earlier = self.deliveries.latest.get(message(receipt)).filter(|it| *it != receipt);
        let keeper = earlier.and_then(|earlier| {
            let keeper = self.deliveries.kept.get(earlier)?;
            (keeper.is_sound() && self.is_open(earlier)).then_some(keeper)
        });
        holds("L1", keeper.is_none(), || {
            format!("delivery {earlier:?} is taken from {keeper:?}, which is at work on it")
        })
    }

    fn fenced(&mut self, machine: &Machine, job: JobId, body: &[u8], now: Duration) -> Broken {
        let outcome: Outcome = read(body)?;
        let Some(attempt) = outcome.attempt else { return Ok(()) };
        let Self { deliveries, .. } = self;
        let Some(known) = deliveries.known.get(&(machine.name.clone(), job)) else {
            return super::breaks("L5", format!("{} ends job {job} unasked", machine.name));
        };
        let is_latest = deliveries.is_latest(&known.receipt);
        let is_fresh = now.saturating_sub(known.since) <= FENCE_AGE_MAX;
        // A write that was begun in time may have to be tried again later.
        let is_right =
            deliveries.writing.contains(&attempt.id) || (known.is_held && (is_latest || is_fresh));
        deliveries.writing.insert(attempt.id);
        holds("L5", is_right, || {
            format!("{}: outdated attempt {} commits to job {job}", machine.name, attempt.id)
        })
    }
}
