//! A drill: real processes die, stand still and are stopped at random while they prove, and what
//! became of every job is read from the records.

mod deployment;
mod requester;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use zkpool_ports::{Rng, SeededRng};
use zkpool_types::Timestamp;

pub use deployment::{Aws, Deployment, Embedded};

use crate::records::{End, reckon, witnesses};
use crate::server::pause;
use requester::Requester;

/// Longest time between two strikes, in milliseconds: some proofs.
const BETWEEN_MS: u64 = 1_500;

/// Longest time for which a process stands still, but once.
const STILL_MS: u64 = 3_000;

/// The once: longer than a prover holds a job without renewing that, so that it comes too late.
const STILL_BEYOND_A_HOLD: Duration = Duration::from_secs(35);

/// Longest time from SIGTERM to SIGKILL, in milliseconds.
const GRACE_MS: u64 = 2_000;

/// So many strikes after each other there is a sweep: jobs that were struck three times wait for one.
const STRIKES_PER_SWEEP: usize = 6;

/// Time between two sweeps while jobs are waited for.
const BETWEEN_SWEEPS: Duration = Duration::from_secs(5);

/// How long all jobs may take to end after the last strike.
const SETTLED_WITHIN: Duration = Duration::from_secs(300);

/// What happens to a process.
#[derive(Clone, Copy, Debug)]
pub enum Strike {
    /// It dies and is started again.
    Kill,
    /// It stands still for this time.
    Still(Duration),
    /// It is asked to stop, dies after this time if it has not, and is started again.
    Stop(Duration),
}

/// What a drill found.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    seed: u64,
    kills: usize,
    stills: usize,
    stops: usize,
    faults: usize,
    struck: usize,
    ends: Vec<End>,
    /// From the last strike on a job that was being proved until its end, in milliseconds, ordered.
    recoveries_ms: Vec<i64>,
    /// What must not be, in words.
    pub breaches: Vec<String>,
}

impl Findings {
    /// The findings as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        let ended = |state: &str| self.ends.iter().filter(|end| end.state == state).count();
        let recoveries = &self.recoveries_ms;
        json!({
            "seed": self.seed,
            "kills": self.kills,
            "stills": self.stills,
            "stops": self.stops,
            "failed_requests": self.faults,
            "jobs": self.ends.len(),
            "jobs_struck_while_proving": self.struck,
            "succeeded": ended("succeeded"),
            "given_up_after_3_attempts": ended("failed"),
            "recovery_ms_p50": recoveries.get(recoveries.len() / 2),
            "recovery_ms_max": recoveries.last(),
            "breaches": self.breaches,
        })
    }

    /// Holds the ends of jobs against what was accepted and what was struck.
    fn judge(&mut self, accepted: &BTreeSet<String>, struck: &BTreeMap<String, Vec<Timestamp>>) {
        let known: BTreeSet<String> = self.ends.iter().map(|end| end.job.clone()).collect();
        for job in accepted.symmetric_difference(&known) {
            self.breaches.push(format!("{job} was accepted or ended, and not both"));
        }
        for end in &self.ends {
            let strikes = struck.get(&end.job).map(Vec::as_slice).unwrap_or_default();
            // A delivery counts as an attempt also where its answer was lost.
            let given_up = end.failure.as_deref() == Some("attempts_exhausted");
            if end.state != "succeeded" && !given_up {
                self.breaches.push(format!("{end:?} was struck {} times", strikes.len()));
            }
            if let Some(last) = strikes.last() {
                let recovery = end.finished_at.duration_since(*last).as_millis();
                self.recoveries_ms.push(i64::try_from(recovery).unwrap().max(0));
            }
        }
        self.recoveries_ms.sort_unstable();
        self.struck = struck.len();
    }
}

/// Strikes a deployment until `kills` processes have died, and judges what is left.
#[must_use]
pub fn run(mut deployment: impl Deployment, seed: u64, kills: usize) -> Findings {
    let client = deployment.client();
    let requester = Requester::start(client.clone(), deployment.register());
    let dice = Dice(SeededRng::new(seed));
    let mut findings = Findings { seed, ..Findings::default() };
    let mut struck: BTreeMap<String, Vec<Timestamp>> = BTreeMap::new();
    let mut long = Some(STILL_BEYOND_A_HOLD);
    while findings.kills < kills {
        rest(Duration::from_millis(dice.below(BETWEEN_MS)));
        let strike = match dice.below(10) {
            0 if findings.kills > kills / 2 && long.is_some() => {
                Strike::Still(long.take().unwrap_or_default())
            }
            0 => Strike::Still(Duration::from_millis(dice.below(STILL_MS))),
            1 => Strike::Stop(Duration::from_millis(dice.below(GRACE_MS))),
            _ => Strike::Kill,
        };
        let (held, at) = (requester::in_state(&client, "proving"), now());
        deployment.strike(strike, dice.below(u64::MAX));
        match strike {
            Strike::Kill => findings.kills += 1,
            Strike::Still(_) => findings.stills += 1,
            Strike::Stop(_) => findings.stops += 1,
        }
        for job in held {
            struck.entry(job).or_default().push(at);
        }
        if (findings.kills + findings.stills + findings.stops).is_multiple_of(STRIKES_PER_SWEEP) {
            deployment.sweep();
        }
    }
    let accepted = requester.finish();
    settle(&deployment, &accepted, &mut findings);
    findings.judge(&accepted, &struck);
    findings.faults = deployment.failed_requests();
    findings
}

/// Waits until every job has ended, and reads the records.
fn settle(deployment: &impl Deployment, accepted: &BTreeSet<String>, findings: &mut Findings) {
    let start = Instant::now();
    let open = |state| !requester::in_state(&deployment.client(), state).is_empty();
    while open("queued") || open("proving") || !witnesses(deployment).is_empty() {
        if start.elapsed() > SETTLED_WITHIN {
            let left = witnesses(deployment);
            findings.breaches.push(format!("jobs are still open, or witnesses there: {left:?}"));
            break;
        }
        deployment.sweep();
        rest(BETWEEN_SWEEPS);
    }
    let reckoning = reckon(deployment);
    findings.breaches.extend(reckoning.breaches);
    findings.ends = reckoning.ends;
    let proved = findings.ends.iter().filter(|end| end.state == "succeeded");
    for end in proved.filter(|end| accepted.contains(&end.job)) {
        if !deployment.holds(&end.job) {
            findings.breaches.push(format!("the proof of {} does not verify", end.job));
        }
    }
    let charged = findings.ends.iter().map(|end| end.charge_nano_usd).sum();
    findings.breaches.extend(deployment.differences(charged));
}

/// Numbers that follow from a seed.
struct Dice(SeededRng);

impl Dice {
    fn below(&self, bound: u64) -> u64 {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        u64::from_le_bytes(bytes) % bound
    }
}

fn rest(time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {
        pause();
    }
}

#[allow(clippy::disallowed_methods, reason = "the processes under test live in real time")]
fn now() -> Timestamp {
    Timestamp::now()
}
