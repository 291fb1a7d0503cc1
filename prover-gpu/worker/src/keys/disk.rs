//! Copies of proving keys on disk, for stores without local files.

use std::fs::{self, File, FileTimes};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use futures_util::TryStreamExt;
use tempfile::NamedTempFile;
use tokio::io::AsyncWriteExt;
use zkpool_jobs::keys as layout;
use zkpool_ports::{BlobStore, ByteStream, Clock};
use zkpool_types::ArtifactRef;

use super::KeyError;

/// A directory of keys named by their digests, under a byte budget.
///
/// The time of modification of a file says when it was used last, so that the order survives a
/// restart. A file appears when it is complete: several provers may share a directory.
#[derive(Debug)]
pub(super) struct DiskCache {
    dir: PathBuf,
    bytes_max: u64,
    clock: Arc<dyn Clock>,
}

impl DiskCache {
    pub(super) fn new(dir: PathBuf, bytes_max: u64, clock: Arc<dyn Clock>) -> Self {
        Self { dir, bytes_max, clock }
    }

    /// The file of a key, copied from `blobs` unless it is there.
    ///
    /// A key larger than the whole budget is copied all the same and is the first to go.
    pub(super) async fn fetch(
        &self,
        blobs: &dyn BlobStore,
        artifact: &ArtifactRef,
    ) -> Result<PathBuf, KeyError> {
        let path = self.dir.join(artifact.sha256.to_string());
        if self.touch(&path) {
            return Ok(path);
        }
        self.make_room(artifact.size).map_err(|source| self.failed(source))?;
        let (_, body) = blobs.get_stream(&layout::artifact(&artifact.sha256)).await?;
        copy(body, &self.dir, &path).await.map_err(|source| self.failed(source))?;
        self.touch(&path);
        Ok(path)
    }

    /// Removes a file. One that cannot be removed is found out again when it is read.
    pub(super) fn remove(&self, path: &Path) {
        if let Err(error) = fs::remove_file(path) {
            tracing::warn!(%error, path = %path.display(), "a cached key cannot be removed");
        }
    }

    /// Marks a file as used now. Returns whether it exists.
    fn touch(&self, path: &Path) -> bool {
        let Ok(file) = File::open(path) else { return false };
        let now = SystemTime::UNIX_EPOCH + self.clock.now().as_duration().unsigned_abs();
        if let Err(error) = file.set_times(FileTimes::new().set_modified(now)) {
            tracing::debug!(%error, "the use of a cached key cannot be noted");
        }
        true
    }

    /// Removes the keys used longest ago until `bytes` more fit the budget.
    fn make_room(&self, bytes: u64) -> io::Result<()> {
        fs::create_dir_all(&self.dir)?;
        let mut files = self.files()?;
        files.sort_unstable();
        let mut used: u64 = files.iter().map(|(_, size, _)| size).sum();
        for (_, size, path) in files {
            if used.saturating_add(bytes) <= self.bytes_max {
                break;
            }
            fs::remove_file(&path)?;
            used -= size;
        }
        Ok(())
    }

    /// Last use, size in bytes and path of every key.
    fn files(&self) -> io::Result<Vec<(SystemTime, u64, PathBuf)>> {
        let entries = fs::read_dir(&self.dir)?;
        let files = entries.map(|entry| {
            let entry = entry?;
            let metadata = entry.metadata()?;
            Ok((metadata.modified()?, metadata.len(), entry.path()))
        });
        files.collect()
    }

    fn failed(&self, source: io::Error) -> KeyError {
        KeyError::Cache { path: self.dir.clone(), source }
    }
}

/// Writes a stream to a file in `dir` that appears as `path` when it is complete.
///
/// It is not forced to disk: what a power failure leaves of it has another digest.
async fn copy(mut body: ByteStream, dir: &Path, path: &Path) -> io::Result<()> {
    let temporary = NamedTempFile::new_in(dir)?;
    let mut file = tokio::fs::File::from_std(temporary.reopen()?);
    while let Some(chunk) = body.try_next().await? {
        file.write_all(&chunk).await?;
    }
    file.flush().await?;
    temporary.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use zkpool_ports::memory::MemoryBlobs;
    use zkpool_ports::{SystemClock, VirtualClock};
    use zkpool_types::Sha256Digest;

    use super::*;

    async fn stored(blobs: &MemoryBlobs, content: &'static [u8]) -> ArtifactRef {
        let sha256 = Sha256Digest::of(content);
        blobs.put_once(&layout::artifact(&sha256), Bytes::from_static(content)).await.unwrap();
        ArtifactRef { sha256, size: content.len() as u64 }
    }

    #[tokio::test]
    async fn the_key_used_longest_ago_makes_room() {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(VirtualClock::new());
        let cache = DiskCache::new(dir.path().join("keys"), 8, clock.clone());
        let blobs = MemoryBlobs::new();
        let (a, b, c) = (
            stored(&blobs, b"aaaa").await,
            stored(&blobs, b"bbbb").await,
            stored(&blobs, b"cccc").await,
        );
        for key in [&a, &b, &a, &c] {
            clock.advance(Duration::from_secs(1));
            cache.fetch(&blobs, key).await.unwrap();
        }
        let kept =
            |key: &ArtifactRef| dir.path().join("keys").join(key.sha256.to_string()).exists();
        assert_eq!((kept(&a), kept(&b), kept(&c)), (true, false, true));
    }

    #[tokio::test]
    async fn a_key_that_storage_lost_is_an_error_and_leaves_no_file() {
        let dir = tempfile::tempdir().unwrap();
        let cache = DiskCache::new(dir.path().to_owned(), 8, Arc::new(SystemClock::new()));
        let lost = ArtifactRef { sha256: Sha256Digest::of(b"lost"), size: 4 };
        assert!(matches!(cache.fetch(&MemoryBlobs::new(), &lost).await, Err(KeyError::Blob(_))));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
