//! Number-theoretic transforms, fused with the quotient of Groth16.
//!
//! A transform is a series of passes over memory. In each a workgroup takes a block of elements
//! into its own memory and does as many stages there as the block allows. Interpolation goes from
//! natural to bit-reversed order and evaluation back, so that nothing is ever permuted between
//! them, and the pass in the middle does the last stages of one, the shift to the coset and the
//! first stages of the other.
//!
//! The quotient takes A, B and C through each pass in one dispatch. C = A B is formed where it is
//! first read, and A B - C where values would have been written last.

mod domain;
mod kernels;
mod plan;
mod record;

pub use domain::GpuDomain;
pub(crate) use kernels::Kernels;
pub use record::Transform;
pub(crate) use record::{quotient, transform, upload};

#[cfg(test)]
mod tests;
