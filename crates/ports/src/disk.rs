//! Objects as files below one directory.
//!
//! A key is a path: `jobs/p/j/request.json` is that file below the store's directory, so that an
//! operator can look at it with any tool. An object is written to a temporary file first and
//! gets its name in one step, so that a reader sees all of it or nothing, also after a crash.
//! Several processes may share a directory.
//!
//! What differs from a cloud store: no key can have another key as a leading part of its path
//! (`a` and `a/b`), and no segment can be longer than the file system's names (255 bytes on
//! nearly all). Both are refused as storage errors.

mod durable;
mod listing;
mod temporary;
#[cfg(test)]
mod tests;
mod writer;

use std::fmt;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt;
use tempfile::NamedTempFile;
use tokio_util::io::ReaderStream;

use self::durable::Syncs;
use self::temporary::Temporary;
use self::writer::StreamWriter;
use crate::{
    BlobError, BlobKey, BlobStore, ByteStream, Clock, Durability, Expected, PutOnce, Stored,
};

/// How many bytes a stream hands out at a time: few enough for memory, enough for throughput.
const CHUNK_BYTES: usize = 256 * 1024;

/// Room that a disk must have to be of use, in bytes: more than the records of one job take.
const ROOM_BYTES: usize = 64 * 1024;

/// Why a directory cannot hold a store.
#[derive(Debug, thiserror::Error)]
#[error("{dir}: cannot keep objects here")]
pub struct DiskOpenError {
    dir: PathBuf,
    #[source]
    source: io::Error,
}

/// What makes a path unusable for an object.
#[derive(Debug, thiserror::Error)]
enum Obstacle {
    #[error("{0} leads out of the store or through a symbolic link")]
    Link(PathBuf),
    #[error("{0} is not a file: other keys lie below this one")]
    NotAFile(PathBuf),
    #[error("{0} is where temporary files are, not objects")]
    Reserved(PathBuf),
    #[error("{0} is a file: it is an object itself, so that no key can lie below it")]
    File(PathBuf),
}

impl From<Obstacle> for io::Error {
    fn from(obstacle: Obstacle) -> Self {
        Self::new(ErrorKind::InvalidInput, obstacle)
    }
}

/// A [`BlobStore`] on a local disk.
///
/// Cheap to clone; every clone is the same store. Files have mode 0600 and directories 0700.
#[derive(Clone)]
pub struct DiskBlobs(Arc<Inner>);

struct Inner {
    root: PathBuf,
    temporary: Temporary,
    syncs: Syncs,
}

impl DiskBlobs {
    /// Opens the store in `dir`, which is created if need be, and removes the temporary files of
    /// processes that have died.
    ///
    /// # Errors
    /// The directory cannot be created, read or written.
    pub fn open(dir: impl AsRef<Path>) -> Result<Self, DiskOpenError> {
        let dir = dir.as_ref();
        let failed = |source| DiskOpenError { dir: dir.to_owned(), source };
        Inner::open(dir).map(|inner| Self(Arc::new(inner))).map_err(failed)
    }

    /// How many times this store has made the disk write its cache out since it was opened.
    #[must_use]
    pub fn fsyncs(&self) -> u64 {
        self.0.syncs.count()
    }

    /// How long this disk takes to write one small file out: the median of `samples` times, for
    /// benchmarks. The samples do not count as [`fsyncs`](Self::fsyncs).
    ///
    /// # Errors
    /// The disk is full or fails.
    pub async fn probe_fsync(
        &self,
        clock: Arc<dyn Clock>,
        samples: usize,
    ) -> Result<Duration, BlobError> {
        self.run("", move |store| {
            let mut times = (0..samples.max(1))
                .map(|_| store.time_fsync(&*clock))
                .collect::<io::Result<Vec<_>>>()?;
            times.sort_unstable();
            Ok(times.get(times.len() / 2).copied().unwrap_or_default())
        })
        .await
    }

    /// Does blocking work on a thread made for it.
    async fn run<T: Send + 'static>(
        &self,
        key: &str,
        work: impl FnOnce(&Inner) -> io::Result<T> + Send + 'static,
    ) -> Result<T, BlobError> {
        let inner = Arc::clone(&self.0);
        tokio::task::spawn_blocking(move || work(&inner))
            .await
            .map_err(io::Error::other)
            .and_then(|done| done)
            .map_err(|source| storage(key, source))
    }

    /// The same for work that looks for one object.
    async fn run_on<T: Send + 'static>(
        &self,
        key: &BlobKey,
        work: impl FnOnce(&Inner, &BlobKey) -> io::Result<T> + Send + 'static,
    ) -> Result<T, BlobError> {
        let owned = key.clone();
        self.run(key.as_str(), move |inner| work(inner, &owned)).await
    }
}

fn storage(key: &str, source: io::Error) -> BlobError {
    BlobError::Storage { key: key.to_owned(), source: Box::new(source) }
}

