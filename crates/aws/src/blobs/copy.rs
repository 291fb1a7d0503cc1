//! Copying an object inside the bucket, at most once.
//!
//! The copy is an upload of parts that S3 takes from the other object: its completion is
//! conditional wherever conditional writes are known, and it has no limit of 5 GiB.

use aws_sdk_s3::types::CompletedPart;
use futures_util::future;
use zkpool_ports::{BlobError, BlobKey, PutOnce};

use super::multipart::Upload;
use super::{S3Blobs, storage_or_not_found};
use crate::settings::COPY_PART_BYTES;

impl S3Blobs {
    /// Makes `to` of the bytes of `from`, unless it exists.
    pub(super) async fn copy(&self, from: &BlobKey, to: &BlobKey) -> Result<PutOnce, BlobError> {
        let missing = || BlobError::NotFound(from.clone());
        let size = self.find(from).await?.ok_or_else(missing)?.stored.size;
        if self.find(to).await?.is_some() {
            return Ok(PutOnce::AlreadyExists);
        }
        let upload = self.begin(to).await?;
        match self.copy_parts(&upload, from, size).await {
            Ok(parts) => upload.complete(parts).await,
            Err(error) => {
                upload.abort().await;
                Err(error)
            }
        }
    }

    async fn copy_parts(
        &self,
        upload: &Upload<'_>,
        from: &BlobKey,
        size: u64,
    ) -> Result<Vec<CompletedPart>, BlobError> {
        // Keys have no character that would have to be escaped here.
        let source = format!("{}/{from}", self.bucket);
        let source = source.as_str();
        let copies = (1..).zip(ranges(size)).map(|(number, range)| async move {
            let copied = upload.copy_part(number, source, range).await;
            copied.map_err(|error| storage_or_not_found(from, error))
        });
        future::try_join_all(copies).await
    }
}

/// The ranges of an object's parts; the whole object where one part holds it.
fn ranges(size: u64) -> Vec<Option<String>> {
    if size <= COPY_PART_BYTES {
        return vec![None];
    }
    let starts = (0..size.div_ceil(COPY_PART_BYTES)).map(|part| part * COPY_PART_BYTES);
    let last = |start: u64| size.min(start + COPY_PART_BYTES) - 1;
    starts.map(|start| Some(format!("bytes={start}-{}", last(start)))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_cover_an_object_without_a_gap() {
        assert_eq!(ranges(0), [None]);
        assert_eq!(ranges(COPY_PART_BYTES), [None]);
        assert_eq!(
            ranges(COPY_PART_BYTES + 1),
            [Some("bytes=0-5368709119".to_owned()), Some("bytes=5368709120-5368709120".to_owned())]
        );
    }
}
