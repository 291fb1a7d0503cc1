//! Making up for what the queue lost and what a crash left behind.
//!
//! A sweep goes through the open jobs of every project: it expires the overdue, enqueues again
//! what has waited suspiciously long, and deletes what an ended job left. A *watermark* per
//! project, below which every job has ended and is cleaned up, keeps its cost proportional to
//! the jobs that are open and not to those that ever were. Every loop is bounded; what one
//! sweep does not reach, the next one does.

use jiff::SignedDuration;
use zkpool_ports::{BlobKey, Delivery};
use zkpool_types::limits::{ID_DISORDER_S, REENQUEUE_AFTER_S, UPLOAD_LIFETIME_S};
use zkpool_types::{
    Defect, ErrorCode, Failure, JobId, JobMessage, JobRequest, JobState, LateMark, Outcome,
    ProjectId, SweepMark, Timestamp, Upload, UploadId,
};

use crate::decide::{Event, Job};
use crate::effects::{Settled, Subject, VISIBILITY};
use crate::metering::Ending;
use crate::newest::created_at;
use crate::notices::Told;
use crate::records::RECORD_BYTES_MAX;
use crate::{JobError, Jobs, PortError, keys};

/// Jobs of one project that one sweep looks at.
const JOBS_MAX: usize = 1000;

/// Projects that one sweep looks at; the next one goes on behind them.
const PROJECTS_MAX: usize = 1000;

/// Keys of uploads of one project that one sweep looks at, the oldest first.
const UPLOAD_KEYS_MAX: usize = 1000;

/// Rounds of dead letters, of ten each, that one sweep looks at.
const DEAD_LETTER_ROUNDS_MAX: usize = 100;

/// Dead letters of one round: what SQS hands out at once.
const DEAD_LETTERS_PER_ROUND: usize = 10;

/// Age that a job must have before the watermark passes it.
const WATERMARK_LAG: SignedDuration = SignedDuration::from_secs(ID_DISORDER_S);

/// Age at which a witness without a request is deleted: its submission was never finished.
const ORPHAN_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// Age at which an accepted job without an outcome is enqueued again.
const REENQUEUE_AFTER: SignedDuration = SignedDuration::from_secs(REENQUEUE_AFTER_S);

/// How long bytes of an expired upload are kept for a transfer that began in time.
const UPLOAD_GRACE: SignedDuration = SignedDuration::from_secs(UPLOAD_LIFETIME_S);

/// What one sweep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SweepReport {
    /// Jobs whose message was sent again.
    pub reenqueued: usize,
    /// Jobs that ended because their deadline had passed.
    pub expired: usize,
    /// Jobs that ended because no attempt finished them.
    pub dead_lettered: usize,
    /// Witnesses that had outlived their job.
    pub witnesses_deleted: usize,
    /// Uploads that had expired.
    pub uploads_deleted: usize,
    /// Things that failed and are left to the next sweep.
    pub errors: usize,
}

impl SweepReport {
    /// The value, or `None` after counting and logging the failure.
    fn note<T, E: std::error::Error + 'static>(&mut self, result: Result<T, E>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                self.errors += 1;
                tracing::warn!(error = &error as &dyn std::error::Error, "left to the next sweep");
                None
            }
        }
    }
}

/// The sweep of one project.
struct Pass<'a> {
    project: &'a ProjectId,
    has_webhooks: bool,
    mark: SweepMark,
    /// Jobs whose message is to be sent again.
    overlooked: Vec<JobId>,
    report: &'a mut SweepReport,
}

impl Jobs {
    /// Sweeps once. Several sweepers may run at once: everything they do is safe to repeat.
    pub async fn sweep(&self) -> SweepReport {
        let mut report = SweepReport::default();
        self.sweep_dead_letters(&mut report).await;
        let projects = self.next_projects().await;
        for project in report.note(projects).unwrap_or_default() {
            let swept = self.sweep_project(&project, &mut report).await;
            report.note(swept);
        }
        let projects = self.projects_below(keys::UPLOAD_PROJECTS, None).await;
        for project in report.note(projects).unwrap_or_default() {
            let swept = self.sweep_uploads(&project, &mut report).await;
            report.note(swept);
        }
        report
    }

