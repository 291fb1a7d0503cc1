//! Carrying out what [`crate::decide::decide`] decided.

use std::time::Duration;

use bytes::Bytes;
use zkpool_ports::{Durability, Message, ReceiptHandle};
use zkpool_types::limits::{CLAIM_VISIBILITY_S, HEARTBEAT_S, VISIBILITY_S};
use zkpool_types::{
    Attempt, JobId, JobMessage, JobState, Outcome, Progress, ProjectId, Stage, Waste,
};

use crate::decide::{Effect, Event, Job, decide};
use crate::records::{Created, OUTCOME_BYTES_MAX, RECORD_BYTES_MAX};
use crate::{Jobs, PortError, keys};

/// How long a received message stays invisible without a heartbeat.
pub(crate) const VISIBILITY: Duration = Duration::from_secs(VISIBILITY_S);

/// How long a message stays invisible that a claim received and has not taken yet.
pub(crate) const CLAIM_VISIBILITY: Duration = Duration::from_secs(CLAIM_VISIBILITY_S);

/// How long a postponed message stays invisible: what may pass by itself gets time to.
const POSTPONEMENT: Duration = Duration::from_secs(HEARTBEAT_S);

/// What the effects on one job refer to.
#[derive(Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) project: &'a ProjectId,
    pub(crate) job: JobId,
    /// The delivery that is held, if one is.
    pub(crate) message: Option<&'a ReceiptHandle>,
    /// The dead letter that is held, if one is.
    pub(crate) dead_letter: Option<&'a ReceiptHandle>,
    /// The attempt that acts, if one does.
    pub(crate) attempt: Option<Attempt>,
    /// The outcome to write, if this may end the job.
    pub(crate) outcome: Option<Outcome>,
    /// What the attempt used, if it did anything.
    pub(crate) waste: Option<Waste>,
}

impl<'a> Subject<'a> {
    /// A job that nobody holds.
    pub(crate) fn new(project: &'a ProjectId, job: JobId) -> Self {
        Self {
            project,
            job,
            message: None,
            dead_letter: None,
            attempt: None,
            outcome: None,
            waste: None,
        }
    }
}

/// What became of an event.
#[derive(Debug)]
pub(crate) enum Settled {
    /// The outcome is the caller's.
    Won(Box<Outcome>),
    /// The job had another outcome already.
    Lost(Box<Outcome>),
    /// Nothing was to be committed.
    Unwritten,
}

impl Jobs {
    /// Decides and carries out one event. An event that is refused does nothing.
    pub(crate) async fn settle(
        &self,
        job: Job,
        event: Event,
        subject: Subject<'_>,
    ) -> Result<Settled, PortError> {
        let Ok((_, effects)) = decide(&job, &event) else { return Ok(Settled::Unwritten) };
        match self.carry_out(&effects, &subject).await? {
            None => Ok(Settled::Unwritten),
            Some(Created::Mine(outcome)) => Ok(Settled::Won(Box::new(outcome))),
            Some(Created::Other(winner)) => {
                if let Ok((_, effects)) = decide(&job, &Event::OutcomeLost(winner.state)) {
                    self.carry_out(&effects, &subject).await?;
                }
                Ok(Settled::Lost(Box::new(winner)))
            }
        }
    }

    /// Carries out effects in order. Returns whose outcome is stored where one was written; if
    /// it is another's, the effects after it are left out.
    ///
    /// What a later claim or sweep would repeat anyway is logged when it fails, so that a
    /// committed outcome is never reported as an error.
    pub(crate) async fn carry_out(
        &self,
        effects: &[Effect],
        subject: &Subject<'_>,
    ) -> Result<Option<Created<Outcome>>, PortError> {
        let mut written = None;
        for effect in effects {
            match effect {
                Effect::WriteOutcome(_) => {
                    written = self.write_outcome(subject).await?;
                    if matches!(written, Some(Created::Other(_))) {
                        break;
                    }
                }
                Effect::Enqueue => self.enqueue(subject.project, subject.job).await?,
                Effect::ReleaseMessage => self.release(subject).await?,
                Effect::PostponeMessage => self.postpone(subject).await?,
                tidying => {
                    if let Err(error) = self.tidy(*tidying, subject).await {
                        let (project, job) = (subject.project, subject.job);
                        tracing::warn!(%project, %job, ?tidying, %error, "left to the sweeper");
                    }
                }
            }
        }
        Ok(written)
    }