/// Turns "there is no such file", in all its forms, into `None`.
fn absent<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

impl Inner {
    fn open(dir: &Path) -> io::Result<Self> {
        durable::create_root(dir)?;
        // Links are followed up to the store's own directory and nowhere below it.
        let root = dir.canonicalize()?;
        let temporary = Temporary::open(&root)?;
        Ok(Self { syncs: Syncs::new(root.clone()), root, temporary })
    }

    /// Where the object is or would be.
    ///
    /// # Errors
    /// The way there is blocked by a symbolic link or by another object.
    fn path(&self, key: &BlobKey) -> io::Result<PathBuf> {
        let path = self.root.join(key.as_str());
        if temporary::is_reserved(key) {
            return Err(Obstacle::Reserved(path).into());
        }
        let mut way = self.root.clone();
        for part in key.as_str().split('/') {
            way.push(part);
            // What is not there yet cannot lead elsewhere.
            let Some(metadata) = absent(way.symlink_metadata())? else { break };
            if metadata.is_symlink() {
                return Err(Obstacle::Link(way).into());
            }
        }
        Ok(path)
    }

    /// The object's file, if the object exists.
    fn find(&self, key: &BlobKey) -> io::Result<Option<(PathBuf, u64)>> {
        let path = self.path(key)?;
        let found = absent(path.symlink_metadata())?.filter(fs::Metadata::is_file);
        Ok(found.map(|metadata| (path, metadata.len())))
    }

    /// Where a new object goes, with the directories above it in place, or `None` where it
    /// exists.
    fn vacancy(&self, key: &BlobKey) -> io::Result<Option<PathBuf>> {
        let path = self.path(key)?;
        match absent(path.symlink_metadata())? {
            Some(metadata) if metadata.is_file() => {
                // Whoever created it may not have come as far as this yet, and the caller is
                // about to rely on it.
                self.syncs.entry(&path)?;
                Ok(None)
            }
            Some(_) => Err(Obstacle::NotAFile(path).into()),
            None => self.syncs.create_parents(&path).map(|()| Some(path)),
        }
    }

    fn put_once(&self, key: &BlobKey, body: &[u8]) -> io::Result<PutOnce> {
        let Some(path) = self.vacancy(key)? else { return Ok(PutOnce::AlreadyExists) };
        let file = self.temporary.file_with(body)?;
        self.publish_once(file, &path)
    }

    /// Gives a complete temporary file its name, unless the name is taken.
    fn publish_once(&self, file: NamedTempFile, path: &Path) -> io::Result<PutOnce> {
        self.syncs.file(file.as_file())?;
        let taken = match file.persist_noclobber(path) {
            Ok(_) => Ok(PutOnce::Created),
            Err(failed) => already_exists(failed.error),
        };
        self.settle(taken?, path)
    }

    /// Makes a creation durable, also one that another writer won and may not have finished.
    fn settle(&self, outcome: PutOnce, path: &Path) -> io::Result<PutOnce> {
        if path.symlink_metadata()?.is_dir() {
            return Err(Obstacle::NotAFile(path.to_owned()).into());
        }
        self.syncs.entry(path).map(|()| outcome)
    }

    fn put(&self, key: &BlobKey, body: &[u8], durability: Durability) -> io::Result<()> {
        let path = self.path(key)?;
        self.syncs.create_parents(&path)?;
        let file = self.temporary.file_with(body)?;
        match durability {
            Durability::Durable => {
                self.syncs.file(file.as_file())?;
                file.persist(&path)?;
                self.syncs.entry(&path)
            }
            Durability::Cached => file.persist(&path).map(drop).map_err(Into::into),
        }
    }

    fn copy_once(&self, from: &BlobKey, to: &BlobKey) -> io::Result<Option<PutOnce>> {
        let Some((source, _)) = self.find(from)? else { return Ok(None) };
        let Some(path) = self.vacancy(to)? else { return Ok(Some(PutOnce::AlreadyExists)) };
        // The source may have been written without durability.
        self.syncs.file(&File::open(&source)?)?;
        let linked = match fs::hard_link(&source, &path) {
            Ok(()) => Ok(PutOnce::Created),
            Err(error) => already_exists(error),
        };
        self.settle(linked?, &path).map(Some)
    }

    fn delete(&self, key: &BlobKey) -> io::Result<()> {
        match self.find(key)? {
            Some((path, _)) => absent(fs::remove_file(path)).map(drop),
            None => Ok(()),
        }
    }

    fn open_file(&self, key: &BlobKey) -> io::Result<Option<(File, u64)>> {
        let Some((path, _)) = self.find(key)? else { return Ok(None) };
        let Some(file) = absent(File::open(path))? else { return Ok(None) };
        // The length of the file that was opened: another may have taken its name since.
        let size = file.metadata()?.len();
        Ok(Some((file, size)))
    }

