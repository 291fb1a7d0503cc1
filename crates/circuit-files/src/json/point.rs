//! Points as snarkjs spells them: projective coordinates, each a decimal string or a pair of them.

use ark_ec::AffineRepr;
use ark_ff::{Field, One, Zero};
use zkpool_types::Curve;

use super::decimal;
use super::error::{JsonError, JsonFile, JsonRejection};
use crate::point::FilePoint;

/// A point of G1: x, y, z.
pub(super) type G1Text = [String; 3];

/// A point of G2: x, y, z, each with the part without u first.
pub(super) type G2Text = [[String; 2]; 3];

/// The field of a file that is being read.
#[derive(Clone, Copy)]
pub(super) struct At<'a> {
    pub(super) file: JsonFile,
    pub(super) curve: Curve,
    pub(super) field: &'a str,
}

impl At<'_> {
    pub(super) fn reject(&self, within: &str, rejection: JsonRejection) -> JsonError {
        JsonError::new(self.file, format!("{}{within}", self.field), rejection)
    }
}

/// How a coordinate is spelt.
pub(super) trait CoordinateText {
    fn flat(&self) -> &[String];
}

impl CoordinateText for String {
    fn flat(&self) -> &[String] {
        std::slice::from_ref(self)
    }
}

impl CoordinateText for [String; 2] {
    fn flat(&self) -> &[String] {
        self
    }
}

/// Reads a point and checks that it is on the curve and in the subgroup.
pub(super) fn read<P: FilePoint>(
    at: At<'_>,
    text: &[impl CoordinateText; 3],
) -> Result<P, JsonError> {
    let [x, y, z] = text;
    let x = coordinate(at, 0, x)?;
    let y = coordinate(at, 1, y)?;
    let z: P::BaseField = coordinate(at, 2, z)?;
    let point = from_projective(x, y, z).map_err(|rejection| at.reject("", rejection))?;
    Ok(point)
}

/// Reads a point that must also be finite.
pub(super) fn read_finite<P: FilePoint>(
    at: At<'_>,
    text: &[impl CoordinateText; 3],
) -> Result<P, JsonError> {
    let point: P = read(at, text)?;
    if point.is_zero() { Err(at.reject("", JsonRejection::AtInfinity)) } else { Ok(point) }
}

fn from_projective<P: FilePoint>(
    x: P::BaseField,
    y: P::BaseField,
    z: P::BaseField,
) -> Result<P, JsonRejection> {
    if z.is_zero() && x.is_zero() && y.is_one() {
        return Ok(P::zero());
    }
    if !z.is_one() {
        return Err(JsonRejection::NotAffine);
    }
    let point = P::from_coordinates(x, y).map_err(|_| JsonRejection::NotOnCurve)?;
    if point.is_in_subgroup() { Ok(point) } else { Err(JsonRejection::NotInSubgroup) }
}

fn coordinate<F: Field>(
    at: At<'_>,
    index: usize,
    text: &impl CoordinateText,
) -> Result<F, JsonError> {
    let parts = text.flat();
    let mut elements = Vec::with_capacity(parts.len());
    for (part, digits) in parts.iter().enumerate() {
        let element = decimal::read::<F::BasePrimeField>(at.curve, digits);
        let within =
            || if parts.len() == 1 { format!("[{index}]") } else { format!("[{index}][{part}]") };
        elements.push(element.map_err(|rejection| at.reject(&within(), rejection))?);
    }
    let whole = F::from_base_prime_field_elems(elements);
    whole.ok_or_else(|| at.reject("", JsonRejection::NotAffine))
}

/// The spelling of a field element by its parts over the prime field.
pub(super) fn spell<F: Field>(element: F) -> Vec<String> {
    element.to_base_prime_field_elements().map(decimal::write).collect()
}

/// The projective coordinates that snarkjs writes.
fn projective<P: AffineRepr>(point: &P) -> [P::BaseField; 3] {
    let infinity = [P::BaseField::zero(), P::BaseField::one(), P::BaseField::zero()];
    point.xy().map_or(infinity, |(x, y)| [x, y, P::BaseField::one()])
}

/// The spelling of a point of G1.
pub(super) fn write_g1<P: AffineRepr>(point: &P) -> G1Text {
    projective(point).map(|coordinate| spell(coordinate).concat())
}

/// The spelling of a point of G2.
pub(super) fn write_g2<P: AffineRepr>(point: &P) -> G2Text {
    projective(point).map(|coordinate| {
        let mut parts = spell(coordinate).into_iter();
        [parts.next().unwrap_or_default(), parts.next().unwrap_or_default()]
    })
}
