//! What a prover asks of the machine it runs on: transforms and multi-scalar multiplications.
//!
//! An [`Engine`] owns the form in which data rests on its device. The bases of a key and the
//! tables of its domain are handed over once, when the key is prepared; scalars are handed over
//! once a proof and shared by the multiplications that read them; the quotient is one call whose
//! result need not leave the device. A prover written against these traits therefore runs on a
//! CPU and on a GPU without a change.

use std::sync::MutexGuard;

use ark_ec::pairing::Pairing;
use ark_ec::{CurveGroup, PrimeGroup};
use ark_ff::PrimeField;
use zkpool_circuit_files::Points;

pub use crate::cpu::DomainParameters;

/// The device failed: it was lost, ran out of memory, or refused a command.
///
/// Nothing is wrong with key or witness; another attempt on another device may succeed.
#[derive(Debug, thiserror::Error)]
#[error("the proving device failed: {0}")]
pub struct DeviceError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Something that stays in memory between proofs.
pub trait Resident: Send + Sync {
    /// How much memory it takes, on the device where there is one.
    fn bytes(&self) -> u64;
}

/// Number-theoretic transforms over a field, and the form of scalars that they produce.
pub trait Ntt<F: PrimeField>: Send + Sync {
    /// A domain with its tables.
    type Domain: Resident;
    /// Scalars in the form that multiplications read.
    type Scalars: Send + Sync;
    /// The values of two polynomials, A and B, where a quotient is computed from them.
    type Values: Send;

    /// Prepares a domain.
    ///
    /// # Errors
    /// The device failed.
    fn domain(&self, parameters: &DomainParameters<F>) -> Result<Self::Domain, DeviceError>;

    /// Takes scalars over.
    ///
    /// # Errors
    /// The device failed.
    fn scalars(&self, values: &[F]) -> Result<Self::Scalars, DeviceError>;

    /// Takes the values of polynomials A and B on the domain over, in natural order, one for each
    /// element of the domain.
    ///
    /// # Errors
    /// The device failed.
    fn values(
        &self,
        domain: &Self::Domain,
        a: Vec<F>,
        b: Vec<F>,
    ) -> Result<Self::Values, DeviceError>;

    /// The values of A B - C on the coset, where C is the polynomial whose values on the domain
    /// are the products of those of A and B.
    ///
    /// # Errors
    /// The device failed.
    fn quotient(
        &self,
        domain: &Self::Domain,
        values: Self::Values,
    ) -> Result<Self::Scalars, DeviceError>;
}

/// Multi-scalar multiplication in a group.
pub trait Msm<G: CurveGroup>: Ntt<G::ScalarField> {
    /// Bases that later multiplications share.
    type Bases: Resident;

    /// Takes bases over. The first of them belongs to the scalar at position `first`; those at
    /// infinity are allowed.
    ///
    /// # Errors
    /// The device failed.
    fn bases(&self, points: Points<G::Affine>, first: u32) -> Result<Self::Bases, DeviceError>;

    /// The sum of each base times its scalar. Scalars without a base do not count.
    ///
    /// Independent multiplications are asked for from several threads at once.
    ///
    /// # Errors
    /// The device failed.
    fn msm(
        &self,
        bases: &Self::Bases,
        scalars: &<Self as Ntt<G::ScalarField>>::Scalars,
    ) -> Result<G, DeviceError>;
}

/// A multiplication that is asked for: bases, and the scalars they are multiplied with.
pub type Product<'a, G, N> =
    (&'a <N as Msm<G>>::Bases, &'a <N as Ntt<<G as PrimeGroup>::ScalarField>>::Scalars);

/// A multiplication with the quotient of two polynomials.
pub struct QuotientProduct<'a, E: Pairing, N: Engine<E> + ?Sized> {
    /// Where the polynomials have the values.
    pub domain: &'a <N as Ntt<E::ScalarField>>::Domain,
    /// The values of A and B.
    pub values: <N as Ntt<E::ScalarField>>::Values,
    /// What is multiplied with the quotient's values.
    pub bases: &'a <N as Msm<E::G1>>::Bases,
}

/// All that a proof over a pairing needs.
pub trait Engine<E: Pairing>: Msm<E::G1> + Msm<E::G2> {
    /// Waits until the device is free and keeps it until the guard is dropped. Whoever hands data
    /// over before it takes its turn does so while the device computes for another.
    ///
    /// An engine whose proofs do not share their device so gives none.
    fn turn(&self) -> Option<MutexGuard<'_, ()>> {
        None
    }

    /// A quotient and several multiplications, of which that with the quotient is the last result
    /// in G1. What does not depend on each other may be computed at the same time; `transformed`
    /// is called when the quotient is known.
    ///
    /// # Errors
    /// The device failed.
    fn products(
        &self,
        g1: [Product<'_, E::G1, Self>; 3],
        g2: Product<'_, E::G2, Self>,
        quotient: QuotientProduct<'_, E, Self>,
        transformed: impl FnOnce() + Send,
    ) -> Result<([E::G1; 4], E::G2), DeviceError>;
}
