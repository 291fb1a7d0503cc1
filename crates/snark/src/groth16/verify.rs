//! The verifier: e(A, B) = e(alpha, beta) e(X, gamma) e(C, delta), X being the statement.

use std::fmt;
use std::iter::zip;

use ark_ec::pairing::PairingOutput;
use ark_ec::{AffineRepr, CurveGroup};
use zkpool_circuit_files::{CircomCurve, Proof, VerifyingKey};

use crate::error::VerifyError;

/// A verification key with everything computed that proofs have in common.
pub struct PreparedVerifyingKey<E: CircomCurve> {
    /// e(alpha, beta)
    alpha_beta: PairingOutput<E>,
    minus_gamma_g2: E::G2Prepared,
    minus_delta_g2: E::G2Prepared,
    pub(super) ic: Vec<E::G1Affine>,
}

impl<E: CircomCurve> PreparedVerifyingKey<E> {
    /// Prepares a key.
    #[must_use]
    pub fn new(key: VerifyingKey<E>) -> Self {
        let VerifyingKey { alpha_g1, beta_g2, gamma_g2, delta_g2, ic } = key;
        let minus = |point: E::G2Affine| E::G2Prepared::from((-point.into_group()).into_affine());
        Self {
            alpha_beta: E::pairing(alpha_g1, beta_g2),
            minus_gamma_g2: minus(gamma_g2),
            minus_delta_g2: minus(delta_g2),
            ic,
        }
    }

    /// Whether the proof proves the statement with these public inputs.
    ///
    /// Points of the proof are on the curve and in the subgroup, because reading a proof checks
    /// that, and public inputs are below r, because their type says so.
    ///
    /// # Errors
    /// The number of public inputs is not that of the key.
    pub fn verify(
        &self,
        public_inputs: &[E::ScalarField],
        proof: &Proof<E>,
    ) -> Result<bool, VerifyError> {
        let statement = self.statement(public_inputs)?;
        let product = E::multi_pairing(
            [proof.a, statement, proof.c].map(E::G1Prepared::from),
            [
                E::G2Prepared::from(proof.b),
                self.minus_gamma_g2.clone(),
                self.minus_delta_g2.clone(),
            ],
        );
        Ok(product == self.alpha_beta)
    }

    /// IC_0 + sum a_i IC_i over the statement.
    fn statement(&self, public_inputs: &[E::ScalarField]) -> Result<E::G1Affine, VerifyError> {
        let (expected, found) = (self.ic.len().saturating_sub(1), public_inputs.len());
        let [constant, ic @ ..] = self.ic.as_slice() else {
            return Err(VerifyError::PublicInputs { expected, found });
        };
        if expected != found {
            return Err(VerifyError::PublicInputs { expected, found });
        }
        let sum = zip(ic, public_inputs).map(|(point, input)| *point * input).sum::<E::G1>();
        Ok((sum + constant).into_affine())
    }
}

impl<E: CircomCurve> fmt::Debug for PreparedVerifyingKey<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreparedVerifyingKey")
            .field("curve", &E::CURVE)
            .field("n_public", &self.ic.len().saturating_sub(1))
            .finish_non_exhaustive()
    }
}
