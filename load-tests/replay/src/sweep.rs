//! Other values of the policies, and which of them to deploy.

use crate::report::ratio;
use crate::{Figures, FleetError, Machines, Policy, Scaling, Trace, replay};

const TARGETS_S: [u64; 8] = [30, 60, 120, 180, 300, 450, 600, 900];
const SCALE_OUT_COOLDOWNS_S: [u64; 2] = [60, 180];
const SCALE_IN_COOLDOWNS_S: [u64; 3] = [60, 300, 900];
const IDLE_MINUTES: [usize; 3] = [2, 5, 15];

/// Costs that differ by less than this share are taken to be equal: another seed of the traces would
/// order them otherwise.
const SAME_COST: f64 = 0.02;

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

/// Among policies that keep the wait of 95 in 100 jobs within the given one of each trace, in
/// seconds, the cheapest; of those that cost about the same, the quickest. What is compared is the
/// sum over the traces, each against the least that one of these policies comes to on it.
#[must_use]
pub fn choose<'a>(tried: &'a [Tried], waits_s: &[f64]) -> Option<&'a Tried> {
    let within = |tried: &&Tried| {
        tried.figures.iter().zip(waits_s).all(|(figures, wait_s)| figures.p95_s <= *wait_s)
    };
    let quick: Vec<_> = tried.iter().filter(within).collect();
    let costs = sums(&quick, |figures| ratio(figures.nano_usd_per_proof, 1));
    let waits = sums(&quick, |figures| figures.p95_s);
    let least = costs.iter().copied().fold(f64::INFINITY, f64::min);
    let cheap = quick.iter().zip(costs).zip(waits);
    let cheap = cheap.filter(|((_, cost), _)| *cost <= least * (1.0 + SAME_COST));
    cheap.min_by(|(_, a), (_, b)| a.total_cmp(b)).map(|((tried, _), _)| *tried)
}

/// For each policy, the sum of a figure over the traces, on each against its least.
fn sums(tried: &[&Tried], figure: impl Fn(&Figures) -> f64) -> Vec<f64> {
    let traces = tried.first().map_or(0, |tried| tried.figures.len());
    let of = |trace: usize| move |tried: &&Tried| tried.figures[trace];
    let least: Vec<_> = (0..traces)
        .map(|trace| tried.iter().map(of(trace)).map(|f| figure(&f)).fold(f64::INFINITY, f64::min))
        .collect();
    let sum = |tried: &&Tried| {
        tried.figures.iter().zip(&least).map(|(figures, least)| figure(figures) / least).sum()
    };
    tried.iter().map(sum).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Report;

    fn tried(target_backlog_s: u64, p95_s: f64, nano_usd_per_proof: u64) -> Tried {
        let mut scaling = Scaling::from_json(include_str!("../../../infra/scaling.json")).unwrap();
        scaling.target_backlog_s = target_backlog_s;
        let figures = Figures { p95_s, nano_usd_per_proof, ..Report::default().figures() };
        Tried { scaling, figures: vec![figures] }
    }

    #[test]
    fn the_cheapest_policy_that_is_quick_enough_is_chosen() {
        let all = [tried(30, 10.0, 900), tried(60, 20.0, 700), tried(300, 500.0, 500)];
        let chosen = |wait_s| choose(&all, &[wait_s]).map(|tried| tried.scaling.target_backlog_s);
        assert_eq!([chosen(5.0), chosen(15.0), chosen(60.0)], [None, Some(30), Some(60)]);
    }

    #[test]
    fn of_policies_that_cost_about_the_same_the_quickest_is_chosen() {
        let all = [tried(30, 10.0, 1010), tried(60, 20.0, 1000)];
        assert_eq!(choose(&all, &[60.0]), Some(&all[0]));
    }
}
