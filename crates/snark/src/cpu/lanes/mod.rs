//! Field elements side by side in the lanes of 512-bit vectors.
//!
//! AVX-512 IFMA multiplies eight pairs of 52-bit integers at a time and adds the low or the high
//! half of each product to a 64-bit sum. An element is held as limbs of 52 bits, limb by limb in
//! vectors of eight elements, so that one multiplication is one for eight elements.
//!
//! All of it is reached through an [`Ifma`], which exists only where the processor has the
//! instructions; they are looked for at run time.

mod additions;
mod element;
mod prime;
mod transform;

pub(crate) use additions::{add_pairs, decode, encode, take_bases};
pub(crate) use element::{LaneField, LaneScalar};
pub(crate) use transform::{Tables, integer, quotient};

use pulp::simd_type;

simd_type! {
    /// Evidence that the processor has the instructions that these modules use.
    pub(crate) struct Ifma {
        avx512f: "avx512f",
        avx512ifma: "avx512ifma",
        sse: "sse",
        bmi2: "bmi2",
    }
}
