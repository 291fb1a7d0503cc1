//! Looking at every job again, once all were sent.

use std::time::Duration;

use zkpool_ports::Clock;
use zkpool_sdk::{Client, Error, JobFilter};
use zkpool_types::api::ProofView;

use super::generator::RUN_TAG;
use super::service::Service;
use super::vitals::Vitals;

/// Pause between two looks at what has not ended.
const PAUSE: Duration = Duration::from_millis(500);

/// Returns when nothing is left in the queue of a service on this machine, `until` at the latest.
pub(super) async fn drained(service: &Service, until: Duration, clock: &dyn Clock) {
    while let Some(Vitals { queued: 1.., .. }) = service.vitals().await {
        if clock.elapsed() >= until {
            return;
        }
        clock.sleep(PAUSE).await;
    }
}

/// Every job of this run that these clients can see, when all have ended, `until` at the latest.
pub(super) async fn jobs(
    clients: &[&Client],
    run: &str,
    until: Duration,
    clock: &dyn Clock,
) -> Result<Vec<ProofView>, Error> {
    loop {
        let jobs = look(clients, run).await?;
        let all_ended = jobs.iter().all(|job| job.state.is_terminal());
        if all_ended || clock.elapsed() >= until {
            return Ok(jobs);
        }
        clock.sleep(PAUSE).await;
    }
}

async fn look(clients: &[&Client], run: &str) -> Result<Vec<ProofView>, Error> {
    let tag = Some((RUN_TAG.to_owned(), run.to_owned()));
    let filter = JobFilter { tag, ..JobFilter::default() };
    let mut all = Vec::new();
    for client in clients {
        all.extend(client.jobs(&filter, usize::MAX).await?);
    }
    Ok(all)
}