    fn read(&self, key: &BlobKey, size_max: u64) -> io::Result<Contents> {
        let Some((file, size)) = self.open_file(key)? else { return Ok(Contents::Absent) };
        if size > size_max {
            return Ok(Contents::TooLarge(size));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(size).map_err(io::Error::other)?);
        file.take(size).read_to_end(&mut bytes)?;
        Ok(Contents::Whole(bytes.into()))
    }

    fn time_fsync(&self, clock: &dyn Clock) -> io::Result<Duration> {
        const SAMPLE: [u8; 4096] = [0x5a; 4096];
        let file = self.temporary.file_with(&SAMPLE)?;
        let start = clock.elapsed();
        file.as_file().sync_all()?;
        Ok(clock.elapsed().saturating_sub(start))
    }
}

fn already_exists(error: io::Error) -> io::Result<PutOnce> {
    match error.kind() {
        ErrorKind::AlreadyExists => Ok(PutOnce::AlreadyExists),
        _ => Err(error),
    }
}

/// What came of reading an object with a bound on its size.
enum Contents {
    Whole(Bytes),
    TooLarge(u64),
    Absent,
}

#[async_trait]
impl BlobStore for DiskBlobs {
    async fn put_once(&self, key: &BlobKey, body: Bytes) -> Result<PutOnce, BlobError> {
        self.run_on(key, move |store, key| store.put_once(key, &body)).await
    }

    async fn put(
        &self,
        key: &BlobKey,
        body: Bytes,
        durability: Durability,
    ) -> Result<(), BlobError> {
        self.run_on(key, move |store, key| store.put(key, &body, durability)).await
    }

    async fn put_stream_once(
        &self,
        key: &BlobKey,
        mut body: ByteStream,
        expected: Expected,
    ) -> Result<PutOnce, BlobError> {
        let file = self.run_on(key, |store, _| store.temporary.file()).await?;
        let mut writer = StreamWriter::new(key, expected, file);
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(|source| BlobError::Source { key: key.clone(), source })?;
            writer = writer.write(chunk).await?;
        }
        let file = writer.finish().await?;
        self.run_on(key, move |store, key| match store.vacancy(key)? {
            Some(path) => store.publish_once(file, &path),
            None => Ok(PutOnce::AlreadyExists),
        })
        .await
    }

    async fn get(&self, key: &BlobKey, size_max: u64) -> Result<Bytes, BlobError> {
        match self.run_on(key, move |store, key| store.read(key, size_max)).await? {
            Contents::Whole(bytes) => Ok(bytes),
            Contents::Absent => Err(BlobError::NotFound(key.clone())),
            Contents::TooLarge(size) => {
                Err(BlobError::TooLarge { key: key.clone(), size, max: size_max })
            }
        }
    }

    async fn get_stream(&self, key: &BlobKey) -> Result<(Stored, ByteStream), BlobError> {
        let opened = self.run_on(key, Inner::open_file).await?;
        let (file, size) = opened.ok_or_else(|| BlobError::NotFound(key.clone()))?;
        let chunks = ReaderStream::with_capacity(tokio::fs::File::from_std(file), CHUNK_BYTES);
        Ok((Stored { size }, chunks.boxed()))
    }

    async fn head(&self, key: &BlobKey) -> Result<Option<Stored>, BlobError> {
        let found = self.run_on(key, Inner::find).await?;
        Ok(found.map(|(_, size)| Stored { size }))
    }

    async fn copy_once(&self, from: &BlobKey, to: &BlobKey) -> Result<PutOnce, BlobError> {
        let source = from.clone();
        self.run_on(to, move |store, to| store.copy_once(&source, to))
            .await?
            .ok_or_else(|| BlobError::NotFound(from.clone()))
    }

    async fn delete(&self, key: &BlobKey) -> Result<(), BlobError> {
        self.run_on(key, Inner::delete).await
    }

    async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<BlobKey>, BlobError> {
        let (owned, after) = (prefix.to_owned(), after.map(str::to_owned));
        self.run(prefix, move |store| listing::keys(&store.root, &owned, after.as_deref(), limit))
            .await
    }

    async fn list_children(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, BlobError> {
        let (owned, after) = (prefix.to_owned(), after.map(str::to_owned));
        self.run(prefix, move |store| {
            listing::children(&store.root, &owned, after.as_deref(), limit)
        })
        .await
    }

    async fn probe(&self) -> Result<(), BlobError> {
        self.run("", |store| {
            fs::read_dir(&store.root)?;
            store.temporary.file_with(&[0; ROOM_BYTES]).map(|_| ())
        })
        .await
    }

    fn local_path(&self, key: &BlobKey) -> Option<PathBuf> {
        self.0.find(key).ok().flatten().map(|(path, _)| path)
    }
}

impl fmt::Debug for DiskBlobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DiskBlobs").field(&self.0.root).finish()
    }
}
