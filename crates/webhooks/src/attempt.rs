//! One try of a delivery.

use url::Url;
use zkpool_jobs::keys;
use zkpool_jobs::records::RECORD_BYTES_MAX;
use zkpool_types::webhook::{
    DeliveryAttempt, DueAttempt, EventRecord, WebhookEvent, WebhookRecord,
};
use zkpool_types::{Defect, ProjectId, Timestamp};

use crate::address::Refused;
use crate::sender::{Answer, Request, SendError, Sender};
use crate::{WebhookError, Webhooks, schedule, signature};

/// The status that says that an address is gone for good (RFC 9110, section 15.5.11).
const GONE: u16 = 410;

impl Webhooks {
    /// Makes a try that is due, unless it was made or there is nobody to tell any more.
    pub(crate) async fn attempt(
        &self,
        project: &ProjectId,
        due: DueAttempt,
        sender: &dyn Sender,
    ) -> Result<(), WebhookError> {
        match self.wanted(project, &due).await? {
            Some((event, webhook)) => self.make(project, due, event, webhook, sender).await,
            None => self.unmark(project, &due).await,
        }
    }

    /// What is sent to whom, unless the try was made or is not wanted any more.
    async fn wanted(
        &self,
        project: &ProjectId,
        due: &DueAttempt,
    ) -> Result<Option<(WebhookEvent, WebhookRecord)>, WebhookError> {
        let DueAttempt { delivery, number, .. } = *due;
        let made = keys::webhook_attempt(project, delivery, number);
        if self.ports.blobs.head(&made).await?.is_some() {
            return Ok(None);
        }
        let key = keys::webhook_event(project, delivery.event);
        let event: Option<EventRecord> = self.records.read(&key, RECORD_BYTES_MAX).await?;
        let event = event.filter(|event| event.webhooks.contains(&delivery.webhook));
        let webhook = self.find(project, delivery.webhook).await?;
        let webhook = webhook.filter(|webhook| webhook.view.disabled_at.is_none());
        Ok(event.map(|record| record.event).zip(webhook))
    }

    /// Sends, plans the next try, writes down what came of this one, and forgets its mark, in this
    /// order: a crash in between repeats it and loses nothing.
    async fn make(
        &self,
        project: &ProjectId,
        due: DueAttempt,
        event: WebhookEvent,
        webhook: WebhookRecord,
        sender: &dyn Sender,
    ) -> Result<(), WebhookError> {
        let DueAttempt { delivery, number, .. } = due;
        let start = self.ports.clock.now();
        if Defect::UnmarksEarly.is_planted() {
            self.unmark(project, &due).await?;
        }
        let timestamp = if Defect::RewritesEvents.is_planted() { start } else { event.timestamp };
        let event = WebhookEvent { timestamp, ..event };
        let answer = sender.send(request(&due, &event, &webhook, start)?).await;
        let attempt = self.outcome(number, start, answer);
        if let Some(at) = attempt.next_at {
            self.plan(project, delivery, number.saturating_add(1), at).await?;
        }
        let key = keys::webhook_attempt(project, delivery, number);
        tracing::info!(%project, %delivery, number, status = attempt.status, "webhook tried");
        let is_gone = attempt.status == Some(GONE);
        self.records.create(&key, attempt, RECORD_BYTES_MAX, |_| true).await?;
        if is_gone {
            self.disable(project, webhook).await?;
        }
        self.unmark(project, &due).await
    }

    fn outcome(
        &self,
        number: u32,
        start: Timestamp,
        answer: Result<Answer, SendError>,
    ) -> DeliveryAttempt {
        let at = self.ports.clock.now();
        let took_ms = u64::try_from(at.duration_since(start).as_millis()).unwrap_or(0);
        let status = answer.ok().map(|answer| answer.status);
        let error = answer.err().map(|error| error.to_string());
        let mut attempt = DeliveryAttempt { at, took_ms, status, error, next_at: None };
        let is_over = attempt.is_delivered() || Defect::TriesOnce.is_planted();
        if !is_over && status != Some(GONE) {
            let asked = answer.ok().and_then(|answer| answer.retry_after);
            attempt.next_at = schedule::next(number, at, asked, self.ports.rng.as_ref());
        }
        attempt
    }
}

/// What is sent.
fn request(
    due: &DueAttempt,
    event: &WebhookEvent,
    webhook: &WebhookRecord,
    at: Timestamp,
) -> Result<Request, WebhookError> {
    let url = Url::parse(&webhook.view.url).map_err(|_| Refused::Malformed)?;
    let body = serde_json::to_string(event).map_err(WebhookError::Body)?;
    let headers = signature::headers(webhook, due.delivery.event, at, &body)?;
    Ok(Request { url, headers, body })
}
