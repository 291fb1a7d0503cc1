//! Sending artifacts: inside the request where they fit, through an upload where they do not.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE};
use reqwest::{Body, RequestBuilder, Response};
use sha2::{Digest, Sha256};
use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::{Instant, timeout};
use tokio_util::io::ReaderStream;
use tracing::Instrument;
use zkpool_types::api::{CreateUpload, Source, UploadView};
use zkpool_types::limits::{INLINE_BODY_BYTES_MAX, JSON_BODY_BYTES_MAX, UPLOAD_LIFETIME_S};
use zkpool_types::{Secret, Sha256Digest};

use crate::artifact::{Artifact, Content, Progress, Step};
use crate::client::{Call, Client};
use crate::error::Error;
use crate::retry::{Failure, Repeat, retrying};
use crate::transport::receive;

/// Longest artifact that is sent inside a request, in bytes. Base64 makes four bytes of three,
/// and the rest of the body has the room that a body without an artifact has.
const INLINE_BYTES_MAX: u64 = ((INLINE_BODY_BYTES_MAX - JSON_BODY_BYTES_MAX) / 4 * 3) as u64;

/// What is in memory of a file or reader while it is hashed or sent, in bytes.
const BUFFER_BYTES: usize = 256 * 1024;

/// All attempts at one upload: as long as its address works.
const UPLOAD_MAX: Duration = Duration::from_secs(UPLOAD_LIFETIME_S.unsigned_abs());

impl Client {
    /// Makes an artifact available to the server.
    ///
    /// # Errors
    /// It cannot be read, is not what was announced, or does not get through.
    pub(crate) async fn source(&self, artifact: Artifact) -> Result<Source, Error> {
        self.source_within(INLINE_BYTES_MAX, artifact).await
    }

    /// Makes two artifacts of one request available to the server.
    ///
    /// # Errors
    /// As of [`Self::source`].
    pub(crate) async fn two_sources(
        &self,
        first: Artifact,
        second: Artifact,
    ) -> Result<(Source, Source), Error> {
        let each = INLINE_BYTES_MAX / 2;
        Ok((self.source_within(each, first).await?, self.source_within(each, second).await?))
    }

    /// Sends an artifact of at most `inline_max` bytes inside the request.
    async fn source_within(&self, inline_max: u64, artifact: Artifact) -> Result<Source, Error> {
        let Artifact { content, progress } = artifact;
        match content {
            Content::Bytes(bytes) => self.source_of_bytes(inline_max, bytes, &progress).await,
            Content::File(path) => self.source_of_file(inline_max, &path, &progress).await,
            Content::Reader { reader, size, sha256 } => {
                let announced = CreateUpload { size, sha256 };
                self.source_of_reader(inline_max, reader, announced, progress).await
            }
        }
    }

    async fn source_of_bytes(
        &self,
        inline_max: u64,
        bytes: Bytes,
        progress: &Progress,
    ) -> Result<Source, Error> {
        let size = bytes.len() as u64;
        if size <= inline_max {
            return Ok(inline(&bytes));
        }
        let announced = CreateUpload { size, sha256: Sha256Digest::of(&bytes) };
        let open = || {
            let bytes = bytes.clone();
            async move { Ok(std::io::Cursor::new(bytes)) }
        };
        self.upload(&announced, Repeat::Harmless, progress, open).await
    }

    async fn source_of_file(
        &self,
        inline_max: u64,
        path: &Path,
        progress: &Progress,
    ) -> Result<Source, Error> {
        let failed = |source| Error::File { path: path.to_owned(), source };
        let mut file = File::open(path).await.map_err(failed)?;
        let size = file.metadata().await.map_err(failed)?.len();
        if size <= inline_max {
            // One byte more shows that it grew meanwhile.
            let bytes = read_up_to(&mut file, inline_max + 1).await.map_err(failed)?;
            return self.source_of_bytes(inline_max, bytes.into(), progress).await;
        }
        let sha256 = digest_of(file, progress).await.map_err(failed)?;
        let open = || async { File::open(path).await.map_err(|error| failed(error).into()) };
        let announced = CreateUpload { size, sha256 };
        self.upload(&announced, Repeat::Harmless, progress, open).await
    }

