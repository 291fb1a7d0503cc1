//! Objects in a sorted map.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Bound;
use std::path::PathBuf;
use std::sync::Mutex;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::blob::checked;
use crate::{
    BlobError, BlobKey, BlobStore, ByteStream, Durability, Expected, PutOnce, Stored, lock,
};

/// How many bytes a stream hands out at a time.
const CHUNK_BYTES: usize = 64 * 1024;

/// A [`BlobStore`] that lasts as long as its process.
#[derive(Default)]
pub struct MemoryBlobs {
    objects: Mutex<BTreeMap<BlobKey, Bytes>>,
}

impl MemoryBlobs {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn create(&self, key: &BlobKey, body: Bytes) -> PutOnce {
        let mut objects = lock(&self.objects);
        if objects.contains_key(key) {
            return PutOnce::AlreadyExists;
        }
        objects.insert(key.clone(), body);
        PutOnce::Created
    }

    fn read(&self, key: &BlobKey) -> Result<Bytes, BlobError> {
        let found = lock(&self.objects).get(key).cloned();
        found.ok_or_else(|| BlobError::NotFound(key.clone()))
    }
}

#[async_trait]
impl BlobStore for MemoryBlobs {
    async fn put_once(&self, key: &BlobKey, body: Bytes) -> Result<PutOnce, BlobError> {
        Ok(self.create(key, body))
    }

    async fn put(&self, key: &BlobKey, body: Bytes, _: Durability) -> Result<(), BlobError> {
        lock(&self.objects).insert(key.clone(), body);
        Ok(())
    }

    async fn put_stream_once(
        &self,
        key: &BlobKey,
        body: ByteStream,
        expected: Expected,
    ) -> Result<PutOnce, BlobError> {
        let chunks: Vec<Bytes> = checked(key, body, expected).try_collect().await?;
        Ok(self.create(key, chunks.concat().into()))
    }

    async fn get(&self, key: &BlobKey, size_max: u64) -> Result<Bytes, BlobError> {
        let body = self.read(key)?;
        match body.len() as u64 {
            size if size > size_max => {
                Err(BlobError::TooLarge { key: key.clone(), size, max: size_max })
            }
            _ => Ok(body),
        }
    }

    async fn get_stream(&self, key: &BlobKey) -> Result<(Stored, ByteStream), BlobError> {
        let mut body = self.read(key)?;
        let size = body.len() as u64;
        let chunks = std::iter::from_fn(move || {
            let chunk = body.split_to(CHUNK_BYTES.min(body.len()));
            (!chunk.is_empty()).then_some(Ok(chunk))
        });
        Ok((Stored { size }, stream::iter(chunks).boxed()))
    }

    async fn head(&self, key: &BlobKey) -> Result<Option<Stored>, BlobError> {
        let size = lock(&self.objects).get(key).map(|body| body.len() as u64);
        Ok(size.map(|size| Stored { size }))
    }

    async fn copy_once(&self, from: &BlobKey, to: &BlobKey) -> Result<PutOnce, BlobError> {
        let body = self.read(from)?;
        Ok(self.create(to, body))
    }

    async fn delete(&self, key: &BlobKey) -> Result<(), BlobError> {
        lock(&self.objects).remove(key);
        Ok(())
    }

    async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<BlobKey>, BlobError> {
        let start = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        Ok(lock(&self.objects)
            .range::<str, _>((start, Bound::Unbounded))
            .map(|(key, _)| key)
            .take_while(|key| key.as_str().starts_with(prefix))
            .take(limit)
            .cloned()
            .collect())
    }

    async fn list_children(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, BlobError> {
        let objects = lock(&self.objects);
        let mut from = after.map_or_else(|| prefix.to_owned(), |after| past(prefix, after));
        let mut children = Vec::new();
        while children.len() < limit {
            let next = objects.range::<str, _>((Bound::Included(from.as_str()), Bound::Unbounded));
            let rest = next.map(|(key, _)| key.as_str()).map_while(|key| key.strip_prefix(prefix));
            let Some((child, _)) = rest.filter_map(|rest| rest.split_once('/')).next() else {
                break;
            };
            from = past(prefix, child);
            children.push(child.to_owned());
        }
        Ok(children)
    }

    fn local_path(&self, _: &BlobKey) -> Option<PathBuf> {
        None
    }
}

/// The first text after every key below `prefix` and `child`: `0` follows `/` in ASCII.
fn past(prefix: &str, child: &str) -> String {
    format!("{prefix}{child}0")
}

impl fmt::Debug for MemoryBlobs {
    /// Shows how many objects there are and none of their contents.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemoryBlobs({} objects)", lock(&self.objects).len())
    }
}