    /// The projects that are due, in turn.
    async fn next_projects(&self) -> Result<Vec<ProjectId>, PortError> {
        let after = self.sweep_after.lock().map_or(None, |after| after.clone());
        let projects = self.projects_below(keys::JOB_PROJECTS, after.as_deref()).await?;
        let full = projects.len() >= PROJECTS_MAX;
        if let Ok(mut after) = self.sweep_after.lock() {
            *after = projects.last().filter(|_| full).map(ToString::to_string);
        }
        Ok(projects)
    }

    async fn projects_below(
        &self,
        prefix: &str,
        after: Option<&str>,
    ) -> Result<Vec<ProjectId>, PortError> {
        let names = self.ports.blobs.list_children(prefix, after, PROJECTS_MAX).await?;
        Ok(names.iter().filter_map(|name| name.parse().ok()).collect())
    }

    async fn sweep_project(
        &self,
        project: &ProjectId,
        report: &mut SweepReport,
    ) -> Result<(), PortError> {
        let key = keys::sweep_mark(project);
        // A mark that does not read back is derived again.
        let stored = self.records.read(&key, RECORD_BYTES_MAX.saturating_mul(64)).await;
        let before: SweepMark = report.note(stored).flatten().unwrap_or_default();
        let has_webhooks = self.has_webhooks(project).await?;
        let mark = before.clone();
        let mut pass = Pass { project, has_webhooks, mark, overlooked: Vec::new(), report };
        let swept = self.sweep_open_jobs(&mut pass).await;
        let sent = self.send_overlooked(&mut pass).await;
        if pass.mark != before {
            self.records.put_cached(&key, &pass.mark).await?;
        }
        swept.and(sent)
    }

    /// Looks at the jobs behind the watermark, and at those that may lie below it.
    async fn sweep_open_jobs(&self, pass: &mut Pass<'_>) -> Result<(), PortError> {
        let SweepMark { cursor, watermark, .. } = pass.mark;
        let after = cursor.or(watermark).map(|job| job.to_string());
        let prefix = keys::jobs(pass.project);
        let jobs = self.ports.blobs.list_children(&prefix, after.as_deref(), JOBS_MAX).await?;
        let mut all_done = cursor == watermark || cursor.is_none();
        let mut last = None;
        self.sweep_late(pass).await?;
        for job in jobs.iter().filter_map(|name| name.parse::<JobId>().ok()) {
            let swept = self.sweep_job(job, pass).await;
            let is_done = pass.report.note(swept) == Some(true);
            all_done &= is_done || Defect::SweepsTooFar.is_planted();
            if all_done {
                pass.mark.watermark = Some(job);
            }
            last = Some(job);
        }
        pass.mark.cursor = last.filter(|_| jobs.len() >= JOBS_MAX);
        Ok(())
    }

    /// Looks at jobs that may lie below the watermark.
    async fn sweep_late(&self, pass: &mut Pass<'_>) -> Result<(), PortError> {
        let prefix = keys::late_jobs(pass.project);
        for key in self.ports.blobs.list(&prefix, None, JOBS_MAX).await? {
            let name = key.as_str().strip_prefix(&prefix);
            let Some(job) = name.and_then(|name| name.parse().ok()) else { continue };
            let swept = self.sweep_job(job, pass).await;
            if pass.report.note(swept) == Some(true) {
                self.ports.blobs.delete(&key).await?;
            }
        }
        Ok(())
    }

