//! From notices to events.

use jiff::SignedDuration;
use zkpool_jobs::keys;
use zkpool_jobs::records::{OUTCOME_BYTES_MAX, RECORD_BYTES_MAX};
use zkpool_types::webhook::{
    BudgetReached, DeliveryId, EventData, EventKind, EventRecord, ProofEnded, WebhookEvent,
    WebhookRecord, WebhookTested,
};
use zkpool_types::{
    BudgetAlert, Defect, EventId, JobId, JobRequest, Outcome, ProjectId, Timestamp, WebhookId,
};

use crate::{WebhookError, Webhooks};

/// How far the clocks of two machines may be apart. What happened so long before a webhook existed is
/// told as well, rather than not to tell what happened after.
const CLOCKS_APART_MAX: SignedDuration = SignedDuration::from_mins(20);

impl Webhooks {
    /// Tells that a job has ended.
    pub(crate) async fn job_ended(
        &self,
        project: &ProjectId,
        job: JobId,
    ) -> Result<(), WebhookError> {
        let request: Option<JobRequest> =
            self.records.read(&keys::request(project, job), RECORD_BYTES_MAX).await?;
        let outcome: Option<Outcome> =
            self.records.read(&keys::outcome(project, job), OUTCOME_BYTES_MAX).await?;
        // A notice is sent after the outcome is written. One without is of nobody here.
        let (Some(request), Some(outcome)) = (request, outcome) else { return Ok(()) };
        let Some(kind) = EventKind::of(outcome.state) else { return Ok(()) };
        let event = WebhookEvent {
            kind,
            timestamp: outcome.finished_at,
            data: EventData::Proof(ProofEnded {
                id: job,
                project: project.clone(),
                circuit: request.circuit,
                state: outcome.state,
                tags: request.tags,
                failure: outcome.failure,
                charge_nano_usd: outcome.receipt.charge_nano_usd,
            }),
        };
        self.publish(project, EventId::of_job(job), event).await
    }

    /// Tells that a share of a budget was reached.
    pub(crate) async fn budget_reached(
        &self,
        project: &ProjectId,
        alert: BudgetAlert,
    ) -> Result<(), WebhookError> {
        let id = EventId::of_alert(project, &alert);
        let BudgetAlert { scope, percent, limit_nano_usd, committed_nano_usd, at } = alert;
        let project = project.clone();
        let data = BudgetReached { project, scope, percent, limit_nano_usd, committed_nano_usd };
        let (kind, project) = (EventKind::BudgetAlert, data.project.clone());
        let event = WebhookEvent { kind, timestamp: at, data: EventData::Budget(data) };
        self.publish(&project, id, event).await
    }

    /// Tells that a share of a budget was reached, unless that was told.
    ///
    /// # Errors
    /// A port failed.
    pub async fn make_up_alert(
        &self,
        project: &ProjectId,
        alert: BudgetAlert,
    ) -> Result<(), WebhookError> {
        let event = keys::webhook_event(project, EventId::of_alert(project, &alert));
        let forgets = Defect::NeverMakesUpAlerts.is_planted();
        if forgets || self.ports.blobs.head(&event).await?.is_some() {
            return Ok(());
        }
        self.budget_reached(project, alert).await
    }

    /// Tells a webhook that it is tried out, whatever it asked to be told.
    ///
    /// # Errors
    /// There is no such webhook, or a port failed.
    pub async fn test(
        &self,
        project: &ProjectId,
        webhook: WebhookId,
    ) -> Result<DeliveryId, WebhookError> {
        self.find(project, webhook).await?.ok_or(WebhookError::NotFound)?;
        let event = WebhookEvent {
            kind: EventKind::WebhookTest,
            timestamp: self.ports.clock.now(),
            data: EventData::Test(WebhookTested { webhook }),
        };
        let id = EventId::new(self.ports.ids.next());
        self.record(project, id, EventRecord { event, webhooks: vec![webhook] }).await?;
        Ok(DeliveryId { event: id, webhook })
    }

    async fn publish(
        &self,
        project: &ProjectId,
        id: EventId,
        event: WebhookEvent,
    ) -> Result<(), WebhookError> {
        let webhooks = self.all(project).await?;
        let told = webhooks.iter().filter(|webhook| is_told(webhook, &event));
        let forgotten = usize::from(Defect::ForgetsAWebhook.is_planted());
        let webhooks = told.map(|webhook| webhook.view.id).skip(forgotten).collect();
        self.record(project, id, EventRecord { event, webhooks }).await
    }

    /// Creates the event once, and has every delivery of it tried.
    ///
    /// Marks come first, so that what a crash leaves undone is found by them. A notice that comes
    /// twice finds the event, and its deliveries find their own tries.
    async fn record(
        &self,
        project: &ProjectId,
        id: EventId,
        record: EventRecord,
    ) -> Result<(), WebhookError> {
        let now = self.ports.clock.now();
        let mut first_tries = Vec::new();
        for webhook in &record.webhooks {
            let delivery = DeliveryId { event: id, webhook: *webhook };
            first_tries.push(self.mark(project, delivery, 1, now).await?);
        }
        let key = keys::webhook_event(project, id);
        self.records.create(&key, record, RECORD_BYTES_MAX, |_| true).await?;
        for due in first_tries {
            // A sweep that was faster than this found no event, and deleted the mark.
            self.write_mark(project, due).await?;
            self.send(project, due).await?;
        }
        Ok(())
    }
}

/// Whether a webhook is told an event: of a kind that it asked for, since it exists, as far as clocks
/// can tell, and as long as its address does.
fn is_told(webhook: &WebhookRecord, event: &WebhookEvent) -> bool {
    let WebhookRecord { view, .. } = webhook;
    let is_asked_for = view.events.is_empty()
        || view.events.contains(&event.kind)
        || Defect::TellsUnasked.is_planted();
    is_asked_for && view.disabled_at.is_none() && is_since(view.created_at, event.timestamp)
}

/// Whether something that happened `at` one machine's clock may have happened after another one's
/// clock showed `created`.
fn is_since(created: Timestamp, at: Timestamp) -> bool {
    let apart_max =
        if Defect::TrustsClocks.is_planted() { SignedDuration::ZERO } else { CLOCKS_APART_MAX };
    created.duration_since(at) <= apart_max
}
