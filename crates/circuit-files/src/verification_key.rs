//! The part of a Groth16 key that verifies proofs.

use ark_ec::AffineRepr;

use crate::CircomCurve;
use crate::error::KeyFault;

/// A Groth16 verification key (eprint 2016/260, section 3.2, in the names of snarkjs).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyingKey<E: CircomCurve> {
    /// alpha in G1.
    pub alpha_g1: E::G1Affine,
    /// beta in G2.
    pub beta_g2: E::G2Affine,
    /// gamma in G2. Snarkjs leaves it at the generator.
    pub gamma_g2: E::G2Affine,
    /// delta in G2.
    pub delta_g2: E::G2Affine,
    /// One point for the constant 1, then one for each public input.
    ///
    /// None is the point at infinity: an input whose point is could be replaced by any other value
    /// without the proof failing. Honest keys have such a point with negligible probability,
    /// because key generation binds every public input to a row of its own.
    pub ic: Vec<E::G1Affine>,
}

impl<E: CircomCurve> VerifyingKey<E> {
    /// Number of public inputs, outputs of the circuit included.
    #[must_use]
    pub const fn n_public(&self) -> usize {
        self.ic.len().saturating_sub(1)
    }

    /// Whether a setup phase was skipped, so that anyone can forge proofs.
    ///
    /// # Errors
    /// gamma equals a delta that was contributed, so the key proves nothing and was never right.
    pub(crate) fn skipped_phase(&self) -> Result<Option<KeyFault>, KeyFault> {
        let g2 = E::G2Affine::generator();
        if self.delta_g2 == g2 {
            return Ok(Some(KeyFault::DeltaIsGenerator));
        }
        if self.gamma_g2 == self.delta_g2 {
            return Err(KeyFault::GammaEqualsDelta);
        }
        let skipped = self.alpha_g1 == E::G1Affine::generator() || self.beta_g2 == g2;
        Ok(skipped.then_some(KeyFault::PowersOfTauSkipped))
    }
}
