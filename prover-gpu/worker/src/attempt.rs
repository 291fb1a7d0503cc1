//! One attempt on one device: read the witness, prove, verify.

use std::io::Cursor;

use bytes::Bytes;
use zkpool_circuit_files::wtns;
use zkpool_types::{DeviceClass, ErrorCode, Failure, ProofBody, Secret, Stage};

use crate::device::{DeviceError, PreparedKey};
use crate::meter::Meter;

/// What an attempt ended with, if no other attempt on a sound device would end otherwise.
#[derive(Clone, Debug)]
pub(crate) enum Verdict {
    /// A proof that verifies, and the class of device that made it.
    Proven(ProofBody, DeviceClass),
    /// There is no proof of this witness.
    Refused(Failure),
}

impl Verdict {
    /// Whether a device with faulty arithmetic could have led to this.
    pub(crate) fn may_be_the_device(&self) -> bool {
        match self {
            Self::Proven(..) => false,
            Self::Refused(failure) => failure.code == ErrorCode::UnsatisfiedWitness,
        }
    }
}

/// Proves on a device of this class and verifies on the CPU. It blocks its thread.
///
/// # Errors
/// The device failed.
pub(crate) fn run(
    key: &dyn PreparedKey,
    class: &DeviceClass,
    witness: &Secret<Bytes>,
    meter: &Meter,
) -> Result<Verdict, DeviceError> {
    meter.enter(Stage::Witness);
    let witness = match wtns::read(Cursor::new(witness.expose())) {
        Ok(witness) => witness,
        // The reader's errors name sections and offsets and never a value.
        Err(error) => return Ok(refused(ErrorCode::InvalidWitness, error.to_string())),
    };
    match key.prove(&witness, meter) {
        Ok(proof) => Ok(verify(key, class, proof, meter)),
        Err(DeviceError::Witness(why)) => Ok(refused(ErrorCode::InvalidWitness, why)),
        Err(error) => Err(error),
    }
}

/// Publishes nothing that does not verify. A proof that is malformed does not verify either.
fn verify(key: &dyn PreparedKey, class: &DeviceClass, proof: ProofBody, meter: &Meter) -> Verdict {
    meter.enter(Stage::Verifying);
    if zkpool_snark::verify_any(key.verifying_key(), &proof).unwrap_or(false) {
        return Verdict::Proven(proof, class.clone());
    }
    let detail = "expected a witness that satisfies every constraint, found one whose proof does \
                  not verify";
    refused(ErrorCode::UnsatisfiedWitness, detail.to_owned())
}

fn refused(code: ErrorCode, detail: String) -> Verdict {
    Verdict::Refused(Failure { code, detail })
}
