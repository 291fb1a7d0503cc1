//! What a run shows.

use serde::Serialize;

/// The state at the end of a minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Minute {
    /// Provers that are wanted.
    pub wanted: u32,
    /// Machines that are paid for.
    pub paid: u32,
    /// Provers that prove.
    pub busy: u32,
    /// Jobs that were accepted since the last one.
    pub accepted: usize,
    /// Jobs that wait.
    pub waiting: usize,
}

/// What happened. Times of machines are in milliseconds of one machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Every minute from the start.
    pub minutes: Vec<Minute>,
    /// How long each job waited until its proof began, in the order of their ends.
    pub waits_ms: Vec<u64>,
    /// How long each took from its submission to its proof, in the same order.
    pub latencies_ms: Vec<u64>,
    /// When the last proof was there.
    pub last_end_ms: u64,
    /// Jobs without a proof at the end.
    pub left: usize,
    /// Machines taken away from a job.
    pub interruptions: u64,
    /// Time that was paid for.
    pub paid_ms: u64,
    /// Of that, from launch to the first claim.
    pub starting_ms: u64,
    /// Of that, reading keys that a machine did not have.
    pub reading_ms: u64,
    /// Of that, proving.
    pub proving_ms: u64,
    /// Of that, spent on jobs that were handed back.
    pub lost_ms: u64,
    /// What was paid, in nano-dollars.
    pub nano_usd: u64,
}

/// A report in figures.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Figures {
    /// Jobs that were proven.
    pub proofs: usize,
    /// When the last of them was, from the start.
    pub last_end_s: f64,
    /// Jobs that were not.
    pub left: usize,
    /// Waits until proofs began, of half of the jobs at most this.
    pub p50_s: f64,
    /// The same of 95 in 100.
    pub p95_s: f64,
    /// The same of 99 in 100.
    pub p99_s: f64,
    /// From submission to proof, of half of the jobs at most this.
    pub latency_p50_s: f64,
    /// The same of 95 in 100.
    pub latency_p95_s: f64,
    /// Provers at once, at most.
    pub provers_max: u32,
    /// Machines on average.
    pub machines_mean: f64,
    /// Share of what was paid that proved.
    pub utilisation: f64,
    /// Share of what was paid in which a machine was ready and had nothing to do, or no prover.
    pub idle_share: f64,
    /// Share of what was paid in which a machine or its prover started.
    pub starting_share: f64,
    /// Machines that were taken away from a job.
    pub interruptions: u64,
    /// What one proof cost, in nano-dollars, rounded up.
    pub nano_usd_per_proof: u64,
}

impl Report {
    /// The figures.
    #[must_use]
    pub fn figures(&self) -> Figures {
        let busy_ms = self.starting_ms + self.reading_ms + self.proving_ms + self.lost_ms;
        let mut latencies_ms = self.latencies_ms.clone();
        latencies_ms.sort_unstable();
        let mut waits_ms = self.waits_ms.clone();
        waits_ms.sort_unstable();
        let waits = |percent| quantile_s(&waits_ms, percent);
        Figures {
            proofs: self.waits_ms.len(),
            last_end_s: ratio(self.last_end_ms, 1000),
            left: self.left,
            p50_s: waits(50),
            p95_s: waits(95),
            p99_s: waits(99),
            latency_p50_s: quantile_s(&latencies_ms, 50),
            latency_p95_s: quantile_s(&latencies_ms, 95),
            provers_max: self.wanted_max(),
            machines_mean: ratio(self.paid_ms, self.minutes.len() as u64 * 60_000),
            utilisation: ratio(self.proving_ms, self.paid_ms),
            idle_share: ratio(self.paid_ms.saturating_sub(busy_ms), self.paid_ms),
            starting_share: ratio(self.starting_ms, self.paid_ms),
            interruptions: self.interruptions,
            nano_usd_per_proof: self.nano_usd.div_ceil(self.waits_ms.len().max(1) as u64),
        }
    }

    /// The wait that so many in a hundred jobs did not exceed, in milliseconds; zero without jobs.
    #[must_use]
    pub fn wait_ms(&self, percent: usize) -> u64 {
        let mut waits_ms = self.waits_ms.clone();
        waits_ms.sort_unstable();
        quantile(&waits_ms, percent)
    }

    /// Times that the number of wanted provers turned from rising to falling or back, from the
    /// given minute on.
    #[must_use]
    pub fn turns(&self, from_minute: usize) -> usize {
        let wanted: Vec<_> = self.minutes.iter().skip(from_minute).map(|m| m.wanted).collect();
        let changes = wanted.windows(2).filter(|pair| pair[0] != pair[1]);
        let rises: Vec<_> = changes.map(|pair| pair[0] < pair[1]).collect();
        rises.windows(2).filter(|pair| pair[0] != pair[1]).count()
    }

    /// The most provers that were wanted.
    #[must_use]
    pub fn wanted_max(&self) -> u32 {
        self.minutes.iter().map(|minute| minute.wanted).max().unwrap_or(0)
    }
}

/// The smallest value that so many in a hundred do not exceed.
fn quantile(sorted: &[u64], percent: usize) -> u64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or(0)
}

fn quantile_s(sorted_ms: &[u64], percent: usize) -> f64 {
    ratio(quantile(sorted_ms, percent), 1000)
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of a fleet's year are below 2^52")]
pub(crate) fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_a_value_that_occurred() {
        let values: Vec<_> = (1..=20).collect();
        assert_eq!([50, 95, 99].map(|percent| quantile(&values, percent)), [10, 19, 20]);
        assert_eq!((quantile(&[7], 50), quantile(&[], 95)), (7, 0));
    }

    #[test]
    fn what_is_paid_for_is_proving_starting_or_idle() {
        let report = Report {
            paid_ms: 1000,
            starting_ms: 100,
            reading_ms: 50,
            proving_ms: 600,
            lost_ms: 50,
            waits_ms: vec![1, 2],
            nano_usd: 7,
            ..Report::default()
        };
        let figures = report.figures();
        assert!(
            (figures.idle_share - 0.2).abs() < 1e-9 && (figures.utilisation - 0.6).abs() < 1e-9
        );
        assert_eq!(figures.nano_usd_per_proof, 4);
    }
}
