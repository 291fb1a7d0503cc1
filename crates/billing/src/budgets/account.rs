//! What is counted against budgets: pure steps from one state of the log to the next.

use std::collections::{BTreeMap, BTreeSet};

use zkpool_types::budget::{BudgetAccount, BudgetAlert, BudgetState};
use zkpool_types::{Budget, BudgetScope, Defect, NanoUsd, Timestamp};

/// The labels of a job.
pub(super) type Tags = BTreeMap<String, String>;

/// A budget with a hard stop that a price does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Exceeded {
    pub(super) scope: BudgetScope,
    pub(super) limit: NanoUsd,
    pub(super) committed: NanoUsd,
}

/// A state with the alerts that the step to it raised.
pub(super) type Step = (BudgetState, Vec<BudgetAlert>);

/// Sets a price aside in every account that covers these tags.
///
/// # Errors
/// It does not fit what is left of a budget with a hard stop. Nothing is set aside then.
pub(super) fn reserve(
    state: &BudgetState,
    budgets: &[Budget],
    tags: &Tags,
    amount: NanoUsd,
    at: Timestamp,
) -> Result<Step, Exceeded> {
    let mut next = state.clone();
    for (scope, account) in next.accounts.iter_mut().filter(|(scope, _)| scope.covers(tags)) {
        let committed = account.committed_nano_usd;
        let limit = hard_limit(budgets, scope);
        let sum = committed.checked_add(amount).filter(|sum| limit.is_none_or(|max| *sum <= max));
        let refused = || {
            let limit = limit.unwrap_or(NanoUsd::new(u64::MAX));
            Exceeded { scope: scope.clone(), limit, committed }
        };
        account.committed_nano_usd = sum.ok_or_else(refused)?;
    }
    let alerts = raise(&mut next, budgets, at);
    Ok((next, alerts))
}

fn hard_limit(budgets: &[Budget], scope: &BudgetScope) -> Option<NanoUsd> {
    let budget = budgets.iter().find(|budget| budget.scope == *scope && budget.hard_stop)?;
    Some(budget.limit_nano_usd)
}

/// Starts to count for the scopes of these amounts, and stops for scopes without a budget.
pub(super) fn open(
    state: &BudgetState,
    budgets: &[Budget],
    amounts: &BTreeMap<BudgetScope, NanoUsd>,
    at: Timestamp,
) -> Step {
    let mut next = state.clone();
    next.accounts.retain(|scope, _| budgets.iter().any(|budget| budget.scope == *scope));
    for (scope, amount) in amounts {
        let account = BudgetAccount { committed_nano_usd: *amount, alerts: Vec::new() };
        next.accounts.insert(scope.clone(), account);
    }
    let alerts = raise(&mut next, budgets, at);
    (next, alerts)
}

/// A reservation that is free again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Freed {
    pub(super) entry: u64,
    pub(super) amount: NanoUsd,
    pub(super) tags: Tags,
}

/// Frees reservations, each at most once, and moves on to where nothing is left to be looked at.
pub(super) fn release(state: &BudgetState, freed: &[Freed], settled: u64) -> BudgetState {
    let mut next = state.clone();
    for freed in freed.iter().filter(|freed| !is_released(state, freed.entry)) {
        for (_, account) in next.accounts.iter_mut().filter(|(scope, _)| scope.covers(&freed.tags))
        {
            let left = account.committed_nano_usd.get().saturating_sub(freed.amount.get());
            account.committed_nano_usd = NanoUsd::new(left);
        }
        next.released.insert(freed.entry);
    }
    next.settled = next.settled.max(settled);
    let settled = next.settled;
    next.released =
        next.released.into_iter().filter(|entry| *entry > settled).collect::<BTreeSet<_>>();
    next
}

/// Whether an entry was released or never needs to be.
pub(super) fn is_released(state: &BudgetState, entry: u64) -> bool {
    let forgets = Defect::ReleasesTwice.is_planted();
    entry <= state.settled || (state.released.contains(&entry) && !forgets)
}

/// Raises every alert that is due and was not raised for the same limit this month.
fn raise(state: &mut BudgetState, budgets: &[Budget], at: Timestamp) -> Vec<BudgetAlert> {
    let mut raised = Vec::new();
    for budget in budgets {
        let Some(account) = state.accounts.get_mut(&budget.scope) else { continue };
        account.alerts.retain(|earlier| is_set(earlier, budget));
        for percent in &budget.alerts_percent {
            let alert = BudgetAlert {
                scope: budget.scope.clone(),
                percent: *percent,
                limit_nano_usd: budget.limit_nano_usd,
                committed_nano_usd: account.committed_nano_usd,
                at,
            };
            let is_raised = account.alerts.iter().any(|earlier| earlier.percent == *percent);
            if is_due(&alert) && !is_raised {
                account.alerts.push(alert.clone());
                raised.push(alert);
            }
        }
    }
    raised
}

