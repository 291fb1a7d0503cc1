//! Traces, fleets and policies from files, and what came of them as text or JSON.

mod files;
mod play;
mod sweep;

use std::path::PathBuf;

use zkpool_replay::{FleetError, TraceError};

pub(crate) use play::Replay;
pub(crate) use sweep::Sweep;

/// Why nothing was played.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReplayError {
    /// A file cannot be read or written.
    #[error("{0}: {1}")]
    File(PathBuf, #[source] std::io::Error),
    /// A file of policies or of a fleet has another form.
    #[error("{0}: {1}")]
    Form(PathBuf, #[source] serde_json::Error),
    /// A file is no trace.
    #[error("{0}: {1}")]
    Trace(PathBuf, #[source] TraceError),
    /// The trace cannot be played on the fleet.
    #[error(transparent)]
    Fleet(#[from] FleetError),
    /// No candidate is quick enough.
    #[error("no policy that was tried keeps the waits of 95 in 100 jobs within those given")]
    NoneQuick,
}
