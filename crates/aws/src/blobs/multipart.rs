//! Writing an object in parts, at most once.

use aws_sdk_s3::types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart};
use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};
use zkpool_ports::{BlobError, BlobKey, PutOnce};

use super::create::{UNLESS_IT_EXISTS, WRITER};
use super::{S3Blobs, storage};
use crate::ServiceError;
use crate::settings::{PART_BYTES, PARTS_IN_FLIGHT, PARTS_MAX};

/// A stream that fails where its bytes are not the announced ones.
pub(super) type Checked = BoxStream<'static, Result<Bytes, BlobError>>;

/// A multipart upload that has begun.
pub(super) struct Upload<'a> {
    store: &'a S3Blobs,
    key: &'a BlobKey,
    /// S3's name of it.
    id: String,
    /// The id that the object will carry.
    writer: String,
}

impl S3Blobs {
    /// Creates the object in parts. Whatever is not completed is not visible, so that a stream
    /// that turns out to be wrong at its end leaves nothing.
    pub(super) async fn create_in_parts(
        &self,
        key: &BlobKey,
        body: Checked,
        size: u64,
    ) -> Result<PutOnce, BlobError> {
        if self.find(key).await?.is_some() {
            body.try_for_each(|_| std::future::ready(Ok(()))).await?;
            return Ok(PutOnce::AlreadyExists);
        }
        let upload = self.begin(key).await?;
        match upload.send(body, part_bytes(size)).await {
            Ok(parts) => upload.complete(parts).await,
            Err(error) => {
                upload.abort().await;
                Err(error)
            }
        }
    }

    /// Begins an upload in parts.
    pub(super) async fn begin<'a>(&'a self, key: &'a BlobKey) -> Result<Upload<'a>, BlobError> {
        const OPERATION: &str = "CreateMultipartUpload";
        let writer = self.ids.next().to_string();
        let call = self
            .client
            .create_multipart_upload()
            .bucket(&*self.bucket)
            .key(key.as_str())
            .checksum_algorithm(ChecksumAlgorithm::Crc32)
            .metadata(WRITER, &writer)
            .set_server_side_encryption(self.encryption())
            .set_ssekms_key_id(self.kms_key());
        let begun = call.send().await.map_err(|e| storage(key, ServiceError::of(OPERATION, e)))?;
        let missing = ServiceError::Incomplete { operation: OPERATION, missing: "upload id" };
        let id = begun.upload_id.ok_or_else(|| storage(key, missing))?;
        Ok(Upload { store: self, key, id, writer })
    }
}

impl Upload<'_> {
    /// Sends the bytes, several parts at once.
    async fn send(&self, body: Checked, part_bytes: u64) -> Result<Vec<CompletedPart>, BlobError> {
        let numbered = stream::iter(1..).zip(parts(body, part_bytes));
        let sent = numbered.map(|(number, bytes)| async move {
            self.send_part(number, bytes?).await.map_err(|error| storage(self.key, error))
        });
        sent.buffered(PARTS_IN_FLIGHT).try_collect().await
    }

    async fn send_part(&self, number: i32, bytes: Bytes) -> Result<CompletedPart, ServiceError> {
        let call = self
            .store
            .client
            .upload_part()
            .bucket(&*self.store.bucket)
            .key(self.key.as_str())
            .upload_id(&self.id)
            .part_number(number)
            .checksum_algorithm(ChecksumAlgorithm::Crc32)
            .body(bytes.into());
        let sent = call.send().await.map_err(|error| ServiceError::of("UploadPart", error))?;
        Ok(CompletedPart::builder()
            .part_number(number)
            .set_e_tag(sent.e_tag)
            .set_checksum_crc32(sent.checksum_crc32)
            .build())
    }

    /// Has S3 copy a range of another object's bytes, or all of them, as a part.
    pub(super) async fn copy_part(
        &self,
        number: i32,
        source: &str,
        range: Option<String>,
    ) -> Result<CompletedPart, ServiceError> {
        const OPERATION: &str = "UploadPartCopy";
        let call = self
            .store
            .client
            .upload_part_copy()
            .bucket(&*self.store.bucket)
            .key(self.key.as_str())
            .upload_id(&self.id)
            .part_number(number)
            .copy_source(source)
            .set_copy_source_range(range);
        let sent = call.send().await.map_err(|error| ServiceError::of(OPERATION, error))?;
        let missing = ServiceError::Incomplete { operation: OPERATION, missing: "result" };
        let copied = sent.copy_part_result.ok_or(missing)?;
        Ok(CompletedPart::builder()
            .part_number(number)
            .set_e_tag(copied.e_tag)
            .set_checksum_crc32(copied.checksum_crc32)
            .build())
    }

    /// Makes the object of its parts, unless one exists.
    ///
    /// A completion whose answer was lost is repeated by the SDK and finds the upload gone. After
    /// a conflict S3 wants the upload begun anew, which only the caller can do.
    pub(super) async fn complete(&self, parts: Vec<CompletedPart>) -> Result<PutOnce, BlobError> {
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let call = self
            .store
            .client
            .complete_multipart_upload()
            .bucket(&*self.store.bucket)
            .key(self.key.as_str())
            .upload_id(&self.id)
            .if_none_match(UNLESS_IT_EXISTS)
            .multipart_upload(parts);
        let answered = call.send().await.map(drop);
        let answered = answered.map_err(|e| ServiceError::of("CompleteMultipartUpload", e));
        let resolved = self.store.resolve(&self.writer, self.key, answered).await;
        if !matches!(resolved, Ok(PutOnce::Created)) {
            self.abort().await;
        }
        resolved
    }

    /// Gives up what was sent. S3's lifecycle rule does so too.
    pub(super) async fn abort(&self) {
        let call = self
            .store
            .client
            .abort_multipart_upload()
            .bucket(&*self.store.bucket)
            .key(self.key.as_str())
            .upload_id(&self.id);
        let aborted = call.send().await.map_err(|e| ServiceError::of("AbortMultipartUpload", e));
        match aborted {
            Err(error) if !error.is_upload_gone() => {
                tracing::warn!(key = %self.key, %error, "parts of an upload are left behind");
            }
            _ => {}
        }
    }
}

/// Size of the parts of an object, so that there are not too many.
fn part_bytes(size: u64) -> u64 {
    PART_BYTES.max(size.div_ceil(PARTS_MAX))
}

/// The stream in pieces of exactly `part_bytes`, but for the last one.
fn parts(body: Checked, part_bytes: u64) -> BoxStream<'static, Result<Bytes, BlobError>> {
    let part_bytes = usize::try_from(part_bytes).unwrap_or(usize::MAX);
    let state = Some((body, BytesMut::new()));
    stream::try_unfold(state, move |state| async move {
        let Some((mut body, mut part)) = state else { return Ok(None) };
        while part.len() < part_bytes {
            match body.try_next().await? {
                Some(chunk) => part.extend_from_slice(&chunk),
                None if part.is_empty() => return Ok(None),
                None => return Ok(Some((part.freeze(), None))),
            }
        }
        let full = part.split_to(part_bytes).freeze();
        Ok(Some((full, Some((body, part)))))
    })
    .boxed()
}
