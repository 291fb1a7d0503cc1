//! What proofs are computed on.

use std::fmt;
use std::sync::Arc;

use zkpool_circuit_files::{AnyProvingKey, AnyVerifyingKey, AnyWitness};
use zkpool_types::{DeviceClass, ProofBody};

use crate::Meter;

/// The name of the CPU in price books.
const CPU: &str = "cpu";

/// Why a device made no proof.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// Key and witness do not fit together. Every device would say so.
    #[error("{0}")]
    Witness(String),
    /// The device failed or is gone. Another one may do it.
    #[error("{0}")]
    Device(String),
}

/// A CPU or GPU.
///
/// Preparing and proving block their thread. A device proves one job at a time.
pub trait Device: Send + Sync + fmt::Debug {
    /// The class of device as price books name it.
    fn class(&self) -> DeviceClass;

    /// Whether its arithmetic is trusted: a proof of it that does not verify is then the fault of
    /// the witness, and otherwise the reference device is asked before anything is said.
    fn is_reference(&self) -> bool;

    /// Makes a key ready for proofs on this device.
    ///
    /// # Errors
    /// The device failed.
    fn prepare(&self, key: AnyProvingKey) -> Result<Arc<dyn PreparedKey>, DeviceError>;
}

/// A proving key that rests on its device, ready for any number of proofs.
pub trait PreparedKey: Send + Sync + fmt::Debug {
    /// How much memory it takes.
    fn bytes(&self) -> u64;

    /// The part of the key that verifies its proofs.
    fn verifying_key(&self) -> &AnyVerifyingKey;

    /// Makes a proof and tells the meter which stage it is in. Nobody relies on the proof
    /// before it was verified elsewhere.
    ///
    /// # Errors
    /// The witness does not fit the key, or the device failed.
    fn prove(&self, witness: &AnyWitness, meter: &Meter) -> Result<ProofBody, DeviceError>;
}

/// The processor this runs on, all its cores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CpuDevice;
