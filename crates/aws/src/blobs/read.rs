//! Reading an object, whole or as a stream that survives broken connections.

use std::io;

use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::ByteStream as SdkStream;
use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, StreamExt};
use zkpool_ports::{BlobError, BlobKey, ByteStream, Stored};

use super::create::size_of;
use super::{S3Blobs, storage, storage_or_not_found};
use crate::ServiceError;
use crate::settings::RESUMES_MAX;

/// A download on its way.
struct Download {
    store: S3Blobs,
    key: BlobKey,
    /// The version that the download began with: bytes of another one must not follow.
    version: Option<String>,
    size: u64,
    received: u64,
    resumes_left: u32,
    body: SdkStream,
}

impl S3Blobs {
    /// The whole object, if it has at most `size_max` bytes.
    pub(super) async fn read(&self, key: &BlobKey, size_max: u64) -> Result<Bytes, BlobError> {
        let (Stored { size }, mut chunks) = self.stream(key).await?;
        if size > size_max {
            return Err(BlobError::TooLarge { key: key.clone(), size, max: size_max });
        }
        let mut bytes = BytesMut::with_capacity(usize::try_from(size).unwrap_or(0));
        while let Some(chunk) = chunks.next().await {
            let failed = |source: io::Error| BlobError::Storage {
                key: key.to_string(),
                source: Box::new(source),
            };
            bytes.extend_from_slice(&chunk.map_err(failed)?);
        }
        Ok(bytes.freeze())
    }

    /// The object as a stream.
    pub(super) async fn stream(&self, key: &BlobKey) -> Result<(Stored, ByteStream), BlobError> {
        let found = self.get_from(key, 0, None).await;
        let found = found.map_err(|error| storage_or_not_found(key, error))?;
        let size = size_of("GetObject", found.content_length()).map_err(|e| storage(key, e))?;
        let download = Download {
            store: self.clone(),
            key: key.clone(),
            version: found.e_tag,
            size,
            received: 0,
            resumes_left: RESUMES_MAX,
            body: found.body,
        };
        Ok((Stored { size }, download.into_stream()))
    }

    async fn get_from(
        &self,
        key: &BlobKey,
        start: u64,
        version: Option<&str>,
    ) -> Result<GetObjectOutput, ServiceError> {
        let call = self
            .client
            .get_object()
            .bucket(&*self.bucket)
            .key(key.as_str())
            .set_if_match(version.map(str::to_owned))
            .set_range((start > 0).then(|| format!("bytes={start}-")));
        call.send().await.map_err(|error| ServiceError::of("GetObject", error))
    }
}

impl Download {
    fn into_stream(self) -> ByteStream {
        stream::try_unfold(self, |mut download| async {
            Ok(download.next().await?.map(|chunk| (chunk, download)))
        })
        .boxed()
    }

    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        loop {
            match self.body.next().await {
                Some(Ok(chunk)) => {
                    self.received = self.received.saturating_add(chunk.len() as u64);
                    return Ok(Some(chunk));
                }
                None if self.received >= self.size => return Ok(None),
                None => self.resume(io::ErrorKind::UnexpectedEof.into()).await?,
                Some(Err(error)) => self.resume(io::Error::other(error)).await?,
            }
        }
    }

    /// Takes the download up again where it broke, or returns what broke it.
    async fn resume(&mut self, broken: io::Error) -> io::Result<()> {
        if self.resumes_left == 0 || self.received >= self.size {
            return Err(broken);
        }
        self.resumes_left -= 1;
        tracing::debug!(key = %self.key, error = %broken, at = self.received, "download resumed");
        let rest = self.store.get_from(&self.key, self.received, self.version.as_deref()).await;
        self.body = rest.map_err(io::Error::other)?.body;
        Ok(())
    }
}
