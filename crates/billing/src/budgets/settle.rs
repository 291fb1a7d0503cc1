//! Finding out which reservations are still needed.
//!
//! What a job has reserved is exactly what it is charged, so that a job that succeeds needs nothing
//! more. A reservation is free again where its job ended uncharged, where another reservation
//! became the job's, and where no job came of it within an hour, which no submission outlives.

use std::collections::BTreeMap;

use futures_util::future::try_join_all;
use jiff::SignedDuration;
use zkpool_jobs::{Jobs, PortError};
use zkpool_types::budget::{BudgetChange, BudgetEntry, BudgetState};
use zkpool_types::{BudgetScope, Defect, NanoUsd, Reservation, Timestamp};

use super::BudgetError;
use super::account::{Freed, Tags, is_released, release};
use super::log::{Log, month_name};

/// Age at which a reservation without a job is free again.
const ORPHAN_AFTER: SignedDuration = SignedDuration::from_hours(1);

/// Entries that one pass looks at, the oldest first. What it does not reach counts as needed.
const ENTRIES_MAX: u64 = 1000;

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
        findings.keep_what_is_new(&log.head.state);
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
        if in_a_row {
            self.settled = entry;
        }
    }

    /// Drops what was released meanwhile, and what could not be remembered as released: behind the
    /// mark nothing has to be, and what is dropped is looked at again.
    fn keep_what_is_new(&mut self, state: &BudgetState) {
        let settled = self.settled;
        let remembered = state.released.iter().filter(|entry| **entry > settled).count();
        let mut room = RELEASED_MAX.saturating_sub(remembered);
        self.freed.retain(|freed| {
            let fits = freed.entry <= settled || room > 0;
            let keep = fits && !is_released(state, freed.entry);
            room -= usize::from(keep && freed.entry > settled);
            keep
        });
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
                Some(_) if Defect::KeepsReservations.is_planted() => Standing::Settled,
                Some(outcome) if outcome.receipt.charged => Standing::Settled,
                Some(_) => Standing::Free(free),
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn freed(entry: u64) -> Freed {
        Freed { entry, amount: NanoUsd::new(1), tags: Tags::new() }
    }

    #[test]
    fn the_mark_moves_up_to_the_first_entry_that_is_needed() {
        let mut findings = Findings { settled: 4, ..Findings::default() };
        findings.note(5, Standing::Settled);
        findings.note(6, Standing::Free(freed(6)));
        findings.note(7, Standing::Needed(NanoUsd::new(1), Tags::new()));
        findings.note(8, Standing::Free(freed(8)));
        assert_eq!((findings.settled, findings.freed.len(), findings.needed.len()), (6, 2, 1));
    }

    #[test]
    fn no_more_is_released_than_can_be_remembered_and_nothing_behind_the_mark_is_left_out() {
        let state = BudgetState { released: (100..1_099).collect(), ..BudgetState::default() };
        assert_eq!(state.released.len(), RELEASED_MAX - 1);
        let all = [10, 20, 1_098, 1_200, 1_201].map(freed).to_vec();
        let mut findings = Findings { freed: all, settled: 20, ..Findings::default() };
        findings.keep_what_is_new(&state);
        let kept: Vec<_> = findings.freed.iter().map(|freed| freed.entry).collect();
        assert_eq!(kept, [10, 20, 1_200]);
    }
}
