//! What is measured.

use std::time::Duration;

use ark_ec::CurveGroup;
use ark_ff::PrimeField;
use ark_poly::{EvaluationDomain, Radix2EvaluationDomain};
use zkpool_circuit_files::FileField;
use zkpool_gpu::{Gpu, GpuBases, GpuDomain, Transform};
use zkpool_snark::Cpu;
use zkpool_snark::engine::{DeviceError, DomainParameters, Msm, Ntt, Resident};

/// An engine that is measured.
pub(crate) trait Subject {
    /// What it calls itself.
    fn name(&self) -> String;

    /// How long the device took for each stage since this was last asked, where it tells.
    fn take_stages(&self) -> Vec<(&'static str, Duration)>;

    /// The 32-bit multiplications with 64-bit sums that the device does in a second, measured,
    /// where its work is counted in them.
    fn word_products_per_second(&self) -> Result<Option<f64>, DeviceError>;
}

/// An engine whose multiplications are measured.
pub(crate) trait MsmSubject<G: CurveGroup>: Subject + Msm<G> {
    /// Whether it is the CPU's, which others are compared with on equal terms.
    const IS_CPU: bool;

    /// The least number of word products of one multiplication of random scalars.
    fn word_products(bases: &Self::Bases) -> u64;
}

impl<G: CurveGroup> MsmSubject<G> for Cpu
where
    Self: Msm<G>,
{
    const IS_CPU: bool = true;

    /// The CPU is the yardstick and has none.
    fn word_products(_: &Self::Bases) -> u64 {
        0
    }
}

impl<G: CurveGroup> MsmSubject<G> for Gpu
where
    Self: Msm<G, Bases = GpuBases>,
{
    const IS_CPU: bool = false;

    fn word_products(bases: &GpuBases) -> u64 {
        bases.word_products()
    }
}

/// An engine whose single transforms are measured.
pub(crate) trait TransformSubject<F: PrimeField>: Subject {
    /// A domain with what the engine keeps of it.
    type TransformDomain;

    /// Prepares a domain.
    fn transform_domain(
        &self,
        parameters: &DomainParameters<F>,
    ) -> Result<Self::TransformDomain, DeviceError>;

    /// From coefficients to values on the domain, both in natural order.
    fn forward(
        &self,
        domain: &Self::TransformDomain,
        coefficients: &[F],
    ) -> Result<Vec<F>, DeviceError>;

    /// Memory that the domain takes.
    fn resident_bytes(domain: &Self::TransformDomain) -> u64;

    /// The least number of word products of one transform, where they are counted.
    fn word_products(domain: &Self::TransformDomain) -> Option<u64>;
}

/// That of arkworks: the engine has no transform but the fused one of the quotient.
impl<F: PrimeField> TransformSubject<F> for Cpu {
    type TransformDomain = Radix2EvaluationDomain<F>;

    /// Arkworks' domain has another root of unity than circom's.
    fn transform_domain(
        &self,
        parameters: &DomainParameters<F>,
    ) -> Result<Self::TransformDomain, DeviceError> {
        let DomainParameters { log2, root, shift: _ } = *parameters;
        let size = 1_u64 << log2;
        let inverse = |element: F| element.inverse().unwrap_or(F::ZERO);
        Ok(Radix2EvaluationDomain {
            size,
            log_size_of_group: log2,
            size_as_field_element: F::from(size),
            size_inv: inverse(F::from(size)),
            group_gen: root,
            group_gen_inv: inverse(root),
            offset: F::ONE,
            offset_inv: F::ONE,
            offset_pow_size: F::ONE,
        })
    }

    fn forward(
        &self,
        domain: &Self::TransformDomain,
        coefficients: &[F],
    ) -> Result<Vec<F>, DeviceError> {
        Ok(domain.fft(coefficients))
    }

    /// Arkworks computes its roots anew for every transform.
    fn resident_bytes(_: &Self::TransformDomain) -> u64 {
        0
    }

    fn word_products(_: &Self::TransformDomain) -> Option<u64> {
        None
    }
}

impl<F: FileField> TransformSubject<F> for Gpu {
    type TransformDomain = GpuDomain<F>;

    fn transform_domain(
        &self,
        parameters: &DomainParameters<F>,
    ) -> Result<GpuDomain<F>, DeviceError> {
        self.domain(parameters)
    }

    fn forward(&self, domain: &GpuDomain<F>, coefficients: &[F]) -> Result<Vec<F>, DeviceError> {
        Ok(self.transform(domain, coefficients, Transform::Forward)?)
    }

    fn resident_bytes(domain: &GpuDomain<F>) -> u64 {
        domain.bytes()
    }

    fn word_products(domain: &GpuDomain<F>) -> Option<u64> {
        Some(domain.word_products())
    }
}

impl Subject for Cpu {
    fn name(&self) -> String {
        "cpu".to_owned()
    }

    fn take_stages(&self) -> Vec<(&'static str, Duration)> {
        Vec::new()
    }

    fn word_products_per_second(&self) -> Result<Option<f64>, DeviceError> {
        Ok(None)
    }
}

impl Subject for Gpu {
    fn name(&self) -> String {
        self.report().name.clone()
    }

    fn take_stages(&self) -> Vec<(&'static str, Duration)> {
        self.take_profile()
    }

    fn word_products_per_second(&self) -> Result<Option<f64>, DeviceError> {
        Ok(Some(Self::word_products_per_second(self)?))
    }
}
