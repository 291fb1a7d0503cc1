//! Budgets: what a project may spend in a calendar month, as a whole and by tag.
//!
//! A job under a budget is accepted at an agreed price, and the price is *reserved* before: what
//! is reserved is exactly what a success is charged, and nothing is charged that was not reserved.
//! A job counts in the month in which its price was reserved, which is when it was accepted.
//!
//! Reservations are entries of a log that are created once, each carrying where everything stands
//! after it, so that no two processes can spend the same rest of a budget. Nothing on the way to an
//! outcome waits for the log: only acceptance does.

mod account;
mod error;
mod log;
mod opening;
mod settle;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::SignedDuration;
use jiff::civil::Date;
use tokio::sync::Mutex as Turn;
use zkpool_jobs::records::RECORD_BYTES_MAX;
use zkpool_jobs::{Circuits, Jobs, Ports, Records, keys};
use zkpool_ledger::costs::day_of;
use zkpool_types::api::{BudgetView, BudgetsView, PutBudgets};
use zkpool_types::budget::{BudgetChange, BudgetsRecord};
use zkpool_types::limits::{BUDGET_ALERTS_MAX, BUDGETS_MAX, TAG_BYTES_MAX};
use zkpool_types::{
    Budget, BudgetAlert, BudgetScope, KeyId, NanoUsd, ProjectId, Reservation, Sha256Digest,
};

use crate::{Costs, Quotes};
use account::{Exceeded, Freed, Tags};
use log::{Log, month_name, month_of};
use opening::{Opening, logged};
use settle::Reserved;

pub use error::BudgetError;

/// Projects whose logs a process keeps the end of.
const LOGS_MAX: usize = 1024;

/// How long after the end of a month its alerts are looked after.
const ALERTS_KEPT: SignedDuration = SignedDuration::from_hours(24);

/// The budgets of every project. Clones share what they have read.
#[derive(Clone, Debug)]
pub struct Budgets {
    ports: Ports,
    records: Records,
    costs: Costs,
    jobs: Jobs,
    circuits: Circuits,
    quotes: Quotes,
    logs: Logs,
}

/// The ends of logs. Within one process writers of a log take turns.
type Logs = Arc<Mutex<BTreeMap<(ProjectId, Date), Arc<Turn<Log>>>>>;

/// What a job would have to be charged against.
#[derive(Clone, Debug)]
pub struct Draw<'a> {
    /// The tenant.
    pub project: &'a ProjectId,
    /// Digest of the submission's idempotency key.
    pub submission: Sha256Digest,
    /// The job's labels.
    pub tags: &'a Tags,
    /// The price.
    pub price: NanoUsd,
}

impl Budgets {
    /// Budgets over these ports.
    #[must_use]
    pub fn new(ports: Ports, jobs: Jobs, quotes: Quotes) -> Self {
        let records = Records::new(Arc::clone(&ports.blobs));
        let circuits = Circuits::new(ports.clone());
        let costs = Costs::new(ports.clone());
        Self { ports, records, costs, jobs, circuits, quotes, logs: Logs::default() }
    }

    async fn record(&self, project: &ProjectId) -> Result<Option<BudgetsRecord>, BudgetError> {
        Ok(self.records.read(&keys::budgets(project), RECORD_BYTES_MAX).await?)
    }

    async fn of(&self, project: &ProjectId) -> Result<Vec<Budget>, BudgetError> {
        Ok(self.record(project).await?.map_or_else(Vec::new, |record| record.budgets))
    }

    /// Whether a job with these tags has to be reserved for.
    ///
    /// # Errors
    /// A port failed.
    pub async fn apply(&self, project: &ProjectId, tags: &Tags) -> Result<bool, BudgetError> {
        Ok(self.of(project).await?.iter().any(|budget| budget.scope.covers(tags)))
    }

    /// Sets every budget of a project, and begins to count for those that are new.
    ///
    /// # Errors
    /// A budget is out of range, or a port failed.
    pub async fn put(
        &self,
        project: &ProjectId,
        key: KeyId,
        budgets: PutBudgets,
    ) -> Result<BudgetsView, BudgetError> {
        let PutBudgets { budgets } = budgets;
        check(&budgets)?;
        let updated_at = self.ports.clock.now();
        let record = BudgetsRecord { budgets, updated_at, updated_by: key };
        self.records.put(&keys::budgets(project), &record).await?;
        self.view(project).await
    }

