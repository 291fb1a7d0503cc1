//! What may be set about a worker.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use zkpool_ports::{BlockingThreads, Threads};
use zkpool_types::limits::{HEARTBEAT_S, SWEEP_S};
use zkpool_witness::Limits;

/// Proving keys kept on disk when nothing else is said: 64 GiB, the disk of a small GPU machine.
const DISK_BYTES_MAX_DEFAULT: u64 = 64 * 1024 * 1024 * 1024;

/// Proving keys kept in memory when nothing else is said: 4 GiB, half the memory of a small
/// machine, so that a key and the work on it fit beside each other.
const MEMORY_BYTES_MAX_DEFAULT: u64 = 4 * 1024 * 1024 * 1024;

/// Longest wait for a message, which ends early when the worker stops.
const CLAIM_WAIT_DEFAULT: Duration = Duration::from_secs(1);

/// Pause after the queue or storage did not answer.
const OUTAGE_PAUSE_DEFAULT: Duration = Duration::from_secs(1);

/// What may be set about a worker.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where proving keys are kept that the store has no local file of, and the prepared form of
    /// every key. Whoever can write to it is trusted; see `zkpool_circuit_files::prepared`.
    pub cache_dir: PathBuf,
    /// Bytes of proving keys kept there, and again of prepared ones; those used longest ago are
    /// removed.
    pub disk_bytes_max: u64,
    /// Bytes of proving keys kept ready in memory, unless the device has memory of its own; the
    /// ones used longest ago are dropped.
    pub memory_bytes_max: u64,
    /// Longest wait of one claim.
    pub claim_wait: Duration,
    /// Time between heartbeats of a held job.
    pub heartbeat: Duration,
    /// Time between sweeps, or `None` where another one sweeps.
    pub sweep: Option<Duration>,
    /// Pause after the queue or storage did not answer.
    pub outage_pause: Duration,
    /// How far a witness generator may go.
    pub generation: Limits,
    /// Make the keys that are asked for ready before the first claim.
    pub warm_start: bool,
    /// Where keys are read and proofs are made.
    pub threads: Arc<dyn Threads>,
}

impl Settings {
    /// The default settings with this directory for keys.
    #[must_use]
    pub fn new(cache_dir: impl Into<PathBuf>) -> Self {
        Self {
            cache_dir: cache_dir.into(),
            disk_bytes_max: DISK_BYTES_MAX_DEFAULT,
            memory_bytes_max: MEMORY_BYTES_MAX_DEFAULT,
            claim_wait: CLAIM_WAIT_DEFAULT,
            heartbeat: Duration::from_secs(HEARTBEAT_S),
            sweep: Some(Duration::from_secs(SWEEP_S)),
            outage_pause: OUTAGE_PAUSE_DEFAULT,
            generation: Limits::default(),
            warm_start: false,
            threads: Arc::new(BlockingThreads),
        }
    }
}
