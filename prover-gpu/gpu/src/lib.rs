//! Multi-scalar multiplications and number-theoretic transforms on a GPU, in WGSL through wgpu.
//!
//! [`adapters`] tells what a machine has, [`Gpu::open`] opens one of them, and a [`Gpu`] is an
//! engine of `zkpool-snark`: proving keys rest on the device, with multiples of their points,
//! and a proof waits for the device once. This crate knows nothing of
//! jobs.

// Sizes pass between the host's usize and the device's u32. Whatever lies in a buffer is counted in
// less than 2^32, since no binding is larger than 2^31 bytes; see `Pool::create`.
#![allow(clippy::cast_possible_truncation)]

mod adapter;
mod codegen;
mod context;
mod engine;
mod error;
mod msm;
mod ntt;
mod pool;
mod rate;
mod recorder;
mod scalars;
mod self_check;
mod shader;

pub use adapter::{AdapterReport, Arithmetic, adapters};
pub use context::Options;
pub use engine::{Gpu, GpuBases, GpuScalars, GpuValues};
pub use error::GpuError;
pub use ntt::{GpuDomain, Transform};
