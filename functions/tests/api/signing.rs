//! A store that others may read without passing through this process, as S3 is one.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use zkpool_ports::memory::MemoryBlobs;
use zkpool_ports::{
    BlobError, BlobKey, BlobStore, ByteStream, Durability, Expected, PutOnce, SignedRequest, Stored,
};
use zkpool_types::Secret;

/// Where objects of this store can be read.
pub(crate) const ADDRESS: &str = "https://bucket.example/";

#[derive(Debug)]
pub(crate) struct SigningBlobs(pub(crate) Arc<MemoryBlobs>);

#[async_trait]
impl BlobStore for SigningBlobs {
    async fn put_once(&self, key: &BlobKey, body: Bytes) -> Result<PutOnce, BlobError> {
        self.0.put_once(key, body).await
    }

    async fn put(
        &self,
        key: &BlobKey,
        body: Bytes,
        durability: Durability,
    ) -> Result<(), BlobError> {
        self.0.put(key, body, durability).await
    }

    async fn put_stream_once(
        &self,
        key: &BlobKey,
        body: ByteStream,
        expected: Expected,
    ) -> Result<PutOnce, BlobError> {
        self.0.put_stream_once(key, body, expected).await
    }

    async fn get(&self, key: &BlobKey, size_max: u64) -> Result<Bytes, BlobError> {
        self.0.get(key, size_max).await
    }

    async fn get_stream(&self, key: &BlobKey) -> Result<(Stored, ByteStream), BlobError> {
        self.0.get_stream(key).await
    }

    async fn head(&self, key: &BlobKey) -> Result<Option<Stored>, BlobError> {
        self.0.head(key).await
    }

    async fn copy_once(&self, from: &BlobKey, to: &BlobKey) -> Result<PutOnce, BlobError> {
        self.0.copy_once(from, to).await
    }

    async fn delete(&self, key: &BlobKey) -> Result<(), BlobError> {
        self.0.delete(key).await
    }

    async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<BlobKey>, BlobError> {
        self.0.list(prefix, after, limit).await
    }

    async fn list_children(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, BlobError> {
        self.0.list_children(prefix, after, limit).await
    }

    async fn download_request(
        &self,
        key: &BlobKey,
        _lifetime: Duration,
    ) -> Result<Option<SignedRequest>, BlobError> {
        let url = Secret::new(format!("{ADDRESS}{key}?signature"));
        Ok(Some(SignedRequest { url, headers: Vec::new() }))
    }

    fn local_path(&self, _: &BlobKey) -> Option<PathBuf> {
        None
    }
}
