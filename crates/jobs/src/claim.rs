//! A prover's side of the queue: claiming, holding and letting go of a job.

use std::time::Duration;

use futures_util::future::{Either, join, pending, select};
use zkpool_ports::{Delivery, QueueError, ReceiptHandle};
use zkpool_types::{
    Attempt, AttemptId, Defect, JobMessage, JobRequest, JobState, Stage, Timestamp,
};

use crate::decide::{Event, Job};
use crate::effects::{CLAIM_VISIBILITY, Settled, Subject, VISIBILITY};
use crate::metering::Ending;
use crate::records::RECORD_BYTES_MAX;
use crate::{JobError, Jobs, PortError, keys};

/// Messages that one call looks at before it returns without a claim, so that a queue full of
/// ended jobs cannot hold a prover for ever.
const SKIPS_MAX: usize = 64;

/// The right to prove one job for a while.
#[derive(Debug)]
pub struct Claim {
    /// What was asked.
    pub request: JobRequest,
    /// This delivery of it.
    pub attempt: Attempt,
    /// When it was claimed.
    pub claimed_at: Timestamp,
    pub(crate) receipt: ReceiptHandle,
}

/// What a heartbeat found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// The job is this attempt's for another visibility timeout.
    Yes,
    /// Another attempt may have the job: stop, nothing this one brings will be accepted.
    Lost,
    /// The job has ended, by cancellation or otherwise: stop.
    Cancelled,
}

impl Claim {
    /// What effects of this attempt refer to.
    pub(crate) fn subject(&self) -> Subject<'_> {
        Subject {
            message: Some(&self.receipt),
            attempt: Some(self.attempt),
            ..Subject::new(&self.request.project, self.request.id)
        }
    }
}

impl Jobs {
    /// Claims the next job, waiting up to `wait` for one.
    ///
    /// Messages of ended jobs are deleted and overdue jobs are expired on the way. A message
    /// without a readable job is left alone: after its last delivery it is a dead letter.
    ///
    /// # Errors
    /// A port failed. A message that was received is handed back, uncounted.
    pub async fn claim(&self, wait: Duration) -> Result<Option<Claim>, JobError> {
        self.claim_unless(wait, pending()).await
    }

    /// As [`Jobs::claim`], but stops waiting once `stopped` is there, and returns without a claim.
    ///
    /// A message that the queue hands out to a wait which was given up stays hidden for
    /// [`CLAIM_VISIBILITY_S`](zkpool_types::limits::CLAIM_VISIBILITY_S) only. One that has arrived
    /// is claimed all the same.
    ///
    /// # Errors
    /// A port failed. A message that was received is handed back, uncounted.
    pub async fn claim_unless(
        &self,
        wait: Duration,
        stopped: impl Future<Output = ()> + Send,
    ) -> Result<Option<Claim>, JobError> {
        let (mut wait, mut stopped) = (wait, Box::pin(stopped));
        for _ in 0..SKIPS_MAX {
            let receiving = self.ports.queue.receive(1, CLAIM_VISIBILITY, wait);
            let received = match select(receiving, &mut stopped).await {
                Either::Left((received, _)) => received?,
                Either::Right(_) => return Ok(None),
            };
            let Some(delivery) = received.into_iter().next() else { return Ok(None) };
            match self.hold_and_take(&delivery).await {
                Ok(None) => wait = Duration::ZERO,
                Ok(claim) => return Ok(claim),
                Err(error) => {
                    // The job is not to blame. Should this fail too, it is redelivered later.
                    let _ = self.ports.queue.release(&delivery.receipt).await;
                    return Err(error);
                }
            }
        }
        Ok(None)
    }

    /// Takes the job of a message that is hidden for a whole visibility timeout meanwhile. There is
    /// no claim if that came too late.
    async fn hold_and_take(&self, delivery: &Delivery) -> Result<Option<Claim>, JobError> {
        let (held, taken) = join(self.holds(&delivery.receipt), self.take(delivery)).await;
        // Where nothing is to be claimed, the message may be gone already.
        let Some(claim) = taken? else { return Ok(None) };
        Ok(held.map_err(PortError::from)?.then_some(claim))
    }

