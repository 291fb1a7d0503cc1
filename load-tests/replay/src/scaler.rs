//! Application Auto Scaling as the policies see it.

use std::collections::VecDeque;

use zkpool_metrics::Backlog;

use crate::Scaling;

/// Minutes above the target after which tracking scales out, as documented for its alarms.
const HIGH_MINUTES: usize = 3;

/// Minutes well below the target after which it scales in.
const LOW_MINUTES: usize = 15;

/// What "well below" is, as a share of the target.
const LOW_SHARE: f64 = 0.9;

/// The policies in force on one service.
#[derive(Debug)]
pub(crate) struct Scaler {
    scaling: Scaling,
    wanted: u32,
    seen: VecDeque<Backlog>,
    tracked_out_s: Option<u64>,
    tracked_in_s: Option<u64>,
    woken_s: Option<u64>,
    slept_s: Option<u64>,
}

impl Scaler {
    /// The policies with no prover wanted.
    pub(crate) fn new(scaling: Scaling) -> Self {
        let seen = VecDeque::new();
        let (tracked_out_s, tracked_in_s, woken_s, slept_s) = (None, None, None, None);
        Self { scaling, wanted: 0, seen, tracked_out_s, tracked_in_s, woken_s, slept_s }
    }

    /// Provers that are wanted now.
    pub(crate) fn wanted(&self) -> u32 {
        self.wanted
    }

    /// Takes the metrics of a minute. Of policies that disagree, the one that asks for more wins.
    pub(crate) fn see(&mut self, backlog: Backlog, now_s: u64) {
        self.seen.push_front(backlog);
        self.seen.truncate(LOW_MINUTES.max(self.scaling.sleep.idle_minutes));
        let asked = [self.track(now_s), self.wake(now_s), self.sleep(now_s)];
        if let Some(wanted) = asked.into_iter().flatten().max() {
            self.wanted = wanted.min(self.scaling.provers_max);
        }
    }

    /// Target tracking: proportional to how far the metric is from its target.
    fn track(&mut self, now_s: u64) -> Option<u32> {
        let target = seconds(self.scaling.target_backlog_s);
        let latest = self.seen.front()?.seconds_per_prover;
        let asked = whole((f64::from(self.wanted) * latest / target).ceil());
        let high = self.run_of(HIGH_MINUTES, |backlog| backlog.seconds_per_prover > target);
        if high && asked > self.wanted {
            let free = is_over(self.tracked_out_s, self.scaling.scale_out_cooldown_s, now_s);
            return free.then(|| {
                self.tracked_out_s = Some(now_s);
                asked
            });
        }
        let low = LOW_SHARE * target;
        let low = self.run_of(LOW_MINUTES, |backlog| backlog.seconds_per_prover < low);
        let asked = asked.max(1);
        let free = is_over(self.tracked_in_s, self.scaling.scale_in_cooldown_s, now_s);
        (low && free && asked < self.wanted).then(|| {
            self.tracked_in_s = Some(now_s);
            asked
        })
    }

    /// The step policy from zero.
    fn wake(&mut self, now_s: u64) -> Option<u32> {
        let asked = self.seen.front()?.wake_provers;
        let step = self.scaling.wake.steps.iter().rfind(|step| step.from_provers <= asked)?;
        is_over(self.woken_s, self.scaling.wake.cooldown_s, now_s).then(|| {
            self.woken_s = Some(now_s);
            self.wanted + step.add
        })
    }

    /// The step policy to zero.
    fn sleep(&mut self, now_s: u64) -> Option<u32> {
        let idle = self.run_of(self.scaling.sleep.idle_minutes, |b| b.active_jobs == 0);
        let free = is_over(self.slept_s, self.scaling.sleep.cooldown_s, now_s);
        (idle && free && self.wanted > 0).then(|| {
            self.slept_s = Some(now_s);
            0
        })
    }

    /// Whether each of the latest `minutes` was so.
    fn run_of(&self, minutes: usize, is_so: impl Fn(&Backlog) -> bool) -> bool {
        self.seen.len() >= minutes && self.seen.iter().take(minutes).all(is_so)
    }
}

/// Whether a cooldown that began then has passed.
fn is_over(since_s: Option<u64>, cooldown_s: u64, now_s: u64) -> bool {
    since_s.is_none_or(|since| now_s >= since + cooldown_s)
}

#[expect(clippy::cast_precision_loss, reason = "targets are hours at most")]
fn seconds(whole: u64) -> f64 {
    whole as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a positive number of provers, and the cast saturates"
)]
fn whole(provers: f64) -> u32 {
    provers as u32
}
