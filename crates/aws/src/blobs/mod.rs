//! A bucket as a [`BlobStore`].

mod copy;
mod create;
mod list;
mod multipart;
mod read;
mod sign;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::types::ServerSideEncryption;
use bytes::Bytes;
use futures_util::TryStreamExt;
use zkpool_ports::{
    BlobError, BlobKey, BlobStore, ByteStream, Durability, Expected, Ids, PutOnce, SignedRequest,
    Stored, blob,
};
use zkpool_types::Sha256Digest;

use crate::settings::MULTIPART_THRESHOLD_BYTES;
use crate::{ServiceError, Settings};

/// A bucket. Clones share one client.
///
/// Every object carries the id of the write that made it as metadata, in its own or, for one sent
/// in parts, in its upload's first request. Nothing else reads it.
///
/// The role that uses this needs `s3:ListBucket` on the bucket beside the object permissions:
/// without it S3 answers 403 where an object does not exist, which is an error here and not
/// "not found". A lifecycle rule should abort incomplete multipart uploads: those of a process
/// that died stay otherwise.
#[derive(Clone)]
pub struct S3Blobs {
    client: Client,
    bucket: Arc<str>,
    kms_key: Option<Arc<str>>,
    ids: Arc<dyn Ids>,
}

impl S3Blobs {
    /// The bucket of these settings. `ids` names its writes.
    #[must_use]
    pub fn new(client: Client, settings: &Settings, ids: Arc<dyn Ids>) -> Self {
        let Settings { bucket, kms_key, .. } = settings;
        let (bucket, kms_key) = (bucket.as_str().into(), kms_key.as_deref().map(Arc::from));
        Self { client, bucket, kms_key, ids }
    }

    fn encryption(&self) -> Option<ServerSideEncryption> {
        self.kms_key.as_ref().map(|_| ServerSideEncryption::AwsKms)
    }

    fn kms_key(&self) -> Option<String> {
        self.kms_key.as_deref().map(str::to_owned)
    }
}

impl fmt::Debug for S3Blobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("S3Blobs").field(&self.bucket).finish()
    }
}

/// The port's form of a failed call about `key`.
fn storage(key: impl fmt::Display, error: ServiceError) -> BlobError {
    BlobError::Storage { key: key.to_string(), source: Box::new(error) }
}

/// As [`storage`], where the object may be missing.
fn storage_or_not_found(key: &BlobKey, error: ServiceError) -> BlobError {
    if error.is_not_found() { BlobError::NotFound(key.clone()) } else { storage(key, error) }
}

#[async_trait]
impl BlobStore for S3Blobs {
    async fn put_once(&self, key: &BlobKey, body: Bytes) -> Result<PutOnce, BlobError> {
        let sha256 = Sha256Digest::of(&body);
        self.create(key, body, &sha256).await
    }

    async fn put(&self, key: &BlobKey, body: Bytes, _: Durability) -> Result<(), BlobError> {
        // S3 knows no writes that are less durable than others.
        self.replace(key, body).await
    }

    async fn put_stream_once(
        &self,
        key: &BlobKey,
        body: ByteStream,
        expected: Expected,
    ) -> Result<PutOnce, BlobError> {
        let checked = blob::checked(key, body, expected);
        if expected.size >= MULTIPART_THRESHOLD_BYTES {
            return self.create_in_parts(key, checked, expected.size).await;
        }
        let chunks: Vec<Bytes> = checked.try_collect().await?;
        self.create(key, chunks.concat().into(), &expected.sha256).await
    }

    async fn get(&self, key: &BlobKey, size_max: u64) -> Result<Bytes, BlobError> {
        self.read(key, size_max).await
    }

    async fn get_stream(&self, key: &BlobKey) -> Result<(Stored, ByteStream), BlobError> {
        self.stream(key).await
    }

    async fn head(&self, key: &BlobKey) -> Result<Option<Stored>, BlobError> {
        let found = self.find(key).await?;
        Ok(found.map(|found| found.stored))
    }

    async fn copy_once(&self, from: &BlobKey, to: &BlobKey) -> Result<PutOnce, BlobError> {
        self.copy(from, to).await
    }

    async fn delete(&self, key: &BlobKey) -> Result<(), BlobError> {
        let call = self.client.delete_object().bucket(&*self.bucket).key(key.as_str());
        let deleted = call.send().await.map_err(|e| ServiceError::of("DeleteObject", e));
        deleted.map(drop).map_err(|error| storage(key, error))
    }

    async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<BlobKey>, BlobError> {
        self.keys(prefix, after, limit).await
    }

    async fn list_children(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, BlobError> {
        self.children(prefix, after, limit).await
    }

    fn local_path(&self, _: &BlobKey) -> Option<PathBuf> {
        None
    }

    async fn upload_request(
        &self,
        key: &BlobKey,
        expected: Expected,
        lifetime: Duration,
    ) -> Result<Option<SignedRequest>, BlobError> {
        self.sign_put(key, expected, lifetime).await.map(Some)
    }

    async fn download_request(
        &self,
        key: &BlobKey,
        lifetime: Duration,
    ) -> Result<Option<SignedRequest>, BlobError> {
        self.sign_get(key, lifetime).await.map(Some)
    }
}
