//! Random interleavings of everything that can happen to jobs, over ports that fail, crash and
//! repeat, in virtual time. The laws are checked after every step that stored anything; a
//! failure names the seed that repeats it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use futures_util::FutureExt;
use zkpool_jobs::invariants::{self, World};
use zkpool_jobs::{Commit, Held, Jobs};
use zkpool_ports::faulty::{FaultPlan, Faults, FaultyBlobs, FaultyQueue};
use zkpool_ports::{Rng, SeededRng};
use zkpool_types::{ErrorCode, Failure, JobState};

use crate::support;

/// Runs in one test; each takes some milliseconds.
const SEEDS: u64 = 2_000;

/// Steps of one run before faults end.
const STEPS: u64 = 400;

/// Jobs of one run.
const JOBS: u64 = 6;

/// Sweep periods after the last fault within which every job must have ended.
const PERIODS_MAX: usize = 60;

/// Far more faults than any real port has, so that a short run meets many.
const FAULTS: Faults = Faults {
    refused_per_mille: 80,
    applied_but_failed_per_mille: 50,
    lost_per_mille: 50,
    sent_twice_per_mille: 100,
    duplicated_per_mille: 50,
};

/// What the seed decides besides the faults.
#[derive(Clone)]
struct Chance(Arc<SeededRng>);

impl Chance {
    fn below(&self, bound: u64) -> u64 {
        let mut random = [0; 8];
        self.0.fill(&mut random);
        u64::from_le_bytes(random) % bound
    }

    fn percent(&self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

type Actor = Pin<Box<dyn Future<Output = ()>>>;

struct Run {
    seed: u64,
    chance: Chance,
    plan: Arc<FaultPlan>,
    world: support::World,
    faulty: zkpool_jobs::Ports,
    actors: Vec<Actor>,
    seen: World,
    seen_writes: u64,
    trace: u64,
    skew_s: i64,
}

impl Run {
    fn new(seed: u64) -> Self {
        // Not the seed itself, from which the ids of the world are drawn.
        let rng = Arc::new(SeededRng::new(!seed));
        let plan = Arc::new(FaultPlan::new(FAULTS, rng.clone()));
        let world = support::world_of_seed(seed);
        let blobs = Arc::new(FaultyBlobs::new(world.blobs.clone(), plan.clone()));
        let queue = Arc::new(FaultyQueue::new(world.queue.clone(), plan.clone()));
        let faulty = support::ports_over(seed, &world.clock, blobs, queue);
        Self {
            seed,
            chance: Chance(rng),
            plan,
            world,
            faulty,
            actors: vec![],
            seen: World::default(),
            seen_writes: 0,
            trace: 0,
            skew_s: 0,
        }
    }

    fn spawn(&mut self) {
        // Every actor is a process of its own and shares nothing with others but the ports.
        let jobs = Jobs::new(self.faulty.clone(), support::book());
        let chance = self.chance.clone();
        let actor: Actor = match self.chance.below(100) {
            0..30 => submit(jobs, chance).boxed_local(),
            30..80 => prove(jobs, chance).boxed_local(),
            80..88 => cancel(jobs, chance).boxed_local(),
            _ => async move {
                let _ = jobs.sweep().await;
            }
            .boxed_local(),
        };
        self.actors.push(actor);
    }

    fn poll(&mut self, index: usize) {
        let mut context = Context::from_waker(Waker::noop());
        if self.actors[index].as_mut().poll(&mut context).is_ready() {
            drop(self.actors.swap_remove(index));
        }
    }

    fn step(&mut self) {
        let any = self.chance.below(self.actors.len().max(1) as u64) as usize;
        match self.chance.below(100) {
            0..10 => self.spawn(),
            10..12 if any < self.actors.len() => drop(self.actors.swap_remove(any)),
            12..15 => self.world.clock.advance(Duration::from_millis(self.chance.below(40_000))),
            15 => {
                // Clocks are wrong by at most ten minutes, back or ahead.
                let skew_s = self.chance.below(1_200).cast_signed() - 600;
                let step = jiff::SignedDuration::from_secs(skew_s - self.skew_s);
                self.world.clock.step_wall_clock(step);
                self.skew_s = skew_s;
            }
            _ if any < self.actors.len() => self.poll(any),
            _ => self.spawn(),
        }
        self.check();
    }

    fn check(&mut self) {
        let writes = self.plan.blob_writes();
        if writes == self.seen_writes {
            return;
        }
        self.seen_writes = writes;
        let world = now(World::observe(self.world.blobs.clone())).unwrap();
        let found = invariants::violations(&self.seen, &world, &support::book(), support::verifies);
        assert!(found.is_empty(), "seed {}: {found:#?}", self.seed);
        self.trace = self.trace.wrapping_mul(31).wrapping_add(world.charged().get() + writes);
        self.seen = world;
    }

    /// Ends all faults and lets time pass until every job has ended.
    fn settle(&mut self) {
        self.plan.heal();
        self.actors.clear();
        for _ in 0..PERIODS_MAX {
            self.world.pass(31);
            now(self.world.jobs.sweep());
            while let Some(claim) = now(self.world.jobs.claim(Duration::ZERO)).unwrap() {
                now(self.world.succeed(&claim));
            }
            self.seen_writes = 0;
            self.check();
            if invariants::unfinished(&self.seen).is_empty() {
                return;
            }
        }
        let left = invariants::unfinished(&self.seen);
        panic!("seed {}: {left:#?}", self.seed);
    }

    fn run(mut self) -> Self {
        let _seed = NameSeed(self.seed);
        for _ in 0..STEPS {
            self.step();
        }
        self.settle();
        self
    }
}

/// Names the seed of a run that panics, wherever it does.
struct NameSeed(u64);

impl Drop for NameSeed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the seed that repeats this failure: {}", self.0);
        }
    }
}

