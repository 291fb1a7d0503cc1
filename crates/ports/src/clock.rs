//! Time.

use std::fmt;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

use crate::lock;

/// Where time comes from.
#[async_trait]
pub trait Clock: Send + Sync + fmt::Debug {
    /// Wall-clock time, for records. It may jump.
    fn now(&self) -> Timestamp;

    /// Time since an arbitrary start, for measuring. It never goes back.
    fn elapsed(&self) -> Duration;

    /// Returns after `duration`.
    async fn sleep(&self, duration: Duration);
}

/// The machine's own clocks. The only code that reads them.
#[derive(Clone, Debug)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// The clock whose [`elapsed`](Clock::elapsed) starts now.
    #[must_use]
    pub fn new() -> Self {
        Self { start: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "this is the port that the lint points to")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    #[allow(clippy::disallowed_methods, reason = "this is the port that the lint points to")]
    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// A clock that stands still until it is told to go on, for tests and simulation.
#[derive(Debug)]
pub struct VirtualClock {
    elapsed: watch::Sender<Duration>,
    /// How far the wall clock is off [`VirtualClock::START`] plus the time elapsed.
    skew: Mutex<SignedDuration>,
}

impl VirtualClock {
    /// What the wall clock shows at first: 2026-01-01T00:00:00Z.
    pub const START: Timestamp = Timestamp::constant(1_767_225_600, 0);

    /// The clock at [`VirtualClock::START`].
    #[must_use]
    pub fn new() -> Self {
        Self { elapsed: watch::Sender::new(Duration::ZERO), skew: Mutex::default() }
    }

    /// Lets `duration` pass and wakes every sleeper whose time has come.
    pub fn advance(&self, duration: Duration) {
        self.elapsed.send_modify(|elapsed| *elapsed = elapsed.saturating_add(duration));
    }

    /// Sets the wall clock forward or, with a negative `step`, back, as an operator or a time
    /// server would. Sleepers and [`elapsed`](Clock::elapsed) do not notice.
    pub fn step_wall_clock(&self, step: SignedDuration) {
        let mut skew = lock(&self.skew);
        *skew = skew.saturating_add(step);
    }
}

impl Default for VirtualClock {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        let offset = SignedDuration::try_from(self.elapsed())
            .unwrap_or(SignedDuration::MAX)
            .saturating_add(*lock(&self.skew));
        // A duration in seconds and nanoseconds always adds; the error is for calendar units.
        Self::START.saturating_add(offset).unwrap_or(Timestamp::MAX)
    }

    fn elapsed(&self) -> Duration {
        *self.elapsed.borrow()
    }

    async fn sleep(&self, duration: Duration) {
        let mut elapsed = self.elapsed.subscribe();
        let end = elapsed.borrow().saturating_add(duration);
        // The sender lives as long as `self`, so that the wait cannot fail.
        let _ = elapsed.wait_for(|elapsed| *elapsed >= end).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn a_sleeper_wakes_when_its_time_has_come_and_not_before() {
        let clock = Arc::new(VirtualClock::new());
        let mut short = clock.sleep(Duration::from_secs(2));
        let mut long = clock.sleep(Duration::from_secs(3));
        assert!((&mut short).now_or_never().is_none() && (&mut long).now_or_never().is_none());
        clock.advance(Duration::from_millis(1_999));
        assert!((&mut short).now_or_never().is_none());
        clock.advance(Duration::from_millis(1));
        assert!(short.now_or_never().is_some());
        assert!((&mut long).now_or_never().is_none());
        clock.advance(Duration::from_secs(60));
        long.await;
    }

    #[test]
    fn a_step_of_the_wall_clock_leaves_measured_time_alone() {
        let clock = VirtualClock::new();
        clock.advance(Duration::from_secs(5));
        clock.step_wall_clock(SignedDuration::from_secs(-600));
        assert_eq!(clock.now(), Timestamp::constant(1_767_225_600 + 5 - 600, 0));
        assert_eq!(clock.elapsed(), Duration::from_secs(5));
    }

    #[test]
    fn the_wall_clock_stops_at_the_end_of_time() {
        let clock = VirtualClock::new();
        clock.advance(Duration::MAX);
        clock.advance(Duration::MAX);
        assert_eq!(clock.now(), Timestamp::MAX);
    }

    #[tokio::test]
    async fn the_system_clock_moves() {
        let clock = SystemClock::new();
        let (now, elapsed) = (clock.now(), clock.elapsed());
        clock.sleep(Duration::from_millis(2)).await;
        assert!(clock.elapsed() >= elapsed + Duration::from_millis(2));
        assert!(clock.now() > now);
    }
}
