//! Tells waiters of this process that a job has ended. A hint: the stored outcome is the truth.

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use zkpool_types::JobId;

/// Endings that a slow waiter can fall behind by before it has to look again.
const BACKLOG: usize = 1024;

/// Announces endings to every waiter.
#[derive(Clone, Debug)]
pub(crate) struct Endings(broadcast::Sender<JobId>);

/// Hears of endings from its creation on.
#[derive(Debug)]
pub(crate) struct Listener(broadcast::Receiver<JobId>);

impl Endings {
    pub(crate) fn new() -> Self {
        Self(broadcast::Sender::new(BACKLOG))
    }

    pub(crate) fn announce(&self, job: JobId) {
        // Nobody listening is the usual case and no error.
        let _ = self.0.send(job);
    }

    pub(crate) fn listen(&self) -> Listener {
        Listener(self.0.subscribe())
    }
}

impl Listener {
    /// The next job that ended, or `None` where endings were missed. Where no more endings can be
    /// heard, it never returns.
    pub(crate) async fn hear_any(&mut self) -> Option<JobId> {
        match self.0.recv().await {
            Ok(ended) => Some(ended),
            Err(RecvError::Lagged(_)) => None,
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }

    /// Returns when `job` may have ended. Where no more endings can be heard, it never returns.
    pub(crate) async fn hear(&mut self, job: JobId) {
        while self.hear_any().await.is_some_and(|ended| ended != job) {}
    }
}
