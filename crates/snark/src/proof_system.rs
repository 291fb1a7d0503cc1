//! What every proof system of the pool does.

use ark_std::rand::{CryptoRng, RngCore};
use zkpool_types::{Defect, Stage};

use crate::engine::DeviceError;
use crate::error::{ProveError, VerifyError};
use crate::observer::Observer;

/// A proof system on an engine.
pub trait ProofSystem {
    /// A proving key as files hold it.
    type ProvingKey;
    /// A proving key as the engine holds it, shared by any number of proofs.
    type PreparedKey;
    /// A verification key, ready for any number of proofs.
    type VerifyingKey;
    /// The values of all signals of a circuit.
    type Witness;
    /// One public input.
    type PublicInput;
    /// A proof.
    type Proof;

    /// Hands a key to the engine.
    ///
    /// # Errors
    /// The device failed.
    fn prepare(&self, key: Self::ProvingKey) -> Result<Self::PreparedKey, DeviceError>;

    /// Proves, with blinding from `rng`. A witness that does not satisfy the circuit gives a
    /// proof that does not verify.
    ///
    /// # Errors
    /// The witness is for another circuit, or the device failed.
    fn prove(
        &self,
        key: &Self::PreparedKey,
        witness: &Self::Witness,
        rng: &mut (impl RngCore + CryptoRng),
        observer: &mut (impl Observer + Send),
    ) -> Result<Self::Proof, ProveError>;

    /// Whether the proof proves the statement with these public inputs.
    ///
    /// # Errors
    /// The number of public inputs is not that of the key.
    fn verify(
        &self,
        key: &Self::VerifyingKey,
        public_inputs: &[Self::PublicInput],
        proof: &Self::Proof,
    ) -> Result<bool, VerifyError>;

    /// The part of a prepared key that verifies its proofs.
    fn verifying_key<'a>(&self, key: &'a Self::PreparedKey) -> &'a Self::VerifyingKey;

    /// The public inputs within a witness.
    ///
    /// # Errors
    /// The witness is for another circuit.
    fn public_inputs<'a>(
        &self,
        key: &Self::PreparedKey,
        witness: &'a Self::Witness,
    ) -> Result<&'a [Self::PublicInput], ProveError>;

    /// Proves and verifies, so that no proof leaves that would be refused elsewhere.
    ///
    /// # Errors
    /// The witness is for another circuit or does not satisfy it, or the device failed.
    fn prove_checked(
        &self,
        key: &Self::PreparedKey,
        witness: &Self::Witness,
        rng: &mut (impl RngCore + CryptoRng),
        observer: &mut (impl Observer + Send),
    ) -> Result<Self::Proof, ProveError> {
        let public_inputs = self.public_inputs(key, witness)?;
        let proof = self.prove(key, witness, rng, observer)?;
        observer.enter(Stage::Verifying);
        if Defect::SkipsVerification.is_planted() {
            return Ok(proof);
        }
        match self.verify(self.verifying_key(key), public_inputs, &proof) {
            Ok(true) => Ok(proof),
            // The public inputs are as many as the key says, so that verification took place.
            Ok(false) | Err(_) => Err(ProveError::Unsatisfied),
        }
    }
}