/// Runs what needs to wait for nothing.
fn now<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("nothing to wait for")
}

async fn pause(chance: &Chance) {
    for _ in 0..chance.below(6) {
        tokio::task::yield_now().await;
    }
}

async fn submit(jobs: Jobs, chance: Chance) {
    let key = format!("request {}", chance.below(JOBS));
    let mut new = support::new_job(&key);
    if chance.percent(20) {
        let seconds = jiff::SignedDuration::from_secs(chance.below(1_800).cast_signed());
        new.deadline = Some(zkpool_ports::VirtualClock::START + seconds);
    }
    let _ = jobs.submit(new).await;
}

async fn cancel(jobs: Jobs, chance: Chance) {
    let project = support::project();
    let Ok(page) = jobs.list(&project, &Default::default(), None, 10).await else { return };
    if !page.items.is_empty() && chance.percent(30) {
        let job = page.items[chance.below(page.items.len() as u64) as usize].id;
        let _ = jobs.cancel(&project, job).await;
    }
}

async fn prove(jobs: Jobs, chance: Chance) {
    let Ok(Some(claim)) = jobs.claim(Duration::ZERO).await else { return };
    let Ok(witness) = jobs.witness(&claim).await else { return };
    pause(&chance).await;
    if let Ok(Held::Lost | Held::Cancelled) = jobs.heartbeat(&claim).await
        && chance.percent(50)
    {
        let _ = jobs.abandon(&claim, Some(support::cpu()), support::measured()).await;
        return;
    }
    pause(&chance).await;
    match chance.below(10) {
        0 => drop(jobs.hand_back(&claim).await),
        1 => drop(jobs.retry_later(&claim).await),
        2 => {
            let failure = Failure { code: ErrorCode::InvalidWitness, detail: String::new() };
            let _ = jobs.fail(&claim, failure, Some(support::cpu()), support::measured()).await;
        }
        _ => publish(&jobs, &claim, witness.expose()).await,
    }
}

/// Publishes as a prover does: an error is tried again.
async fn publish(jobs: &Jobs, claim: &zkpool_jobs::Claim, witness: &[u8]) {
    for _ in 0..3 {
        let proof = support::proof(witness);
        let committed = jobs.succeed(claim, proof, support::cpu(), support::measured()).await;
        match committed {
            Ok(Commit::Won(outcome)) => {
                assert_eq!(outcome.state, JobState::Succeeded);
                assert_eq!(outcome.attempt.map(|attempt| attempt.id), Some(claim.attempt.id));
                return;
            }
            Ok(Commit::Lost(_) | Commit::Outdated) => return,
            Err(_) => {}
        }
    }
}

#[test]
fn the_laws_hold_whatever_fails_in_any_order() {
    let mut ended = [0_usize; 4];
    let mut wasted = 0;
    for seed in 0..SEEDS {
        let run = Run::new(seed).run();
        for observed in run.seen.jobs.values() {
            wasted += observed.waste.len();
            match observed.outcome.as_ref().map(|outcome| outcome.state) {
                Some(JobState::Succeeded) => ended[0] += 1,
                Some(JobState::Failed) => ended[1] += 1,
                Some(JobState::Cancelled) => ended[2] += 1,
                _ => ended[3] += 1,
            }
        }
    }
    println!("succeeded, failed, cancelled, other: {ended:?}; wasted attempts: {wasted}");
    // A simulation that never reaches a case proves nothing about it.
    assert!(ended[..3].iter().all(|count| *count > 50) && wasted > 50);
}

#[test]
fn the_same_seed_runs_the_same_way() {
    for seed in [3, 17] {
        let (first, again) = (Run::new(seed).run(), Run::new(seed).run());
        assert_eq!(first.trace, again.trace);
        assert_eq!(first.seen, again.seen);
    }
}
