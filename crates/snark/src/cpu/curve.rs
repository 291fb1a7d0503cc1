//! The fields and curves that the processor's kernels are written for.

use ark_ec::short_weierstrass::SWCurveConfig;
use ark_ff::PrimeField;
use zkpool_circuit_files::Coordinate;

#[cfg(target_arch = "x86_64")]
use super::lanes::{LaneField, LaneScalar};

/// Every field, where there are no lanes.
#[cfg(not(target_arch = "x86_64"))]
trait LaneField: ark_ff::Field {}

#[cfg(not(target_arch = "x86_64"))]
impl<F: ark_ff::Field> LaneField for F {}

/// Every prime field, where there are no lanes.
#[cfg(not(target_arch = "x86_64"))]
trait LaneScalar: PrimeField {}

#[cfg(not(target_arch = "x86_64"))]
impl<F: PrimeField> LaneScalar for F {}

/// A prime field of 4 words of 64 bits, whose elements scalars are.
// What the lanes make of a field is nothing that callers could use.
#[allow(private_bounds)]
pub trait CpuScalarField: PrimeField + LaneScalar {}

impl<F: PrimeField + LaneScalar> CpuScalarField for F {}

/// A group whose coordinates are in a prime field of 4 or 6 words of 64 bits, or in a quadratic
/// extension of one.
#[allow(private_bounds)]
pub trait CpuCurve:
    SWCurveConfig<BaseField: LaneField + Coordinate, ScalarField: CpuScalarField>
{
}

impl<P> CpuCurve for P where
    P: SWCurveConfig<BaseField: LaneField + Coordinate, ScalarField: CpuScalarField>
{
}
