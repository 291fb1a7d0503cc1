//! Job ids from the newest to the oldest.
//!
//! Stores list keys in ascending order only. Job ids begin with the time of their creation, so
//! the newest are found by listing from an id of a while ago, and from further back if that was
//! too short.

use futures_util::future::try_join_all;
use jiff::SignedDuration;
use uuid::Uuid;
use zkpool_types::{JobId, Outcome, ProjectId, Timestamp};

use crate::{Jobs, PortError, keys};

/// Outcomes read at once.
const READS_AT_ONCE: usize = 16;

/// Length of the first window that is listed.
const WINDOW_FIRST: SignedDuration = SignedDuration::from_hours(1);

/// How much longer each window is than the one before.
const WINDOW_GROWTH: i32 = 16;

/// Ids of one window beside twice as many as are asked for. A window with more is made shorter.
const WINDOW_ROWS_SPARE: usize = 64;

/// Most ids that are asked for at once.
const WINDOW_ROWS_MAX: usize = 4096;

/// Below this length a window is not made shorter.
const WINDOW_MIN: SignedDuration = SignedDuration::from_millis(2);

/// How far ahead of this machine's clock the clock of another may be.
const CLOCK_SKEW_MAX: SignedDuration = SignedDuration::from_hours(1);

/// When a job id was created, to the millisecond (RFC 9562, section 5.7).
#[must_use]
pub fn created_at(job: JobId) -> Timestamp {
    let digits: String = job.to_string().chars().filter(|c| *c != '-').take(12).collect();
    let ms = i64::from_str_radix(&digits, 16).unwrap_or(0);
    Timestamp::from_millisecond(ms).unwrap_or(Timestamp::MAX)
}

/// An id that sorts before every id created at `at` or later.
pub(crate) fn first_at(at: Timestamp) -> JobId {
    let ms = u128::try_from(at.as_millisecond()).unwrap_or(0);
    JobId::new(Uuid::from_u128(ms << 80))
}

impl Jobs {
    /// How those of the latest `max` jobs of the project ended that have, newest first.
    ///
    /// # Errors
    /// A port failed.
    pub async fn latest(&self, project: &ProjectId, max: usize) -> Result<Vec<Outcome>, PortError> {
        let mut ended = Vec::new();
        for jobs in self.newest(project, None, max).await?.chunks(READS_AT_ONCE) {
            let outcomes = try_join_all(jobs.iter().map(|job| self.outcome(project, *job))).await?;
            ended.extend(outcomes.into_iter().flatten());
        }
        Ok(ended)
    }

    /// At most `limit` ids of the project that sort before `before`, newest first.
    pub(crate) async fn newest(
        &self,
        project: &ProjectId,
        before: Option<JobId>,
        limit: usize,
    ) -> Result<Vec<JobId>, PortError> {
        let now = self.ports.clock.now();
        let mut upper =
            before.unwrap_or_else(|| first_at(now.checked_add(CLOCK_SKEW_MAX).unwrap_or(now)));
        let mut window = WINDOW_FIRST;
        let mut found = Vec::new();
        while found.len() < limit {
            let lower = window_start(upper, window);
            // A window that cannot be shorter is listed to its end.
            let can_shrink = window > WINDOW_MIN;
            let rows = 2 * (limit - found.len()).min(WINDOW_ROWS_MAX) + WINDOW_ROWS_SPARE;
            let rows_max = if can_shrink { rows } else { usize::MAX };
            let mut ids = self.window(project, lower, upper, rows_max).await?;
            if ids.len() > rows_max {
                window = shorter(window, &ids, rows);
                continue;
            }
            ids.reverse();
            found.extend(ids);
            let Some(lower) = lower else { break };
            upper = lower;
            window = window.checked_mul(WINDOW_GROWTH).unwrap_or(SignedDuration::MAX);
        }
        found.truncate(limit);
        Ok(found)
    }

    /// Ids from `lower` to before `upper`, ascending; more than `rows_max`, and not all, where the
    /// window should be shorter.
    async fn window(
        &self,
        project: &ProjectId,
        lower: Option<JobId>,
        upper: JobId,
        rows_max: usize,
    ) -> Result<Vec<JobId>, PortError> {
        let (prefix, page_max) = (keys::jobs(project), rows_max.min(WINDOW_ROWS_MAX) + 1);
        let mut after = lower.map(|id| id.to_string());
        let mut ids: Vec<JobId> = Vec::new();
        loop {
            let blobs = &self.ports.blobs;
            let page = blobs.list_children(&prefix, after.as_deref(), page_max).await?;
            let page_len = page.len();
            after = page.last().cloned();
            let parsed = page.iter().filter_map(|text| text.parse::<JobId>().ok());
            ids.extend(parsed.take_while(|id| *id < upper));
            let all_below = ids.last().map(ToString::to_string) == after;
            if page_len < page_max || !all_below || ids.len() > rows_max {
                return Ok(ids);
            }
        }
    }
}

/// A window that is expected to hold fewer than `rows` ids, where `window` holds more than that:
/// its first ones say how close together they are.
fn shorter(window: SignedDuration, first: &[JobId], rows: usize) -> SignedDuration {
    let at = |id: Option<&JobId>| id.copied().map_or(Timestamp::UNIX_EPOCH, created_at);
    let span = at(first.last()).duration_since(at(first.first()));
    let share = i32::try_from(rows).ok().zip(i32::try_from(first.len()).ok());
    let expected = share.and_then(|(rows, len)| (span / len).checked_mul(rows / 4 * 3));
    expected.map_or(WINDOW_MIN, |expected| expected.clamp(WINDOW_MIN, (window / 2).max(WINDOW_MIN)))
}

/// Where the window of this length before `upper` begins; `None` where that is before all time.
fn window_start(upper: JobId, window: SignedDuration) -> Option<JobId> {
    let start = created_at(upper).checked_sub(window).ok()?;
    (start > Timestamp::UNIX_EPOCH).then(|| first_at(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_tells_when_it_was_created() {
        let at = Timestamp::from_millisecond(1_764_000_000_123).unwrap();
        assert_eq!(created_at(first_at(at)), at);
        let later: JobId = "018f2e7a-0000-7000-8000-000000000001".parse().unwrap();
        assert!(first_at(created_at(later)) <= later);
    }

    #[test]
    fn a_window_is_as_long_as_its_first_ids_are_close() {
        let each_s =
            |from: i64| (0..200).map(move |s| first_at(at_s(from + s))).collect::<Vec<_>>();
        let hour = SignedDuration::from_hours(1);
        assert_eq!(shorter(hour, &each_s(0), 200).as_secs(), 149, "three quarters of 200 ids");
        assert_eq!(shorter(SignedDuration::from_secs(200), &each_s(0), 200).as_secs(), 100);
        let at_once = vec![first_at(at_s(7)); 200];
        assert_eq!(shorter(hour, &at_once, 100), WINDOW_MIN);
    }

    fn at_s(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }
}
