//! Tries that have not been made: their marks in storage, and the messages that bring them about.

use std::time::Duration;

use bytes::Bytes;
use jiff::SignedDuration;
use zkpool_jobs::PortError;
use zkpool_jobs::keys;
use zkpool_ports::{BlobKey, Durability, Message};
use zkpool_types::webhook::{DeliveryId, DueAttempt, Notice, NoticeOf};
use zkpool_types::{Defect, ProjectId, Timestamp};

use crate::{WebhookError, Webhooks};

/// The longest delay of a message: that of SQS. What is due later is left to the sweep.
const DELAY_MAX: SignedDuration = SignedDuration::from_mins(15);

/// Time that a message has to bring about its try before the sweep sends another one.
pub(crate) const MESSAGE_GRACE: SignedDuration = SignedDuration::from_secs(60);

impl Webhooks {
    /// Marks a try that is to be made at `at`. The mark names the time at which the sweep looks
    /// after it.
    pub(crate) async fn mark(
        &self,
        project: &ProjectId,
        delivery: DeliveryId,
        number: u32,
        at: Timestamp,
    ) -> Result<DueAttempt, WebhookError> {
        let mark = if self.delay(at) > DELAY_MAX { at } else { later(at, MESSAGE_GRACE) };
        self.write_mark(project, DueAttempt { delivery, number, mark }).await
    }

    pub(crate) async fn write_mark(
        &self,
        project: &ProjectId,
        due: DueAttempt,
    ) -> Result<DueAttempt, WebhookError> {
        let key = keys::webhook_due(project, &due);
        if Defect::ForgetsMarks.is_planted() {
            return Ok(due);
        }
        self.ports.blobs.put(&key, Bytes::new(), Durability::Durable).await?;
        Ok(due)
    }

    /// Marks a try that is to be made at `at`, and sends its message if that is soon.
    pub(crate) async fn plan(
        &self,
        project: &ProjectId,
        delivery: DeliveryId,
        number: u32,
        at: Timestamp,
    ) -> Result<(), WebhookError> {
        let due = self.mark(project, delivery, number, at).await?;
        let delay = self.delay(at);
        if delay <= DELAY_MAX {
            let delay = Duration::try_from(delay).unwrap_or_default();
            self.send_after(project, due, delay).await?;
        }
        Ok(())
    }

    /// Sends the message of a try that is due.
    pub(crate) async fn send(
        &self,
        project: &ProjectId,
        due: DueAttempt,
    ) -> Result<(), WebhookError> {
        self.send_after(project, due, Duration::ZERO).await
    }

    async fn send_after(
        &self,
        project: &ProjectId,
        due: DueAttempt,
        delay: Duration,
    ) -> Result<(), WebhookError> {
        let what = NoticeOf::Attempt(due);
        let id = what.id(project);
        let body = serde_json::to_string(&Notice { project: project.clone(), what });
        let key = keys::webhook_due(project, &due);
        let body = body.map_err(|source| PortError::Corrupt { key, source })?;
        let message = Message { id, group: project.to_string(), body };
        Ok(self.ports.notices.send(message, delay).await?)
    }

    /// Forgets a try that was made or will not be.
    pub(crate) async fn unmark(
        &self,
        project: &ProjectId,
        due: &DueAttempt,
    ) -> Result<(), WebhookError> {
        Ok(self.ports.blobs.delete(&keys::webhook_due(project, due)).await?)
    }

    /// The tries of a project that are due, the longest first, at most `max` of them.
    pub(crate) async fn due(
        &self,
        project: &ProjectId,
        max: usize,
    ) -> Result<Vec<DueAttempt>, WebhookError> {
        let prefix = keys::webhook_due_marks(project);
        let now = self.ports.clock.now();
        let keys = self.ports.blobs.list(&prefix, None, max).await?;
        let due = keys.iter().filter_map(|key| due_of(key, &prefix));
        Ok(due.take_while(|due| due.mark <= now).collect())
    }

    fn delay(&self, at: Timestamp) -> SignedDuration {
        at.duration_since(self.ports.clock.now()).max(SignedDuration::ZERO)
    }
}

/// A while after a point in time.
pub(crate) fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// The try that a mark stands for.
fn due_of(key: &BlobKey, prefix: &str) -> Option<DueAttempt> {
    let (ms, rest) = key.as_str().strip_prefix(prefix)?.split_once('.')?;
    let (delivery, number) = rest.rsplit_once('.')?;
    Some(DueAttempt {
        delivery: delivery.parse().ok()?,
        number: number.parse().ok()?,
        mark: Timestamp::from_millisecond(ms.parse().ok()?).ok()?,
    })
}
