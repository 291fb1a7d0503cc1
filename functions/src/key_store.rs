//! API keys in storage: created, found by the key itself, listed and revoked by their names.
//!
//! A key's record lies under the digest of the key, so that one read authenticates and nothing
//! stored can be presented as a key. A second, create-once object under the key's public name
//! points to it. The pointer is written first: every key that authenticates can be revoked.

use bytes::Bytes;
use zkpool_jobs::{Ports, keys};
use zkpool_ports::{BlobError, BlobKey, Durability};
use zkpool_types::api::Page;
use zkpool_types::{ApiKey, KeyId, KeyRecord, ProjectId, Scope, Sha256Digest};

use crate::limits::RECORD_BYTES_MAX;
use crate::{ApiError, ApiResult};

/// The keys of every project. There is no cache, so that a revocation holds at once.
#[derive(Clone, Debug)]
pub struct Keys {
    ports: Ports,
}

impl Keys {
    /// The keys in this storage.
    #[must_use]
    pub const fn new(ports: Ports) -> Self {
        Self { ports }
    }

    /// Creates a key of `project`. The key itself is returned this once.
    ///
    /// # Errors
    /// `invalid_request` where no scope is given; `unavailable` where storage does not answer.
    pub async fn create(
        &self,
        project: &ProjectId,
        scopes: &[Scope],
    ) -> ApiResult<(ApiKey, KeyRecord)> {
        let scopes = distinct(scopes);
        if scopes.is_empty() {
            return Err(ApiError::invalid_request("at scopes: expected at least one scope"));
        }
        let key = self.random_key();
        let record = KeyRecord {
            id: KeyId::new(self.ports.ids.next()),
            project: project.clone(),
            scopes,
            created_at: self.ports.clock.now(),
            revoked_at: None,
        };
        self.write_pointer(&record, &key.digest()).await?;
        self.write_record(&key.digest(), &record).await?;
        Ok((key, record))
    }

    /// The record of `key`, unless it is unknown or revoked.
    ///
    /// # Errors
    /// `unavailable` where storage does not answer or the record does not parse.
    pub async fn find(&self, key: &ApiKey) -> ApiResult<Option<KeyRecord>> {
        self.find_by_digest(&key.digest()).await
    }

    /// The record of the key with this digest, as [`Keys::find`].
    pub(crate) async fn find_by_digest(
        &self,
        digest: &Sha256Digest,
    ) -> ApiResult<Option<KeyRecord>> {
        let record = self.read_record(digest).await?;
        Ok(record.filter(|record| record.revoked_at.is_none()))
    }

    /// Keys of `project` in the order they were created, revoked ones included, after the key
    /// named `after`.
    ///
    /// # Errors
    /// `unavailable` where storage does not answer.
    pub async fn list(
        &self,
        project: &ProjectId,
        after: Option<KeyId>,
        limit: usize,
    ) -> ApiResult<Page<KeyRecord>> {
        let prefix = keys::api_key_names(project);
        let after = after.map(|id| keys::api_key_name(project, id));
        let after = after.as_ref().map(BlobKey::as_str);
        let mut names = self.ports.blobs.list(&prefix, after, limit + 1).await?;
        let more = names.len() > limit;
        names.truncate(limit);
        let mut items = Vec::with_capacity(names.len());
        for name in &names {
            items.extend(self.named(name).await?);
        }
        let next = names.last().filter(|_| more).and_then(|last| id_of(last, &prefix));
        Ok(Page { items, next })
    }

    /// Revokes a key of `project`, at once and for good. Revoking it again changes nothing.
    ///
    /// # Errors
    /// `not_found` where the project has no such key; `unavailable` where storage does not answer.
    pub async fn revoke(&self, project: &ProjectId, id: KeyId) -> ApiResult<KeyRecord> {
        let unknown = || ApiError::not_found("key");
        let digest = self.pointer(&keys::api_key_name(project, id)).await?.ok_or_else(unknown)?;
        let record = self.read_record(&digest).await?.ok_or_else(unknown)?;
        if record.revoked_at.is_some() {
            return Ok(record);
        }
        let record = KeyRecord { revoked_at: Some(self.ports.clock.now()), ..record };
        self.write_record(&digest, &record).await?;
        Ok(record)
    }

    fn random_key(&self) -> ApiKey {
        let mut random = [0; 32];
        self.ports.rng.fill(&mut random);
        ApiKey::from_random(random)
    }

    async fn named(&self, name: &BlobKey) -> ApiResult<Option<KeyRecord>> {
        match self.pointer(name).await? {
            Some(digest) => self.read_record(&digest).await,
            None => Ok(None),
        }
    }

    async fn pointer(&self, name: &BlobKey) -> ApiResult<Option<Sha256Digest>> {
        let Some(body) = self.read(name).await? else { return Ok(None) };
        let digest =
            serde_json::from_slice(&body).map_err(|error| ApiError::unavailable(&error))?;
        Ok(Some(digest))
    }

    async fn read_record(&self, digest: &Sha256Digest) -> ApiResult<Option<KeyRecord>> {
        let Some(body) = self.read(&keys::api_key(digest)).await? else { return Ok(None) };
        let record =
            serde_json::from_slice(&body).map_err(|error| ApiError::unavailable(&error))?;
        Ok(Some(record))
    }

    async fn read(&self, key: &BlobKey) -> ApiResult<Option<Bytes>> {
        match self.ports.blobs.get(key, RECORD_BYTES_MAX).await {
            Ok(body) => Ok(Some(body)),
            Err(BlobError::NotFound(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn write_pointer(&self, record: &KeyRecord, digest: &Sha256Digest) -> ApiResult<()> {
        let name = keys::api_key_name(&record.project, record.id);
        self.ports.blobs.put_once(&name, json(digest)?).await?;
        Ok(())
    }

    async fn write_record(&self, digest: &Sha256Digest, record: &KeyRecord) -> ApiResult<()> {
        let key = keys::api_key(digest);
        self.ports.blobs.put(&key, json(record)?, Durability::Durable).await?;
        Ok(())
    }
}

fn distinct(scopes: &[Scope]) -> Vec<Scope> {
    let mut scopes = scopes.to_vec();
    scopes.sort_unstable();
    scopes.dedup();
    scopes
}

fn json<T: serde::Serialize>(value: &T) -> ApiResult<Bytes> {
    serde_json::to_vec(value).map(Bytes::from).map_err(|error| ApiError::internal(&error))
}

/// The public name of a key in the storage key of its pointer.
fn id_of(pointer: &BlobKey, prefix: &str) -> Option<String> {
    pointer.as_str().strip_prefix(prefix)?.strip_suffix(".json").map(str::to_owned)
}
