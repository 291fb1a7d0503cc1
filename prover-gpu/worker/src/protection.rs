//! Keeping the machinery that stops workers away from one that holds a job.
//!
//! Where workers are started and stopped by their number, the one to go is better one that has
//! nothing to do. A worker tells its keeper, the [`Protection`], while it holds jobs. All of this
//! is best effort: a worker that is stopped all the same hands its jobs back.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use zkpool_ports::Clock;

/// How long one protection lasts, so that a worker that hangs does not stay for ever.
pub const LASTS: Duration = Duration::from_secs(60 * 60);

/// Time after which a protection is renewed: two renewals may fail before it ends.
const RENEW_AFTER: Duration = Duration::from_secs(20 * 60);

/// How long a worker without a job stays protected. The next job mostly comes within it, and the
/// keeper is not asked twice for every short proof.
const LINGER: Duration = Duration::from_secs(30);

/// Pause after the keeper did not answer.
const OUTAGE_PAUSE: Duration = Duration::from_secs(10);

/// Longest wait for the keeper, which is on this machine.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// Largest answer that is read, in bytes. One names a task and a time.
const ANSWER_BYTES_MAX: u64 = 16 * 1024;

/// Why a worker is not protected, or still is.
#[derive(Debug, thiserror::Error)]
pub enum ProtectionError {
    /// The keeper did not answer, or refused with a status.
    #[error("the keeper of this worker does not answer: {0}")]
    Unanswered(#[source] io::Error),
    /// It answered, and the state is not the one that was asked for.
    #[error("expected protection {expected}, found the answer {found}")]
    Refused {
        /// Whether protection was asked for.
        expected: bool,
        /// The answer.
        found: Value,
    },
    /// The thread that asked panicked.
    #[error("asking the keeper of this worker panicked")]
    Panicked,
}

/// Who can keep this worker from being stopped to reduce their number.
#[async_trait]
pub trait Protection: Send + Sync + fmt::Debug {
    /// Protects this worker for as long as `lasts`, or no longer if that is `None`.
    ///
    /// # Errors
    /// Nothing changed, as far as is known.
    async fn protect(&self, lasts: Option<Duration>) -> Result<(), ProtectionError>;
}

/// The agent of Amazon ECS on this machine, for a task of a service.
#[derive(Clone)]
pub struct EcsAgent {
    agent: ureq::Agent,
    address: String,
}

impl EcsAgent {
    /// The agent at this base address, which ECS puts into `ECS_AGENT_URI`.
    #[must_use]
    pub fn new(base: &str) -> Self {
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(ANSWER_TIMEOUT))
            .proxy(None)
            .max_redirects(0)
            .build();
        let address = format!("{}/task-protection/v1/state", base.trim_end_matches('/'));
        Self { agent: config.into(), address }
    }

    /// Asks for a state and returns the answer. Blocks.
    fn ask(&self, body: &Value) -> Result<Value, ureq::Error> {
        let mut answer = self.agent.put(&self.address).send_json(body)?;
        answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_json()
    }
}

#[async_trait]
impl Protection for EcsAgent {
    async fn protect(&self, lasts: Option<Duration>) -> Result<(), ProtectionError> {
        let expected = lasts.is_some();
        let body = match lasts {
            Some(lasts) => {
                let minutes = lasts.as_secs().div_ceil(60).max(1);
                json!({ "ProtectionEnabled": true, "ExpiresInMinutes": minutes })
            }
            None => json!({ "ProtectionEnabled": false }),
        };
        let agent = self.clone();
        let asked = tokio::task::spawn_blocking(move || agent.ask(&body)).await;
        let found = asked
            .map_err(|_| ProtectionError::Panicked)?
            .map_err(|error| ProtectionError::Unanswered(io::Error::other(error)))?;
        // A refusal has the status of a success, and says `failure` in place of `protection`.
        match found["protection"]["ProtectionEnabled"].as_bool() {
            Some(found) if found == expected => Ok(()),
            _ => Err(ProtectionError::Refused { expected, found }),
        }
    }
}

impl fmt::Debug for EcsAgent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Its path names the task's credentials.
        f.debug_struct("EcsAgent").finish_non_exhaustive()
    }
}

/// How many jobs a worker holds.
#[derive(Clone, Debug)]
pub(crate) struct HeldJobs(watch::Sender<usize>);

