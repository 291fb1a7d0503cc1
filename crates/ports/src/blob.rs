//! Blobs: immutable records and artifacts under slash-separated keys.

use std::borrow::Borrow;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt};
use sha2::{Digest, Sha256};
use zkpool_types::{Secret, Sha256Digest};

/// The bytes of a large object on their way in or out.
pub type ByteStream = BoxStream<'static, std::io::Result<Bytes>>;

/// A storage key: `/`-separated segments of `a-z A-Z 0-9 - _ . =`, none of them `.` or `..`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobKey(String);

/// The text is not a storage key.
#[derive(Debug, thiserror::Error)]
#[error("expected a storage key of `/`-separated names, found {0:?}")]
pub struct InvalidBlobKey(String);

impl BlobKey {
    /// Longest key, in bytes, that every store accepts (S3's limit).
    pub const BYTES_MAX: usize = 1024;

    /// Checks `text`.
    ///
    /// # Errors
    /// The text is empty, too long, or has a segment that is empty, `.`, `..` or holds a byte
    /// outside `a-z A-Z 0-9 - _ . =`.
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidBlobKey> {
        let text = text.into();
        let is_segment = |segment: &str| {
            !matches!(segment, "" | "." | "..")
                && segment
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_.=".contains(&byte))
        };
        if text.len() <= Self::BYTES_MAX && text.split('/').all(is_segment) {
            Ok(Self(text))
        } else {
            Err(InvalidBlobKey(text.chars().take(80).collect()))
        }
    }

    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Keys hash and sort as their text does, so that maps of keys can be searched by text.
impl Borrow<str> for BlobKey {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BlobKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for BlobKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What becomes of an object when the machine loses power right after the write returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// It is there.
    Durable,
    /// It may be gone, be what it was before, or be cut short: for what can be derived again,
    /// such as progress.
    Cached,
}

/// The outcome of a create-once write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PutOnce {
    /// The object did not exist and now holds these bytes.
    Created,
    /// The object existed and is unchanged. The caller reads it to tell whether an earlier,
    /// seemingly failed write of its own had won: every record carries its writer's id.
    AlreadyExists,
}

/// What a streamed write must turn out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Exact length in bytes.
    pub size: u64,
    /// SHA-256 of the bytes.
    pub sha256: Sha256Digest,
}

/// What is known of a stored object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Length in bytes.
    pub size: u64,
}

/// A request that anyone may make who knows it, as it is, until it expires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedRequest {
    /// The address.
    pub url: Secret<String>,
    /// Headers to send, beside the length of the body.
    pub headers: Vec<(String, String)>,
}

