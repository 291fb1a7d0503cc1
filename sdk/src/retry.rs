//! When a request is sent again.

use std::time::Duration;

use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::header::{DATE, HeaderMap, HeaderName, RETRY_AFTER};
use tokio::time::Instant;

use crate::error::Error;
use crate::time::{chance, sleep};

/// How often and how patiently a request is sent again that did not get through.
///
/// The pause doubles from one attempt to the next, up to a bound, and a random part of up to half
/// of it is left out, so that clients that failed together do not come back together. Where the
/// server says how long to wait (`Retry-After`), that is waited at least.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retries {
    /// Attempts in all, the first one included; 1 never sends again.
    pub attempts_max: u32,
    /// Pause before the second attempt.
    pub pause_first: Duration,
    /// Longest pause between two attempts, unless the server asks for a longer one.
    pub pause_max: Duration,
}

impl Default for Retries {
    /// Five attempts over two to four seconds.
    fn default() -> Self {
        Self {
            attempts_max: 5,
            pause_first: Duration::from_millis(250),
            pause_max: Duration::from_secs(10),
        }
    }
}

impl Retries {
    /// Attempts without a bound of their own, for what has a deadline.
    pub(crate) const fn until_deadline(self) -> Self {
        Self { attempts_max: u32::MAX, ..self }
    }

    /// The pause after attempt `number`, counted from 1.
    fn pause(&self, number: u32, asked: Option<Duration>, chance: u32) -> Duration {
        let doubled = self.pause_first.saturating_mul(1 << (number - 1).min(16));
        let whole = doubled.min(self.pause_max);
        let left_out = whole.mul_f64(f64::from(chance) / f64::from(u32::MAX) / 2.0);
        match asked {
            // What was left out above is added here: nobody comes back too early.
            Some(asked) => asked + left_out,
            None => whole - left_out,
        }
    }
}

/// What sending a request twice does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// The same as sending it once: it reads, names its content, or has an idempotency key.
    Harmless,
    /// Something twice.
    Never,
}

/// How an attempt failed.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: Error,
    /// Whether another attempt may succeed, and after what pause at least.
    pub(crate) again: Option<Again>,
}

/// Another attempt may succeed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Again {
    /// How long the server asks to be left alone.
    pub(crate) after: Option<Duration>,
}

impl From<Error> for Failure {
    /// Another attempt would fail alike.
    fn from(error: Error) -> Self {
        Self { error, again: None }
    }
}

/// Runs attempts until one succeeds or fails for good, within the retries and the deadline.
pub(crate) async fn retrying<T, F>(
    retries: Retries,
    repeat: Repeat,
    deadline: Instant,
    mut attempt: impl FnMut() -> F,
) -> Result<T, Error>
where
    F: Future<Output = Result<T, Failure>>,
{
    let mut number = 1;
    loop {
        let Failure { error, again } = match attempt().await {
            Ok(value) => return Ok(value),
            Err(failure) => failure,
        };
        let Some(Again { after }) = again else { return Err(error) };
        let pause = retries.pause(number, after, chance());
        let left = deadline.saturating_duration_since(Instant::now());
        if repeat == Repeat::Never || number >= retries.attempts_max || pause >= left {
            return Err(error);
        }
        tracing::debug!(%error, number, ?pause, "the request is sent again");
        sleep(pause).await;
        number += 1;
    }
}

/// How long the server asks to wait (RFC 9110, section 10.2.3): in seconds, or until a date, which
/// is held against the date of the answer itself, so that this machine's clock does not matter.
pub(crate) fn asked_to_wait(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: HeaderName| headers.get(name)?.to_str().ok();
    let asked = text(RETRY_AFTER)?;
    if let Ok(seconds) = asked.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = |text: &str| DateTimeParser::new().parse_timestamp(text).ok();
    let wait = date(asked)?.duration_since(date(text(DATE)?)?);
    Duration::try_from(wait).ok()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use reqwest::header::HeaderValue;

    use super::*;

    const RETRIES: Retries = Retries {
        attempts_max: 4,
        pause_first: Duration::from_secs(1),
        pause_max: Duration::from_secs(3),
    };

    fn passing(after: Option<Duration>) -> Failure {
        Failure { error: Error::NoEntropy, again: Some(Again { after }) }
    }

    async fn run(repeat: Repeat, within: Duration, after: Option<Duration>) -> (u32, Duration) {
        let (count, start) = (Cell::new(0), Instant::now());
        let never = retrying(RETRIES, repeat, start + within, || {
            count.set(count.get() + 1);
            std::future::ready(Err::<(), _>(passing(after)))
        });
        assert!(never.await.is_err());
        (count.get(), start.elapsed())
    }

    #[test]
    fn pauses_double_up_to_their_bound_and_chance_leaves_out_up_to_half() {
        let pause = |number, chance| RETRIES.pause(number, None, chance).as_millis();
        assert_eq!([1, 2, 3, 60].map(|number| pause(number, 0)), [1000, 2000, 3000, 3000]);
        assert_eq!([1, 2, 3, 60].map(|number| pause(number, u32::MAX)), [500, 1000, 1500, 1500]);
    }

    #[test]
    fn nobody_comes_back_earlier_than_the_server_asked() {
        for chance in [0, u32::MAX / 2, u32::MAX] {
            let pause = RETRIES.pause(1, Some(Duration::from_secs(20)), chance);
            assert!((20_000..=20_500).contains(&pause.as_millis()), "{pause:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn retries_are_bounded_by_their_number() {
        let (count, took) = run(Repeat::Harmless, Duration::from_secs(1000), None).await;
        assert_eq!(count, 4);
        assert!((3..=6).contains(&took.as_secs()), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_that_would_miss_the_deadline_is_not_made() {
        let minute = Some(Duration::from_secs(60));
        let (count, took) = run(Repeat::Harmless, Duration::from_secs(30), minute).await;
        assert_eq!((count, took), (1, Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_with_a_second_effect_is_sent_once() {
        assert_eq!(run(Repeat::Never, Duration::from_secs(1000), None).await.0, 1);
    }

    fn headers(retry_after: &'static str, date: Option<&'static str>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_static(retry_after));
        headers.extend(date.map(|date| (DATE, HeaderValue::from_static(date))));
        headers
    }

    #[test]
    fn both_forms_of_retry_after_are_read() {
        let date = Some("Wed, 21 Oct 2015 07:28:00 GMT");
        let later = "Wed, 21 Oct 2015 07:28:30 GMT";
        assert_eq!(asked_to_wait(&headers("7", None)), Some(Duration::from_secs(7)));
        assert_eq!(asked_to_wait(&headers(later, date)), Some(Duration::from_secs(30)));
        for bad in [headers("soon", date), headers("-1", date), headers(later, None)] {
            assert_eq!(asked_to_wait(&bad), None, "{bad:?}");
        }
        let past = headers("Wed, 21 Oct 2015 07:27:00 GMT", date);
        assert_eq!(asked_to_wait(&past), None);
    }
}
