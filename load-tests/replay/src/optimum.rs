//! What the same jobs would cost at least for somebody who knew them all beforehand.
//!
//! The **clairvoyant optimum** is the cheapest schedule of machines that proves every job, begins
//! 95 in 100 of them no later than a given wait after their submission, never has more provers
//! than allowed, and knows all arrivals. Machines take as long to start as in the model, and are
//! paid for meanwhile; they end whenever it likes, are never taken away and have every key.
//!
//! [`bound_ms`] is below it. Every step only allows more or charges less:
//!
//! 1. Time is cut into slots of [`SLOT_MS`]. A machine that is ready in a part of a slot is taken
//!    to be ready in all of it; to make up for that, a start is charged two slots less.
//! 2. Jobs are a fluid, work in units of one machine's slot, in whole units: what has come in is
//!    rounded up and to the slot's beginning, what has to be proven is rounded down and is due at
//!    the slot's end. A job that begins in time is proven by the wait and its own time after it came.
//! 3. One in 20 jobs may begin late. A late job's work may be left out of what is due, at a price
//!    for each; the price times all that may be late is given back. For any price this is at most
//!    the optimum (Lagrange).
//! 4. Late jobs are proven all the same: ready time is at least all the work. This, too, enters by
//!    a price.
//!
//! For given prices the cheapest schedule follows exactly, by dynamic programming over slots,
//! provers that are ready, and units that wait: a prover that is ready proves if it can, because
//! less waiting is never worse. The largest bound over prices is taken.

use crate::{FleetError, Machines, Trace};

/// A slot, in milliseconds.
const SLOT_MS: u64 = 15_000;

/// One in so many jobs may begin late.
const LATE_ONE_IN: u64 = 20;

/// Prices of ready time that are tried, in tenths: what is given back for each slot of it.
const READY_TENTHS: [u32; 6] = [0, 2, 4, 6, 8, 10];

/// Prices of late work that are tried, each twice the one before it; from a fraction of what proving
/// it costs to more than a start costs.
const LATE_PRICES: u32 = 10;

/// The problem, in slots.
struct Slots {
    /// Units that have come in by the end of each slot.
    came: Vec<u64>,
    /// Units that are due by the end of each slot.
    due: Vec<u64>,
    /// Provers at once, at most.
    provers_max: usize,
    /// What a start costs, in slots of one machine.
    start: f64,
    /// All work, in units.
    work: f64,
    /// Work that may be late, in units.
    late: f64,
}

/// Time of machines, in milliseconds, below which no schedule proves the trace with 95 in 100
/// proofs beginning within `wait_ms`.
///
/// # Errors
/// As for [`crate::replay`].
pub fn bound_ms(
    machines: &Machines,
    trace: &Trace,
    provers_max: u32,
    wait_ms: u64,
) -> Result<u64, FleetError> {
    let slots = Slots::new(machines, trace, provers_max, wait_ms)?;
    let mut best: f64 = 0.0;
    for tenths in READY_TENTHS {
        let ready = f64::from(tenths) / 10.0;
        for doubled in 0..LATE_PRICES {
            let late = f64::from(1_u32 << doubled) / 32.0;
            best = best.max(slots.bound(ready, late));
        }
    }
    Ok(millis(best * whole(SLOT_MS)))
}

impl Slots {
    fn new(
        machines: &Machines,
        trace: &Trace,
        provers_max: u32,
        wait_ms: u64,
    ) -> Result<Self, FleetError> {
        let fastest_ms = fastest(&machines.proving_ms(&trace.circuits)?);
        let longest_ms = fastest_ms.iter().copied().max().unwrap_or(0);
        let mut total_ms = 0;
        let jobs: Vec<_> = trace
            .arrivals
            .iter()
            .map(|arrival| {
                total_ms += fastest_ms[arrival.circuit];
                (arrival.at_ms, total_ms)
            })
            .collect();
        let ends_ms = (1..=trace.minutes * 60_000 / SLOT_MS).map(|slot| slot * SLOT_MS);
        let by = |at_ms: u64| match jobs.partition_point(|(came_ms, _)| *came_ms < at_ms) {
            0 => 0,
            come => jobs[come - 1].1,
        };
        let slack_ms = wait_ms + longest_ms;
        let due_ms = |end_ms: u64| by(end_ms.saturating_sub(slack_ms)) / SLOT_MS;
        let late_jobs = trace.arrivals.len() as u64 / LATE_ONE_IN;
        Ok(Self {
            came: ends_ms.clone().map(|end_ms| by(end_ms).div_ceil(SLOT_MS)).collect(),
            due: ends_ms.map(due_ms).collect(),
            provers_max: provers_max as usize,
            start: whole((machines.boot_s * 1000).saturating_sub(2 * SLOT_MS)) / whole(SLOT_MS),
            work: whole(total_ms) / whole(SLOT_MS),
            late: whole(late_jobs * longest_ms) / whole(SLOT_MS),
        })
    }

