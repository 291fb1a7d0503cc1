//! The log of deliveries, and trying one again.

use zkpool_jobs::keys;
use zkpool_jobs::records::RECORD_BYTES_MAX;
use zkpool_ports::BlobKey;
use zkpool_types::api::Page;
use zkpool_types::limits::DELIVERY_ATTEMPTS_MAX;
use zkpool_types::webhook::{
    DeliveryAttempt, DeliveryId, DeliveryState, DeliveryView, EventRecord,
};
use zkpool_types::{EventId, ProjectId, WebhookId};

use crate::{WebhookError, Webhooks};

/// Which deliveries to list. What is not given does not restrict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeliveryFilter {
    /// Only to this webhook.
    pub webhook: Option<WebhookId>,
    /// Only those that stand so.
    pub state: Option<DeliveryState>,
}

impl Webhooks {
    /// Deliveries of the events after `after`, the oldest first. A page ends with an event whose
    /// deliveries are all on it; it looks at as many events as it may have rows.
    ///
    /// # Errors
    /// A port failed.
    pub async fn deliveries(
        &self,
        project: &ProjectId,
        filter: DeliveryFilter,
        after: EventId,
        limit: usize,
    ) -> Result<Page<DeliveryView>, WebhookError> {
        let prefix = keys::webhook_events(project);
        let after = keys::webhook_event(project, after);
        let mut keys = self.ports.blobs.list(&prefix, Some(after.as_str()), limit + 1).await?;
        let more = keys.len() > limit;
        keys.truncate(limit);
        let events: Vec<EventId> = keys.iter().filter_map(|key| event_of(key, &prefix)).collect();
        let mut items = Vec::new();
        for event in &events {
            items.extend(self.of_event(project, *event, filter).await?);
        }
        let next = events.last().filter(|_| more).map(ToString::to_string);
        Ok(Page { items, next })
    }

    async fn of_event(
        &self,
        project: &ProjectId,
        event: EventId,
        filter: DeliveryFilter,
    ) -> Result<Vec<DeliveryView>, WebhookError> {
        let Some(record) = self.event(project, event).await? else { return Ok(Vec::new()) };
        let mut views = Vec::new();
        let is_wanted = |id: &&WebhookId| filter.webhook.is_none_or(|wanted| wanted == **id);
        for webhook in record.webhooks.iter().filter(is_wanted) {
            let id = DeliveryId { event, webhook: *webhook };
            let attempts = self.attempts(project, id).await?;
            let view = DeliveryView::new(id, record.event.clone(), attempts);
            views.extend(filter.state.is_none_or(|state| state == view.state).then_some(view));
        }
        Ok(views)
    }

    /// One delivery.
    ///
    /// # Errors
    /// There is none, or a port failed.
    pub async fn delivery(
        &self,
        project: &ProjectId,
        id: DeliveryId,
    ) -> Result<DeliveryView, WebhookError> {
        let record = self.event(project, id.event).await?.ok_or(WebhookError::NotFound)?;
        if !record.webhooks.contains(&id.webhook) {
            return Err(WebhookError::NotFound);
        }
        let attempts = self.attempts(project, id).await?;
        Ok(DeliveryView::new(id, record.event, attempts))
    }

    /// Has a delivery tried again now, whether it has arrived or was given up.
    ///
    /// # Errors
    /// There is none, its webhook is removed, it was tried as often as it may be, or a port failed.
    pub async fn replay(
        &self,
        project: &ProjectId,
        id: DeliveryId,
    ) -> Result<DeliveryView, WebhookError> {
        let view = self.delivery(project, id).await?;
        self.find(project, id.webhook).await?.ok_or(WebhookError::NotFound)?;
        let tries = u32::try_from(view.attempts.len()).unwrap_or(u32::MAX);
        if tries >= DELIVERY_ATTEMPTS_MAX {
            return Err(WebhookError::TriedTooOften { max: DELIVERY_ATTEMPTS_MAX });
        }
        self.plan(project, id, tries + 1, self.ports.clock.now()).await?;
        Ok(view)
    }

    async fn event(
        &self,
        project: &ProjectId,
        event: EventId,
    ) -> Result<Option<EventRecord>, WebhookError> {
        let key = keys::webhook_event(project, event);
        Ok(self.records.read(&key, RECORD_BYTES_MAX).await?)
    }

    async fn attempts(
        &self,
        project: &ProjectId,
        id: DeliveryId,
    ) -> Result<Vec<DeliveryAttempt>, WebhookError> {
        let prefix = keys::webhook_attempts(project, id);
        let max = usize::try_from(DELIVERY_ATTEMPTS_MAX).unwrap_or(usize::MAX);
        let mut attempts = Vec::new();
        for key in self.ports.blobs.list(&prefix, None, max).await? {
            attempts.extend(self.records.read(&key, RECORD_BYTES_MAX).await?);
        }
        Ok(attempts)
    }
}

fn event_of(key: &BlobKey, prefix: &str) -> Option<EventId> {
    key.as_str().strip_prefix(prefix)?.strip_suffix(".json")?.parse().ok()
}