    async fn source_of_reader(
        &self,
        inline_max: u64,
        mut reader: Box<dyn AsyncRead + Send + Unpin>,
        announced: CreateUpload,
        progress: Progress,
    ) -> Result<Source, Error> {
        if announced.size > inline_max {
            let mut reader = Some(reader);
            let open = || {
                let reader = reader.take().ok_or_else(|| Error::Content("read once".into()).into());
                async move { reader }
            };
            return self.upload(&announced, Repeat::Never, &progress, open).await;
        }
        let bytes = read_up_to(&mut reader, announced.size + 1).await;
        let bytes = bytes.map_err(|error| Error::Content(error.to_string()))?;
        let CreateUpload { size, sha256 } = announced;
        if bytes.len() as u64 != size || Sha256Digest::of(&bytes) != sha256 {
            return Err(Error::Content(format!("expected {size} bytes with SHA-256 {sha256}")));
        }
        Ok(inline(&bytes))
    }

    /// Announces bytes and sends them. `open` is called once an attempt.
    async fn upload<R, F>(
        &self,
        announced: &CreateUpload,
        repeat: Repeat,
        progress: &Progress,
        mut open: impl FnMut() -> F,
    ) -> Result<Source, Error>
    where
        R: AsyncRead + Send + 'static,
        F: Future<Output = Result<R, Failure>>,
    {
        // A second announcement makes a second address, of which one is never used.
        let call = Call::post(Repeat::Harmless, "/v1/uploads").json(announced)?;
        let upload: UploadView = self.call(&call).await?;
        let deadline = Instant::now() + UPLOAD_MAX;
        let attempt = || {
            let reader = open();
            async { self.put(&upload, announced.size, reader.await?, progress.clone()).await }
        };
        let span = tracing::info_span!("upload", id = %upload.id, size = announced.size);
        retrying(self.0.settings.retries, repeat, deadline, attempt).instrument(span).await?;
        Ok(Source::Upload(upload.id))
    }

    /// One attempt at sending the bytes of an upload, without the key: the address is the right to
    /// send them.
    async fn put(
        &self,
        upload: &UploadView,
        size: u64,
        reader: impl AsyncRead + Send + 'static,
        progress: Progress,
    ) -> Result<(), Failure> {
        let moved = Arc::new(AtomicU64::new(0));
        let body = Body::wrap_stream(counted(reader, Arc::clone(&moved), progress));
        let url = self.url(upload.url.expose())?;
        let request = self.0.http.put(url).header(CONTENT_LENGTH, size);
        let request = request.header(CONTENT_TYPE, "application/octet-stream").body(body);
        let request =
            upload.headers.iter().fold(request, |all, (name, value)| all.header(name, value));
        let within = self.0.settings.answer_timeout;
        let response = self.while_moving(request, &moved).await?;
        receive(&self.0.server, response, within).await.map(|_| ())
    }

    /// Sends a request as long as its bytes move: a whole upload may take as long as its line needs.
    async fn while_moving(
        &self,
        request: RequestBuilder,
        moved: &AtomicU64,
    ) -> Result<Response, Failure> {
        let mut sending = std::pin::pin!(request.send());
        let within = self.0.settings.answer_timeout;
        loop {
            let before = moved.load(Ordering::Relaxed);
            match timeout(within, &mut sending).await {
                Ok(Ok(response)) => return Ok(response),
                Ok(Err(error)) => return Err(self.unreachable(error.without_url())),
                Err(_) if moved.load(Ordering::Relaxed) != before => {}
                Err(_) => return Err(self.unreachable("the upload stands still")),
            }
        }
    }
}

/// The bytes of a reader in pieces, which are counted as they are handed on.
fn counted(
    reader: impl AsyncRead,
    moved: Arc<AtomicU64>,
    progress: Progress,
) -> impl Stream<Item = std::io::Result<Bytes>> {
    ReaderStream::with_capacity(reader, BUFFER_BYTES).inspect(move |piece| {
        if let Ok(piece) = piece {
            moved.fetch_add(piece.len() as u64, Ordering::Relaxed);
            progress.tell(Step::Sent(piece.len() as u64));
        }
    })
}

/// The bytes inside the request.
fn inline(bytes: &[u8]) -> Source {
    Source::Base64(Secret::new(BASE64_STANDARD.encode(bytes)))
}

async fn read_up_to(reader: &mut (impl AsyncRead + Unpin), max: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(max).read_to_end(&mut bytes).await?;
    Ok(bytes)
}

/// The digest of a file, read once through a buffer.
async fn digest_of(mut file: File, progress: &Progress) -> std::io::Result<Sha256Digest> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        match file.read(&mut buffer).await? {
            0 => return Ok(Sha256Digest::from_bytes(hasher.finalize().into())),
            count => {
                hasher.update(buffer.get(..count).unwrap_or_default());
                progress.tell(Step::Hashed(count as u64));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_inline_artifact_fits_the_body_limit() {
        let encoded = INLINE_BYTES_MAX / 3 * 4 + 4;
        assert!(encoded + 1024 <= INLINE_BODY_BYTES_MAX as u64);
    }
}
