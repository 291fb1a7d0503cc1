//! Multi-scalar multiplications and number-theoretic transforms on a GPU, in WGSL through wgpu.
//!
//! [`adapters`] tells what a machine has, [`Gpu::open`] opens one of them, and a [`Gpu`] is an
//! engine of `zkpool-snark`: proving keys rest on the device, with multiples of their points,
//! and a proof is two submissions. This crate knows nothing of jobs.

mod adapter;
mod codegen;
mod context;
mod engine;
mod error;
mod msm;
mod ntt;
mod pool;
mod recorder;
mod scalars;
mod shader;

pub use adapter::{AdapterReport, Arithmetic, adapters};
pub use context::Options;
pub use engine::{Gpu, GpuBases, GpuScalars};
pub use error::GpuError;
pub use ntt::{GpuDomain, Transform};
