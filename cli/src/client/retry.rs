//! When a request is sent again.

use std::time::Duration;

use crate::exit::CliError;

/// Attempts of one request: the first and four more, over about four seconds.
const ATTEMPTS_MAX: u32 = 5;

/// Wait before the second attempt; it doubles from one attempt to the next.
const BACKOFF_FIRST: Duration = Duration::from_millis(250);

/// What sending a request twice may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// The same as sending it once: it reads, names its content, or has an idempotency key.
    Harmless,
    /// Something twice.
    Never,
}

/// How one attempt ended.
#[derive(Debug)]
pub(crate) enum Attempt<T> {
    /// For good.
    Done(Result<T, CliError>),
    /// In a way that may pass.
    Again(CliError),
}

/// Runs `attempt` until it is done, at most [`ATTEMPTS_MAX`] times.
pub(crate) fn retrying<T>(
    repeat: Repeat,
    mut pause: impl FnMut(Duration),
    mut attempt: impl FnMut() -> Attempt<T>,
) -> Result<T, CliError> {
    let mut backoff = BACKOFF_FIRST;
    for number in 1.. {
        let error = match attempt() {
            Attempt::Done(result) => return result,
            Attempt::Again(error) => error,
        };
        if repeat == Repeat::Never || number == ATTEMPTS_MAX {
            return Err(error);
        }
        tracing::debug!(%error, number, "sending the request again");
        pause(backoff);
        backoff *= 2;
    }
    Err(CliError::Fault("a request was sent without end".into()))
}

/// Blocks the thread of this command.
#[expect(clippy::disallowed_methods, reason = "a command has one thread and no virtual time")]
pub(crate) fn pause(duration: Duration) {
    std::thread::sleep(duration);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(repeat: Repeat, failures: u32) -> (Result<u32, CliError>, Vec<u128>) {
        let (mut calls, mut pauses) = (0, Vec::new());
        let result = retrying(
            repeat,
            |duration| pauses.push(duration.as_millis()),
            || {
                calls += 1;
                let passing = CliError::NoApiKey;
                if calls <= failures { Attempt::Again(passing) } else { Attempt::Done(Ok(calls)) }
            },
        );
        (result, pauses)
    }

    #[test]
    fn a_passing_failure_is_retried_with_growing_pauses() {
        let (result, pauses) = run(Repeat::Harmless, 3);
        assert_eq!((result.unwrap(), pauses), (4, vec![250, 500, 1000]));
    }

    #[test]
    fn retries_are_bounded() {
        let (result, pauses) = run(Repeat::Harmless, u32::MAX);
        assert!(result.is_err());
        assert_eq!(pauses.len(), 4);
    }

    #[test]
    fn a_request_with_a_second_effect_is_sent_once() {
        let (result, pauses) = run(Repeat::Never, 1);
        assert!(result.is_err() && pauses.is_empty());
    }
}