    /// The cheapest schedule's cost in slots of machines, with what is given back for prices.
    fn bound(&self, ready: f64, late: f64) -> f64 {
        // By provers that are ready, and units that wait.
        let mut costs = vec![vec![f64::INFINITY]; self.provers_max + 1];
        costs[0][0] = 0.0;
        let mut came = 0;
        for (now, due) in self.came.iter().zip(&self.due) {
            let new = position(now - came);
            came = *now;
            self.change_fleet(&mut costs);
            let waits_max = position(now.saturating_sub(*due));
            for (provers, row) in costs.iter_mut().enumerate() {
                *row = prove(row, new, provers, waits_max, late);
                let paid = (1.0 - ready) * whole(provers as u64);
                row.iter_mut().for_each(|cost| *cost += paid);
            }
        }
        let cheapest = costs.iter().flatten().copied().fold(f64::INFINITY, f64::min);
        cheapest + ready * self.work - late * self.late
    }

    /// Starts cost, ends do not: the cheapest way to each number of provers.
    fn change_fleet(&self, costs: &mut [Vec<f64>]) {
        for more in 1..costs.len() {
            let (fewer, rest) = costs.split_at_mut(more);
            lower(&mut rest[0], &fewer[more - 1], self.start);
        }
        for fewer in (1..costs.len()).rev() {
            let (below, above) = costs.split_at_mut(fewer);
            lower(&mut below[fewer - 1], &above[0], 0.0);
        }
    }
}

/// Lowers costs to those of another number of provers and the change from it.
fn lower(costs: &mut Vec<f64>, others: &[f64], change: f64) {
    if costs.len() < others.len() {
        costs.resize(others.len(), f64::INFINITY);
    }
    for (cost, other) in costs.iter_mut().zip(others) {
        *cost = cost.min(other + change);
    }
}

/// A slot: units come in, as many as there are provers are proven, and what would wait longer than
/// allowed is late.
fn prove(costs: &[f64], new: usize, provers: usize, waits_max: usize, late: f64) -> Vec<f64> {
    let mut after = vec![f64::INFINITY; (costs.len() + new).min(waits_max + 1)];
    for (waiting, cost) in costs.iter().enumerate() {
        let waits = (waiting + new).saturating_sub(provers);
        let excess = waits.saturating_sub(waits_max);
        let kept = &mut after[waits - excess];
        *kept = kept.min(cost + late * whole(excess as u64));
    }
    after
}

/// The shortest time of each circuit over the devices.
fn fastest(proving_ms: &[Vec<u64>]) -> Vec<u64> {
    let shorter = |a: Vec<u64>, b: &Vec<u64>| a.iter().zip(b).map(|(a, b)| *a.min(b)).collect();
    let mut devices = proving_ms.iter();
    let first = devices.next().cloned().unwrap_or_default();
    devices.fold(first, shorter)
}

fn position(units: u64) -> usize {
    usize::try_from(units).unwrap_or(usize::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of a trace are below 2^52")]
fn whole(number: u64) -> f64 {
    number as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a positive time, and the cast saturates"
)]
fn millis(time_ms: f64) -> u64 {
    time_ms as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Arrival, Circuit, Device};

    fn machines(boot_s: u64) -> Machines {
        Machines {
            about: String::new(),
            order_s: 0,
            boot_s,
            container_s: 0,
            linger_s: 0,
            interruptions_per_1000_h: 0.0,
            notice_s: 0,
            seed: 0,
            devices: vec![Device { class: "gpu".to_owned(), share: 1, nano_usd_per_hour: 1 }],
        }
    }

    fn trace(at_s: &[u64], minutes: u64) -> Trace {
        let proving_ms = [("gpu".to_owned(), 60_000)].into();
        let circuit = Circuit { name: "a".to_owned(), share: 1, proving_ms, key_cold_ms: 0 };
        let arrival = |s: &u64| Arrival { at_ms: s * 1000, circuit: 0 };
        Trace { circuits: vec![circuit], arrivals: at_s.iter().map(arrival).collect(), minutes }
    }

    fn bound_s(at_s: &[u64], provers_max: u32, wait_s: u64) -> u64 {
        bound_ms(&machines(330), &trace(at_s, 600), provers_max, wait_s * 1000).unwrap() / 1000
    }

    #[test]
    fn one_job_costs_one_start_and_its_work() {
        // 60 s of work and a start of 330 s, less the two slots that a start is charged less.
        assert_eq!(bound_s(&[3000], 4, 0), 330 - 30 + 60);
    }

    #[test]
    fn jobs_far_apart_cost_a_start_each_and_jobs_close_together_the_time_between() {
        assert_eq!(bound_s(&[3000, 9000], 4, 0), 2 * (330 - 30 + 60));
        let close = bound_s(&[3000, 3120], 4, 0);
        assert!((330..=330 + 180).contains(&close), "{close}");
    }

    #[test]
    fn a_burst_that_may_wait_needs_one_machine_and_one_that_may_not_several() {
        let burst = [3000; 10];
        assert_eq!(bound_s(&burst, 10, 3600), 330 - 30 + 600);
        assert!(bound_s(&burst, 10, 0) > 5 * 300 + 600);
    }

    #[test]
    fn longer_waits_never_cost_more() {
        let jobs: Vec<_> = (0..40).map(|n| n * 97 % 3600 + n * 240).collect();
        let mut sorted = jobs;
        sorted.sort_unstable();
        let bounds: Vec<_> = [0, 60, 300, 900].map(|wait_s| bound_s(&sorted, 8, wait_s)).into();
        assert!(bounds.is_sorted_by(|a, b| a >= b), "{bounds:?}");
        assert!(bounds[3] >= 40 * 60, "all work is paid for: {bounds:?}");
    }

    #[test]
    fn nothing_costs_nothing() {
        assert_eq!(bound_s(&[], 8, 0), 0);
    }
}
