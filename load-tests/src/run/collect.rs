//! Looking at every job again, once all were sent.

use std::time::Duration;

use zkpool_ports::Clock;
use zkpool_sdk::{Client, Error, JobFilter};
use zkpool_types::api::ProofView;

use super::generator::RUN_TAG;

/// Pause between two looks at jobs that have not ended.
const PAUSE: Duration = Duration::from_secs(2);

/// Every job of this run that these clients can see, when all have ended or the patience has.
pub(super) async fn jobs(
    clients: &[&Client],
    run: &str,
    patience: Duration,
    clock: &dyn Clock,
) -> Result<Vec<ProofView>, Error> {
    let start = clock.elapsed();
    loop {
        let jobs = look(clients, run).await?;
        let all_ended = jobs.iter().all(|job| job.state.is_terminal());
        if all_ended || clock.elapsed().saturating_sub(start) >= patience {
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
