//! Field multiplications of a device, and how long its shaders take to compile.

use std::collections::BTreeMap;

use ark_ec::pairing::Pairing;
use serde::Serialize;
use zkpool_gpu::Gpu;
use zkpool_snark::engine::DeviceError;

use crate::error::BenchError;

/// What was measured.
#[derive(Clone, Debug, Serialize)]
pub struct FieldReport {
    /// The device's name for itself.
    pub device: String,
    /// Multiplications of 32-bit words with 64-bit sums in a second, or of 12-bit limbs with
    /// 32-bit sums for the narrow arithmetic.
    pub word_products_per_second: f64,
    /// The fields, by name.
    pub fields: BTreeMap<&'static str, FieldRate>,
    /// The shaders of both groups and the transforms of BN254, in the order they were done.
    pub compiled: Vec<Compiled>,
}

/// How fast a device multiplies modulo a prime.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct FieldRate {
    /// Multiplications in a second.
    pub multiplications_per_second: f64,
    /// Of the word products that the device does alone, the share it does in these.
    pub floor_fraction: f64,
}

/// A shader and how long it took to compile.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Compiled {
    /// The stage that it does.
    pub stage: &'static str,
    /// Milliseconds, beside the others.
    pub ms: f64,
}

/// Measures a GPU's field multiplications, after it passed its self-check.
///
/// # Errors
/// The device failed.
pub fn field(gpu: &Gpu) -> Result<FieldReport, BenchError> {
    let device = |error| BenchError::Device(DeviceError::from(error));
    gpu.self_check().map_err(device)?;
    let compiled = gpu.compile_times().into_iter();
    let compiled = compiled.map(|(stage, took)| Compiled { stage, ms: took.as_secs_f64() * 1e3 });
    let peak = gpu.word_products_per_second().map_err(device)?;
    let bn254 = rate::<<ark_bn254::Bn254 as Pairing>::BaseField>(gpu, peak);
    let bls12_381 = rate::<<ark_bls12_381::Bls12_381 as Pairing>::BaseField>(gpu, peak);
    let fields = BTreeMap::from([
        ("bn254 fq", bn254.map_err(device)?),
        ("bls12-381 fq", bls12_381.map_err(device)?),
    ]);
    Ok(FieldReport {
        device: gpu.report().name.clone(),
        word_products_per_second: peak,
        fields,
        compiled: compiled.collect(),
    })
}

fn rate<F: ark_ff::PrimeField>(gpu: &Gpu, peak: f64) -> Result<FieldRate, zkpool_gpu::GpuError> {
    let multiplications_per_second = gpu.multiplications_per_second::<F>()?;
    #[allow(clippy::cast_precision_loss)]
    let each = gpu.word_products_of_one::<F>() as f64;
    Ok(FieldRate {
        multiplications_per_second,
        floor_fraction: multiplications_per_second * each / peak,
    })
}
