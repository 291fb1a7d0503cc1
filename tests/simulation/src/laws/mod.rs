//! The laws, held against every write at the moment it happens.
//!
//! Those that the product states itself ([`zkpool_jobs::invariants`]) are held against the records
//! of the job that was written. The others need to know what no record says: what requesters
//! wanted, who held which delivery, and what was deleted when.

mod billing;
mod deliveries;
pub(crate) mod jobs;
mod told;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};

use serde::de::DeserializeOwned;
use zkpool_jobs::invariants::{Observed, World};
use zkpool_ledger::PriceBook;
use zkpool_types::chain::{Batch, ChainRecord};
use zkpool_types::{CostSums, JobId, NanoUsd, ProjectId, Sha256Digest};

use crate::machine::Machine;
use crate::universe::{Universe, lock};
use deliveries::Deliveries;
use told::Told;

/// What a requester wants proven.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    /// The idempotency key it is asked for with.
    pub(crate) key: String,
    /// The statement.
    pub(crate) output: u64,
    /// Whether there is a proof of it.
    pub(crate) is_true: bool,
}

/// The laws of one run.
pub(crate) struct Laws {
    universe: Arc<Universe>,
    book: Arc<PriceBook>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    world: World,
    /// By project and digest of the request's body.
    wanted: BTreeMap<(ProjectId, Sha256Digest), Wanted>,
    /// The job that an idempotency key has become.
    jobs_by_key: BTreeMap<(ProjectId, String), JobId>,
    deliveries: Deliveries,
    batches: BTreeMap<ProjectId, Vec<Batch>>,
    billed: BTreeSet<(ProjectId, JobId, ChainRecord)>,
    /// What closed months came to when they were closed, by project and month.
    closed: BTreeMap<(ProjectId, String), CostSums>,
    /// What budgets with a hard stop allow.
    limits: BTreeMap<ProjectId, NanoUsd>,
    told: Told,
}

/// A law that a write breaks.
type Broken = Result<(), (&'static str, String)>;

/// A law and how it is broken.
fn breaks(law: &'static str, what: impl Into<String>) -> Broken {
    Err((law, what.into()))
}

/// Asserts something in the words of a law.
fn holds(law: &'static str, condition: bool, what: impl FnOnce() -> String) -> Broken {
    if condition { Ok(()) } else { breaks(law, what()) }
}

/// Where a record of a job lies.
struct Place<'a> {
    project: ProjectId,
    job: JobId,
    name: &'a str,
}

impl<'a> Place<'a> {
    fn of(key: &'a str) -> Option<Self> {
        let mut segments = key.strip_prefix("jobs/")?.splitn(3, '/');
        let (project, job) = (segments.next()?.parse().ok()?, segments.next()?.parse().ok()?);
        Some(Self { project, job, name: segments.next()? })
    }
}

/// A record that the product wrote.
fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, (&'static str, String)> {
    serde_json::from_slice(body).map_err(|error| ("L6", format!("an unreadable record: {error}")))
}

impl Laws {
    pub(crate) fn new(universe: &Arc<Universe>, book: Arc<PriceBook>) -> Arc<Self> {
        Arc::new(Self { universe: Arc::clone(universe), book, state: Mutex::default() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Ends the run if a law is broken.
    fn judge(&self, broken: Broken) {
        if let Err((law, what)) = broken {
            self.universe.broken(law, what);
        }
    }

    /// Says what a body asks for, before it is sent for the first time.
    pub(crate) fn expect(&self, project: &ProjectId, body: Sha256Digest, wanted: Wanted) {
        self.state().wanted.insert((project.clone(), body), wanted);
    }

    /// Says what a project's hard budget allows.
    pub(crate) fn limit(&self, project: &ProjectId, limit: NanoUsd) {
        self.state().limits.insert(project.clone(), limit);
    }

    /// Says what a closed month comes to, from when it was closed on.
    pub(crate) fn closed(&self, project: &ProjectId, month: &str, found: CostSums) {
        let place = (project.clone(), month.to_owned());
        let expected = *self.state().closed.entry(place).or_insert(found);
        self.judge(holds("L3", expected == found, || {
            format!("{month} of {project} was closed with {expected:?} and has {found:?}")
        }));
    }

    /// The projects that have asked for anything.
    pub(crate) fn projects(&self) -> impl Iterator<Item = ProjectId> {
        let state = self.state();
        let projects: BTreeSet<_> =
            state.wanted.keys().map(|(project, _)| project.clone()).collect();
        projects.into_iter()
    }

    /// Looks at what is stored of every job.
    pub(crate) fn with_world<T>(&self, look: impl FnOnce(&World) -> T) -> T {
        look(&self.state().world)
    }

    /// What is stored of the jobs of a project.
    pub(crate) fn jobs(&self, project: &ProjectId) -> BTreeMap<JobId, Observed> {
        let state = self.state();
        let of_project = state.world.jobs.iter().filter(|((of, _), _)| of == project);
        of_project.map(|((_, job), observed)| (*job, observed.clone())).collect()
    }

    /// Every batch of a project.
    pub(crate) fn batches(&self, project: &ProjectId) -> Vec<Batch> {
        self.state().batches.get(project).cloned().unwrap_or_default()
    }

    /// Looks at an object that was created or replaced.
    pub(crate) fn wrote(&self, machine: &Machine, key: &str, body: &[u8]) {
        let mut state = self.state();
        let broken = match Place::of(key) {
            Some(place) => state.job_record(&self.book, &place, body),
            None if key.starts_with("chain/") => state.batch(body),
            None => state.told(key, body),
        };
        drop(state);
        self.judge(broken.map_err(|(law, what)| (law, format!("{}: {what}", machine.name))));
    }

    /// Looks at an object that is about to be deleted.
    pub(crate) fn deletes(&self, machine: &Machine, key: &str) {
        let broken = self.state().deletion(key);
        self.judge(broken.map_err(|(law, what)| (law, format!("{}: {what}", machine.name))));
    }
}

impl fmt::Debug for Laws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Laws")
    }
}
