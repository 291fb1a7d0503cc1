//! The laws of the system, as functions over an observed world.
//!
//! Simulations and fault tests observe the stored records after every step and hand them to
//! [`violations`]; at the end, when everything has had time to settle, also to
//! [`unfinished`]. The laws:
//!
//! - **L1** every accepted job ends in exactly one terminal state;
//! - **L2** a job is charged with its outcome or not at all, and only for success;
//! - **L3** every receipt recomputes, and its lines sum exactly to its charge;
//! - **L4** every published proof verifies;
//! - **L5** an outcome, once written, never changes and never vanishes;
//! - **L6** every record lies with the project and job it belongs to.

use std::collections::BTreeMap;

use zkpool_ledger::{PriceBook, recompute};
use zkpool_ports::{BlobKey, BlobStore};
use zkpool_types::{JobId, JobRequest, JobState, NanoUsd, Outcome, ProjectId, Receipt, Waste};

use crate::records::{OUTCOME_BYTES_MAX, RECORD_BYTES_MAX, Records};
use crate::{PortError, keys};

/// Keys that one listing asks for.
const KEYS_PER_LIST: usize = 1000;

/// What is stored of one job.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observed {
    /// What was asked.
    pub request: Option<JobRequest>,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// Work that did not end it.
    pub waste: Vec<Waste>,
    /// Whether its witness is still there.
    pub witness: bool,
}

/// What is stored of every job.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct World {
    /// By where the records lie.
    pub jobs: BTreeMap<(ProjectId, JobId), Observed>,
}

/// A law that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("L{law} is broken for job {job}: {what}")]
pub struct Violation {
    /// The number of the law.
    pub law: u8,
    /// The job.
    pub job: JobId,
    /// What was expected and found.
    pub what: String,
}

impl World {
    /// Reads every record of every job.
    ///
    /// # Errors
    /// Storage failed, or a record does not read back.
    pub async fn observe(blobs: std::sync::Arc<dyn BlobStore>) -> Result<Self, PortError> {
        let records = Records::new(blobs.clone());
        let mut world = Self::default();
        let mut after: Option<BlobKey> = None;
        loop {
            let after_key = after.as_ref().map(BlobKey::as_str);
            let keys = blobs.list(keys::JOB_PROJECTS, after_key, KEYS_PER_LIST).await?;
            for key in &keys {
                world.add(&records, key).await?;
            }
            match keys.last() {
                Some(last) if keys.len() == KEYS_PER_LIST => after = Some(last.clone()),
                _ => return Ok(world),
            }
        }
    }

    async fn add(&mut self, records: &Records, key: &BlobKey) -> Result<(), PortError> {
        let segments: Vec<&str> = key.as_str().split('/').collect();
        let [_, project, job, rest @ ..] = segments.as_slice() else { return Ok(()) };
        let (Ok(project), Ok(job)) = (project.parse(), job.parse()) else { return Ok(()) };
        let observed = self.jobs.entry((project, job)).or_default();
        match rest {
            ["request.json"] => observed.request = records.read(key, RECORD_BYTES_MAX).await?,
            ["outcome.json"] => observed.outcome = records.read(key, OUTCOME_BYTES_MAX).await?,
            ["waste", _] => observed.waste.extend(records.read(key, RECORD_BYTES_MAX).await?),
            ["witness"] => observed.witness = true,
            _ => {}
        }
        Ok(())
    }

    /// The sum of all charges.
    #[must_use]
    pub fn charged(&self) -> NanoUsd {
        let outcomes = self.jobs.values().filter_map(|observed| observed.outcome.as_ref());
        outcomes.map(|outcome| outcome.receipt.charge_nano_usd).sum()
    }
}

