//! A streamed write on its way to disk.

use std::io::{self, Write};

use bytes::{Bytes, BytesMut};
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;
use zkpool_types::Sha256Digest;

use super::storage;
use crate::{BlobError, BlobKey, Expected};

/// How many bytes are gathered before they are hashed and written, so that a thread is not
/// called for every network packet.
const BATCH_BYTES: usize = 1024 * 1024;

/// Counts, hashes and writes a stream. No thread waits for the sender meanwhile.
pub(super) struct StreamWriter {
    key: BlobKey,
    expected: Expected,
    size: u64,
    batch: BytesMut,
    sink: Sink,
}

/// Both halves of the work that blocks.
struct Sink {
    file: NamedTempFile,
    hash: Sha256,
}

impl Sink {
    fn write(mut self, batch: &[u8]) -> io::Result<Self> {
        self.hash.update(batch);
        self.file.write_all(batch)?;
        Ok(self)
    }
}

impl StreamWriter {
    pub(super) fn new(key: &BlobKey, expected: Expected, file: NamedTempFile) -> Self {
        let sink = Sink { file, hash: Sha256::new() };
        Self { key: key.clone(), expected, size: 0, batch: BytesMut::new(), sink }
    }

    /// Takes the next bytes, unless they are more than announced.
    pub(super) async fn write(mut self, chunk: Bytes) -> Result<Self, BlobError> {
        self.size = self.size.saturating_add(chunk.len() as u64);
        if self.size > self.expected.size {
            self.size = self.expected.size.saturating_add(1);
            return Err(self.size_mismatch());
        }
        self.batch.extend_from_slice(&chunk);
        if self.batch.len() >= BATCH_BYTES { self.flush().await } else { Ok(self) }
    }

    /// The complete file, if it is what was announced.
    pub(super) async fn finish(self) -> Result<NamedTempFile, BlobError> {
        let Self { key, expected, size, batch: _, sink } = self.flush().await?;
        if size != expected.size {
            return Err(BlobError::SizeMismatch { key, expected: expected.size, found: size });
        }
        match Sha256Digest::from_bytes(sink.hash.finalize().into()) {
            found if found == expected.sha256 => Ok(sink.file),
            found => Err(BlobError::DigestMismatch { key, expected: expected.sha256, found }),
        }
    }

    async fn flush(self) -> Result<Self, BlobError> {
        let Self { key, expected, size, mut batch, sink } = self;
        let written = tokio::task::spawn_blocking(move || {
            let sink = sink.write(&batch)?;
            batch.clear();
            Ok((batch, sink))
        });
        let (batch, sink) = written
            .await
            .map_err(io::Error::other)
            .and_then(|written| written)
            .map_err(|source| storage(key.as_str(), source))?;
        Ok(Self { key, expected, size, batch, sink })
    }

    fn size_mismatch(self) -> BlobError {
        BlobError::SizeMismatch { key: self.key, expected: self.expected.size, found: self.size }
    }
}
