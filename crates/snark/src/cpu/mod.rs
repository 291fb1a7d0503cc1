//! The engine on the processor, with all cores.

mod bases;
mod batch_affine;
mod buckets;
mod curve;
mod digits;
mod domain;
mod fixed_base;
#[cfg(target_arch = "x86_64")]
mod lanes;
mod msm;
mod quotient;
mod scalars;
mod sums;
mod weights;

use ark_ec::pairing::Pairing;
use ark_ec::short_weierstrass::{Affine, Projective};
use zkpool_circuit_files::Points;

use crate::engine::{DeviceError, Engine, Msm, Ntt, Product, QuotientProduct, Resident};

pub use bases::CpuBases;
pub use curve::{CpuCurve, CpuScalarField};
pub use domain::{CpuDomain, DomainParameters};
pub use fixed_base::FixedBase;
pub use quotient::QuotientDomain;
pub use scalars::CpuScalars;
use sums::Arithmetic;

/// The processor. It cannot fail.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cpu;

impl<P: CpuCurve> Resident for CpuBases<P> {
    fn bytes(&self) -> u64 {
        self.bytes()
    }
}

impl<F: CpuScalarField> Resident for QuotientDomain<F> {
    fn bytes(&self) -> u64 {
        self.bytes()
    }
}

impl<F: CpuScalarField> Ntt<F> for Cpu {
    type Domain = QuotientDomain<F>;
    type Scalars = CpuScalars<F>;
    type Values = [Vec<F>; 2];

    fn domain(&self, parameters: &DomainParameters<F>) -> Result<Self::Domain, DeviceError> {
        Ok(QuotientDomain::new(parameters))
    }

    fn scalars(&self, values: &[F]) -> Result<CpuScalars<F>, DeviceError> {
        Ok(CpuScalars::new(values))
    }

    fn values(&self, _: &Self::Domain, a: Vec<F>, b: Vec<F>) -> Result<[Vec<F>; 2], DeviceError> {
        Ok([a, b])
    }

    fn quotient(
        &self,
        domain: &Self::Domain,
        values: [Vec<F>; 2],
    ) -> Result<CpuScalars<F>, DeviceError> {
        Ok(domain.quotient(values))
    }
}

impl<P: CpuCurve> Msm<Projective<P>> for Cpu {
    type Bases = CpuBases<P>;

    fn bases(&self, points: Points<Affine<P>>, first: u32) -> Result<CpuBases<P>, DeviceError> {
        Ok(CpuBases::new(points, first))
    }

    fn msm(
        &self,
        bases: &CpuBases<P>,
        scalars: &CpuScalars<P::ScalarField>,
    ) -> Result<Projective<P>, DeviceError> {
        Ok(msm::msm(Arithmetic::fastest(), bases, scalars))
    }
}

impl<E: Pairing> Engine<E> for Cpu
where
    Self: Msm<E::G1> + Msm<E::G2>,
{
    /// One thread begins with the quotient and one with the multiplication in G2, the longest of
    /// those that need no quotient: threads that finish early take over what is left of others.
    fn products(
        &self,
        g1: [Product<'_, E::G1, Self>; 3],
        g2: Product<'_, E::G2, Self>,
        quotient: QuotientProduct<'_, E, Self>,
        transformed: impl FnOnce() + Send,
    ) -> Result<([E::G1; 4], E::G2), DeviceError> {
        let multiply =
            |(bases, scalars): Product<'_, E::G1, Self>| Msm::<E::G1>::msm(self, bases, scalars);
        let multiply_quotient = || {
            let QuotientProduct { domain, values, bases } = quotient;
            let scalars = self.quotient(domain, values)?;
            transformed();
            Msm::<E::G1>::msm(self, bases, &scalars)
        };
        let [a, b, c] = g1;
        let in_g1 = || rayon::join(|| multiply(a), || rayon::join(|| multiply(b), || multiply(c)));
        let in_g2 = || Msm::<E::G2>::msm(self, g2.0, g2.1);
        let (h, (g2, (a, (b, c)))) = rayon::join(multiply_quotient, || rayon::join(in_g2, in_g1));
        Ok(([a?, b?, c?, h?], g2?))
    }
}