/// Every violation of a law that must hold at any time.
///
/// `before` is an earlier observation of the same world; `verify` checks a succeeded job's proof.
pub fn violations(
    before: &World,
    world: &World,
    book: &PriceBook,
    verify: impl Fn(&JobRequest, &Outcome) -> bool,
) -> Vec<Violation> {
    let mut found = Vec::new();
    for ((project, job), observed) in &world.jobs {
        let mut broken = |law, what: Option<String>| {
            found.extend(what.map(|what| Violation { law, job: *job, what }));
        };
        broken(1, accepted_before_ended(observed));
        broken(6, misplaced(project, *job, observed));
        for waste in &observed.waste {
            broken(2, wrongly_charged(JobState::Failed, &waste.receipt));
            broken(3, miscalculated(book, &waste.receipt));
        }
        if let Some(outcome) = &observed.outcome {
            broken(1, not_terminal(outcome));
            broken(2, wrongly_charged(outcome.state, &outcome.receipt));
            broken(3, miscalculated(book, &outcome.receipt));
            broken(4, unproven(observed.request.as_ref(), outcome, &verify));
        }
    }
    found.extend(changed(before, world));
    found
}

/// Every job that breaks L1 once everything has had time to settle, and every witness that has
/// outlived its job.
#[must_use]
pub fn unfinished(world: &World) -> Vec<Violation> {
    let mut found = Vec::new();
    for ((_, job), observed) in &world.jobs {
        let violation = |what: &str| Violation { law: 1, job: *job, what: what.to_owned() };
        match (&observed.request, &observed.outcome) {
            (Some(_), None) => found.push(violation("accepted and never ended")),
            (Some(_), Some(_)) if observed.witness => {
                found.push(violation("ended and its witness is still there"));
            }
            _ => {}
        }
    }
    found
}

fn accepted_before_ended(observed: &Observed) -> Option<String> {
    let ended_only = observed.outcome.is_some() && observed.request.is_none();
    ended_only.then(|| "expected a request beside the outcome, found none".to_owned())
}

fn not_terminal(outcome: &Outcome) -> Option<String> {
    let state = outcome.state;
    (!state.is_terminal()).then(|| format!("expected a terminal state, found {state}"))
}

fn wrongly_charged(state: JobState, receipt: &Receipt) -> Option<String> {
    let expected = state == JobState::Succeeded;
    let (charged, charge) = (receipt.charged, receipt.charge_nano_usd);
    let wrong = charged != expected || (!expected && charge != NanoUsd::ZERO);
    wrong.then(|| format!("expected charged = {expected} for {state}, found {charged} {charge}"))
}

fn miscalculated(book: &PriceBook, receipt: &Receipt) -> Option<String> {
    let sum: NanoUsd = receipt.lines.iter().map(|line| line.amount_nano_usd).sum();
    if sum != receipt.charge_nano_usd {
        return Some(format!("lines sum to {sum}, charged {}", receipt.charge_nano_usd));
    }
    recompute(book, receipt).err().map(|mismatch| mismatch.to_string())
}

fn unproven(
    request: Option<&JobRequest>,
    outcome: &Outcome,
    verify: impl Fn(&JobRequest, &Outcome) -> bool,
) -> Option<String> {
    let succeeded = outcome.state == JobState::Succeeded;
    if outcome.proof.is_some() != succeeded {
        return Some(format!("expected a proof exactly for success, found {}", outcome.state));
    }
    let verifies = request.is_some_and(|request| verify(request, outcome));
    (succeeded && !verifies).then(|| "the published proof does not verify".to_owned())
}

fn misplaced(project: &ProjectId, job: JobId, observed: &Observed) -> Option<String> {
    let place = (project, job);
    let places = [
        observed.request.as_ref().map(|request| (&request.project, request.id)),
        observed.outcome.as_ref().map(|outcome| (&outcome.project, outcome.job)),
        observed.outcome.as_ref().map(|outcome| (&outcome.receipt.project, outcome.receipt.job)),
    ];
    let wrong = places.into_iter().flatten().find(|found| *found != place)?;
    Some(format!("expected a record of {place:?}, found one of {wrong:?}"))
}

fn changed(before: &World, world: &World) -> Vec<Violation> {
    let was = before
        .jobs
        .iter()
        .filter_map(|(place, observed)| observed.outcome.as_ref().map(|outcome| (place, outcome)));
    was.filter_map(|(place, outcome)| {
        let is = world.jobs.get(place).and_then(|observed| observed.outcome.as_ref());
        let what = match is {
            None => "the outcome has vanished",
            Some(is) if is != outcome => "the outcome has changed",
            Some(_) => return None,
        };
        Some(Violation { law: 5, job: place.1, what: what.to_owned() })
    })
    .collect()
}
