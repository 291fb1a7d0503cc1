//! Which webhooks there are.

use bytes::Bytes;
use jiff::SignedDuration;
use zkpool_jobs::keys;
use zkpool_jobs::records::RECORD_BYTES_MAX;
use zkpool_ports::{BlobKey, Durability};
use zkpool_types::api::{CreateWebhook, WebhookSecretView, WebhookView};
use zkpool_types::limits::WEBHOOKS_MAX;
use zkpool_types::webhook::{ReplacedSecret, WebhookRecord};
use zkpool_types::{ProjectId, WebhookId};

use crate::signature::fresh_secret;
use crate::{WebhookError, Webhooks};

/// How long a replaced secret still signs beside its successor.
const ROTATION: SignedDuration = SignedDuration::from_hours(24);

impl Webhooks {
    /// Creates a webhook. What ends from now on is told to it.
    ///
    /// # Errors
    /// The address is refused, the project has as many webhooks as it may, or a port failed.
    pub async fn create(
        &self,
        project: &ProjectId,
        webhook: CreateWebhook,
    ) -> Result<WebhookSecretView, WebhookError> {
        let CreateWebhook { url, mut events } = webhook;
        let url = self.policy.check(&url)?.to_string();
        if self.ids(project).await?.len() >= WEBHOOKS_MAX {
            return Err(WebhookError::TooMany { max: WEBHOOKS_MAX });
        }
        events.sort_unstable();
        events.dedup();
        let id = WebhookId::new(self.ports.ids.next());
        let created_at = self.ports.clock.now();
        let view = WebhookView { id, url, events, created_at, disabled_at: None };
        let secret = fresh_secret(self.ports.rng.as_ref());
        let record = WebhookRecord { view, secret, replaced: None };
        // The mark is first: whoever sees the webhook finds out that there are some.
        let mark = keys::webhook_project(project);
        self.ports.blobs.put(&mark, Bytes::new(), Durability::Durable).await?;
        self.write(project, &record).await?;
        Ok(secret_view(record))
    }

    /// The webhooks of a project, the oldest first.
    ///
    /// # Errors
    /// A port failed.
    pub async fn list(&self, project: &ProjectId) -> Result<Vec<WebhookView>, WebhookError> {
        Ok(self.all(project).await?.into_iter().map(|record| record.view).collect())
    }

    /// Replaces the secret of a webhook. For a day, deliveries are signed under both.
    ///
    /// # Errors
    /// There is no such webhook, or a port failed.
    pub async fn rotate(
        &self,
        project: &ProjectId,
        id: WebhookId,
    ) -> Result<WebhookSecretView, WebhookError> {
        let record = self.find(project, id).await?.ok_or(WebhookError::NotFound)?;
        let now = self.ports.clock.now();
        let until = now.checked_add(ROTATION).unwrap_or(now);
        let replaced = Some(ReplacedSecret { secret: record.secret, until });
        let secret = fresh_secret(self.ports.rng.as_ref());
        let record = WebhookRecord { secret, replaced, ..record };
        self.write(project, &record).await?;
        Ok(secret_view(record))
    }

    /// Removes a webhook. It is told nothing more, not even what is on its way.
    ///
    /// # Errors
    /// There is no such webhook, or a port failed.
    pub async fn remove(&self, project: &ProjectId, id: WebhookId) -> Result<(), WebhookError> {
        self.find(project, id).await?.ok_or(WebhookError::NotFound)?;
        Ok(self.ports.blobs.delete(&keys::webhook(project, id)).await?)
    }

    /// Notes that a webhook's address is gone for good.
    pub(crate) async fn disable(
        &self,
        project: &ProjectId,
        mut record: WebhookRecord,
    ) -> Result<(), WebhookError> {
        record.view.disabled_at = Some(self.ports.clock.now());
        self.write(project, &record).await
    }

    /// Every webhook of a project.
    pub(crate) async fn all(
        &self,
        project: &ProjectId,
    ) -> Result<Vec<WebhookRecord>, WebhookError> {
        let mut records = Vec::new();
        for id in self.ids(project).await? {
            records.extend(self.find(project, id).await?);
        }
        Ok(records)
    }

    pub(crate) async fn find(
        &self,
        project: &ProjectId,
        id: WebhookId,
    ) -> Result<Option<WebhookRecord>, WebhookError> {
        Ok(self.records.read(&keys::webhook(project, id), RECORD_BYTES_MAX).await?)
    }

    async fn ids(&self, project: &ProjectId) -> Result<Vec<WebhookId>, WebhookError> {
        let prefix = keys::webhooks(project);
        // Creators at the same moment may each see room for one more.
        let keys = self.ports.blobs.list(&prefix, None, 2 * WEBHOOKS_MAX).await?;
        Ok(keys.iter().filter_map(|key| id_of(key, &prefix)).collect())
    }

    async fn write(&self, project: &ProjectId, record: &WebhookRecord) -> Result<(), WebhookError> {
        Ok(self.records.put(&keys::webhook(project, record.view.id), record).await?)
    }
}

fn secret_view(record: WebhookRecord) -> WebhookSecretView {
    WebhookSecretView { webhook: record.view, secret: record.secret }
}

fn id_of(key: &BlobKey, prefix: &str) -> Option<WebhookId> {
    key.as_str().strip_prefix(prefix)?.strip_suffix(".json")?.parse().ok()
}
