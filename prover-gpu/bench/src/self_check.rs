//! Whether a GPU computes right.

use zkpool_gpu::{Gpu, GpuError};
use zkpool_snark::engine::{DeviceError, Msm, Ntt};

use crate::instance::{Distribution, Instance};

/// Bases of the check.
const BASES: usize = 1 << 8;

/// Multiplies known bases on the device and compares the product with its closed form.
///
/// # Errors
/// The device failed, or its product is wrong.
pub fn self_check(gpu: &Gpu) -> Result<(), GpuError> {
    let instance = Instance::<ark_bn254::G1Projective>::new(BASES, Distribution::Random, 0);
    let multiply = || {
        let bases = Msm::<ark_bn254::G1Projective>::bases(gpu, instance.points.clone(), 0)?;
        gpu.msm(&bases, &gpu.scalars(&instance.scalars)?)
    };
    let product: ark_bn254::G1Projective = multiply().map_err(refused)?;
    if product == instance.product { Ok(()) } else { Err(GpuError::SelfCheck("a product in G1")) }
}

fn refused(error: DeviceError) -> GpuError {
    let own = error.0.downcast::<GpuError>();
    own.map_or_else(|other| GpuError::Refused(other.to_string()), |error| *error)
}
