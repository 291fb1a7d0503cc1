//! Ending a job: by its prover, or by its requester.

use zkpool_types::api::ProofView;
use zkpool_types::{
    Defect, Failure, JobId, JobState, Outcome, ProjectId, ProofBody, ProvingDevice, Usage,
};

use crate::decide::{Event, Job, Refused, decide};
use crate::effects::{Settled, Subject};
use crate::metering::Ending;
use crate::records::RECORD_BYTES_MAX;
use crate::{Claim, CommitError, JobError, Jobs, PortError, keys};

/// What became of an attempt's result.
#[derive(Clone, Debug, PartialEq)]
pub enum Commit {
    /// The job ended with it.
    Won(Box<Outcome>),
    /// The job had ended before, like this. The attempt's work is recorded as waste.
    Lost(Box<Outcome>),
    /// The delivery has gone to another attempt, which will end the job. The attempt's work is
    /// recorded as waste.
    Outdated,
}

impl Jobs {
    /// Ends the job with a proof that its prover has verified.
    ///
    /// `measured` holds times of fetching and of the device; everything else on the receipt is
    /// filled in here. The outcome is visible before this returns; the deletions that follow it
    /// are repeated by the sweeper where they fail.
    ///
    /// # Errors
    /// Nothing is known to be committed. The same call may be made again.
    pub async fn succeed(
        &self,
        claim: &Claim,
        proof: ProofBody,
        device: impl Into<ProvingDevice>,
        measured: Usage,
    ) -> Result<Commit, CommitError> {
        let key = keys::outcome(&claim.request.project, claim.request.id);
        let proof_bytes = serde_json::to_vec(&proof)
            .map_err(|source| PortError::Corrupt { key, source })?
            .len() as u64;
        let ending = Ending {
            state: JobState::Succeeded,
            attempt: Some(claim.attempt),
            proof: Some(proof),
            failure: None,
            device: Some(device.into()),
            usage: self.metered(claim, proof_bytes, measured),
        };
        self.commit(claim, Event::Proved(claim.attempt.id), ending).await
    }

    /// Ends the job without a proof, because no attempt can succeed: a refused witness, say.
    /// What may pass by itself goes through [`Jobs::retry_later`] instead.
    ///
    /// # Errors
    /// Nothing is known to be committed. The same call may be made again.
    pub async fn fail(
        &self,
        claim: &Claim,
        failure: Failure,
        device: Option<impl Into<ProvingDevice>>,
        measured: Usage,
    ) -> Result<Commit, CommitError> {
        let ending = Ending {
            state: JobState::Failed,
            attempt: Some(claim.attempt),
            proof: None,
            failure: Some(failure),
            device: device.map(Into::into),
            usage: self.metered(claim, 0, measured),
        };
        self.commit(claim, Event::Rejected(claim.attempt.id), ending).await
    }

    /// Records what an attempt used that stops early, because a heartbeat said
    /// [`crate::Held::Lost`] or [`crate::Held::Cancelled`].
    ///
    /// # Errors
    /// A port failed or the usage has no price.
    pub async fn abandon(
        &self,
        claim: &Claim,
        device: Option<impl Into<ProvingDevice>>,
        measured: Usage,
    ) -> Result<(), CommitError> {
        let usage = self.metered(claim, 0, measured);
        let waste = Some(self.waste(claim, device.map(Into::into), usage)?);
        let (job, _) = self.standing(&claim.request.project, claim.request.id).await?;
        let event = Event::AttemptLost(claim.attempt.id);
        self.settle(job, event, Subject { waste, ..claim.subject() }).await?;
        Ok(())
    }

    /// Commits an attempt's result, if the attempt still holds the job.
    ///
    /// The fence is the delivery: whoever can extend it holds the job. It is asked right before
    /// the write, and the write is create-once, so that even an attempt which is stopped between
    /// the two can at most be first, never second.
    async fn commit(
        &self,
        claim: &Claim,
        event: Event,
        ending: Ending,
    ) -> Result<Commit, CommitError> {
        let waste = Some(self.waste(claim, ending.device.clone(), ending.usage)?);
        let outcome = Some(self.price(&claim.request, ending)?);
        let subject = Subject { waste, outcome, ..claim.subject() };
        let (job, ended) = self.fenced(claim).await?;
        // A second call of the attempt that ended the job finds its own outcome.
        let is_mine = |outcome: &Outcome| outcome.attempt.map(|a| a.id) == Some(claim.attempt.id);
        if let Some(outcome) = ended.clone().filter(is_mine) {
            return Ok(Commit::Won(Box::new(outcome)));
        }
        Ok(match (self.settle(job, event, subject).await?, ended) {
            (Settled::Won(outcome), _) => Commit::Won(outcome),
            (Settled::Lost(outcome), _) => Commit::Lost(outcome),
            (Settled::Unwritten, Some(outcome)) => Commit::Lost(Box::new(outcome)),
            (Settled::Unwritten, None) => Commit::Outdated,
        })
    }

    /// Where the job stands for this claim, with the outcome where it has ended.
    async fn fenced(&self, claim: &Claim) -> Result<(Job, Option<Outcome>), PortError> {
        if Defect::NoFence.is_planted() || self.holds(&claim.receipt).await? {
            return Ok((Job::Proving(claim.attempt), None));
        }
        let outcome = self.outcome(&claim.request.project, claim.request.id).await?;
        Ok(match outcome {
            Some(outcome) => (Job::Ended(outcome.state), Some(outcome)),
            None => (Job::Queued, None),
        })
    }

    /// Takes a job back, at charge zero. A prover that is at work on it learns of it with its
    /// next heartbeat.
    ///
    /// # Errors
    /// The job does not exist or has ended, or a port failed.
    pub async fn cancel(&self, project: &ProjectId, job: JobId) -> Result<ProofView, JobError> {
        let key = keys::request(project, job);
        let request = self.records.read(&key, RECORD_BYTES_MAX).await?;
        let request = request.ok_or(JobError::NotFound(job))?;
        let (standing, _) = self.standing(project, job).await?;
        if let Err(Refused::AlreadyFinished(state)) = decide(&standing, &Event::CancelRequested) {
            return Err(JobError::AlreadyFinished { job, state });
        }
        let ending = Ending::unattended(JobState::Cancelled, 0);
        let outcome = Some(self.price(&request, ending)?);
        let subject = Subject { outcome, ..Subject::new(project, job) };
        match self.settle(standing, Event::CancelRequested, subject).await? {
            Settled::Lost(winner) if winner.state != JobState::Cancelled => {
                Err(JobError::AlreadyFinished { job, state: winner.state })
            }
            _ => self.view(project, job).await,
        }
    }
}
