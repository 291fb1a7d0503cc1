//! Groth16 (eprint 2016/260) in the conventions of snarkjs.
//!
//! Symbols of the paper and names here: `w` is the witness (a_0 = 1, a_1, ..., a_m), of which the
//! first `n_public` after the constant are the statement; u_i, v_i, w_i are the columns of
//! matrices A, B, C as polynomials over a domain of `domain_size` points; t is that domain's
//! vanishing polynomial, and h t = A B - C.
//!
//! Where the paper commits to the coefficients of h, snarkjs commits to the values of A B - C on
//! the odd points of the domain of twice the size: A B - C vanishes on the even ones, so these
//! values determine it, and the key's H points are the Lagrange polynomials of the odd points at
//! tau, over delta. No division by t takes place.

mod key;
mod prove;
mod qap;
mod setup;
mod verify;

use ark_std::rand::{CryptoRng, RngCore};
use zkpool_circuit_files::{CircomCurve, Proof, ProvingKey, Witness};

use crate::engine::{DeviceError, Engine};
use crate::error::{ProveError, VerifyError};
use crate::observer::Observer;
use crate::proof_system::ProofSystem;

pub use key::PreparedKey;
pub use setup::development_setup;
pub use verify::PreparedVerifyingKey;

/// Groth16 over curve `E`, on engine `N`.
#[derive(Clone, Debug, Default)]
pub struct Groth16<E, N> {
    engine: N,
    curve: std::marker::PhantomData<fn() -> E>,
}

impl<E: CircomCurve, N: Engine<E>> Groth16<E, N> {
    /// The proof system on this engine.
    pub const fn new(engine: N) -> Self {
        Self { engine, curve: std::marker::PhantomData }
    }
}

impl<E: CircomCurve, N: Engine<E>> ProofSystem for Groth16<E, N> {
    type ProvingKey = ProvingKey<E>;
    type PreparedKey = PreparedKey<E, N>;
    type VerifyingKey = PreparedVerifyingKey<E>;
    type Witness = Witness<E>;
    type PublicInput = E::ScalarField;
    type Proof = Proof<E>;

    fn prepare(&self, key: ProvingKey<E>) -> Result<PreparedKey<E, N>, DeviceError> {
        PreparedKey::new(&self.engine, key)
    }

    fn prove(
        &self,
        key: &PreparedKey<E, N>,
        witness: &Witness<E>,
        rng: &mut (impl RngCore + CryptoRng),
        observer: &mut (impl Observer + Send),
    ) -> Result<Proof<E>, ProveError> {
        prove::prove(&self.engine, key, witness, rng, observer)
    }

    fn verify(
        &self,
        key: &PreparedVerifyingKey<E>,
        public_inputs: &[E::ScalarField],
        proof: &Proof<E>,
    ) -> Result<bool, VerifyError> {
        key.verify(public_inputs, proof)
    }

    fn verifying_key<'a>(&self, key: &'a PreparedKey<E, N>) -> &'a PreparedVerifyingKey<E> {
        &key.vk
    }

    fn public_inputs<'a>(
        &self,
        key: &PreparedKey<E, N>,
        witness: &'a Witness<E>,
    ) -> Result<&'a [E::ScalarField], ProveError> {
        key.public_inputs(witness)
    }
}

#[cfg(test)]
mod tests;