/// A job that is held, until this is dropped.
#[derive(Debug)]
pub(crate) struct HeldJob(watch::Sender<usize>);

impl HeldJobs {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(0))
    }

    /// Counts one more job.
    pub(crate) fn add(&self) -> HeldJob {
        self.0.send_modify(|held| *held += 1);
        HeldJob(self.0.clone())
    }
}

impl Drop for HeldJob {
    fn drop(&mut self) {
        self.0.send_modify(|held| *held = held.saturating_sub(1));
    }
}

/// Protects a worker while it holds jobs, until `stop` is cancelled: from then on it is stopped
/// already.
pub(crate) async fn keep(
    protection: Arc<dyn Protection>,
    held: &HeldJobs,
    clock: Arc<dyn Clock>,
    stop: &CancellationToken,
) {
    let mut held = held.0.subscribe();
    let keeping = async {
        let mut protected_since = None;
        while let Ok(busy) = next_state(&mut held, clock.as_ref(), protected_since).await {
            let now = clock.elapsed();
            match protection.protect(busy.then_some(LASTS)).await {
                Ok(()) => protected_since = busy.then_some(now),
                Err(error) => {
                    tracing::warn!(%error, "this worker's protection did not change");
                    clock.sleep(OUTAGE_PAUSE).await;
                }
            }
        }
    };
    stop.run_until_cancelled(keeping).await;
}

/// Waits until the keeper has to be told something: that jobs are held, still held, or no longer.
async fn next_state(
    held: &mut watch::Receiver<usize>,
    clock: &dyn Clock,
    protected_since: Option<Duration>,
) -> Result<bool, watch::error::RecvError> {
    let Some(since) = protected_since else {
        turns(held, false).await?;
        return Ok(true);
    };
    loop {
        let busy = *held.borrow_and_update() > 0;
        let renew_in = (since + RENEW_AFTER).saturating_sub(clock.elapsed());
        let pause = if busy { renew_in } else { LINGER };
        tokio::select! {
            () = clock.sleep(pause) => return Ok(busy),
            turned = turns(held, busy) => turned?,
        }
    }
}

/// Returns once the worker is no longer busy, or no longer idle.
async fn turns(
    held: &mut watch::Receiver<usize>,
    busy: bool,
) -> Result<(), watch::error::RecvError> {
    held.wait_for(|held| (*held > 0) != busy).await.map(|_| ())
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tokio_util::task::AbortOnDropHandle;
    use zkpool_ports::VirtualClock;

    use super::*;

    /// Notes what it is asked.
    #[derive(Debug, Default)]
    struct Notes(Mutex<Vec<bool>>);

    #[async_trait]
    impl Protection for Notes {
        async fn protect(&self, lasts: Option<Duration>) -> Result<(), ProtectionError> {
            self.0.lock().unwrap().push(lasts.is_some());
            Ok(())
        }
    }

    /// Lets time pass in steps, and every task run after each.
    async fn pass(clock: &VirtualClock, time: Duration) {
        for _ in 0..time.as_secs() {
            clock.advance(Duration::from_secs(1));
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
        }
    }

    #[tokio::test]
    async fn short_jobs_without_end_are_protected_without_end() {
        let (notes, held) = (Arc::new(Notes::default()), HeldJobs::new());
        let clock = Arc::new(VirtualClock::new());
        let keeping = {
            let (notes, held, clock) = (Arc::clone(&notes), held.clone(), Arc::clone(&clock));
            async move { keep(notes, &held, clock, &CancellationToken::new()).await }
        };
        let _keeping = AbortOnDropHandle::new(tokio::spawn(keeping));
        let hours = LASTS * 2;
        for _ in 0..hours.as_secs() / 20 {
            let job = held.add();
            pass(&clock, Duration::from_secs(10)).await;
            drop(job);
            pass(&clock, Duration::from_secs(10)).await;
        }
        let renewals = hours.as_secs() / RENEW_AFTER.as_secs();
        let asked = notes.0.lock().unwrap().clone();
        assert!(asked.iter().all(|protected| *protected), "it was given up between two jobs");
        assert!((renewals..=renewals + 1).contains(&(asked.len() as u64)), "{}", asked.len());
        pass(&clock, LINGER + Duration::from_secs(1)).await;
        assert_eq!(notes.0.lock().unwrap().last(), Some(&false));
    }
}
