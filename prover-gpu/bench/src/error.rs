//! Why there is no measurement.

use zkpool_snark::{DeviceError, ProveError};
use zkpool_types::Curve;

use crate::peer::PeerFault;

/// Why there is no measurement.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BenchError {
    /// The device failed.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// No proof was made.
    #[error(transparent)]
    Prove(#[from] ProveError),
    /// The scalar field has no domain of this size.
    #[error("expected a domain of at most 2^{max} elements for {curve}, found 2^{found}")]
    DomainSize {
        /// The curve.
        curve: Curve,
        /// The largest size as a logarithm.
        max: u32,
        /// What was asked for.
        found: u32,
    },
    /// The system has no thread for a measurement on one thread.
    #[error("a thread cannot be started: {0}")]
    Thread(#[from] rayon::ThreadPoolBuildError),
    /// A peer died, answered nonsense, or multiplied wrongly.
    #[error("the peer {name} {fault}")]
    Peer {
        /// What it was called.
        name: String,
        /// What was wrong with it.
        fault: PeerFault,
    },
    /// Points and scalars cannot be handed to peers.
    #[error("the files of the peers cannot be written: {0}")]
    PeerFiles(#[source] std::io::Error),
    /// The values of the circuit are no witness.
    #[error("expected values that begin with 1, found others")]
    Witness,
}