/// Why a storage call failed.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// There is no such object.
    #[error("no object at {0}")]
    NotFound(BlobKey),
    /// A streamed write had another length than announced. Nothing was stored.
    #[error("{key}: expected {expected} bytes, found {found}")]
    SizeMismatch {
        /// The object.
        key: BlobKey,
        /// Announced length in bytes.
        expected: u64,
        /// Length in bytes seen, or one more than expected where the stream went on.
        found: u64,
    },
    /// A streamed write had another digest than announced. Nothing was stored.
    #[error("{key}: expected {expected:?}, found {found:?}")]
    DigestMismatch {
        /// The object.
        key: BlobKey,
        /// Announced digest.
        expected: Sha256Digest,
        /// Digest of the bytes seen.
        found: Sha256Digest,
    },
    /// The object is larger than the caller's bound.
    #[error("{key}: {size} bytes, at most {max} accepted")]
    TooLarge {
        /// The object.
        key: BlobKey,
        /// Its length in bytes.
        size: u64,
        /// The bound in bytes.
        max: u64,
    },
    /// The sender of a streamed write failed. Nothing was stored.
    #[error("{key}: the sender failed")]
    Source {
        /// The object.
        key: BlobKey,
        /// What the sender said.
        #[source]
        source: std::io::Error,
    },
    /// The store failed; the write may or may not have happened.
    #[error("{key}: storage failed")]
    Storage {
        /// The object or prefix.
        key: String,
        /// What the store said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// An object store with atomic create-once writes.
///
/// A reader sees a whole object or none. What one call has created, every later call sees.
#[async_trait]
pub trait BlobStore: Send + Sync + fmt::Debug {
    /// Creates the object, durably, unless it exists.
    async fn put_once(&self, key: &BlobKey, body: Bytes) -> Result<PutOnce, BlobError>;

    /// Creates or replaces the object.
    async fn put(
        &self,
        key: &BlobKey,
        body: Bytes,
        durability: Durability,
    ) -> Result<(), BlobError>;

    /// Creates the object from a stream, durably, unless it exists. Memory use does not grow
    /// with the object. Size and digest are checked before anything becomes visible, also where
    /// the object exists already.
    async fn put_stream_once(
        &self,
        key: &BlobKey,
        body: ByteStream,
        expected: Expected,
    ) -> Result<PutOnce, BlobError>;

    /// The whole object, if it has at most `size_max` bytes.
    async fn get(&self, key: &BlobKey, size_max: u64) -> Result<Bytes, BlobError>;

    /// The object as a stream.
    async fn get_stream(&self, key: &BlobKey) -> Result<(Stored, ByteStream), BlobError>;

    /// What is known of the object, or `None` where there is none.
    async fn head(&self, key: &BlobKey) -> Result<Option<Stored>, BlobError>;

    /// Makes the object readable under a second key too, durably, unless that exists. The copy
    /// does not pass through the caller.
    async fn copy_once(&self, from: &BlobKey, to: &BlobKey) -> Result<PutOnce, BlobError>;

    /// Removes the object. Removing what is not there succeeds.
    async fn delete(&self, key: &BlobKey) -> Result<(), BlobError>;

    /// Keys that begin with `prefix`, in byte order, after `after`, at most `limit`.
    async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<BlobKey>, BlobError>;

    /// The distinct next segments below `prefix` (which ends with `/`) that have keys below
    /// them, after `after`, at most `limit`: S3's common prefixes, without slashes.
    ///
    /// The order is the byte order of the keys, in which a segment is followed by its slash:
    /// `a-b` comes before `a`, because `a-b/` comes before `a/`.
    async fn list_children(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, BlobError>;

    /// Whether objects can be read and written now, at about the price of a read. It leaves nothing
    /// behind.
    async fn probe(&self) -> Result<(), BlobError> {
        self.list("circuits/", None, 1).await.map(|_| ())
    }

    /// A PUT by which somebody else stores exactly the expected bytes, within `lifetime` and
    /// without passing through this process. The store refuses other bytes; the same ones may be
    /// sent again. `None` where the store takes no bytes but through this process; the error
    /// [`BlobError::TooLarge`] where it takes them this way, but not so many.
    async fn upload_request(
        &self,
        _key: &BlobKey,
        _expected: Expected,
        _lifetime: Duration,
    ) -> Result<Option<SignedRequest>, BlobError> {
        Ok(None)
    }

    /// A GET by which somebody else reads the object within `lifetime`, without any header, so that
    /// a redirect can lead to it; or `None` as above.
    async fn download_request(
        &self,
        _key: &BlobKey,
        _lifetime: Duration,
    ) -> Result<Option<SignedRequest>, BlobError> {
        Ok(None)
    }

    /// A local file with the object's bytes, where the store keeps one. Objects are immutable
    /// under content-addressed keys, so that such a file may be read without copying it.
    fn local_path(&self, key: &BlobKey) -> Option<PathBuf>;
}

/// The bytes of a streamed write as they come, up to the first that shows them not to be what was
/// announced: then an error. Whoever reads the stream to its end has the announced bytes.
pub fn checked(
    key: &BlobKey,
    body: ByteStream,
    expected: Expected,
) -> BoxStream<'static, Result<Bytes, BlobError>> {
    let check = Check { key: key.clone(), expected, size: 0, hash: Sha256::new() };
    stream::try_unfold((body, check), |(mut body, mut check)| async {
        match body.next().await {
            Some(chunk) => Ok(Some((check.next(chunk)?, (body, check)))),
            None => check.finish().map(|()| None),
        }
    })
    .boxed()
}

/// What has been seen of a stream.
struct Check {
    key: BlobKey,
    expected: Expected,
    size: u64,
    hash: Sha256,
}

impl Check {
    fn next(&mut self, chunk: std::io::Result<Bytes>) -> Result<Bytes, BlobError> {
        let chunk = chunk.map_err(|source| BlobError::Source { key: self.key.clone(), source })?;
        self.size = self.size.saturating_add(chunk.len() as u64);
        if self.size > self.expected.size {
            return Err(self.size_mismatch(self.expected.size.saturating_add(1)));
        }
        self.hash.update(&chunk);
        Ok(chunk)
    }

    fn finish(self) -> Result<(), BlobError> {
        if self.size != self.expected.size {
            return Err(self.size_mismatch(self.size));
        }
        let Self { key, expected, hash, .. } = self;
        match Sha256Digest::from_bytes(hash.finalize().into()) {
            found if found == expected.sha256 => Ok(()),
            found => Err(BlobError::DigestMismatch { key, expected: expected.sha256, found }),
        }
    }

    fn size_mismatch(&self, found: u64) -> BlobError {
        BlobError::SizeMismatch { key: self.key.clone(), expected: self.expected.size, found }
    }
}
