//! Many points, in the form in which key files and provers keep them.

use std::fmt;
use std::marker::PhantomData;

use rayon::prelude::*;

use crate::point::FilePoint;
use crate::shared::{Aligned, Shared};

/// Points that a thread converts at a time.
const TASK_POINTS: usize = 1 << 10;

/// Points of a curve, each of them valid: coordinates are reduced and satisfy the equation.
///
/// A point is [`Points::WORDS`] words: x then y, each in Montgomery form (R = 2^256 or 2^384),
/// least significant word first; in the quadratic extension c0 comes before c1. The point at
/// infinity is all zeros. That is how key files hold points and arkworks holds coordinates, so
/// that points are copied and never converted. The first word is at a multiple of 64 bytes.
///
/// The words lie in memory of their own or in a mapped file ([`crate::prepared`]); a clone shares
/// them.
pub struct Points<P> {
    words: Shared<u64>,
    points: PhantomData<fn() -> P>,
}

impl<P: FilePoint> Points<P> {
    /// Words that a point takes.
    pub const WORDS: usize = P::WORDS;

    /// The points that these words are, which were checked or come from points.
    pub(crate) fn from_words(words: impl Into<Shared<u64>>) -> Self {
        Self { words: words.into(), points: PhantomData }
    }

    /// How many points.
    #[must_use]
    pub fn len(&self) -> usize {
        self.words().len() / Self::WORDS
    }

    /// Whether there is no point.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words().is_empty()
    }

    /// All words, [`Points::WORDS`] for each point.
    #[must_use]
    pub fn words(&self) -> &[u64] {
        self.words.as_slice()
    }

    /// The point at `index`; beyond the last, the point at infinity.
    #[must_use]
    pub fn get(&self, index: usize) -> P {
        let start = index.saturating_mul(Self::WORDS);
        let words = self.words().get(start..start.saturating_add(Self::WORDS));
        P::from_words(words.unwrap_or_default())
    }

    /// The points in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = P> + '_ {
        self.words().chunks_exact(Self::WORDS).map(P::from_words)
    }

    /// The points in order, for all cores.
    #[must_use]
    pub fn par_iter(&self) -> impl IndexedParallelIterator<Item = P> + '_ {
        self.words().par_chunks_exact(Self::WORDS).map(P::from_words)
    }
}

impl<P: FilePoint> From<&[P]> for Points<P> {
    fn from(points: &[P]) -> Self {
        let mut words = Aligned::zeroed(points.len() * P::WORDS);
        let targets = words.as_mut_slice().par_chunks_exact_mut(P::WORDS);
        let pairs = targets.zip(points).with_min_len(TASK_POINTS);
        pairs.for_each(|(words, point)| point.write_words(words));
        Self::from_words(words)
    }
}

impl<P: FilePoint> From<Vec<P>> for Points<P> {
    fn from(points: Vec<P>) -> Self {
        points.as_slice().into()
    }
}

impl<P: FilePoint> FromIterator<P> for Points<P> {
    fn from_iter<I: IntoIterator<Item = P>>(points: I) -> Self {
        points.into_iter().collect::<Vec<_>>().into()
    }
}

impl<P: FilePoint> Default for Points<P> {
    fn default() -> Self {
        Self::from_words(Vec::new())
    }
}

impl<P> Clone for Points<P> {
    fn clone(&self) -> Self {
        Self { words: self.words.clone(), points: PhantomData }
    }
}

/// Shows how many points there are: a key has millions.
impl<P: FilePoint> fmt::Debug for Points<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Points({})", self.len())
    }
}

/// A point has one form, so that equal points have equal words.
impl<P> PartialEq for Points<P> {
    fn eq(&self, other: &Self) -> bool {
        self.words == other.words
    }
}

impl<P> Eq for Points<P> {}

#[cfg(test)]
mod tests {
    use ark_ec::{AffineRepr, CurveGroup};

    use super::*;

    fn points_come_back<P: FilePoint>() {
        let generator = P::generator();
        let double = (generator + generator).into_affine();
        let expected = [generator, P::zero(), double];
        let points: Points<P> = expected.into_iter().collect();
        assert_eq!((points.len(), points.words().len()), (3, 3 * Points::<P>::WORDS));
        assert_eq!(points.iter().collect::<Vec<_>>(), expected);
        assert_eq!(points.par_iter().collect::<Vec<_>>(), expected);
        assert!(points.get(1).is_zero() && points.get(3).is_zero());
        assert!(points.get(usize::MAX).is_zero());
        assert_eq!(points, Points::from(expected.as_slice()));
        assert_eq!(format!("{points:?}"), "Points(3)");
    }

    #[test]
    fn points_come_back_in_every_group() {
        points_come_back::<ark_bn254::G1Affine>();
        points_come_back::<ark_bn254::G2Affine>();
        points_come_back::<ark_bls12_381::G1Affine>();
        points_come_back::<ark_bls12_381::G2Affine>();
    }

    #[test]
    fn words_are_those_of_the_file() {
        let point = ark_bls12_381::G2Affine::generator();
        let mut bytes = vec![0; <ark_bls12_381::G2Affine as FilePoint>::BYTES];
        point.write(&mut bytes);
        let words: Vec<u8> =
            Points::from(vec![point]).words().iter().flat_map(|w| w.to_le_bytes()).collect();
        assert_eq!(words, bytes);
    }

    #[test]
    fn words_start_on_a_line_of_the_caches() {
        let points: Points<ark_bn254::G1Affine> = vec![AffineRepr::generator(); 5].into();
        assert_eq!(points.words().as_ptr().align_offset(64), 0);
    }
}
