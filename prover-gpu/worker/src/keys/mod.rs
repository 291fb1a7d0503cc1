//! Proving keys, from storage through disk to the device.
//!
//! A key is named by its digest, and the digest is checked again every time a file is read, so
//! that a file that rotted or was tampered with is not proven with. Every point of the key was
//! checked when the circuit was registered, and the digest says that these are those points, so
//! that loading does not check subgroups again.
//!
//! A key that was read once has a prepared file in the cache directory, which is mapped from then
//! on. The key's file is hashed all the same: its content names the prepared one.

mod budget;
mod disk;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use zkpool_circuit_files::zkey::{self, OpenError, OpenedKey};
use zkpool_circuit_files::{AnyProvingKey, GroupChecks, ReadOptions, prepared};
use zkpool_jobs::{Ports, keys as layout};
use zkpool_ports::{BlobError, BlobStore, Panicked, Threads};
use zkpool_snark::ProveError;
use zkpool_types::{ArtifactRef, Sha256Digest};

pub(crate) use budget::Budgeted;
use disk::DiskCache;

use crate::{Device, PreparedKey, Settings};

/// Why a proving key could not be had. Another attempt may have it.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Storage does not have it or does not answer.
    #[error("the proving key cannot be fetched: {0}")]
    Blob(#[from] BlobError),
    /// The cache directory cannot be used.
    #[error("the proving key's cache at {path} cannot be used: {source}")]
    Cache {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The stored file is not the one that was registered.
    #[error("the stored proving key is another one: expected {expected:?}, found {found:?}")]
    Digest {
        /// The digest that the circuit was registered with.
        expected: Sha256Digest,
        /// The digest of the file.
        found: Sha256Digest,
    },
    /// The file cannot be read. It was valid when it was registered.
    #[error("the proving key cannot be read: {0}")]
    File(#[from] OpenError),
    /// The device did not take it.
    #[error("the proving key cannot be prepared: {0}")]
    Device(#[from] ProveError),
    /// Reading or preparing it panicked.
    #[error("reading the proving key failed: {0}")]
    Panicked(#[from] Panicked),
}

/// Proving keys of one device by digest: the latest in its memory, more on disk, all in storage.
#[derive(Debug)]
pub struct KeyCache {
    blobs: Arc<dyn BlobStore>,
    disk: DiskCache,
    prepared: prepared::Cache,
    device: Arc<dyn Device>,
    threads: Arc<dyn Threads>,
    ready: Mutex<Budgeted<Sha256Digest, Arc<dyn PreparedKey>>>,
    loading: tokio::sync::Mutex<()>,
}

impl KeyCache {
    /// An empty memory of `device` over the disk cache of these settings.
    #[must_use]
    pub fn new(ports: &Ports, device: Arc<dyn Device>, settings: &Settings) -> Self {
        let (dir, clock) = (settings.cache_dir.join("keys"), Arc::clone(&ports.clock));
        let memory_bytes_max = device.memory_bytes_max().unwrap_or(settings.memory_bytes_max);
        Self {
            blobs: Arc::clone(&ports.blobs),
            disk: DiskCache::new(dir, settings.disk_bytes_max, clock),
            prepared: prepared::Cache::new(settings.cache_dir.join("prepared"))
                .with_bytes_max(settings.disk_bytes_max),
            device,
            threads: Arc::clone(&settings.threads),
            ready: Mutex::new(Budgeted::new(memory_bytes_max)),
            loading: tokio::sync::Mutex::new(()),
        }
    }

    /// The key with this digest, ready in memory.
    ///
    /// One key is loaded at a time, so that two jobs of one circuit load it once and two large
    /// keys do not stand in memory half-read beside each other.
    ///
    /// # Errors
    /// Storage, disk or the file itself; see [`KeyError`].
    pub async fn get(&self, artifact: &ArtifactRef) -> Result<Arc<dyn PreparedKey>, KeyError> {
        if let Some(key) = self.ready().get(&artifact.sha256) {
            return Ok(key);
        }
        let _one_at_a_time = self.loading.lock().await;
        if let Some(key) = self.ready().get(&artifact.sha256) {
            return Ok(key);
        }
        let key = self.load(artifact).await?;
        self.ready().insert(artifact.sha256, Arc::clone(&key), key.bytes());
        Ok(key)
    }

    /// Drops every key, but for those in use.
    pub(crate) fn clear(&self) {
        self.ready().clear();
    }

    /// Prepares the key from the store's own file, or from a copy on disk.
    async fn load(&self, artifact: &ArtifactRef) -> Result<Arc<dyn PreparedKey>, KeyError> {
        let sha256 = artifact.sha256;
        if let Some(path) = self.blobs.local_path(&layout::artifact(&sha256)) {
            return self.read(path, sha256).await;
        }
        let path = self.disk.fetch(self.blobs.as_ref(), artifact).await?;
        let loaded = self.read(path.clone(), sha256).await;
        if matches!(loaded, Err(KeyError::Digest { .. } | KeyError::File(_))) {
            // The copy may have rotted: the next attempt fetches it again.
            self.disk.remove(&path);
        }
        loaded
    }

    /// Reads and prepares a key file away from the executor's threads.
    async fn read(
        &self,
        path: PathBuf,
        expected: Sha256Digest,
    ) -> Result<Arc<dyn PreparedKey>, KeyError> {
        let (device, cache) = (Arc::clone(&self.device), self.prepared.clone());
        let prepare = move || Ok(device.prepare(open(&path, expected, &cache)?)?);
        self.threads.call(prepare).await?
    }

    fn ready(&self) -> MutexGuard<'_, Budgeted<Sha256Digest, Arc<dyn PreparedKey>>> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Opens the key file with this digest.
fn open(
    path: &Path,
    expected: Sha256Digest,
    cache: &prepared::Cache,
) -> Result<AnyProvingKey, KeyError> {
    // Whether a development key is welcome was decided when the circuit was registered.
    let options =
        ReadOptions { allow_development: true, group_checks: GroupChecks::AlreadyValidated };
    let OpenedKey { key, digest: found, .. } = zkey::open(path, &options, Some(cache))?;
    if found == expected { Ok(key) } else { Err(KeyError::Digest { expected, found }) }
}
