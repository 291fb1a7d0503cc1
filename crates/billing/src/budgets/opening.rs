//! What was spent in a month before there was a budget to count it.

use std::collections::BTreeMap;

use futures_util::future::try_join_all;
use jiff::tz::TimeZone;
use zkpool_jobs::{Circuits, Jobs};
use zkpool_types::budget::BudgetChange;
use zkpool_types::{
    BudgetScope, CircuitRef, JobId, JobRequest, NanoUsd, Outcome, ProjectId, Timestamp,
};

use super::BudgetError;
use super::account::Tags;
use super::log::{Log, month_name};
use crate::Quotes;

/// Records read at once.
const READS_AT_ONCE: usize = 16;

/// What counts so far, by scope.
pub(super) type Sums = BTreeMap<BudgetScope, NanoUsd>;

/// Adds up what one project has spent.
pub(super) struct Opening<'a> {
    pub(super) jobs: &'a Jobs,
    pub(super) circuits: &'a Circuits,
    pub(super) quotes: &'a Quotes,
}

impl Opening<'_> {
    /// What the month's jobs without a reservation were charged or, while they are open, would be
    /// quoted, for each of these scopes.
    pub(super) async fn spent(
        &self,
        log: &Log,
        scopes: &[BudgetScope],
    ) -> Result<Sums, BudgetError> {
        let mut sums: Sums = scopes.iter().map(|scope| (scope.clone(), NanoUsd::ZERO)).collect();
        let start = start_of(log);
        let mut after: Option<JobId> = None;
        loop {
            let page = self.jobs.since(&log.project, start, after).await?;
            for jobs in page.chunks(READS_AT_ONCE) {
                let records = jobs.iter().map(|job| self.jobs.record(&log.project, *job));
                for (request, outcome) in try_join_all(records).await?.into_iter().flatten() {
                    if !is_reserved(log, &request) {
                        let amount = self.amount(&log.project, &request, outcome).await?;
                        add(&mut sums, &request.tags, amount);
                    }
                }
            }
            match page.last() {
                Some(last) => after = Some(*last),
                None => return Ok(sums),
            }
        }
    }

    async fn amount(
        &self,
        project: &ProjectId,
        request: &JobRequest,
        outcome: Option<Outcome>,
    ) -> Result<NanoUsd, BudgetError> {
        match (outcome, &request.price) {
            (Some(outcome), _) => Ok(outcome.receipt.charge_nano_usd),
            (None, Some(price)) => Ok(price.price_nano_usd),
            (None, None) => self.quoted(project, &request.circuit).await,
        }
    }

    async fn quoted(
        &self,
        project: &ProjectId,
        circuit: &CircuitRef,
    ) -> Result<NanoUsd, BudgetError> {
        let manifest = self.circuits.resolve(project, &circuit.to_string()).await?;
        Ok(self.quotes.price(&manifest).await?.price_nano_usd)
    }
}

/// Adds to `sums` what entries after `from` and up to the head have reserved and released.
pub(super) async fn logged(log: &Log, from: u64, sums: &mut Sums) -> Result<(), BudgetError> {
    for number in from + 1..=log.head.entry {
        match log.read(number).await?.map(|entry| entry.change) {
            Some(BudgetChange::Reserved { amount_nano_usd, tags, .. }) => {
                add(sums, &tags, amount_nano_usd);
            }
            Some(BudgetChange::Released { entries }) => {
                for entry in entries {
                    forget(log, entry, sums).await?;
                }
            }
            Some(BudgetChange::Opened { .. }) | None => {}
        }
    }
    Ok(())
}

/// Takes a released reservation off again.
async fn forget(log: &Log, entry: u64, sums: &mut Sums) -> Result<(), BudgetError> {
    let entry = log.read(entry).await?.map(|entry| entry.change);
    if let Some(BudgetChange::Reserved { amount_nano_usd, tags, .. }) = entry {
        for (_, sum) in sums.iter_mut().filter(|(scope, _)| scope.covers(&tags)) {
            *sum = NanoUsd::new(sum.get().saturating_sub(amount_nano_usd.get()));
        }
    }
    Ok(())
}

fn add(sums: &mut Sums, tags: &Tags, amount: NanoUsd) {
    for (_, sum) in sums.iter_mut().filter(|(scope, _)| scope.covers(tags)) {
        *sum = [*sum, amount].into_iter().sum();
    }
}

/// Whether the log counts this job: it does from its reservation on.
fn is_reserved(log: &Log, request: &JobRequest) -> bool {
    let reservation = request.price.as_ref().and_then(|price| price.reservation.as_ref());
    reservation.is_some_and(|reservation| reservation.month == month_name(log.month))
}

fn start_of(log: &Log) -> Timestamp {
    TimeZone::UTC.to_timestamp(log.month.at(0, 0, 0, 0)).unwrap_or(Timestamp::MIN)
}
