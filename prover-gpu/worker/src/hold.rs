//! Holding a claimed job: heartbeats until the work on it ends.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument;
use zkpool_jobs::{Claim, Held, Jobs};
use zkpool_ports::Clock;

/// A claim that is kept alive until this is dropped.
#[derive(Debug)]
pub(crate) struct Hold {
    lost: CancellationToken,
    _beating: AbortOnDropHandle<()>,
}

impl Hold {
    /// Begins to send a heartbeat for `claim` each time `every` has passed.
    pub(crate) fn new(
        jobs: Jobs,
        claim: Arc<Claim>,
        clock: Arc<dyn Clock>,
        every: Duration,
    ) -> Self {
        let lost = CancellationToken::new();
        let beating = beat(jobs, claim, clock, every, lost.clone()).in_current_span();
        Self { lost, _beating: AbortOnDropHandle::new(tokio::spawn(beating)) }
    }

    /// Returns once the job is no longer this worker's to prove.
    pub(crate) async fn lost(&self) {
        self.lost.cancelled().await;
    }
}

/// Sends heartbeats until one says that the job is lost, the first after `every`: the claim
/// itself has just hidden the message.
async fn beat(
    jobs: Jobs,
    claim: Arc<Claim>,
    clock: Arc<dyn Clock>,
    every: Duration,
    lost: CancellationToken,
) {
    clock.sleep(every).await;
    while still_held(&jobs, &claim).await {
        clock.sleep(every).await;
    }
    lost.cancel();
}

/// Sends one heartbeat.
///
/// One that fails says nothing about the job. Two may be missed before the message becomes
/// visible again, and what is published after that is refused, so that going on is safe.
async fn still_held(jobs: &Jobs, claim: &Claim) -> bool {
    match jobs.heartbeat(claim).await {
        Ok(Held::Yes) => return true,
        Ok(Held::Lost) => tracing::warn!("the job was given to another prover"),
        Ok(Held::Cancelled) => tracing::info!("the job has ended without this prover"),
        Err(error) => {
            tracing::warn!(%error, "a heartbeat failed");
            return true;
        }
    }
    false
}
