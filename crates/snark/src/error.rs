//! Why a proof, a verification or a setup was refused.

use zkpool_circuit_files::json::JsonError;
use zkpool_types::Curve;

use crate::engine::DeviceError;

/// Why there is no proof. No variant shows a value of the witness.
#[derive(Debug, thiserror::Error)]
pub enum ProveError {
    /// The witness is for another circuit.
    #[error("expected a witness of {expected} values, found {found}")]
    WitnessLength {
        /// Length that the key expects, the constant 1 included.
        expected: u64,
        /// Length of the witness.
        found: u64,
    },
    /// The witness is over the scalar field of another curve.
    #[error("expected a witness over the scalar field of {expected}, found {found}")]
    WitnessCurve {
        /// Curve of the key.
        expected: Curve,
        /// Curve of the witness.
        found: Curve,
    },
    /// The proof does not verify: the witness does not satisfy the constraints of the circuit.
    #[error("expected a witness that satisfies the circuit, found one that does not")]
    Unsatisfied,
    /// The device failed; key and witness are not to blame.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The proof could not be written as JSON.
    #[error("the proof could not be written as JSON")]
    Json(#[from] serde_json::Error),
}

/// Why a proof could not be checked. A proof that was checked and is wrong is no error.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The public inputs are for another circuit.
    #[error("expected {expected} public inputs, found {found}")]
    PublicInputs {
        /// Number of public inputs of the key.
        expected: usize,
        /// Number of public inputs given.
        found: usize,
    },
    /// The proof is over another curve.
    #[error("expected a proof over {expected}, found one over {found}")]
    ProofCurve {
        /// Curve of the key.
        expected: Curve,
        /// Curve of the proof.
        found: Curve,
    },
    /// The proof or a public input is malformed.
    #[error(transparent)]
    Json(#[from] JsonError),
}

/// Why no key was made.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The circuit needs a domain that its field does not have.
    #[error("expected at most {max} constraints and public inputs, found {found}")]
    TooManyConstraints {
        /// The most that a key can have.
        max: u64,
        /// Number of constraints and public inputs of the circuit.
        found: u64,
    },
    /// The circuit uses custom gates, which Groth16 does not enforce.
    #[error("expected a circuit of rank-1 constraints only, found custom gates")]
    CustomGates,
}
