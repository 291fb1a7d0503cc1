//! What was spent in a month before there was a budget to count it.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use futures_util::future::try_join_all;
use jiff::civil::Date;
use zkpool_jobs::{Circuits, Jobs, created_at};
use zkpool_ledger::costs::day_of;
use zkpool_types::budget::BudgetChange;
use zkpool_types::{
    BudgetScope, CircuitRef, CostKind, Defect, JobId, JobRequest, NanoUsd, Outcome, ProjectId,
    UsageRow,
};

use super::BudgetError;
use super::account::Tags;
use super::log::Log;
use crate::partition::{METERED, cell, is_older, kind_of, utf8};
use crate::sum::{Sum, Summed};
use crate::table::{Columns, TableError};
use crate::{BillingError, Costs, Quotes};

/// Records read at once.
const READS_AT_ONCE: usize = 16;

/// The columns of usage that a charge against a budget is known by.
const COLUMNS: [&str; 6] = ["kind", "job", "tags", "reserved_in", "charge_usd", METERED];

/// What counts so far, by scope.
pub(super) type Sums = BTreeMap<BudgetScope, NanoUsd>;

/// Adds up what one project has spent.
pub(super) struct Opening<'a> {
    pub(super) costs: &'a Costs,
    pub(super) jobs: &'a Jobs,
    pub(super) circuits: &'a Circuits,
    pub(super) quotes: &'a Quotes,
}

impl Opening<'_> {
    /// What the month's jobs without a reservation were charged or, while they are open, would be
    /// quoted, for each of these scopes. Charges are read from rows of usage: records are read of
    /// open jobs alone.
    pub(super) async fn spent(
        &self,
        log: &Log,
        today: Date,
        scopes: &[BudgetScope],
    ) -> Result<Sums, BudgetError> {
        let spent = Spent {
            sums: scopes.iter().map(|scope| (scope.clone(), NanoUsd::ZERO)).collect(),
            month: log.month,
        };
        // Clocks of the machines that ended jobs may be a little off.
        let first = log.month.yesterday().unwrap_or(log.month);
        let days = first..=today.tomorrow().unwrap_or(today);
        let summed = self.costs.sum(&log.project, &days, || spent.clone()).await?;
        let Summed { sum, open, closed_through: _ } = summed;
        let mut sums = sum.sums;
        self.add_open(log, open, &mut sums).await?;
        Ok(sums)
    }

    async fn add_open(
        &self,
        log: &Log,
        open: BTreeSet<JobId>,
        sums: &mut Sums,
    ) -> Result<(), BudgetError> {
        let open: Vec<_> = open.into_iter().filter(|job| is_of(log.month, *job)).collect();
        for jobs in open.chunks(READS_AT_ONCE) {
            let records = jobs.iter().map(|job| self.jobs.record(&log.project, *job));
            for (request, outcome) in try_join_all(records).await?.into_iter().flatten() {
                if !is_reserved(&request) {
                    let amount = self.amount(&log.project, &request, outcome).await?;
                    add(sums, &request.tags, amount);
                }
            }
        }
        Ok(())
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

/// Whether a log counts this job: it does from its reservation on, in the month of that, which may
/// have ended before the job was accepted.
fn is_reserved(request: &JobRequest) -> bool {
    request.price.as_ref().is_some_and(|price| price.reservation.is_some())
}

/// Whether a job was accepted in the month that begins on `month`, or later.
fn is_of(month: Date, job: JobId) -> bool {
    day_of(created_at(job)) >= month
}

/// What proofs of one month were charged that no reservation counts, so far.
#[derive(Clone, Debug)]
struct Spent {
    sums: Sums,
    /// The first day of the month.
    month: Date,
}

impl Spent {
    fn add(&mut self, job: JobId, is_reserved: bool, tags: &Tags, charge: i64) {
        let counts_elsewhere = is_reserved && !Defect::CountsInTwoMonths.is_planted();
        if !counts_elsewhere && is_of(self.month, job) {
            add(&mut self.sums, tags, NanoUsd::new(charge.try_into().unwrap_or_default()));
        }
    }
}

impl Sum for Spent {
    fn add_partition(&mut self, file: Bytes, _day: Date) -> Result<Option<usize>, BillingError> {
        let columns = Columns::read(file, &COLUMNS)?;
        if is_older(&columns) {
            return Ok(None);
        }
        let kinds = columns.text("kind")?;
        let (reserved, tags) = (columns.text("reserved_in")?, columns.text("tags")?);
        let charges = columns.numbers("charge_usd")?;
        for row in 0..columns.rows() {
            if kind_of(kinds[row].as_ref().map(utf8))? == CostKind::Proof {
                let tags = tags_of(tags[row].as_ref().map_or("{}", utf8))?;
                let is_reserved = reserved[row].is_some();
                self.add(cell(&columns, "job", row)?, is_reserved, &tags, charges[row]);
            }
        }
        Ok(Some(columns.rows()))
    }

    fn add_row(&mut self, row: &UsageRow) -> Result<(), BillingError> {
        if row.kind == CostKind::Proof {
            self.add(row.job, row.reserved_in.is_some(), &row.tags, row.charge_nano_usd);
        }
        Ok(())
    }
}

fn tags_of(json: &str) -> Result<Tags, TableError> {
    let refused = |_| TableError::Cell { column: "tags", found: json.to_owned() };
    serde_json::from_str(json).map_err(refused)
}
