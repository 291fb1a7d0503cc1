//! Working through notices, and making up for lost ones.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use zkpool_jobs::keys;
use zkpool_ports::Delivery;
use zkpool_types::webhook::{DueAttempt, Notice, NoticeOf};
use zkpool_types::{Defect, ProjectId};

use crate::due::{MESSAGE_GRACE, later};
use crate::sender::Sender;
use crate::{WebhookError, Webhooks};

/// Notices that are received at once, and worked on at once.
const NOTICES_MAX: usize = 10;

/// How long a received notice is hidden from others: more than a try takes.
const VISIBILITY: Duration = Duration::from_secs(60);

/// How long an empty queue is waited at.
const WAIT: Duration = Duration::from_secs(20);

/// Pause after the queue failed.
const FAILURE_PAUSE: Duration = Duration::from_secs(1);

/// Projects of one sweep.
const PROJECTS_MAX: usize = 1000;

/// Tries of one project that one sweep sends messages for.
const DUE_MAX: usize = 1000;

/// Dead letters that one sweep takes note of.
const DEAD_LETTERS_MAX: usize = 10;

/// What a sweep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SweepReport {
    /// Messages that were sent again or became due.
    pub sent: usize,
    /// Dead letters that were deleted: what they asked for has a mark or is made up for.
    pub dead_lettered: usize,
    /// What failed, and is left to the next sweep.
    pub errors: usize,
}

impl SweepReport {
    fn note<T>(&mut self, result: Result<T, WebhookError>) -> Option<T> {
        result
            .inspect_err(|error| {
                self.errors += 1;
                tracing::warn!(error = error as &dyn std::error::Error, "left to the next sweep");
            })
            .ok()
    }
}

impl Webhooks {
    /// Does what a notice asks for.
    ///
    /// # Errors
    /// It is no notice, or a port failed: the same notice may be handled again. An address that
    /// does not answer is no error.
    pub async fn handle(&self, notice: &str, sender: &dyn Sender) -> Result<(), WebhookError> {
        let Notice { project, what } =
            serde_json::from_str(notice).map_err(WebhookError::NotANotice)?;
        match what {
            NoticeOf::Ended(job) => self.job_ended(&project, job).await,
            NoticeOf::Budget(alert) => self.budget_reached(&project, alert).await,
            NoticeOf::Attempt(due) => self.attempt(&project, due, sender).await,
        }
    }

    /// Works through notices for as long as the future is polled. What is dropped half done is
    /// received again.
    pub async fn run(&self, sender: &dyn Sender) {
        loop {
            match self.ports.notices.receive(NOTICES_MAX, VISIBILITY, WAIT).await {
                Ok(notices) => self.handle_all(notices, sender).await,
                Err(error) => {
                    tracing::warn!(%error, "no notices could be received");
                    self.ports.clock.sleep(FAILURE_PAUSE).await;
                }
            }
        }
    }

    async fn handle_all(&self, notices: Vec<Delivery>, sender: &dyn Sender) {
        let each = stream::iter(notices).for_each_concurrent(NOTICES_MAX, async |notice| {
            let handled = self.handle(&notice.message.body, sender).await;
            let deleted = match handled {
                Ok(()) => self.ports.notices.delete(&notice.receipt).await.map_err(Into::into),
                Err(error) => Err(error),
            };
            if let Err(error) = deleted {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, id = notice.message.id, "a notice comes again");
            }
        });
        each.await;
    }

    /// Sends the messages of tries of these projects that are due and of those whose message was lost.
    pub async fn sweep(&self, projects: &[ProjectId]) -> SweepReport {
        let mut report = SweepReport::default();
        for project in projects {
            let due = report.note(self.due(project, DUE_MAX).await).unwrap_or_default();
            for due in due.into_iter().filter(|_| !Defect::SkipsDueMarks.is_planted()) {
                let sent = self.send_again(project, due).await;
                report.sent += usize::from(report.note(sent).is_some());
            }
        }
        let buried = self.bury_dead_letters().await;
        report.dead_lettered = report.note(buried).unwrap_or_default();
        report
    }

    /// The projects that have or had webhooks.
    ///
    /// # Errors
    /// A port failed.
    pub async fn projects(&self) -> Result<Vec<ProjectId>, WebhookError> {
        let prefix = keys::WEBHOOK_PROJECTS;
        let marks = self.ports.blobs.list(prefix, None, PROJECTS_MAX).await?;
        let names = marks.iter().filter_map(|mark| mark.as_str().strip_prefix(prefix));
        Ok(names.filter_map(|name| name.parse().ok()).collect())
    }

    /// Sends the message of a try, under a mark that gives it time.
    async fn send_again(&self, project: &ProjectId, due: DueAttempt) -> Result<(), WebhookError> {
        let mark = later(self.ports.clock.now(), MESSAGE_GRACE);
        let fresh = self.write_mark(project, DueAttempt { mark, ..due }).await?;
        self.unmark(project, &due).await?;
        self.send(project, fresh).await
    }

    async fn bury_dead_letters(&self) -> Result<usize, WebhookError> {
        let letters = self.ports.notices.receive_dead(DEAD_LETTERS_MAX, VISIBILITY).await?;
        for letter in &letters {
            tracing::error!(id = letter.message.id, "a notice was given up");
            self.ports.notices.delete_dead(&letter.receipt).await?;
        }
        Ok(letters.len())
    }
}
