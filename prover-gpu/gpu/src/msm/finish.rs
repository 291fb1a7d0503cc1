//! The host's part of a multiplication: the weighted sum of the last few points.

use ark_ec::AdditiveGroup;
use ark_ec::short_weierstrass::{Projective, SWCurveConfig};
use ark_ff::{Field, PrimeField, Zero};

use super::bases::Bases;
use super::record::{Multiplication, Part};
use crate::context::Context;
use crate::error::GpuError;

impl Multiplication {
    /// The product, once the submission has ended.
    pub(crate) fn finish<P: SWCurveConfig>(
        self,
        context: &Context,
        bases: &Bases,
    ) -> Result<Projective<P>, GpuError> {
        let words = self.readback.words(context)?;
        let layout = &bases.kernels.layout;
        let reader = PointReader::<P>::new(layout.words, layout.radix_bits());
        let mut sets = vec![Projective::<P>::zero(); self.sets as usize];
        let mut rest = words.as_slice();
        for part in &self.parts {
            for set in &mut sets {
                let length = part.points_per_set as usize * reader.point_words;
                let (points, tail) = rest.split_at_checked(length).unwrap_or_default();
                *set += weighted_sum(&reader, part, points);
                rest = tail;
            }
        }
        Ok(horner(&sets, self.window_bits))
    }
}

/// The sum of 2^(`window_bits` i) times set i.
fn horner<P: SWCurveConfig>(sets: &[Projective<P>], window_bits: u32) -> Projective<P> {
    sets.iter().rev().fold(Projective::zero(), |sum, set| double(sum, window_bits) + set)
}

fn double<P: SWCurveConfig>(point: Projective<P>, times: u32) -> Projective<P> {
    (0..times).fold(point, |point, _| point.double())
}

fn weighted_sum<P: SWCurveConfig>(
    reader: &PointReader<P>,
    part: &Part,
    words: &[u32],
) -> Projective<P> {
    let (first, step) = part.weights;
    // Running sums from the end: each point is in the running sum once for each step of its
    // weight.
    let (mut running, mut steps) = (Projective::zero(), Projective::zero());
    for (i, point) in words.chunks_exact(reader.point_words).enumerate().rev() {
        running += reader.read(point);
        if step == 1 && i > 0 {
            steps += running;
        }
    }
    // Weights begin at 0 or 1.
    let sum = if first == 1 { running + steps } else { steps };
    double(sum, part.scale_log2)
}

/// Reads points in XYZZ coordinates as the device leaves them.
struct PointReader<P: SWCurveConfig> {
    residue_words: usize,
    point_words: usize,
    /// 1 over the device's Montgomery radix.
    radix_inverse: <P::BaseField as Field>::BasePrimeField,
}

impl<P: SWCurveConfig> PointReader<P> {
    fn new(residue_words: usize, radix_bits: usize) -> Self {
        let two = <P::BaseField as Field>::BasePrimeField::from(2_u64);
        let radix = two.pow([radix_bits as u64]);
        let degree = <P::BaseField as Field>::extension_degree() as usize;
        Self {
            residue_words,
            point_words: 4 * degree * residue_words,
            // A power of two is no multiple of an odd prime.
            radix_inverse: radix.inverse().unwrap_or_default(),
        }
    }

    fn read(&self, words: &[u32]) -> Projective<P> {
        let mut coordinates = words.chunks_exact(self.point_words / 4).map(|c| self.element(c));
        let mut next = || coordinates.next().unwrap_or_default();
        let (x, y, zz, zzz) = (next(), next(), next(), next());
        if zz.is_zero() {
            return Projective::zero();
        }
        // x = X / ZZ and y = Y / ZZZ, with Z' = ZZ: X' = x Z'^2 and Y' = y Z'^3 = Y ZZZ.
        Projective::new_unchecked(x * zz, y * zzz, zz)
    }

    fn element(&self, words: &[u32]) -> P::BaseField {
        let residues = words.chunks_exact(self.residue_words).map(|words| {
            let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
            <P::BaseField as Field>::BasePrimeField::from_le_bytes_mod_order(&bytes)
                * self.radix_inverse
        });
        // As many residues as the extension has.
        P::BaseField::from_base_prime_field_elems(residues).unwrap_or_default()
    }
}
