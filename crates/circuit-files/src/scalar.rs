//! The scalar field that witnesses, constraint systems and generators name by its prime.

use std::io::{Read, Seek};

use zkpool_types::Curve;

use crate::binary::Input;
use crate::curve::CircomCurve;
use crate::error::{FileError, Rejection};
use crate::field::FileField;

/// Width of the scalar field of both curves in bytes.
const SCALAR_BYTES: u32 = 32;

/// Reads the width and prime of a scalar field, which name the curve.
pub(crate) fn read_scalar_field<R: Read + Seek>(input: &mut Input<R>) -> Result<Curve, FileError> {
    let (at, found) = (input.position(), input.u32()?);
    if found != SCALAR_BYTES {
        return Err(input.reject_at(at, Rejection::FieldWidth { expected: "32", found }));
    }
    let at = input.position();
    let prime = input.bytes(u64::from(found))?;
    let expected = "scalar field of bn128 or bls12-381";
    curve_of_prime(&prime)
        .ok_or_else(|| input.reject_at(at, Rejection::Prime { expected, found: digits(&prime) }))
}

/// The curve whose scalar field has this prime, little-endian.
#[must_use]
pub fn curve_of_prime(prime: &[u8]) -> Option<Curve> {
    let of = |curve: Curve, expected: Vec<u8>| (prime == expected).then_some(curve);
    of(Curve::Bn254, ark_bn254::Fr::prime())
        .or_else(|| of(Curve::Bls12_381, ark_bls12_381::Fr::prime()))
}

/// Width and prime of the scalar field, as headers begin with them.
pub(crate) fn scalar_field<E: CircomCurve>() -> Vec<u8> {
    let mut bytes = SCALAR_BYTES.to_le_bytes().to_vec();
    bytes.extend(E::ScalarField::prime());
    bytes
}

/// A little-endian number in hexadecimal digits, most significant first.
pub(crate) fn digits(bytes: &[u8]) -> String {
    bytes.iter().rev().map(|byte| format!("{byte:02x}")).collect()
}