    async fn take(&self, delivery: &Delivery) -> Result<Option<Claim>, JobError> {
        let Ok(message) = serde_json::from_str::<JobMessage>(&delivery.message.body) else {
            tracing::warn!(id = delivery.message.id, "a message that names no job");
            return Ok(None);
        };
        let key = keys::request(&message.project, message.job);
        let Some(request) = self.records.read(&key, RECORD_BYTES_MAX).await? else {
            tracing::warn!(job = %message.job, "a message of a job without a record");
            return Ok(None);
        };
        self.begin(request, delivery).await
    }

    async fn begin(
        &self,
        request: JobRequest,
        delivery: &Delivery,
    ) -> Result<Option<Claim>, JobError> {
        let (job, ended) = self.standing(&request.project, request.id).await?;
        let claimed_at = self.ports.clock.now();
        let overdue = request.deadline <= claimed_at && !Defect::IgnoresDeadlines.is_planted();
        if ended.is_none() && overdue {
            let attempts = delivery.receive_count.saturating_sub(1);
            self.expire(&request, attempts, Some(&delivery.receipt)).await?;
            return Ok(None);
        }
        let id = AttemptId::new(self.ports.ids.next());
        let attempt = Attempt { id, number: delivery.receive_count };
        let claim = Claim { request, attempt, claimed_at, receipt: delivery.receipt.clone() };
        self.settle(job, Event::Claimed(attempt), claim.subject()).await?;
        if Defect::DeletesMessageEarly.is_planted() {
            self.ports.queue.delete(&claim.receipt).await.map_err(PortError::from)?;
        }
        Ok(ended.is_none().then_some(claim))
    }

    /// Ends an overdue job at charge zero.
    pub(crate) async fn expire(
        &self,
        request: &JobRequest,
        attempts: u32,
        message: Option<&ReceiptHandle>,
    ) -> Result<Settled, JobError> {
        let ending = Ending::unattended(JobState::Expired, attempts);
        let outcome = Some(self.price(request, ending)?);
        let subject = Subject::new(&request.project, request.id);
        let subject = Subject { message, outcome, ..subject };
        Ok(self.settle(Job::Queued, Event::DeadlinePassed, subject).await?)
    }

    /// Keeps the claim for another visibility timeout.
    ///
    /// # Errors
    /// A port failed. The claim may still be held: two heartbeats may fail in a row.
    pub async fn heartbeat(&self, claim: &Claim) -> Result<Held, JobError> {
        let outcome = keys::outcome(&claim.request.project, claim.request.id);
        if self.ports.blobs.head(&outcome).await?.is_some() {
            return Ok(Held::Cancelled);
        }
        if Defect::SkipsHeartbeats.is_planted() {
            return Ok(Held::Yes);
        }
        Ok(if self.holds(&claim.receipt).await? { Held::Yes } else { Held::Lost })
    }

    /// Whether the delivery is still held; if so, for another visibility timeout.
    pub(crate) async fn holds(&self, receipt: &ReceiptHandle) -> Result<bool, QueueError> {
        match self.ports.queue.extend(receipt, VISIBILITY).await {
            Ok(()) => Ok(true),
            Err(QueueError::ReceiptExpired) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Shows that the claim's prover is at `stage`. Best effort: it is for display only.
    pub async fn enter(&self, claim: &Claim, stage: Stage) {
        if let Err(error) = self.show(&claim.subject(), stage).await {
            tracing::debug!(job = %claim.request.id, %error, "progress was not shown");
        }
    }

    /// Lets go of a job after a failure that may pass. The attempt counts: the job is delivered
    /// again after a while, or becomes a dead letter.
    ///
    /// # Errors
    /// A port failed; the job is delivered again after the visibility timeout all the same.
    pub async fn retry_later(&self, claim: &Claim) -> Result<(), JobError> {
        self.let_go(claim, Event::Postponed(claim.attempt.id)).await
    }

    /// Hands the job to another prover at once, as before an interruption. The attempt does not
    /// count.
    ///
    /// # Errors
    /// A port failed; the job is delivered again after the visibility timeout all the same.
    pub async fn hand_back(&self, claim: &Claim) -> Result<(), JobError> {
        self.let_go(claim, Event::HandedBack(claim.attempt.id)).await
    }

    async fn let_go(&self, claim: &Claim, event: Event) -> Result<(), JobError> {
        match self.settle(Job::Proving(claim.attempt), event, claim.subject()).await {
            // Who no longer holds a delivery has nothing left to give back.
            Err(PortError::Queue(QueueError::ReceiptExpired)) => Ok(()),
            settled => Ok(settled.map(drop)?),
        }
    }
}
