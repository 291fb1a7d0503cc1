//! Whether a device computes what it should, asked before it is trusted with a key.

use std::sync::Arc;

use ark_ec::short_weierstrass::{Affine, Projective};
use ark_ec::{CurveGroup, PrimeGroup};
use ark_ff::Field;
use zkpool_circuit_files::FileField;
use zkpool_snark::cpu::CpuDomain;
use zkpool_snark::engine::DomainParameters;

use crate::engine::{DeviceCurve, Gpu};
use crate::error::GpuError;
use crate::msm::{CurveKernels, TableOptions};
use crate::ntt::Transform;

/// Bases of the check: enough for segments that cut runs, and for partial sums to be joined.
const BASES: u64 = 96;

/// Window of the check: as many buckets as take several blocks of a scan and a level of reduction.
const WINDOW_BITS: u32 = 12;

/// Elements of the domain of the check, as a logarithm: more than one pass of small workgroups.
const DOMAIN_LOG2: u32 = 10;

/// Moves values from a domain to its coset, by way of the coefficients, and compares with the
/// processor.
pub(crate) fn transforms<F: FileField>(gpu: &Gpu) -> Result<(), GpuError> {
    // The two-adicity of both fields is above 20.
    let root = F::get_root_of_unity(1 << DOMAIN_LOG2).unwrap_or(F::ONE);
    let parameters = DomainParameters { log2: DOMAIN_LOG2, root, shift: F::GENERATOR };
    let values: Vec<F> = (1..=1_u64 << DOMAIN_LOG2).map(|i| F::from(i).pow([5])).collect();
    let domain = gpu.prepare_domain(&parameters)?;
    let coefficients = gpu.transform(&domain, &values, Transform::Inverse)?;
    let found = gpu.transform(&domain, &coefficients, Transform::CosetForward)?;
    let mut expected = values;
    CpuDomain::new(&parameters).to_coset(&mut expected);
    if found == expected {
        return Ok(());
    }
    Err(GpuError::SelfCheck("a transform gave wrong values"))
}

/// Multiplies multiples of the generator by numbers of every size, whose product is known.
pub(crate) fn multiplication<P>(gpu: &Gpu, kernels: Arc<CurveKernels>) -> Result<(), GpuError>
where
    P: DeviceCurve,
{
    let scalar = |i: u64| match i % 4 {
        0 => P::ScalarField::from(i),
        1 => -P::ScalarField::from(i),
        2 => P::ScalarField::from(i).inverse().unwrap_or(P::ScalarField::ONE),
        _ => P::ScalarField::ONE,
    };
    let scalars: Vec<_> = (1..=BASES).map(scalar).collect();
    let factor = |i: u64| P::ScalarField::from(i * i);
    let expected: P::ScalarField =
        scalars.iter().zip(1..).map(|(scalar, i)| *scalar * factor(i)).sum();
    let generator = Projective::<P>::generator();
    let points: Vec<_> = (1..=BASES).map(|i| generator * factor(i)).collect();
    let points: Vec<Affine<P>> = Projective::normalize_batch(&points);
    let options = TableOptions { bytes_max: u64::MAX, window_bits: Some(WINDOW_BITS) };
    let bases = gpu.prepare_with(kernels, &points.into(), 0, options)?;
    let product: Projective<P> = gpu.multiply(&bases, &gpu.upload_scalars(&scalars)?)?;
    if product == generator * expected {
        return Ok(());
    }
    Err(GpuError::SelfCheck("a multiplication gave a wrong sum"))
}