fn is_due(alert: &BudgetAlert) -> bool {
    let reached = u128::from(alert.committed_nano_usd.get()) * 100;
    reached >= u128::from(alert.limit_nano_usd.get()) * u128::from(alert.percent)
}

/// Whether an alert is one of the budget as it is set now.
fn is_set(alert: &BudgetAlert, budget: &Budget) -> bool {
    alert.limit_nano_usd == budget.limit_nano_usd && budget.alerts_percent.contains(&alert.percent)
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp::UNIX_EPOCH;

    fn budget(scope: &str, limit: u64, hard_stop: bool) -> Budget {
        let (scope, limit_nano_usd) = (scope.parse().unwrap(), NanoUsd::new(limit));
        Budget { scope, limit_nano_usd, alerts_percent: vec![50, 100], hard_stop }
    }

    fn red() -> Tags {
        Tags::from([("team".to_owned(), "red".to_owned())])
    }

    fn opened(budgets: &[Budget]) -> BudgetState {
        let zero = budgets.iter().map(|b| (b.scope.clone(), NanoUsd::ZERO)).collect();
        open(&BudgetState::default(), budgets, &zero, AT).0
    }

    fn committed(state: &BudgetState, scope: &str) -> u64 {
        state.accounts[&scope.parse().unwrap()].committed_nano_usd.get()
    }

    #[test]
    fn a_price_is_set_aside_in_every_account_or_in_none() {
        let budgets = [budget("*", 100, true), budget("team:red", 50, true)];
        let state = opened(&budgets);
        let (state, _) = reserve(&state, &budgets, &red(), NanoUsd::new(50), AT).unwrap();
        assert_eq!((committed(&state, "*"), committed(&state, "team:red")), (50, 50));
        let refused = reserve(&state, &budgets, &red(), NanoUsd::new(1), AT).unwrap_err();
        assert_eq!((refused.scope.to_string(), refused.limit.get()), ("team:red".to_owned(), 50));
        let (state, _) = reserve(&state, &budgets, &Tags::new(), NanoUsd::new(50), AT).unwrap();
        assert_eq!((committed(&state, "*"), committed(&state, "team:red")), (100, 50));
    }

    #[test]
    fn a_budget_without_a_hard_stop_refuses_nothing_and_raises_each_alert_once() {
        let budgets = [budget("*", 100, false)];
        let (mut state, mut raised) = (opened(&budgets), Vec::new());
        for _ in 0..30 {
            let (next, alerts) = reserve(&state, &budgets, &red(), NanoUsd::new(10), AT).unwrap();
            raised.extend(alerts.iter().map(|a| (a.percent, a.committed_nano_usd.get())));
            state = next;
        }
        assert_eq!(raised, [(50, 50), (100, 100)]);
        assert_eq!(committed(&state, "*"), 300);
    }

    #[test]
    fn an_amount_beyond_64_bits_is_rejected_also_without_a_hard_stop() {
        let budgets = [budget("*", 100, false)];
        let most = NanoUsd::new(u64::MAX);
        let (state, _) = reserve(&opened(&budgets), &budgets, &red(), most, AT).unwrap();
        assert!(reserve(&state, &budgets, &red(), NanoUsd::new(1), AT).is_err());
    }

    #[test]
    fn a_reservation_is_released_once_however_often_that_is_asked() {
        let budgets = [budget("*", 100, true)];
        let (state, _) =
            reserve(&opened(&budgets), &budgets, &red(), NanoUsd::new(30), AT).unwrap();
        let (state, _) = reserve(&state, &budgets, &red(), NanoUsd::new(20), AT).unwrap();
        let freed = [Freed { entry: 3, amount: NanoUsd::new(20), tags: red() }];
        let once = release(&state, &freed, 1);
        assert_eq!((committed(&once, "*"), once.released.len()), (30, 1));
        let twice = release(&once, &freed, 1);
        assert_eq!(twice, once);
        // Past the mark nothing has to be remembered, and nothing is released again.
        let settled = release(&twice, &freed, 3);
        assert_eq!((committed(&settled, "*"), settled.released.len()), (30, 0));
        assert_eq!(release(&settled, &freed, 3), settled);
    }

    #[test]
    fn scopes_without_a_budget_are_no_longer_counted() {
        let both = [budget("*", 100, true), budget("team:red", 50, true)];
        let state = opened(&both);
        let (state, _) = open(&state, &both[..1], &BTreeMap::new(), AT);
        assert_eq!(state.accounts.len(), 1);
    }
}
