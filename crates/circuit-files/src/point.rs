//! Curve points as iden3 files store them: affine, both coordinates in Montgomery form.

use ark_ec::AffineRepr;
use ark_ec::short_weierstrass::{Affine, SWCurveConfig};

use crate::error::Rejection;
use crate::field::Coordinate;

/// Why bytes are no curve point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PointFault {
    /// A coordinate is not below the prime.
    NotReduced,
    /// The coordinates do not satisfy the curve equation.
    NotOnCurve,
}

impl PointFault {
    /// The rejection of the point with this index.
    #[must_use]
    pub const fn at(self, index: u64) -> Rejection {
        match self {
            Self::NotReduced => Rejection::PointNotReduced { index },
            Self::NotOnCurve => Rejection::PointNotOnCurve { index },
        }
    }
}

/// A point of G1 or G2. The point at infinity is stored as (0, 0).
pub trait FilePoint: AffineRepr {
    /// Bytes that a point takes in a file.
    const BYTES: usize;

    /// Words that a point takes in memory, where it is kept in the form of the file.
    const WORDS: usize = Self::BYTES / size_of::<u64>();

    /// Whether every point of the curve is in the subgroup of prime order.
    const COFACTOR_IS_ONE: bool;

    /// Reads a point and checks that it is on the curve, but not that it is in the subgroup.
    ///
    /// # Errors
    /// The coordinates are not reduced or not on the curve.
    fn read(bytes: &[u8]) -> Result<Self, PointFault>;

    /// Writes the point over `out`, which is `BYTES` long.
    fn write(&self, out: &mut [u8]);

    /// The point in these words, which were checked before. Nothing is computed.
    fn from_words(words: &[u64]) -> Self;

    /// Writes the point over `out`, which is `WORDS` long.
    fn write_words(&self, out: &mut [u64]);

    /// Builds a point from affine coordinates and checks that it is on the curve.
    ///
    /// # Errors
    /// The coordinates are not on the curve.
    fn from_coordinates(x: Self::BaseField, y: Self::BaseField) -> Result<Self, PointFault>;

    /// Whether a point of the curve is in the subgroup of prime order.
    fn is_in_subgroup(&self) -> bool;
}

impl<C: SWCurveConfig<BaseField: Coordinate>> FilePoint for Affine<C> {
    const BYTES: usize = 2 * C::BaseField::BYTES;
    const COFACTOR_IS_ONE: bool = matches!(C::COFACTOR, [1]);

    fn read(bytes: &[u8]) -> Result<Self, PointFault> {
        let (x, y) = bytes.split_at_checked(C::BaseField::BYTES).ok_or(PointFault::NotReduced)?;
        let x = C::BaseField::read(x).ok_or(PointFault::NotReduced)?;
        let y = C::BaseField::read(y).ok_or(PointFault::NotReduced)?;
        if bytes.iter().all(|byte| *byte == 0) {
            return Ok(Self::identity());
        }
        Self::from_coordinates(x, y)
    }

    fn write(&self, out: &mut [u8]) {
        let (x, y) = out.split_at_mut(C::BaseField::BYTES);
        match self.xy() {
            Some((px, py)) => {
                px.write(x);
                py.write(y);
            }
            None => out.fill(0),
        }
    }

    fn from_words(words: &[u64]) -> Self {
        if words.iter().all(|word| *word == 0) {
            return Self::identity();
        }
        let (x, y) = words.split_at(words.len() / 2);
        Self::new_unchecked(C::BaseField::from_words(x), C::BaseField::from_words(y))
    }

    fn write_words(&self, out: &mut [u64]) {
        let (x, y) = out.split_at_mut(out.len() / 2);
        match self.xy() {
            Some((px, py)) => {
                px.write_words(x);
                py.write_words(y);
            }
            None => out.fill(0),
        }
    }

    fn from_coordinates(x: C::BaseField, y: C::BaseField) -> Result<Self, PointFault> {
        let point = Self::new_unchecked(x, y);
        if point.is_on_curve() && !point.is_zero() {
            Ok(point)
        } else {
            Err(PointFault::NotOnCurve)
        }
    }

    fn is_in_subgroup(&self) -> bool {
        Self::COFACTOR_IS_ONE || self.is_in_correct_subgroup_assuming_on_curve()
    }
}
