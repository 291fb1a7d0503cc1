//! WGSL for prime fields, their quadratic extensions and short Weierstrass curves.
//!
//! WGSL has no wide integers, so that arithmetic on residues is written out limb by limb. The
//! text follows from the modulus and a [`Layout`] of limbs alone; the same generator serves
//! adapters with 64-bit integers and those without. Values are not reduced after each operation:
//! each has a bound, a multiple of the modulus, that the generator tracks and from which it
//! chooses the multiple to add before a subtraction, so that no limb ever underflows.

mod bounds;
mod curve;
mod field;
mod layout;
mod memory;

pub(crate) use bounds::{Block, Degree, Value};
pub(crate) use curve::CurveCode;
pub(crate) use field::{FieldCode, Linear};
pub(crate) use layout::{Column, Layout};
pub(crate) use memory::{Binding, Kind};

#[cfg(test)]
mod tests;
