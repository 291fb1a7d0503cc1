//! A proving key in the form in which an engine keeps it.

use std::fmt;

use zkpool_circuit_files::{CircomCurve, Coefficients, ProvingKey, Witness};

use super::PreparedVerifyingKey;
use crate::engine::{DeviceError, DomainParameters, Engine, Msm, Ntt, Resident};
use crate::error::ProveError;

/// A proving key, prepared once and shared by any number of proofs.
pub struct PreparedKey<E: CircomCurve, N: Engine<E>> {
    /// Length of a witness, the constant 1 included.
    pub(super) n_vars: u32,
    pub(super) n_public: u32,
    pub(super) development: bool,
    pub(super) vk: PreparedVerifyingKey<E>,
    pub(super) alpha_g1: E::G1Affine,
    pub(super) beta_g1: E::G1Affine,
    pub(super) beta_g2: E::G2Affine,
    pub(super) delta_g1: E::G1Affine,
    pub(super) delta_g2: E::G2Affine,
    pub(super) coefficients: Coefficients<E::ScalarField>,
    pub(super) domain: <N as Ntt<E::ScalarField>>::Domain,
    pub(super) a: <N as Msm<E::G1>>::Bases,
    pub(super) b_g1: <N as Msm<E::G1>>::Bases,
    pub(super) b_g2: <N as Msm<E::G2>>::Bases,
    pub(super) c: <N as Msm<E::G1>>::Bases,
    pub(super) h: <N as Msm<E::G1>>::Bases,
}

impl<E: CircomCurve, N: Engine<E>> PreparedKey<E, N> {
    pub(super) fn new(engine: &N, key: ProvingKey<E>) -> Result<Self, DeviceError> {
        let vk = key.vk.clone();
        let bases = || {
            let g1 = |points, first| Msm::<E::G1>::bases(engine, points, first);
            let b_g2 = Msm::<E::G2>::bases(engine, key.b_g2, 0)?;
            // The constant and the statement have their points in the verification key.
            let c = g1(key.c, key.n_public + 1)?;
            Ok((g1(key.a, 0)?, g1(key.b_g1, 0)?, b_g2, c, g1(key.h, 0)?))
        };
        let (vk, (domain, bases)) = rayon::join(
            || PreparedVerifyingKey::new(vk),
            || (engine.domain(&domain_parameters::<E>(key.domain_size.ilog2())), bases()),
        );
        let (a, b_g1, b_g2, c, h) = bases?;
        Ok(Self {
            n_vars: key.n_vars,
            n_public: key.n_public,
            development: key.development,
            alpha_g1: key.vk.alpha_g1,
            beta_g1: key.beta_g1,
            beta_g2: key.vk.beta_g2,
            delta_g1: key.delta_g1,
            delta_g2: key.vk.delta_g2,
            coefficients: key.coefficients,
            domain: domain?,
            a,
            b_g1,
            b_g2,
            c,
            h,
            vk,
        })
    }

    /// Whether the maker of the key can forge proofs.
    #[must_use]
    pub const fn is_development(&self) -> bool {
        self.development
    }

    /// The part that verifies proofs.
    #[must_use]
    pub const fn verifying_key(&self) -> &PreparedVerifyingKey<E> {
        &self.vk
    }

    /// How much memory the key takes, on the device and beside it, for whoever keeps several.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let resident: [&dyn Resident; 6] =
            [&self.domain, &self.a, &self.b_g1, &self.b_g2, &self.c, &self.h];
        let points = size_of_val(self.vk.ic.as_slice()) as u64;
        let resident: u64 = resident.map(Resident::bytes).into_iter().sum();
        resident + self.coefficients.bytes() + points
    }

    /// The values of the witness, if it is as long as the key expects.
    pub(super) fn values<'a>(
        &self,
        witness: &'a Witness<E>,
    ) -> Result<&'a [E::ScalarField], ProveError> {
        let (expected, found) = (u64::from(self.n_vars), witness.values().len() as u64);
        if expected != found {
            return Err(ProveError::WitnessLength { expected, found });
        }
        Ok(witness.values())
    }

    pub(super) fn public_inputs<'a>(
        &self,
        witness: &'a Witness<E>,
    ) -> Result<&'a [E::ScalarField], ProveError> {
        self.values(witness)?;
        Ok(witness.public_inputs(self.n_public as usize).unwrap_or_default())
    }
}

impl<E: CircomCurve, N: Engine<E>> fmt::Debug for PreparedKey<E, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreparedKey")
            .field("curve", &E::CURVE)
            .field("n_vars", &self.n_vars)
            .field("n_public", &self.n_public)
            .field("development", &self.development)
            .finish_non_exhaustive()
    }
}

/// The domain of 2^`log2` elements on which snarkjs interpolates, and the coset of the H points.
pub(super) fn domain_parameters<E: CircomCurve>(log2: u32) -> DomainParameters<E::ScalarField> {
    // Readers of keys accept no size beyond the two-adicity.
    let root = E::root_of_unity(log2).unwrap_or_else(E::two_adic_root);
    DomainParameters { log2, root, shift: E::coset_shift(log2) }
}