    async fn write_outcome(
        &self,
        subject: &Subject<'_>,
    ) -> Result<Option<Created<Outcome>>, PortError> {
        let Some(outcome) = subject.outcome.clone() else { return Ok(None) };
        let key = keys::outcome(subject.project, subject.job);
        let mine = outcome.clone();
        // An attempt is told by its id: a second try of it carries a later time.
        let is_mine = move |stored: &Outcome| match (stored.attempt, mine.attempt) {
            (Some(stored), Some(mine)) => stored.id == mine.id,
            _ => *stored == mine,
        };
        let written = self.records.create(&key, outcome, OUTCOME_BYTES_MAX, is_mine).await?;
        self.endings.announce(subject.job);
        Ok(Some(written))
    }

    /// Sends the job's message.
    pub(crate) async fn enqueue(&self, project: &ProjectId, job: JobId) -> Result<(), PortError> {
        Ok(self.ports.queue.send(message(project, job)?, Duration::ZERO).await?)
    }

    /// Sends the messages of several jobs of one project, and says of each whether it was sent.
    pub(crate) async fn enqueue_all(
        &self,
        project: &ProjectId,
        jobs: &[JobId],
    ) -> Result<Vec<Result<(), PortError>>, PortError> {
        let messages = jobs.iter().map(|job| message(project, *job)).collect::<Result<_, _>>()?;
        let sent = self.ports.queue.send_all(messages).await;
        Ok(sent.into_iter().map(|sent| Ok(sent?)).collect())
    }

    async fn release(&self, subject: &Subject<'_>) -> Result<(), PortError> {
        let Some(receipt) = subject.message else { return Ok(()) };
        Ok(self.ports.queue.release(receipt).await?)
    }

    async fn postpone(&self, subject: &Subject<'_>) -> Result<(), PortError> {
        let Some(receipt) = subject.message else { return Ok(()) };
        Ok(self.ports.queue.extend(receipt, POSTPONEMENT).await?)
    }

    async fn tidy(&self, effect: Effect, subject: &Subject<'_>) -> Result<(), PortError> {
        let (project, job) = (subject.project, subject.job);
        let (blobs, queue) = (&self.ports.blobs, &self.ports.queue);
        match (effect, subject.message, subject.dead_letter) {
            (Effect::DeleteMessage, Some(receipt), _) => queue.delete(receipt).await?,
            (Effect::DeleteDeadLetter, _, Some(receipt)) => queue.delete_dead(receipt).await?,
            (Effect::DeleteProgress, _, _) => blobs.delete(&keys::progress(project, job)).await?,
            (Effect::DeleteWitness, _, _) => blobs.delete(&keys::witness(project, job)).await?,
            (Effect::RecordWaste, _, _) => self.record_waste(subject).await?,
            (Effect::Notify, _, _) => self.notify(project, job).await?,
            (Effect::WriteProgress, _, _) => self.show(subject, Stage::Fetching).await?,
            _ => {}
        }
        Ok(())
    }

    async fn record_waste(&self, subject: &Subject<'_>) -> Result<(), PortError> {
        let Some(waste) = &subject.waste else { return Ok(()) };
        let name = format!("waste.{}.{}", subject.job, waste.attempt.id);
        let mark = keys::unbilled(subject.project, &name);
        self.ports.blobs.put(&mark, Bytes::new(), Durability::Cached).await?;
        let key = keys::waste(subject.project, subject.job, waste.attempt.id);
        // Its receipt is put in a chain, so that it is never written again.
        self.records.create(&key, waste.clone(), RECORD_BYTES_MAX, |_| true).await?;
        Ok(())
    }

    /// Shows that the acting attempt is at `stage`.
    pub(crate) async fn show(&self, subject: &Subject<'_>, stage: Stage) -> Result<(), PortError> {
        let Some(attempt) = subject.attempt else { return Ok(()) };
        let progress = Progress { attempt, stage, at: self.ports.clock.now() };
        let key = keys::progress(subject.project, subject.job);
        self.records.put_cached(&key, &progress).await
    }

    /// The outcome of a job, or `None` while it is open.
    pub(crate) async fn outcome(
        &self,
        project: &ProjectId,
        job: JobId,
    ) -> Result<Option<Outcome>, PortError> {
        self.records.read(&keys::outcome(project, job), OUTCOME_BYTES_MAX).await
    }

    /// Where a job that has a request stands, but for who holds it.
    pub(crate) async fn standing(
        &self,
        project: &ProjectId,
        job: JobId,
    ) -> Result<(Job, Option<JobState>), PortError> {
        Ok(match self.outcome(project, job).await? {
            Some(outcome) => (Job::Ended(outcome.state), Some(outcome.state)),
            None => (Job::Queued, None),
        })
    }
}

/// The message of a job.
fn message(project: &ProjectId, job: JobId) -> Result<Message, PortError> {
    let body = serde_json::to_string(&JobMessage { project: project.clone(), job })
        .map_err(|source| PortError::Corrupt { key: keys::request(project, job), source })?;
    Ok(Message { id: job.to_string(), group: project.to_string(), body })
}