    /// Sends the messages of the jobs that were overlooked, which is what
    /// [`decide`](crate::decide::decide) says to them, all at once, because every call of a
    /// queue may cost. A job whose message was not sent is found again by the next sweep.
    async fn send_overlooked(&self, pass: &mut Pass<'_>) -> Result<(), PortError> {
        let sent = self.enqueue_all(pass.project, &pass.overlooked).await?;
        let now = self.ports.clock.now();
        for (job, sent) in pass.overlooked.iter().zip(sent) {
            if pass.report.note(sent).is_some() {
                pass.mark.enqueued.insert(*job, now);
                pass.report.reenqueued += 1;
            }
        }
        Ok(())
    }

    /// Looks at one job. Returns whether the sweeper need never look at it again.
    async fn sweep_job(&self, job: JobId, pass: &mut Pass<'_>) -> Result<bool, JobError> {
        let project = pass.project;
        let age = self.ports.clock.now().duration_since(created_at(job));
        if let Some(outcome) = self.outcome(project, job).await? {
            self.clean(job, Job::Ended(outcome.state), pass).await?;
            return Ok(self.is_told(&outcome, pass).await? && age > WATERMARK_LAG);
        }
        let request = self.records.read(&keys::request(project, job), RECORD_BYTES_MAX).await?;
        match request {
            Some(request) => self.sweep_open(&request, pass).await?,
            None if age > ORPHAN_AFTER && !self.is_late(project, job).await? => {
                self.clean(job, Job::Ended(JobState::Cancelled), pass).await?;
                return Ok(true);
            }
            None => {}
        }
        Ok(false)
    }

    /// Whether nobody waits any more for being told of a job's end. A notice may be lost again and
    /// again, so that only its event says so.
    async fn is_told(&self, outcome: &Outcome, pass: &mut Pass<'_>) -> Result<bool, PortError> {
        let enqueued = &mut pass.mark.enqueued;
        if !pass.has_webhooks {
            enqueued.remove(&outcome.job);
            return Ok(true);
        }
        match self.make_up_notice(outcome, enqueued.get(&outcome.job).copied()).await? {
            Told::Yes => {
                enqueued.remove(&outcome.job);
                return Ok(true);
            }
            Told::NotYet => {}
            Told::SentAgain(at) => {
                enqueued.insert(outcome.job, at);
            }
        }
        Ok(false)
    }

    /// Whether the submission of a job was taken up again a short time ago.
    async fn is_late(&self, project: &ProjectId, job: JobId) -> Result<bool, PortError> {
        let key = keys::late(project, job);
        let mark: Option<LateMark> = self.records.read(&key, RECORD_BYTES_MAX).await?;
        let now = self.ports.clock.now();
        Ok(mark.is_some_and(|mark| now.duration_since(mark.at) <= ORPHAN_AFTER))
    }

    /// Expires an open job that is overdue, and notes one that has waited suspiciously long.
    async fn sweep_open(&self, request: &JobRequest, pass: &mut Pass<'_>) -> Result<(), JobError> {
        let now = self.ports.clock.now();
        if request.deadline <= now && !Defect::IgnoresDeadlines.is_planted() {
            if matches!(self.expire(request, 0, None).await?, Settled::Won(_)) {
                pass.report.expired += 1;
            }
            return Ok(());
        }
        let sent_at = pass.mark.enqueued.get(&request.id).copied();
        let waited_since = sent_at.unwrap_or(request.accepted_at).max(request.accepted_at);
        let is_overlooked = now.duration_since(waited_since) >= REENQUEUE_AFTER;
        if is_overlooked && !Defect::NeverReenqueues.is_planted() {
            pass.overlooked.push(request.id);
        }
        Ok(())
    }

    /// Deletes what a crash between an outcome and its deletions left.
    async fn clean(&self, job: JobId, standing: Job, pass: &mut Pass<'_>) -> Result<(), JobError> {
        let project = pass.project;
        let witness = keys::witness(project, job);
        if self.ports.blobs.head(&witness).await?.is_none() {
            return Ok(());
        }
        self.settle(standing, Event::Overlooked, Subject::new(project, job)).await?;
        if self.ports.blobs.head(&witness).await?.is_some() {
            return Err(PortError::Storage(zkpool_ports::BlobError::Storage {
                key: witness.to_string(),
                source: "the witness outlived its deletion".into(),
            })
            .into());
        }
        pass.report.witnesses_deleted += 1;
        Ok(())
    }

