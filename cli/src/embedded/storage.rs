//! A data directory.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::runtime::Runtime;
use zkpool_functions::{ApiError, Keys, runtime};
use zkpool_jobs::Ports;
use zkpool_ports::disk::DiskBlobs;
use zkpool_ports::sqlite::SqliteQueue;
use zkpool_ports::{Clock, QueuePolicy, Rng, SystemClock, TimeOrderedIds};
use zkpool_types::api::{CreatedKey, Problem};
use zkpool_types::limits::{ATTEMPTS_MAX, NOTICE_RECEIVES_MAX, PAGE_ROWS_MAX};
use zkpool_types::{KeyId, KeyRecord, ProjectId, Scope, Secret};

use crate::exit::CliError;
use crate::random;

/// An open data directory. Several processes may have it open; one may serve it.
pub(crate) struct Storage {
    dir: PathBuf,
    runtime: Runtime,
    blobs: DiskBlobs,
    ports: Ports,
    keys: Keys,
}

impl Storage {
    /// Opens a data directory, which is created where it does not exist.
    pub(crate) fn open(dir: &Path) -> Result<Self, CliError> {
        create_private(dir)?;
        let failed = |source: std::io::Error| CliError::storage("start the runtime", source);
        let runtime = runtime().map_err(failed)?;
        let blobs = DiskBlobs::open(dir.join("blobs"))
            .map_err(|error| CliError::storage("open the blobs", error))?;
        let ports = ports(dir, &blobs)?;
        Ok(Self { dir: dir.to_owned(), runtime, blobs, keys: Keys::new(ports.clone()), ports })
    }

    /// The runtime that storage is used on.
    pub(crate) fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// The ports of everything in the directory.
    pub(crate) fn ports(&self) -> &Ports {
        &self.ports
    }

    /// The blobs, for what a port does not tell.
    pub(crate) fn blobs(&self) -> &DiskBlobs {
        &self.blobs
    }

    /// What can be deleted while nothing runs.
    pub(crate) fn cache_dir(&self) -> PathBuf {
        self.dir.join("cache")
    }

    /// Keeps every other server away from the directory until the lock is dropped or the process
    /// ends, however it ends.
    pub(crate) fn lock(&self) -> Result<File, CliError> {
        let path = self.dir.join("lock");
        let file = File::create(&path).map_err(|error| CliError::write(&path, error))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(CliError::DataInUse { dir: self.dir.clone() }),
            Err(TryLockError::Error(error)) => Err(CliError::write(&path, error)),
        }
    }

    /// Ends without waiting for threads that compute.
    pub(crate) fn shut_down(self) {
        self.runtime.shutdown_background();
    }

    /// The keys in the directory.
    pub(crate) fn keys(&self) -> KeyRing<'_> {
        KeyRing { runtime: &self.runtime, keys: &self.keys }
    }
}

/// The keys in storage, for whoever may write to it.
pub(crate) struct KeyRing<'a> {
    pub(crate) runtime: &'a Runtime,
    pub(crate) keys: &'a Keys,
}

impl KeyRing<'_> {
    /// Creates a key of `project`.
    pub(crate) fn create(
        &self,
        project: &ProjectId,
        scopes: &[Scope],
    ) -> Result<CreatedKey, CliError> {
        let created = self.runtime.block_on(self.keys.create(project, scopes));
        let (key, record) = created.map_err(|error| refused(&error))?;
        Ok(CreatedKey { key: Secret::new(key.expose().to_owned()), record })
    }

    /// Every key of `project`, revoked ones included.
    pub(crate) fn list(&self, project: &ProjectId) -> Result<Vec<KeyRecord>, CliError> {
        let (mut records, mut after) = (Vec::new(), None);
        loop {
            let listed = self.runtime.block_on(self.keys.list(project, after, PAGE_ROWS_MAX));
            let page = listed.map_err(|error| refused(&error))?;
            records.extend(page.items);
            match page.next.and_then(|next| next.parse::<KeyId>().ok()) {
                Some(next) => after = Some(next),
                None => return Ok(records),
            }
        }
    }

    /// Revokes a key of `project`.
    pub(crate) fn revoke(&self, project: &ProjectId, id: KeyId) -> Result<KeyId, CliError> {
        let revoked = self.runtime.block_on(self.keys.revoke(project, id));
        revoked.map(|record| record.id).map_err(|error| refused(&error))
    }
}

/// What a server would have answered.
fn refused(error: &ApiError) -> CliError {
    let detail = "in the storage and the project that were named";
    zkpool_sdk::Error::Problem(Box::new(Problem::new(error.code(), detail))).into()
}

/// Creates the directory for its owner only: it holds witnesses.
fn create_private(dir: &Path) -> Result<(), CliError> {
    use std::os::unix::fs::DirBuilderExt;
    let created = fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
    created.map_err(|error| CliError::write(dir, error))
}

/// The ports over a data directory.
fn ports(dir: &Path, blobs: &DiskBlobs) -> Result<Ports, CliError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let rng: Arc<dyn Rng> = Arc::new(random::system_rng()?);
    let queue = |name, receives_max| {
        let policy = QueuePolicy { receives_max };
        SqliteQueue::open(dir.join(name), policy, Arc::clone(&clock))
            .map_err(|error| CliError::storage("open the queue", error))
    };
    Ok(Ports {
        blobs: Arc::new(blobs.clone()),
        queue: Arc::new(queue("queue.sqlite", ATTEMPTS_MAX)?),
        notices: Arc::new(queue("notices.sqlite", NOTICE_RECEIVES_MAX)?),
        ids: Arc::new(TimeOrderedIds::new(Arc::clone(&clock), Arc::clone(&rng))),
        clock,
        rng,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_server_on_one_directory_is_refused_and_a_later_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let (first, second) =
            (Storage::open(dir.path()).unwrap(), Storage::open(dir.path()).unwrap());
        let lock = first.lock().unwrap();
        assert!(matches!(second.lock(), Err(CliError::DataInUse { .. })));
        drop(lock);
        assert!(second.lock().is_ok());
    }

    #[test]
    fn a_key_made_beside_a_server_is_listed_and_revoked() {
        let dir = tempfile::tempdir().unwrap();
        let storage = Storage::open(dir.path()).unwrap();
        let _lock = storage.lock().unwrap();
        let project: ProjectId = "acme".parse().unwrap();
        let beside = Storage::open(dir.path()).unwrap();
        let created = beside.keys().create(&project, &[Scope::Read]).unwrap();
        assert_eq!(storage.keys().list(&project).unwrap()[0], created.record);
        storage.keys().revoke(&project, created.record.id).unwrap();
        assert!(beside.keys().list(&project).unwrap()[0].revoked_at.is_some());
    }
}
