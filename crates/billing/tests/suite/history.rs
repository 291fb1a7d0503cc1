//! Histories: what requesters, provers, operators, clocks and roll-ups do, in any order.

use proptest::prelude::*;
use zkpool_jobs::Claim;
use zkpool_types::{CostReport, Dimension, ErrorCode, Failure, JobId};

use crate::world::{World, device, measured, project};

/// One thing that happens. Numbers choose among what there is.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Submit(u8),
    Claim,
    Succeed(usize, u64),
    Fail(usize, u64),
    Abandon(usize, u64),
    Cancel(usize),
    Correct(usize, i64),
    Pass(u64),
    Sweep,
    RollUp,
    RollUpTwice,
    Close,
}

pub(crate) fn history() -> impl Strategy<Value = Vec<Step>> {
    let us = 0..5_000_000_u64;
    let step = prop_oneof![
        6 => any::<u8>().prop_map(Step::Submit),
        6 => Just(Step::Claim),
        6 => (any::<usize>(), us.clone()).prop_map(|(claim, us)| Step::Succeed(claim, us)),
        1 => (any::<usize>(), us.clone()).prop_map(|(claim, us)| Step::Fail(claim, us)),
        1 => (any::<usize>(), us).prop_map(|(claim, us)| Step::Abandon(claim, us)),
        1 => any::<usize>().prop_map(Step::Cancel),
        1 => (any::<usize>(), -1_000_000..1_000_000_i64).prop_map(|(j, n)| Step::Correct(j, n)),
        2 => (1..40_u64).prop_map(Step::Pass),
        1 => (1_000..900_000_u64).prop_map(Step::Pass),
        1 => Just(Step::Sweep),
        2 => Just(Step::RollUp),
        1 => Just(Step::RollUpTwice),
        1 => Just(Step::Close),
    ];
    proptest::collection::vec(step, 1..80)
}

/// How a history went.
pub(crate) struct Run {
    pub(crate) world: World,
    claims: Vec<Claim>,
    jobs: Vec<JobId>,
    /// Closed months and what they came to when they were closed.
    pub(crate) closed: Vec<(String, CostReport)>,
}

impl Run {
    pub(crate) fn new(seed: u64) -> Self {
        Self { world: World::new(seed), claims: Vec::new(), jobs: Vec::new(), closed: Vec::new() }
    }

    pub(crate) async fn step(&mut self, step: &Step) {
        let jobs = &self.world.jobs;
        match *step {
            Step::Submit(label) => {
                let job = self.world.submit(label).await;
                self.jobs.push(job);
            }
            Step::Claim => self.claims.extend(self.world.claim().await),
            Step::Succeed(claim, us) => {
                if let Some(claim) = pick(&self.claims, claim) {
                    self.world.succeed(claim, us).await;
                }
            }
            Step::Fail(claim, us) => {
                if let Some(claim) = pick(&self.claims, claim) {
                    let code = ErrorCode::UnsatisfiedWitness;
                    let failure = Failure { code, detail: String::new() };
                    jobs.fail(claim, failure, Some(device(us)), measured(us)).await.unwrap();
                }
            }
            Step::Abandon(claim, us) => {
                if let Some(claim) = pick(&self.claims, claim) {
                    jobs.abandon(claim, Some(device(us)), measured(us)).await.unwrap();
                }
            }
            Step::Cancel(job) => {
                if let Some(job) = pick(&self.jobs, job) {
                    // A job that has ended cannot be cancelled, which is as good.
                    let _ = jobs.cancel(&project(), *job).await;
                }
            }
            Step::Correct(job, amount) => {
                if let Some(job) = pick(&self.jobs, job) {
                    // An open job cannot be corrected, which is as good.
                    let _ = self.world.correct(*job, amount).await;
                }
            }
            Step::Pass(seconds) => self.world.pass(seconds),
            Step::Sweep => _ = jobs.sweep().await,
            Step::RollUp => _ = self.world.shaky.roll_up_all().await,
            Step::RollUpTwice => {
                let shaky = &self.world.shaky;
                let _ = tokio::join!(shaky.roll_up_all(), shaky.roll_up_all());
            }
            Step::Close => self.close().await,
        }
    }

    /// Closes the month before this one, and notes what every closed month came to.
    async fn close(&mut self) {
        let costs = &self.world.costs;
        let month = self.world.last_month();
        costs.close(&project(), &month, None).await.unwrap();
        let report = self.world.month(&month).await;
        self.closed.push((month, report));
    }
}

fn pick<T>(all: &[T], index: usize) -> Option<&T> {
    all.get(index.checked_rem(all.len())?)
}

impl World {
    /// The month before the current one.
    pub(crate) fn last_month(&self) -> String {
        use zkpool_ports::Clock;
        let today = zkpool_ledger::costs::day_of(self.clock.now());
        zkpool_ledger::costs::month_of(today.first_of_month().yesterday().unwrap())
    }

    /// The report of a month, in full detail.
    pub(crate) async fn month(&self, month: &str) -> CostReport {
        let first: jiff::civil::Date = format!("{month}-01").parse().unwrap();
        let (from, to) = (first.to_string(), first.last_of_month().to_string());
        let by = [Dimension::Day, Dimension::Proof, Dimension::Kind];
        self.report_of(&self.costs, &from, &to, &by).await
    }
}
