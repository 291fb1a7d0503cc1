//! Metering: how long an attempt spent in which stage.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use zkpool_ports::Clock;
use zkpool_types::{Defect, ProvingDevice, Stage, Usage};

/// A stopwatch that runs for one stage at a time.
///
/// Time belongs to the stage entered last, and a stage that is entered again goes on counting.
/// Every change of stage is also told to whoever [watches](Meter::new).
#[derive(Debug)]
pub struct Meter {
    clock: Arc<dyn Clock>,
    laps: Mutex<Laps>,
    told: watch::Sender<Stage>,
}

#[derive(Debug)]
struct Laps {
    stage: Option<Stage>,
    since: Duration,
    spent: BTreeMap<Stage, Duration>,
    device: Option<ProvingDevice>,
    /// Spent on devices that failed.
    fallback: Duration,
    self_check_failures: u64,
    charged: &'static [Stage],
}

impl Laps {
    /// Books the time up to `now` to the stage so far and changes to `stage`.
    fn change(&mut self, stage: Option<Stage>, now: Duration) {
        if let Some(so_far) = self.stage {
            *self.spent.entry(so_far).or_default() += now.saturating_sub(self.since);
        }
        (self.stage, self.since) = (stage, now);
    }
}

impl Meter {
    /// A meter that is in stage fetching from now on, and the stage as it changes.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> (Self, watch::Receiver<Stage>) {
        let (told, stage) = watch::channel(Stage::Fetching);
        let since = clock.elapsed();
        let laps = Laps {
            stage: Some(Stage::Fetching),
            since,
            spent: BTreeMap::new(),
            device: None,
            fallback: Duration::ZERO,
            self_check_failures: 0,
            charged: &[],
        };
        (Self { clock, laps: Mutex::new(laps), told }, stage)
    }

    /// Changes to `stage`.
    pub fn enter(&self, stage: Stage) {
        self.laps().change(Some(stage), self.clock.elapsed());
        self.told.send_replace(stage);
    }

    /// Stands still, and from now on measures what the job spends on `device`.
    ///
    /// What it spent on another device before is set aside: nobody pays for a device that failed.
    ///
    /// Only the time in `charged` stages counts as the device's.
    pub fn begin(&self, device: ProvingDevice, charged: &'static [Stage]) {
        let mut laps = self.laps();
        laps.charged = charged;
        laps.change(None, self.clock.elapsed());
        laps.device = Some(device);
        if Defect::ChargesFailedDevices.is_planted() {
            return;
        }
        let fetching = laps.spent.remove(&Stage::Fetching);
        let failed: Duration = laps.spent.values().sum();
        laps.fallback += failed;
        laps.spent = fetching.map(|spent| (Stage::Fetching, spent)).into_iter().collect();
    }

    /// Notes that a proof of a device did not verify where the CPU's did.
    pub fn note_failed_self_check(&self) {
        self.laps().self_check_failures += 1;
    }

    /// The device that was begun last.
    #[must_use]
    pub fn device(&self) -> Option<ProvingDevice> {
        self.laps().device.clone()
    }

    /// Stands still until a stage is entered, as while the job waits for the device.
    pub fn pause(&self) {
        self.laps().change(None, self.clock.elapsed());
    }

    /// What was measured until now. Only times and self-checks are set.
    pub fn usage(&self) -> Usage {
        let mut laps = self.laps();
        let stage = laps.stage;
        laps.change(stage, self.clock.elapsed());
        let us = |stage| micros(laps.spent.get(&stage).copied().unwrap_or_default());
        let (witness_us, ntt_us) = (us(Stage::Witness), us(Stage::Ntt));
        let (msm_us, verify_us) = (us(Stage::Msm), us(Stage::Verifying));
        Usage {
            fetch_us: us(Stage::Fetching),
            witness_us,
            ntt_us,
            msm_us,
            verify_us,
            device_us: laps.charged.iter().copied().map(us).sum(),
            fallback_us: micros(laps.fallback),
            self_check_failures: laps.self_check_failures,
            ..Usage::default()
        }
    }

    /// The laps, also after a panic in a stage: they are whole numbers at every moment.
    fn laps(&self) -> MutexGuard<'_, Laps> {
        self.laps.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whole microseconds, rounded down.
fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use zkpool_ports::VirtualClock;
    use zkpool_types::DeviceClass;

    use super::*;

    #[test]
    fn time_on_a_device_that_failed_is_not_charged_as_the_next_ones() {
        let clock = Arc::new(VirtualClock::new());
        let pass = |ms| clock.advance(Duration::from_millis(ms));
        let (meter, _told) = Meter::new(clock.clone());
        pass(1);
        for (class, ms) in [("nvidia-l4", 2), ("cpu", 4)] {
            meter.begin(DeviceClass::new(class).into(), &[Stage::Msm]);
            // Between two devices the job waits.
            pass(100);
            meter.enter(Stage::Msm);
            pass(ms);
        }
        let usage = meter.usage();
        assert_eq!((usage.fetch_us, usage.msm_us, usage.device_us), (1_000, 4_000, 4_000));
        assert_eq!(usage.fallback_us, 2_000);
        assert_eq!(meter.device(), Some(DeviceClass::new("cpu").into()));
    }

    const ALL: [Stage; 4] = [Stage::Witness, Stage::Ntt, Stage::Msm, Stage::Verifying];

    #[test]
    fn on_a_device_that_is_taken_in_turns_only_the_turn_is_charged_and_waiting_is_not() {
        let clock = Arc::new(VirtualClock::new());
        let pass = |ms| clock.advance(Duration::from_millis(ms));
        let (meter, _told) = Meter::new(clock.clone());
        meter.begin(DeviceClass::new("nvidia-l4").into(), &[Stage::Ntt, Stage::Msm]);
        meter.enter(Stage::Witness);
        pass(1);
        meter.pause();
        pass(100);
        for (stage, ms) in [(Stage::Ntt, 2), (Stage::Msm, 4), (Stage::Verifying, 8)] {
            meter.enter(stage);
            pass(ms);
        }
        let usage = meter.usage();
        assert_eq!((usage.witness_us, usage.verify_us, usage.device_us), (1_000, 8_000, 6_000));
    }

    #[test]
    fn time_is_booked_to_the_stage_it_was_spent_in() {
        let clock = Arc::new(VirtualClock::new());
        let pass = |ms| clock.advance(Duration::from_millis(ms));
        let (meter, told) = Meter::new(clock.clone());
        pass(1);
        meter.begin(DeviceClass::new("cpu").into(), &ALL);
        pass(100);
        for (stage, ms) in [
            (Stage::Witness, 2),
            (Stage::Ntt, 4),
            (Stage::Msm, 8),
            (Stage::Ntt, 16),
            (Stage::Verifying, 32),
            (Stage::Publishing, 64),
        ] {
            meter.enter(stage);
            pass(ms);
        }
        let usage = meter.usage();
        assert_eq!((usage.fetch_us, usage.witness_us, usage.ntt_us), (1_000, 2_000, 20_000));
        assert_eq!((usage.msm_us, usage.verify_us, usage.device_us), (8_000, 32_000, 62_000));
        assert_eq!(*told.borrow(), Stage::Publishing);
    }
}
