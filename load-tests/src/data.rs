//! A data directory of a service on this machine, opened beside the service.

use std::path::Path;
use std::sync::Arc;

use zkpool_jobs::Ports;
use zkpool_ports::disk::{DiskBlobs, DiskOpenError};
use zkpool_ports::sqlite::{QueueOpenError, SqliteQueue};
use zkpool_ports::{Clock, NoEntropy, OsRng, QueuePolicy, Rng, SystemClock, TimeOrderedIds};
use zkpool_types::limits::{ATTEMPTS_MAX, NOTICE_RECEIVES_MAX};

/// Why a data directory cannot be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DataError {
    /// There is no place for objects.
    #[error(transparent)]
    Blobs(#[from] DiskOpenError),
    /// There is no queue.
    #[error(transparent)]
    Queue(#[from] QueueOpenError),
    /// Keys and ids need randomness.
    #[error(transparent)]
    Entropy(#[from] NoEntropy),
}

/// The ports over a data directory, laid out as `zkpool serve` does it.
pub(crate) fn ports(dir: &Path) -> Result<Ports, DataError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let rng: Arc<dyn Rng> = Arc::new(OsRng::new()?);
    let queue = |name, receives_max| {
        SqliteQueue::open(dir.join(name), QueuePolicy { receives_max }, Arc::clone(&clock))
    };
    Ok(Ports {
        blobs: Arc::new(DiskBlobs::open(dir.join("blobs"))?),
        queue: Arc::new(queue("queue.sqlite", ATTEMPTS_MAX)?),
        notices: Arc::new(queue("notices.sqlite", NOTICE_RECEIVES_MAX)?),
        ids: Arc::new(TimeOrderedIds::new(Arc::clone(&clock), Arc::clone(&rng))),
        clock,
        rng,
    })
}
