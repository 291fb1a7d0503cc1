//! What a worker notes about itself: how long it ran each day, and how long publishing took.
//!
//! The notes say what the fleet cost, beside what was charged for it. They are written once a
//! minute and never waited for: a lost one is a minute that nobody accounts for.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use tokio_util::sync::CancellationToken;
use zkpool_jobs::keys;
use zkpool_ports::{BlobStore, Clock, Durability};
use zkpool_types::{AttemptId, DeviceClass, Shift};

/// Time between two notes.
const NOTE_EVERY: Duration = Duration::from_secs(60);

/// The shift of one worker.
#[derive(Debug)]
pub(crate) struct Shifts {
    blobs: Arc<dyn BlobStore>,
    clock: Arc<dyn Clock>,
    /// The name of this process among provers.
    prover: AttemptId,
    today: Mutex<Shift>,
}

impl Shifts {
    /// A shift that begins now.
    pub(crate) fn begin(
        blobs: Arc<dyn BlobStore>,
        clock: Arc<dyn Clock>,
        prover: AttemptId,
        device: DeviceClass,
    ) -> Self {
        let now = clock.now();
        let today = Shift { device, since: now, until: now, published: 0, publish_us: 0 };
        Self { blobs, clock, prover, today: Mutex::new(today) }
    }

    /// Counts a result that took this long from verified to committed.
    pub(crate) fn published(&self, took: Duration) {
        let mut today = self.today();
        today.published = today.published.saturating_add(1);
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        today.publish_us = today.publish_us.saturating_add(us);
    }

    /// Notes the shift once a minute, and once more when `stop` is cancelled.
    pub(crate) async fn keep(&self, stop: &CancellationToken) {
        while stop.run_until_cancelled(self.clock.sleep(NOTE_EVERY)).await.is_some() {
            self.note().await;
        }
        self.note().await;
    }

    async fn note(&self) {
        for (day, shift) in self.turn(self.clock.now()) {
            let key = keys::shift(day, self.prover);
            let Ok(body) = serde_json::to_vec(&shift) else { continue };
            if let Err(error) = self.blobs.put(&key, body.into(), Durability::Cached).await {
                tracing::warn!(%error, "the shift is noted a minute later");
            }
        }
    }

    /// The shift up to `now`, cut at midnight where one has passed.
    fn turn(&self, now: Timestamp) -> Vec<(Date, Shift)> {
        let mut today = self.today();
        let (began, day) = (day_of(today.since), day_of(now));
        let mut notes = Vec::new();
        if began < day {
            let midnight = TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0)).unwrap_or(now);
            notes.push((began, Shift { until: midnight, ..today.clone() }));
            *today = Shift { since: midnight, published: 0, publish_us: 0, ..today.clone() };
        }
        today.until = now;
        notes.push((day, today.clone()));
        notes
    }

    /// The shift, also after a panic: its counts are whole at every moment.
    fn today(&self) -> MutexGuard<'_, Shift> {
        self.today.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn day_of(at: Timestamp) -> Date {
    TimeZone::UTC.to_datetime(at).date()
}

#[cfg(test)]
mod tests {
    use zkpool_ports::VirtualClock;
    use zkpool_ports::memory::MemoryBlobs;

    use super::*;

    #[test]
    fn a_shift_is_cut_at_midnight() {
        let clock = Arc::new(VirtualClock::new());
        let prover = "018f2e7a-0000-7000-8000-000000000001".parse().unwrap();
        let blobs = Arc::new(MemoryBlobs::new());
        let shifts = Shifts::begin(blobs, clock.clone(), prover, DeviceClass::new("cpu"));
        shifts.published(Duration::from_millis(2));
        clock.advance(Duration::from_secs(25 * 3600));
        let notes = shifts.turn(clock.now());
        let ran: Vec<_> =
            notes.iter().map(|(_, shift)| (shift.ran_us(), shift.publish_us)).collect();
        assert_eq!(ran, [(24 * 3_600_000_000, 2_000), (3_600_000_000, 0)]);
        assert_eq!(notes[0].0.to_string(), "2026-01-01");
    }
}
