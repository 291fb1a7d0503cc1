//! Groth16 proving keys, `.zkey` version 1, as snarkjs writes them.
//!
//! | section | content |
//! |---|---|
//! | 1 | protocol: 1 for Groth16 |
//! | 2 | primes q and r, numbers of variables and public inputs, domain size, alpha to delta |
//! | 3 | IC points of the verification key |
//! | 4 | coefficients of matrices A and B, times R^2 |
//! | 5, 6, 7, 8, 9 | points A, B in G1, B in G2, C, H |
//! | 10 | hash of the circuit and contributions to phase 2 |
//!
//! Points are affine with coordinates in Montgomery form. Sections 1 and 2 come first; the others
//! are in any order, which is kept so that a key is written back as it was.

mod checks;
mod contributions;
mod header;
mod open;
mod read;
mod write;

use crate::coefficients::Coefficients;
use crate::curve::CircomCurve;
use crate::points::Points;
use crate::verification_key::VerifyingKey;

pub use contributions::{DEVELOPMENT_MARK, development_contributions};
pub use header::{KeySummary, peek};
pub use open::{OpenError, open};
pub use read::{OpenedKey, read, read_digested};
pub(crate) use write::check_lengths;
pub use write::{WriteError, write};

/// Ids of the sections.
pub(crate) mod section {
    pub(crate) const PROTOCOL: u32 = 1;
    pub(crate) const HEADER: u32 = 2;
    pub(crate) const IC: u32 = 3;
    pub(crate) const COEFFICIENTS: u32 = 4;
    pub(crate) const A: u32 = 5;
    pub(crate) const B_G1: u32 = 6;
    pub(crate) const B_G2: u32 = 7;
    pub(crate) const C: u32 = 8;
    pub(crate) const H: u32 = 9;
    pub(crate) const CONTRIBUTIONS: u32 = 10;
}

/// How far the group membership of points is checked. That they are on the curve always is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GroupChecks {
    /// Every point is checked to be in the subgroup of prime order.
    #[default]
    Full,
    /// This very key, by digest, has passed the subgroup checks before.
    AlreadyValidated,
}

/// How strict reading is. The default refuses development keys and checks everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadOptions {
    /// Accept keys whose maker, or anyone, can forge proofs, and flag them.
    pub allow_development: bool,
    /// Whether the subgroup checks are made.
    pub group_checks: GroupChecks,
}

/// A Groth16 proving key.
///
/// Points of A, B, C and H may be at infinity, where a signal or row does not appear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvingKey<E: CircomCurve> {
    /// Length of a witness, the constant 1 included.
    pub n_vars: u32,
    /// Number of public inputs, outputs of the circuit included; below `n_vars`.
    pub n_public: u32,
    /// Number of rows: a power of two within the two-adicity of the scalar field.
    pub domain_size: u32,
    /// The part that verifies proofs.
    pub vk: VerifyingKey<E>,
    /// beta in G1.
    pub beta_g1: E::G1Affine,
    /// delta in G1.
    pub delta_g1: E::G1Affine,
    /// Matrices A and B of the constraint system, `domain_size` rows each.
    ///
    /// The last rows that are not empty bind the public inputs. Matrix C is not in the key: on a
    /// witness that satisfies the circuit its rows are the products of those of A and B.
    pub coefficients: Coefficients<E::ScalarField>,
    /// For each variable, its polynomial of A at tau, in G1.
    pub a: Points<E::G1Affine>,
    /// For each variable, its polynomial of B at tau, in G1.
    pub b_g1: Points<E::G1Affine>,
    /// For each variable, its polynomial of B at tau, in G2.
    pub b_g2: Points<E::G2Affine>,
    /// For each private variable, its combined polynomial over delta, in G1.
    pub c: Points<E::G1Affine>,
    /// For each point of the shifted domain, its Lagrange polynomial over delta, in G1.
    pub h: Points<E::G1Affine>,
    /// Section 10 as it is in the file.
    pub contributions: Vec<u8>,
    /// Whether the key's maker, or anyone, can forge proofs.
    pub development: bool,
    /// In which order the file has its sections.
    pub section_order: SectionOrder,
}

/// The order in which a key file has its sections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SectionOrder(pub(crate) [u32; 10]);

impl Default for SectionOrder {
    /// Ascending, as snarkjs orders a key that was contributed to.
    fn default() -> Self {
        Self([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    }
}