    async fn sweep_dead_letters(&self, report: &mut SweepReport) {
        for _ in 0..DEAD_LETTER_ROUNDS_MAX {
            let received = self.ports.queue.receive_dead(DEAD_LETTERS_PER_ROUND, VISIBILITY).await;
            let letters = report.note(received).unwrap_or_default();
            if letters.is_empty() {
                return;
            }
            for letter in &letters {
                let buried = self.bury(letter).await;
                report.dead_lettered += usize::from(report.note(buried) == Some(true));
            }
        }
    }

    /// Ends the job of a dead letter. Returns whether that was this letter's doing.
    async fn bury(&self, letter: &Delivery) -> Result<bool, JobError> {
        let message = serde_json::from_str::<JobMessage>(&letter.message.body);
        let Ok(JobMessage { project, job }) = message else {
            tracing::warn!(id = letter.message.id, "a dead letter that names no job");
            self.ports.queue.delete_dead(&letter.receipt).await?;
            return Ok(false);
        };
        let dead_letter = Some(&letter.receipt);
        let subject = Subject { dead_letter, ..Subject::new(&project, job) };
        let request = self.records.read(&keys::request(&project, job), RECORD_BYTES_MAX).await?;
        let Some(request) = request else {
            self.settle(Job::Unknown, Event::DeadLettered, subject).await?;
            return Ok(false);
        };
        let (standing, _) = self.standing(&project, job).await?;
        let outcome = Some(self.price(&request, exhausted(letter.receive_count))?);
        let subject = Subject { outcome, ..subject };
        let settled = self.settle(standing, Event::DeadLettered, subject).await?;
        Ok(matches!(settled, Settled::Won(_)))
    }

    async fn sweep_uploads(
        &self,
        project: &ProjectId,
        report: &mut SweepReport,
    ) -> Result<(), PortError> {
        let prefix = keys::uploads(project);
        let keys = self.ports.blobs.list(&prefix, None, UPLOAD_KEYS_MAX).await?;
        for id in keys.iter().filter_map(|key| upload_of(key, &prefix)) {
            let swept = self.sweep_upload(project, id).await;
            report.uploads_deleted += usize::from(report.note(swept) == Some(true));
        }
        Ok(())
    }

    /// Deletes an upload that has expired, bytes first so that no bytes are without a record.
    async fn sweep_upload(&self, project: &ProjectId, id: UploadId) -> Result<bool, PortError> {
        let key = keys::upload(project, id);
        let upload: Option<Upload> = self.records.read(&key, RECORD_BYTES_MAX).await?;
        let now = self.ports.clock.now();
        let keep = |upload: &Upload| now < kept_until(upload);
        if upload.as_ref().is_some_and(keep) {
            return Ok(false);
        }
        self.ports.blobs.delete(&keys::upload_bytes(project, id)).await?;
        self.ports.blobs.delete(&key).await?;
        Ok(upload.is_some())
    }
}

fn kept_until(upload: &Upload) -> Timestamp {
    upload.expires_at.checked_add(UPLOAD_GRACE).unwrap_or(Timestamp::MAX)
}

fn upload_of(key: &BlobKey, prefix: &str) -> Option<UploadId> {
    let (id, _) = key.as_str().strip_prefix(prefix)?.split_once('.')?;
    id.parse().ok()
}

fn exhausted(attempts: u32) -> Ending {
    let code = ErrorCode::AttemptsExhausted;
    let detail = format!("{attempts} attempts were made and none finished");
    let failure = Some(Failure { code, detail });
    Ending { failure, ..Ending::unattended(JobState::Failed, attempts) }
}
