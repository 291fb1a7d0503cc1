//! One attempt on one device: read the witness, prove, verify.

use std::io::Cursor;

use bytes::Bytes;
use zkpool_circuit_files::wtns;
use zkpool_snark::{DeviceError, ProveError};
use zkpool_types::{Defect, ErrorCode, Failure, ProofBody, ProvingDevice, Secret};

use crate::device::{Blinding, PreparedKey};
use crate::meter::Meter;

/// What an attempt ended with, if no other attempt on a sound device would end otherwise.
#[derive(Clone, Debug)]
pub(crate) enum Verdict {
    /// A proof that verifies, and the device that made it.
    Proven(ProofBody, ProvingDevice),
    /// There is no proof of this witness.
    Refused(Failure),
    /// There is no witness for these inputs.
    NoWitness(Failure),
}

impl Verdict {
    /// Whether a device with faulty arithmetic could have led to this.
    pub(crate) fn may_be_the_device(&self) -> bool {
        match self {
            Self::Proven(..) | Self::NoWitness(_) => false,
            Self::Refused(_) if Defect::TrustsTheDevice.is_planted() => false,
            Self::Refused(failure) => failure.code == ErrorCode::UnsatisfiedWitness,
        }
    }
}

/// Why an attempt ended without a verdict.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// The device failed.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The proof could not be written down.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

/// Proves on this device and verifies on the CPU. It blocks its thread, and is in stage witness when
/// it is called.
///
/// # Errors
/// Another attempt may do better.
pub(crate) fn run(
    key: &dyn PreparedKey,
    device: &ProvingDevice,
    witness: &Secret<Bytes>,
    blinding: Blinding,
    meter: &Meter,
) -> Result<Verdict, Fault> {
    // Neither the reader's errors nor the prover's show a value.
    let witness = match wtns::read(Cursor::new(witness.expose())) {
        Ok(witness) => witness,
        Err(error) => return Ok(refused(ErrorCode::InvalidWitness, error)),
    };
    match key.prove(&witness, blinding, meter) {
        Ok(proof) => Ok(Verdict::Proven(proof, device.clone())),
        Err(error) => judge(error),
    }
}

/// Tells what is wrong with the witness from what is wrong with the device.
fn judge(error: ProveError) -> Result<Verdict, Fault> {
    match error {
        ProveError::WitnessLength { .. } | ProveError::WitnessCurve { .. } => {
            Ok(refused(ErrorCode::InvalidWitness, error))
        }
        ProveError::Unsatisfied => Ok(refused(ErrorCode::UnsatisfiedWitness, error)),
        ProveError::Device(error) => Err(error.into()),
        ProveError::Json(error) => Err(error.into()),
    }
}

fn refused(code: ErrorCode, why: impl std::error::Error) -> Verdict {
    Verdict::Refused(Failure { code, detail: why.to_string() })
}