    /// The budgets of a project and where they stand this month.
    ///
    /// # Errors
    /// A port failed.
    pub async fn view(&self, project: &ProjectId) -> Result<BudgetsView, BudgetError> {
        let now = self.ports.clock.now();
        let month = month_of(now);
        let Some(record) = self.record(project).await? else {
            let month = month_name(month);
            return Ok(BudgetsView { month, budgets: Vec::new(), updated_at: None });
        };
        let log = self.log(project, month);
        let mut log = log.lock().await;
        log.catch_up().await?;
        self.open(&mut log, &record.budgets).await?;
        let reserved = settle::settle(&mut log, &self.jobs, now).await?;
        let views = record.budgets.into_iter().map(|budget| view_of(budget, &log, &reserved));
        Ok(BudgetsView {
            month: month_name(month),
            budgets: views.collect(),
            updated_at: Some(record.updated_at),
        })
    }

    /// Reserves a price in every budget that the job falls under.
    ///
    /// # Errors
    /// It does not fit a budget with a hard stop, or a port failed. Nothing is reserved then, or
    /// what is becomes free again by itself.
    pub async fn reserve(&self, draw: &Draw<'_>) -> Result<Reservation, BudgetError> {
        let budgets = self.of(draw.project).await?;
        let now = self.ports.clock.now();
        let log = self.log(draw.project, month_of(now));
        let mut log = log.lock().await;
        log.catch_up().await?;
        self.open(&mut log, &budgets).await?;
        let mut settled = false;
        loop {
            let state = &log.head.state;
            match account::reserve(state, &budgets, draw.tags, draw.price, now) {
                Ok((next, alerts)) => {
                    if log.append(change(draw), next, alerts).await? {
                        let month = month_name(log.month);
                        return Ok(Reservation { month, entry: log.head.entry });
                    }
                }
                Err(exceeded) if settled => return Err(refusal(exceeded, draw)),
                Err(_) => {
                    settle::settle(&mut log, &self.jobs, now).await?;
                    settled = true;
                }
            }
        }
    }

    /// Frees at once what no job came of. What is not freed here is within an hour.
    ///
    /// # Errors
    /// A port failed.
    pub async fn release(
        &self,
        draw: &Draw<'_>,
        reservation: &Reservation,
    ) -> Result<(), BudgetError> {
        let log = self.log(draw.project, month_of(self.ports.clock.now()));
        let mut log = log.lock().await;
        // A reservation of the month before is no longer in anyone's way.
        if month_name(log.month) != reservation.month {
            return Ok(());
        }
        let (entry, tags) = (reservation.entry, draw.tags.clone());
        let freed = [Freed { entry, amount: draw.price, tags }];
        log.catch_up().await?;
        while !account::is_released(&log.head.state, entry) {
            let next = account::release(&log.head.state, &freed, 0);
            let change = BudgetChange::Released { entries: vec![entry] };
            log.append(change, next, Vec::new()).await?;
        }
        Ok(())
    }

    /// The alerts of a project in the month that is running, and for a day after its beginning in
    /// the month before: the notice of an alert in its last moments may have been lost.
    ///
    /// # Errors
    /// A port failed.
    pub async fn alerts(&self, project: &ProjectId) -> Result<Vec<BudgetAlert>, BudgetError> {
        let now = self.ports.clock.now();
        let earlier = now.checked_sub(ALERTS_KEPT).unwrap_or(now);
        let mut alerts = Vec::new();
        for month in BTreeSet::from([month_of(earlier), month_of(now)]) {
            let log = self.log(project, month);
            let mut log = log.lock().await;
            log.catch_up().await?;
            let accounts = log.head.state.accounts.values();
            alerts.extend(accounts.flat_map(|account| account.alerts.clone()));
        }
        Ok(alerts)
    }

