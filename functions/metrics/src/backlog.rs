//! From what was observed to what the scaling follows.

use std::time::Duration;

use zkpool_ports::Depth;

/// Shortest target: below a second nothing could be scaled in time.
const TARGET_MIN: Duration = Duration::from_secs(1);

/// The provers that there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fleet {
    /// Provers that the scaling asked for, started or not.
    pub wanted: u32,
    /// Provers that have started.
    pub running: u32,
}

/// How long jobs are remembered after they were accepted: long enough for a pause not to stop
/// provers that the next jobs start again.
pub const LATELY: Duration = Duration::from_secs(15 * 60);

/// What was observed at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observed {
    /// The queue of jobs.
    pub queue: Depth,
    /// Jobs that were accepted within [`LATELY`].
    pub accepted_lately: u64,
    /// The provers.
    pub fleet: Fleet,
    /// How long one proof keeps a prover.
    pub proving: Duration,
}

/// What the scaling follows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Backlog {
    /// Jobs that have not ended, or jobs that were accepted lately, whichever are more.
    pub active_jobs: u64,
    /// Work in seconds before each wanted prover, or before one if none is wanted. At the target,
    /// the number of provers is right.
    pub seconds_per_prover: f64,
    /// Provers to begin with, where none is wanted although there is work; zero otherwise.
    pub wake_provers: u64,
}

/// The work before each prover, for a `target` of at least a second.
///
/// The work is what waits, or what came in lately if it came in at a pace that keeps more provers
/// busy. A look at the queue alone would miss jobs that come and go between two looks, and stop
/// provers that are needed again the next minute.
///
/// It is divided by the provers that are *wanted*, so that those on their way count and waiting for
/// them does not call for more. A proof counts for at most the target, since one job never occupies
/// two provers.
#[must_use]
pub fn backlog(observed: &Observed, target: Duration) -> Backlog {
    let Observed { queue, accepted_lately, fleet, proving } = observed;
    let (target, proving) = (target.max(TARGET_MIN).as_secs_f64(), proving.as_secs_f64());
    let outstanding = queue.visible + queue.in_flight + queue.delayed;
    let waiting = count(outstanding) * proving.min(target);
    let kept_busy = count(*accepted_lately) * proving / LATELY.as_secs_f64();
    // Jobs that take longer than they are remembered occupy one prover each at most.
    let seconds = waiting.max(target * kept_busy.min(count(*accepted_lately)));
    let asleep = fleet.wanted == 0;
    Backlog {
        active_jobs: outstanding.max(*accepted_lately),
        seconds_per_prover: seconds / f64::from(fleet.wanted.max(1)),
        wake_provers: if asleep { whole((seconds / target).ceil()) } else { 0 },
    }
}

#[expect(clippy::cast_precision_loss, reason = "queues hold far fewer than 2^52 messages")]
fn count(jobs: u64) -> f64 {
    jobs as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a ratio of counts and positive times, and the cast saturates"
)]
fn whole(provers: f64) -> u64 {
    provers as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGET: Duration = Duration::from_secs(300);

    fn observed(visible: u64, lately: u64, fleet: (u32, u32), proving_s: u64) -> Observed {
        Observed {
            queue: Depth { visible, in_flight: 0, delayed: 0 },
            accepted_lately: lately,
            fleet: Fleet { wanted: fleet.0, running: fleet.1 },
            proving: Duration::from_secs(proving_s),
        }
    }

    fn per_prover(observed: &Observed) -> f64 {
        backlog(observed, TARGET).seconds_per_prover
    }

    #[test]
    fn nothing_to_do_is_zero_for_any_fleet() {
        for provers in [0, 1, 7] {
            let idle = backlog(&observed(0, 0, (provers, provers), 10), TARGET);
            let zero = Backlog { active_jobs: 0, seconds_per_prover: 0.0, wake_provers: 0 };
            assert_eq!(idle, zero);
        }
    }

    #[test]
    fn the_work_is_divided_by_the_wanted_provers_and_not_by_those_that_have_started() {
        for running in [0, 1, 4] {
            assert!((per_prover(&observed(120, 0, (4, running), 10)) - 300.0).abs() < 1e-9);
        }
    }

    #[test]
    fn one_long_job_asks_for_one_prover_however_long_it_is() {
        let one = backlog(&observed(1, 1, (0, 0), 7200), TARGET);
        assert_eq!((one.wake_provers, one.active_jobs), (1, 1));
        assert!((per_prover(&observed(1, 1, (1, 1), 7200)) - 300.0).abs() < 1e-9);
    }

    #[test]
    fn jobs_that_came_and_went_keep_the_provers_that_they_kept_busy() {
        // 270 jobs of ten seconds in a quarter of an hour are three provers' work.
        assert!((per_prover(&observed(0, 270, (3, 3), 10)) - 300.0).abs() < 1e-9);
        assert!((per_prover(&observed(0, 270, (6, 6), 10)) - 150.0).abs() < 1e-9);
        assert_eq!(backlog(&observed(0, 270, (6, 6), 10), TARGET).active_jobs, 270);
    }

    #[test]
    fn a_sleeping_fleet_wakes_to_what_the_work_asks_for() {
        let wakes =
            |jobs, proving| backlog(&observed(jobs, jobs, (0, 0), proving), TARGET).wake_provers;
        assert_eq!([wakes(1, 1), wakes(30, 10), wakes(31, 10), wakes(5000, 10)], [1, 1, 2, 167]);
        assert_eq!(backlog(&observed(5000, 5000, (1, 0), 10), TARGET).wake_provers, 0);
    }

    #[test]
    fn a_target_of_zero_does_not_divide_by_it() {
        assert_eq!(backlog(&observed(3, 0, (0, 0), 10), Duration::ZERO).wake_provers, 3);
    }
}
