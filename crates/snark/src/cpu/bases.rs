//! Bases of multiplications.

use ark_ec::AffineRepr;
use ark_ec::short_weierstrass::Affine;
use zkpool_circuit_files::Points;

use super::curve::CpuCurve;
use super::sums::NEGATIVE;

/// Bases of multiplications.
#[derive(Debug)]
pub struct CpuBases<P: CpuCurve> {
    points: Points<Affine<P>>,
    /// Position of the scalar that belongs to the first point.
    first: u32,
    /// For each position a bit: whether there is a base, and not at infinity.
    present: Vec<u64>,
}

impl<P: CpuCurve> CpuBases<P> {
    /// Takes in points. The first of them belongs to the scalar at `first`.
    #[must_use]
    pub fn new(points: Points<Affine<P>>, first: u32) -> Self {
        let mut present = vec![0; (first as usize + points.len()).div_ceil(64)];
        for (index, _) in points.iter().enumerate().filter(|(_, point)| !point.is_zero()) {
            let position = first as usize + index;
            if let Some(word) = present.get_mut(position / 64) {
                *word |= 1 << (position % 64);
            }
        }
        Self { points, first, present }
    }

    /// Memory that they take.
    pub(crate) fn bytes(&self) -> u64 {
        (size_of_val(self.points.words()) + size_of_val(self.present.as_slice())) as u64
    }

    /// The points.
    pub(crate) const fn points(&self) -> &Points<Affine<P>> {
        &self.points
    }

    /// The term of the base of a scalar, whose position has [`NEGATIVE`] where the base is
    /// subtracted; none if there is no base or it is at infinity.
    #[inline]
    pub(crate) fn term(&self, scalar: u32) -> Option<u32> {
        let position = scalar & !NEGATIVE;
        let word = self.present.get(position as usize / 64)?;
        // A base that is there is at `first` or later.
        (word >> (position % 64) & 1 == 1).then(|| scalar - self.first)
    }
}