    /// Begins to count for scopes that are not counted yet.
    async fn open(&self, log: &mut Log, budgets: &[Budget]) -> Result<(), BudgetError> {
        let Self { costs, jobs, circuits, quotes, .. } = self;
        let today = day_of(self.ports.clock.now());
        let opening = Opening { costs, jobs, circuits, quotes };
        let mut opened: Option<(Vec<BudgetScope>, opening::Sums, u64)> = None;
        loop {
            let unknown = |scope: &&BudgetScope| !log.head.state.accounts.contains_key(*scope);
            let scopes = budgets.iter().map(|budget| &budget.scope).filter(unknown);
            let scopes: Vec<BudgetScope> = scopes.cloned().collect();
            if scopes.is_empty() {
                return Ok(());
            }
            // Another process may have opened some of them meanwhile.
            let (mut sums, from) = match opened.take() {
                Some((same, sums, from)) if same == scopes => (sums, from),
                _ => (opening.spent(log, today, &scopes).await?, 0),
            };
            logged(log, from, &mut sums).await?;
            let read = log.head.entry;
            let now = self.ports.clock.now();
            let (next, alerts) = account::open(&log.head.state, budgets, &sums, now);
            let change = BudgetChange::Opened { scopes: scopes.clone() };
            if log.append(change, next, alerts).await? {
                return Ok(());
            }
            opened = Some((scopes, sums, read));
        }
    }

    /// The log of a project and month, shared by everyone in this process who writes to it.
    fn log(&self, project: &ProjectId, month: Date) -> Arc<Turn<Log>> {
        let mut logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        if logs.len() >= LOGS_MAX {
            logs.retain(|_, log| Arc::strong_count(log) > 1);
        }
        let fresh = || Log::new(self.ports.clone(), project.clone(), month);
        let log = logs.entry((project.clone(), month));
        Arc::clone(log.or_insert_with(|| Arc::new(Turn::new(fresh()))))
    }
}

fn change(draw: &Draw<'_>) -> BudgetChange {
    BudgetChange::Reserved {
        submission: draw.submission,
        amount_nano_usd: draw.price,
        tags: draw.tags.clone(),
    }
}

fn refusal(exceeded: Exceeded, draw: &Draw<'_>) -> BudgetError {
    let Exceeded { scope, limit, committed } = exceeded;
    BudgetError::Exceeded { scope, limit, committed, price: draw.price }
}

fn view_of(budget: Budget, log: &Log, reserved: &Reserved) -> BudgetView {
    let account = log.head.state.accounts.get(&budget.scope).cloned().unwrap_or_default();
    let committed = account.committed_nano_usd;
    let left = budget.limit_nano_usd.get().saturating_sub(committed.get());
    BudgetView {
        committed_nano_usd: committed,
        reserved_nano_usd: reserved.get(&budget.scope).copied().unwrap_or_default(),
        remaining_nano_usd: NanoUsd::new(left),
        alerts: account.alerts,
        budget,
    }
}

fn check(budgets: &[Budget]) -> Result<(), BudgetError> {
    if budgets.len() > BUDGETS_MAX {
        return Err(BudgetError::TooMany { max: BUDGETS_MAX, found: budgets.len() });
    }
    for (index, budget) in budgets.iter().enumerate() {
        let rest = budgets.iter().skip(index + 1);
        if rest.map(|other| &other.scope).any(|scope| *scope == budget.scope) {
            return Err(BudgetError::Duplicate(budget.scope.clone()));
        }
        check_scope(&budget.scope)?;
        check_alerts(&budget.alerts_percent)?;
    }
    Ok(())
}

fn check_scope(scope: &BudgetScope) -> Result<(), BudgetError> {
    match scope {
        BudgetScope::Tag(name, value) if name.len().max(value.len()) > TAG_BYTES_MAX => {
            Err(BudgetError::Tag { max: TAG_BYTES_MAX })
        }
        BudgetScope::Project | BudgetScope::Tag(..) => Ok(()),
    }
}

fn check_alerts(alerts: &[u8]) -> Result<(), BudgetError> {
    let in_range = alerts.iter().all(|percent| (1..=100).contains(percent));
    if in_range && alerts.len() <= BUDGET_ALERTS_MAX {
        return Ok(());
    }
    Err(BudgetError::Alerts { max: BUDGET_ALERTS_MAX, found: alerts.to_vec() })
}
