//! Other values of the policies, and which of them to deploy.

use crate::report::ratio;
use crate::{Figures, FleetError, Machines, Policy, Scaling, Trace, replay};

const TARGETS_S: [u64; 7] = [30, 60, 120, 180, 300, 450, 600];
const SCALE_OUT_COOLDOWNS_S: [u64; 3] = [60, 180, 300];
const SCALE_IN_COOLDOWNS_S: [u64; 3] = [60, 300, 900];
const IDLE_MINUTES: [usize; 3] = [2, 5, 15];

/// Policies and how they did on each trace.
#[derive(Clone, Debug, PartialEq)]
pub struct Tried {
    /// The policies.
    pub scaling: Scaling,
    /// What they came to, in the order of the traces.
    pub figures: Vec<Figures>,
}

/// Every combination of the values that are tried; what else is in `shipped` stays.
#[must_use]
pub fn candidates(shipped: &Scaling) -> Vec<Scaling> {
    let mut candidates = Vec::new();
    for target_backlog_s in TARGETS_S {
        for scale_out_cooldown_s in SCALE_OUT_COOLDOWNS_S {
            for scale_in_cooldown_s in SCALE_IN_COOLDOWNS_S {
                for idle_minutes in IDLE_MINUTES {
                    let mut scaling = shipped.clone();
                    scaling.target_backlog_s = target_backlog_s;
                    scaling.scale_out_cooldown_s = scale_out_cooldown_s;
                    scaling.scale_in_cooldown_s = scale_in_cooldown_s;
                    scaling.sleep.idle_minutes = idle_minutes;
                    candidates.push(scaling);
                }
            }
        }
    }
    candidates
}

/// Plays every trace with every candidate.
///
/// # Errors
/// As for [`replay`].
pub fn sweep(
    candidates: &[Scaling],
    machines: &Machines,
    traces: &[Trace],
) -> Result<Vec<Tried>, FleetError> {
    let tried = |scaling: &Scaling| {
        let policy = Policy::Scaled(scaling.clone());
        let figures = |trace| replay(&policy, machines, trace).map(|report| report.figures());
        let figures = traces.iter().map(figures).collect::<Result<_, _>>()?;
        Ok(Tried { scaling: scaling.clone(), figures })
    };
    candidates.iter().map(tried).collect()
}

/// Among policies that keep the wait of 95 in 100 jobs within `wait_s` on each trace, the one whose
/// costs, each against the cheapest such policy's on its trace, have the lowest sum. Of equals, the
/// first.
#[must_use]
pub fn choose(tried: &[Tried], wait_s: f64) -> Option<&Tried> {
    let quick: Vec<_> = tried
        .iter()
        .filter(|tried| tried.figures.iter().all(|figures| figures.p95_s <= wait_s))
        .collect();
    let traces = quick.first()?.figures.len();
    let cheapest: Vec<_> = (0..traces)
        .map(|trace| quick.iter().map(|tried| cost(tried, trace)).fold(f64::INFINITY, f64::min))
        .collect();
    let score = |tried: &Tried| {
        cheapest.iter().enumerate().map(|(trace, least)| cost(tried, trace) / least).sum::<f64>()
    };
    quick.into_iter().min_by(|a, b| score(a).total_cmp(&score(b)))
}

fn cost(tried: &Tried, trace: usize) -> f64 {
    ratio(tried.figures[trace].nano_usd_per_proof, 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Report;

    fn tried(target_backlog_s: u64, p95_s: f64, nano_usd_per_proof: u64) -> Tried {
        let mut scaling =
            Scaling::from_json(include_str!("../../../infra/scaling.json")).unwrap();
        scaling.target_backlog_s = target_backlog_s;
        let figures = Figures { p95_s, nano_usd_per_proof, ..Report::default().figures() };
        Tried { scaling, figures: vec![figures] }
    }

    #[test]
    fn the_cheapest_policy_that_is_quick_enough_is_chosen() {
        let all = [tried(30, 10.0, 9), tried(60, 20.0, 7), tried(300, 500.0, 5)];
        let chosen = |wait_s| choose(&all, wait_s).map(|tried| tried.scaling.target_backlog_s);
        assert_eq!([chosen(5.0), chosen(15.0), chosen(60.0)], [None, Some(30), Some(60)]);
    }
}
