//! Proving and verifying where the curve is known only at run time.

use ark_bls12_381::Bls12_381;
use ark_bn254::Bn254;
use ark_std::rand::{CryptoRng, RngCore};
use zkpool_circuit_files::json::{proof as proof_json, public as public_json};
use zkpool_circuit_files::{
    AnyProof, AnyProvingKey, AnyR1cs, AnyVerifyingKey, AnyWitness, CircomCurve, Proof, ProvingKey,
    Witness,
};
use zkpool_types::{Curve, ProofBody, ProofSystemKind};

use crate::engine::{DeviceError, Engine};
use crate::error::{ProveError, SetupError, VerifyError};
use crate::groth16::{self, Groth16, PreparedKey, PreparedVerifyingKey};
use crate::observer::Observer;
use crate::proof_system::ProofSystem;

/// An engine for every curve of the system.
pub trait AnyEngine: Engine<Bn254> + Engine<Bls12_381> {}

impl<N: Engine<Bn254> + Engine<Bls12_381>> AnyEngine for N {}

/// A proving key of either curve, on its engine. Meant to be kept in an `Arc` and shared.
#[derive(Debug)]
pub enum AnyProver<N: AnyEngine> {
    /// Over BN254.
    Bn254(Box<Prover<Bn254, N>>),
    /// Over BLS12-381.
    Bls12_381(Box<Prover<Bls12_381, N>>),
}

/// A proving key of a known curve, on its engine.
#[derive(Debug)]
pub struct Prover<E: CircomCurve, N: Engine<E>> {
    system: Groth16<E, N>,
    key: PreparedKey<E, N>,
}

impl<E: CircomCurve, N: Engine<E>> Prover<E, N> {
    fn new(engine: N, key: ProvingKey<E>) -> Result<Self, DeviceError> {
        let system = Groth16::new(engine);
        let key = system.prepare(key)?;
        Ok(Self { system, key })
    }

    fn prove(
        &self,
        witness: &Witness<E>,
        rng: &mut (impl RngCore + CryptoRng),
        observer: &mut (impl Observer + Send),
    ) -> Result<ProofBody, ProveError>
    where
        AnyProof: From<Proof<E>>,
    {
        let proof = self.system.prove_checked(&self.key, witness, rng, observer)?;
        let public_inputs = self.system.public_inputs(&self.key, witness)?;
        Ok(ProofBody {
            proof_system: ProofSystemKind::Groth16,
            curve: E::CURVE,
            proof: proof_json::to_value(&proof.into())?,
            public_inputs: public_json::to_strings::<E>(public_inputs),
            development: self.key.is_development(),
        })
    }
}

impl<N: AnyEngine> AnyProver<N> {
    /// Hands a key to an engine.
    ///
    /// # Errors
    /// The device failed.
    pub fn new(engine: N, key: AnyProvingKey) -> Result<Self, DeviceError> {
        Ok(match key {
            AnyProvingKey::Bn254(key) => Self::Bn254(Box::new(Prover::new(engine, key)?)),
            AnyProvingKey::Bls12_381(key) => Self::Bls12_381(Box::new(Prover::new(engine, key)?)),
        })
    }

    /// Proves, verifies the proof and writes it as snarkjs does.
    ///
    /// # Errors
    /// The witness is for another circuit or does not satisfy it, or the device failed.
    pub fn prove(
        &self,
        witness: &AnyWitness,
        rng: &mut (impl RngCore + CryptoRng),
        observer: &mut (impl Observer + Send),
    ) -> Result<ProofBody, ProveError> {
        match (self, witness) {
            (Self::Bn254(prover), AnyWitness::Bn254(witness)) => {
                prover.prove(witness, rng, observer)
            }
            (Self::Bls12_381(prover), AnyWitness::Bls12_381(witness)) => {
                prover.prove(witness, rng, observer)
            }
            _ => Err(ProveError::WitnessCurve { expected: self.curve(), found: witness.curve() }),
        }
    }

    /// The curve of the key.
    #[must_use]
    pub const fn curve(&self) -> Curve {
        match self {
            Self::Bn254(_) => Curve::Bn254,
            Self::Bls12_381(_) => Curve::Bls12_381,
        }
    }

    /// Whether the maker of the key can forge proofs.
    #[must_use]
    pub const fn is_development(&self) -> bool {
        match self {
            Self::Bn254(prover) => prover.key.is_development(),
            Self::Bls12_381(prover) => prover.key.is_development(),
        }
    }

    /// How much memory the key takes, for whoever keeps several.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        match self {
            Self::Bn254(prover) => prover.key.bytes(),
            Self::Bls12_381(prover) => prover.key.bytes(),
        }
    }
}

/// A verification key of either curve, ready for any number of proofs.
#[derive(Debug)]
pub enum AnyVerifier {
    /// Over BN254.
    Bn254(PreparedVerifyingKey<Bn254>),
    /// Over BLS12-381.
    Bls12_381(PreparedVerifyingKey<Bls12_381>),
}

impl AnyVerifier {
    /// Prepares a key.
    #[must_use]
    pub fn new(key: AnyVerifyingKey) -> Self {
        match key {
            AnyVerifyingKey::Bn254(key) => Self::Bn254(PreparedVerifyingKey::new(key)),
            AnyVerifyingKey::Bls12_381(key) => Self::Bls12_381(PreparedVerifyingKey::new(key)),
        }
    }

    /// The curve of the key.
    #[must_use]
    pub const fn curve(&self) -> Curve {
        match self {
            Self::Bn254(_) => Curve::Bn254,
            Self::Bls12_381(_) => Curve::Bls12_381,
        }
    }

    /// Whether the proof proves the statement with these public inputs, in decimal digits.
    ///
    /// # Errors
    /// The proof is over another curve, or the public inputs are malformed or too few or many.
    pub fn verify(&self, public_inputs: &[String], proof: &AnyProof) -> Result<bool, VerifyError> {
        match (self, proof) {
            (Self::Bn254(key), AnyProof::Bn254(proof)) => {
                key.verify(&public_json::from_strings::<Bn254>(public_inputs)?, proof)
            }
            (Self::Bls12_381(key), AnyProof::Bls12_381(proof)) => {
                key.verify(&public_json::from_strings::<Bls12_381>(public_inputs)?, proof)
            }
            _ => Err(VerifyError::ProofCurve { expected: self.curve(), found: proof.curve() }),
        }
    }

    /// Whether the proof and public inputs of `body` verify.
    ///
    /// # Errors
    /// The proof is malformed or over another curve, or so are the public inputs.
    pub fn verify_body(&self, body: &ProofBody) -> Result<bool, VerifyError> {
        self.verify(&body.public_inputs, &proof_json::from_value(&body.proof)?)
    }
}

/// Makes a proving key of the circuit's curve, marked as one for development.
///
/// # Errors
/// The circuit has more constraints than the field has room for, or custom gates.
pub fn development_setup(
    r1cs: &AnyR1cs,
    rng: &mut (impl RngCore + CryptoRng),
) -> Result<AnyProvingKey, SetupError> {
    Ok(match r1cs {
        AnyR1cs::Bn254(r1cs) => groth16::development_setup(r1cs, rng)?.into(),
        AnyR1cs::Bls12_381(r1cs) => groth16::development_setup(r1cs, rng)?.into(),
    })
}
