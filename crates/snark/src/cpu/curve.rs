//! The curves that the processor's kernels are written for.

use ark_ec::short_weierstrass::SWCurveConfig;
use zkpool_circuit_files::Coordinate;

#[cfg(target_arch = "x86_64")]
use super::lanes::LaneField;

/// Every field, where there are no lanes.
#[cfg(not(target_arch = "x86_64"))]
trait LaneField: ark_ff::Field {}

#[cfg(not(target_arch = "x86_64"))]
impl<F: ark_ff::Field> LaneField for F {}

/// A group whose coordinates are in a prime field of 4 or 6 words of 64 bits, or in a quadratic
/// extension of one.
// What the lanes make of a field is nothing that callers could use.
#[allow(private_bounds)]
pub trait CpuCurve: SWCurveConfig<BaseField: LaneField + Coordinate> {}

impl<P: SWCurveConfig<BaseField: LaneField + Coordinate>> CpuCurve for P {}
