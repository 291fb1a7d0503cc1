//! Finding out which reservations are still needed.
//!
//! What a job has reserved is exactly what it is charged, so that a job that succeeds needs nothing
//! more. A reservation is free again where its job ended uncharged, where another reservation
//! became the job's, and where no job came of it within an hour, which no submission outlives.

use std::collections::BTreeMap;

use futures_util::future::try_join_all;
use jiff::SignedDuration;
use zkpool_jobs::{Jobs, PortError};
use zkpool_types::budget::{BudgetChange, BudgetEntry};
use zkpool_types::{BudgetScope, NanoUsd, Reservation, Timestamp};

use super::BudgetError;
use super::account::{Freed, Tags, is_released, release};
use super::log::{Log, month_name};

/// Age at which a reservation without a job is free again.
const ORPHAN_AFTER: SignedDuration = SignedDuration::from_hours(1);

/// Entries that one pass looks at, the oldest first. What it does not reach counts as needed.
const ENTRIES_MAX: u64 = 2000;

/// Entries looked at at once.
const ENTRIES_AT_ONCE: u64 = 16;

/// Reservations that are remembered as released while an older one is still needed.
const RELEASED_MAX: usize = 1000;

/// Entries that may be left behind without being written down as settled.
const LAG_MAX: u64 = 64;

/// Tries to write down what was found, before that is left to the next pass.
const TRIES: usize = 3;

/// What one entry stands for now.
enum Standing {
    /// It never needs to be looked at again.
    Settled,
    /// A job that may still succeed needs it.
    Needed(NanoUsd, Tags),
    /// It is free.
    Free(Freed),
}

/// What a pass found.
#[derive(Debug, Default)]
struct Findings {
    freed: Vec<Freed>,
    needed: Vec<(NanoUsd, Tags)>,
    settled: u64,
}

/// What is reserved for open jobs, by scope.
pub(super) type Reserved = BTreeMap<BudgetScope, NanoUsd>;

/// Frees what is free, and returns what is reserved for jobs that are open.
pub(super) async fn settle(
    log: &mut Log,
    jobs: &Jobs,
    now: Timestamp,
) -> Result<Reserved, BudgetError> {
    let mut findings = look(log, jobs, now).await?;
    for _ in 0..TRIES {
        findings.freed.retain(|freed| !is_released(&log.head.state, freed.entry));
        let room = RELEASED_MAX.saturating_sub(log.head.state.released.len());
        findings.freed.truncate(room);
        let lag = findings.settled.saturating_sub(log.head.state.settled);
        if findings.freed.is_empty() && lag < LAG_MAX {
            break;
        }
        let next = release(&log.head.state, &findings.freed, findings.settled);
        let entries = findings.freed.iter().map(|freed| freed.entry).collect();
        if log.append(BudgetChange::Released { entries }, next, Vec::new()).await? {
            break;
        }
    }
    Ok(reserved(log, &findings))
}

fn reserved(log: &Log, findings: &Findings) -> Reserved {
    let of = |scope: &BudgetScope| {
        let covered = findings.needed.iter().filter(|(_, tags)| scope.covers(tags));
        covered.map(|(amount, _)| *amount).sum()
    };
    log.head.state.accounts.keys().map(|scope| (scope.clone(), of(scope))).collect()
}

async fn look(log: &Log, jobs: &Jobs, now: Timestamp) -> Result<Findings, PortError> {
    let start = log.head.state.settled;
    let end = log.head.entry.min(start.saturating_add(ENTRIES_MAX));
    let mut findings = Findings { settled: start, ..Findings::default() };
    let mut number = start;
    while number < end {
        let upper = end.min(number + ENTRIES_AT_ONCE);
        let standings = (number + 1..=upper).map(|entry| standing(log, jobs, entry, now));
        for (entry, standing) in (number + 1..).zip(try_join_all(standings).await?) {
            findings.note(entry, standing);
        }
        number = upper;
    }
    Ok(findings)
}

impl Findings {
    fn note(&mut self, entry: u64, standing: Standing) {
        let in_a_row = self.settled + 1 == entry;
        match standing {
            Standing::Needed(amount, tags) => {
                self.needed.push((amount, tags));
                return;
            }
            Standing::Settled => {}
            Standing::Free(freed) => self.freed.push(freed),
        }
        // What comes later than the last one that can be remembered is looked at again.
        if in_a_row && self.freed.len() < RELEASED_MAX {
            self.settled = entry;
        }
    }
}

async fn standing(
    log: &Log,
    jobs: &Jobs,
    number: u64,
    now: Timestamp,
) -> Result<Standing, PortError> {
    if is_released(&log.head.state, number) {
        return Ok(Standing::Settled);
    }
    let Some(BudgetEntry { at, change, .. }) = log.read(number).await? else {
        return Ok(Standing::Settled);
    };
    let BudgetChange::Reserved { submission, amount_nano_usd: amount, tags } = change else {
        return Ok(Standing::Settled);
    };
    let mine = Reservation { month: month_name(log.month), entry: number };
    let free = Freed { entry: number, amount, tags: tags.clone() };
    Ok(match jobs.fate(&log.project, &submission).await? {
        None if now.duration_since(at) < ORPHAN_AFTER => Standing::Needed(amount, tags),
        None => Standing::Free(free),
        Some((request, outcome)) => {
            let reservation = request.price.and_then(|price| price.reservation);
            match outcome {
                _ if reservation != Some(mine) => Standing::Free(free),
                None => Standing::Needed(amount, tags),
                Some(outcome) if outcome.receipt.charged => Standing::Settled,
                Some(_) => Standing::Free(free),
            }
        }
    })
}
