//! Writing an object in one request, at most once.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use zkpool_ports::{BlobError, BlobKey, PutOnce, Stored};
use zkpool_types::Sha256Digest;

use super::{S3Blobs, storage, storage_or_not_found};
use crate::ServiceError;

/// The condition under which a write creates: no object may have the key yet.
pub(super) const UNLESS_IT_EXISTS: &str = "*";

/// The metadata that names the write which made an object.
pub(super) const WRITER: &str = "zkpool-write";

/// An object that exists.
pub(super) struct Found {
    pub(super) stored: Stored,
    /// The id of the write that made it.
    writer: Option<String>,
}

impl Found {
    pub(super) fn is_by(&self, writer: &str) -> bool {
        self.writer.as_deref() == Some(writer)
    }
}

/// SHA-256 as S3 takes it.
pub(super) fn checksum(sha256: &Sha256Digest) -> String {
    BASE64_STANDARD.encode(sha256.as_bytes())
}

impl S3Blobs {
    /// Creates the object in one request.
    pub(super) async fn create(
        &self,
        key: &BlobKey,
        body: Bytes,
        sha256: &Sha256Digest,
    ) -> Result<PutOnce, BlobError> {
        let writer = self.ids.next().to_string();
        let call = self
            .client
            .put_object()
            .bucket(&*self.bucket)
            .key(key.as_str())
            .body(body.into())
            .if_none_match(UNLESS_IT_EXISTS)
            .checksum_sha256(checksum(sha256))
            .metadata(WRITER, &writer)
            .set_server_side_encryption(self.encryption())
            .set_ssekms_key_id(self.kms_key());
        let answered = call.send().await.map_err(|error| ServiceError::of("PutObject", error));
        self.resolve(&writer, key, answered.map(drop)).await
    }

    /// Whose object is there after a conditional write was answered.
    ///
    /// The answer says that the object existed also where an earlier try of the same write had
    /// created it and only its answer was lost. The object says which.
    pub(super) async fn resolve(
        &self,
        writer: &str,
        key: &BlobKey,
        answered: Result<(), ServiceError>,
    ) -> Result<PutOnce, BlobError> {
        let error = match answered {
            Ok(()) => return Ok(PutOnce::Created),
            Err(error) => error,
        };
        if !(error.is_precondition_failed() || error.is_conflict() || error.is_upload_gone()) {
            return Err(storage(key, error));
        }
        match self.find(key).await? {
            Some(found) if found.is_by(writer) => Ok(PutOnce::Created),
            Some(_) => Ok(PutOnce::AlreadyExists),
            None => Err(storage(key, error)),
        }
    }

    /// Creates or replaces the object.
    pub(super) async fn replace(&self, key: &BlobKey, body: Bytes) -> Result<(), BlobError> {
        let call = self
            .client
            .put_object()
            .bucket(&*self.bucket)
            .key(key.as_str())
            .checksum_sha256(checksum(&Sha256Digest::of(&body)))
            .body(body.into())
            .metadata(WRITER, self.ids.next().to_string())
            .set_server_side_encryption(self.encryption())
            .set_ssekms_key_id(self.kms_key());
        let written = call.send().await.map_err(|error| ServiceError::of("PutObject", error));
        written.map(drop).map_err(|error| storage(key, error))
    }

    /// What is known of the object.
    pub(super) async fn find(&self, key: &BlobKey) -> Result<Option<Found>, BlobError> {
        let call = self.client.head_object().bucket(&*self.bucket).key(key.as_str());
        let head = call.send().await.map_err(|error| ServiceError::of("HeadObject", error));
        let head = match head.map_err(|error| storage_or_not_found(key, error)) {
            Err(BlobError::NotFound(_)) => return Ok(None),
            head => head?,
        };
        let size = size_of("HeadObject", head.content_length()).map_err(|e| storage(key, e))?;
        let writer = head.metadata().and_then(|metadata| metadata.get(WRITER)).cloned();
        Ok(Some(Found { stored: Stored { size }, writer }))
    }
}

/// The length that an answer announces.
pub(super) fn size_of(operation: &'static str, length: Option<i64>) -> Result<u64, ServiceError> {
    let missing = ServiceError::Incomplete { operation, missing: "length" };
    length.and_then(|length| u64::try_from(length).ok()).ok_or(missing)
}
