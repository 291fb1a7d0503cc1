//! What a requester sees of a job.

use std::time::Duration;

use zkpool_types::api::ProofView;
use zkpool_types::{JobId, JobRequest, JobState, Outcome, Progress, ProjectId};

use crate::records::RECORD_BYTES_MAX;
use crate::{JobError, Jobs, keys};

/// First pause between two looks at an outcome. Proofs of small circuits take some 10 ms.
const POLL_FIRST: Duration = Duration::from_millis(5);

/// Longest pause between two looks at an outcome.
const POLL_MAX: Duration = Duration::from_millis(250);

impl Jobs {
    /// Where a job stands.
    ///
    /// # Errors
    /// There is no such job in this project, or a port failed.
    pub async fn view(&self, project: &ProjectId, job: JobId) -> Result<ProofView, JobError> {
        let key = keys::request(project, job);
        let request = self.records.read(&key, RECORD_BYTES_MAX).await?;
        let request: JobRequest = request.ok_or(JobError::NotFound(job))?;
        match self.outcome(project, job).await? {
            Some(outcome) => Ok(ended_view(request, outcome)),
            None => self.open_view(request).await,
        }
    }

    /// Where a job stands that has just been accepted. No record is read for it: a prover may have
    /// it by now, which the next look shows.
    ///
    /// # Errors
    /// The queue does not answer.
    pub async fn view_accepted(&self, request: JobRequest) -> Result<ProofView, JobError> {
        let queue_position = self.ports.queue.position(&request.id.to_string()).await?;
        Ok(ProofView { queue_position, ..bare_view(request, JobState::Queued) })
    }

    async fn open_view(&self, request: JobRequest) -> Result<ProofView, JobError> {
        let key = keys::progress(&request.project, request.id);
        let progress: Option<Progress> = self.records.read(&key, RECORD_BYTES_MAX).await?;
        let queue_position = match progress {
            Some(_) => None,
            None => self.ports.queue.position(&request.id.to_string()).await?,
        };
        let state = if progress.is_some() { JobState::Proving } else { JobState::Queued };
        let view = bare_view(request, state);
        Ok(ProofView {
            stage: progress.as_ref().map(|progress| progress.stage),
            attempt: progress.map(|progress| progress.attempt),
            queue_position,
            ..view
        })
    }

    /// Waits until the job has ended, at most for `wait`, and says where it stands then.
    ///
    /// An end in this process is seen at once; an end elsewhere within a quarter of a second.
    ///
    /// # Errors
    /// There is no such job in this project, or a port failed.
    pub async fn wait(
        &self,
        project: &ProjectId,
        job: JobId,
        wait: Duration,
    ) -> Result<ProofView, JobError> {
        let started = self.ports.clock.elapsed();
        let mut listener = self.endings.listen();
        let mut pause = POLL_FIRST;
        let outcome = keys::outcome(project, job);
        let mut view = self.view(project, job).await?;
        while !view.state.is_terminal() {
            let waited = self.ports.clock.elapsed().saturating_sub(started);
            let left = wait.saturating_sub(waited);
            if left.is_zero() {
                return self.view(project, job).await;
            }
            let heard = tokio::select! {
                biased;
                () = listener.hear(job) => true,
                () = self.ports.clock.sleep(pause.min(left)) => false,
            };
            if heard || self.ports.blobs.head(&outcome).await?.is_some() {
                view = self.view(project, job).await?;
            }
            pause = (pause * 2).min(POLL_MAX);
        }
        Ok(view)
    }
}

fn bare_view(request: JobRequest, state: JobState) -> ProofView {
    let JobRequest {
        id,
        project,
        circuit,
        witness: _,
        witness_form: _,
        body_digest: _,
        tags,
        accepted_at,
        deadline,
        price: _,
        trace: _,
    } = request;
    ProofView {
        id,
        project,
        circuit,
        state,
        stage: None,
        queue_position: None,
        attempt: None,
        tags,
        accepted_at,
        deadline,
        finished_at: None,
        proof: None,
        failure: None,
        receipt: None,
    }
}

fn ended_view(request: JobRequest, outcome: Outcome) -> ProofView {
    let Outcome { job: _, project: _, attempt, state, finished_at, proof, failure, receipt } =
        outcome;
    ProofView {
        attempt,
        finished_at: Some(finished_at),
        proof,
        failure,
        receipt: Some(receipt),
        ..bare_view(request, state)
    }
}
