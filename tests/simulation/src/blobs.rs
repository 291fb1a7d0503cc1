//! Storage as one machine sees it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use zkpool_ports::memory::MemoryBlobs;
use zkpool_ports::{
    BlobError, BlobKey, BlobStore, ByteStream, Durability, Expected, PutOnce, Stored,
};

use crate::laws::Laws;
use crate::machine::{Call, Fault, Machine};

/// What is stored, and who watches over it.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) blobs: MemoryBlobs,
    pub(crate) laws: Arc<Laws>,
    /// The one artifact that every machine has a copy of.
    pub(crate) key_file: PathBuf,
}

/// Storage as one machine sees it.
#[derive(Debug)]
pub(crate) struct Blobs {
    machine: Arc<Machine>,
    store: Arc<Store>,
}

/// The kind of object at a key.
fn kind(key: &str) -> &'static str {
    let ends = |end: &str| key.ends_with(end);
    match key.split('/').next().unwrap_or_default() {
        "jobs" if ends("/request.json") => "request",
        "jobs" if ends("/outcome.json") => "outcome",
        "jobs" if ends("/progress.json") => "progress",
        "jobs" if ends("/witness") => "witness",
        "jobs" if key.contains("/waste/") => "waste",
        "jobs" => "jobs",
        "idempotency" => "idempotency key",
        "late" => "late mark",
        "unbilled" => "unbilled mark",
        "sweep" => "sweep mark",
        "chain" => "batch",
        "chain-heads" => "batch hint",
        "usage" => "partition",
        "budgets" => "budgets",
        "budget-log" => "budget entry",
        "circuits" => "manifest",
        "artifacts" => "artifact",
        "api-keys" | "api-key-names" => "API key",
        "performance" => "performance",
        "shifts" => "shift",
        "uploads" => "upload",
        "roots" => "daily root",
        "webhooks" => "webhook",
        "webhook-projects" => "webhook mark",
        "webhook-events" => "event",
        "webhook-attempts" => "try",
        "webhook-due" => "due mark",
        _ => "other object",
    }
}

impl Blobs {
    pub(crate) fn new(machine: &Arc<Machine>, store: &Arc<Store>) -> Arc<Self> {
        Arc::new(Self { machine: Arc::clone(machine), store: Arc::clone(store) })
    }

    async fn call<T>(
        &self,
        verb: &'static str,
        key: &str,
        done: impl Future<Output = Result<T, BlobError>> + Send,
    ) -> Result<T, BlobError> {
        let failed =
            |fault: Fault| BlobError::Storage { key: key.to_owned(), source: Box::new(fault) };
        self.machine.call(Call { verb, kind: kind(key), to: key }, done, failed).await
    }

    fn blobs(&self) -> &MemoryBlobs {
        &self.store.blobs
    }

    /// Has the laws look at what has become of an object.
    async fn wrote(&self, key: &BlobKey) -> Result<(), BlobError> {
        let body = self.blobs().get(key, u64::MAX).await?;
        self.store.laws.wrote(&self.machine, key.as_str(), &body);
        Ok(())
    }

    async fn created(&self, key: &BlobKey, put: PutOnce) -> Result<PutOnce, BlobError> {
        if put == PutOnce::Created {
            self.wrote(key).await?;
        }
        Ok(put)
    }
}

#[async_trait]
impl BlobStore for Blobs {
    async fn put_once(&self, key: &BlobKey, body: Bytes) -> Result<PutOnce, BlobError> {
        self.store.laws.is_going_to_write(&self.machine, key.as_str(), &body);
        let done = async { self.created(key, self.blobs().put_once(key, body).await?).await };
        self.call("create", key.as_str(), done).await
    }

    async fn put(
        &self,
        key: &BlobKey,
        body: Bytes,
        durability: Durability,
    ) -> Result<(), BlobError> {
        let done = async {
            self.blobs().put(key, body, durability).await?;
            self.wrote(key).await
        };
        self.call("put", key.as_str(), done).await
    }

    async fn put_stream_once(
        &self,
        key: &BlobKey,
        body: ByteStream,
        expected: Expected,
    ) -> Result<PutOnce, BlobError> {
        let done = async {
            self.created(key, self.blobs().put_stream_once(key, body, expected).await?).await
        };
        self.call("create", key.as_str(), done).await
    }

    async fn get(&self, key: &BlobKey, size_max: u64) -> Result<Bytes, BlobError> {
        self.call("get", key.as_str(), self.blobs().get(key, size_max)).await
    }

    async fn get_stream(&self, key: &BlobKey) -> Result<(Stored, ByteStream), BlobError> {
        self.call("get", key.as_str(), self.blobs().get_stream(key)).await
    }

    async fn head(&self, key: &BlobKey) -> Result<Option<Stored>, BlobError> {
        self.call("look at", key.as_str(), self.blobs().head(key)).await
    }

    async fn copy_once(&self, from: &BlobKey, to: &BlobKey) -> Result<PutOnce, BlobError> {
        let done = async { self.created(to, self.blobs().copy_once(from, to).await?).await };
        self.call("create", to.as_str(), done).await
    }

    async fn delete(&self, key: &BlobKey) -> Result<(), BlobError> {
        let done = async {
            self.store.laws.deletes(&self.machine, key.as_str());
            self.blobs().delete(key).await
        };
        self.call("delete", key.as_str(), done).await
    }

    async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<BlobKey>, BlobError> {
        self.call("list", prefix, self.blobs().list(prefix, after, limit)).await
    }

    async fn list_children(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, BlobError> {
        self.call("list", prefix, self.blobs().list_children(prefix, after, limit)).await
    }

    fn local_path(&self, key: &BlobKey) -> Option<PathBuf> {
        let is_artifact = key.as_str().starts_with("artifacts/");
        is_artifact.then(|| Path::to_path_buf(&self.store.key_file))
    }
}
