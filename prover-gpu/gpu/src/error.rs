//! What a device can refuse.

use zkpool_snark::engine::DeviceError;

/// Why a GPU did not do what it was asked to.
///
/// None of these say anything about a key or a witness: the same work may succeed elsewhere.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GpuError {
    /// No adapter has this index.
    #[error("no adapter {index}: this machine has {available}")]
    NoAdapter {
        /// What was asked for.
        index: usize,
        /// Adapters found.
        available: usize,
    },
    /// The adapter lacks something without which the shaders cannot run.
    #[error("the adapter lacks {0}")]
    Unsupported(&'static str),
    /// The driver gave no device.
    #[error("the driver gave no device: {0}")]
    Open(String),
    /// The device is gone: it was reset, unplugged, or its driver crashed.
    #[error("the device was lost: {0}")]
    Lost(String),
    /// The device has no memory left.
    #[error("the device is out of memory: {0}")]
    OutOfMemory(String),
    /// The work needs more memory than the device can give to one buffer or key.
    #[error("{what} needs {needed} bytes, and the device allows {allowed}")]
    TooLarge {
        /// What was to be stored.
        what: &'static str,
        /// Bytes it takes.
        needed: u64,
        /// Bytes there may be.
        allowed: u64,
    },
    /// A transform takes one value for each element of its domain.
    #[error("a transform of {expected} values was given {found}")]
    Length {
        /// Elements of the domain.
        expected: usize,
        /// Values given.
        found: usize,
    },
    /// The driver refused a shader or a command.
    #[error("the driver refused a command: {0}")]
    Refused(String),
    /// The device's results on known input were wrong.
    #[error("the device failed its self-check: {0}")]
    SelfCheck(&'static str),
}

impl From<GpuError> for DeviceError {
    fn from(error: GpuError) -> Self {
        Self(Box::new(error))
    }
}
