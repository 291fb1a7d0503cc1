//! Many multiples of one point, from a table of its multiples.

use ark_ec::CurveGroup;
use ark_ec::short_weierstrass::{Affine, Projective};
use ark_ff::{AdditiveGroup, PrimeField};
use rayon::prelude::*;
use zkpool_circuit_files::Points;

use super::curve::CpuCurve;

use super::digits::Signed;
use super::sums::{Arithmetic, NEGATIVE, Operand, Pair, Sums};

/// Widest digit in bits: tables of 16 windows of 2^15 points, 32 MiB in G1 of BN254.
const WIDTH_MAX: usize = 16;

/// What an entry of the table costs, in additions to a multiple.
const ENTRY_COST: usize = 3;

/// Multiples that share one inversion in each window.
const TASK_SCALARS: usize = 1 << 12;

/// A group in which many multiples of one point are computed together.
pub trait FixedBase: CurveGroup {
    /// `scalar` times this point for each scalar.
    fn multiples(&self, scalars: &[Self::ScalarField]) -> Vec<Self::Affine>;
}

impl<P: CpuCurve> FixedBase for Projective<P> {
    fn multiples(&self, scalars: &[P::ScalarField]) -> Vec<Affine<P>> {
        let table = Table::new(*self, scalars.len());
        let tasks = scalars.par_chunks(TASK_SCALARS);
        tasks.flat_map_iter(|scalars| table.multiples(scalars)).collect()
    }
}

/// For each window, the multiples 1 to 2^(width-1) of the point times the window's weight.
struct Table<P: CpuCurve> {
    width: usize,
    windows: Vec<Points<Affine<P>>>,
}

impl<P: CpuCurve> Table<P> {
    fn new(point: Projective<P>, count: usize) -> Self {
        let bits = P::ScalarField::MODULUS_BIT_SIZE as usize;
        let cost = |width: &usize| (bits / width + 1) * (count + (ENTRY_COST << (width - 1)));
        let width = (2..=WIDTH_MAX).min_by_key(cost).unwrap_or(WIDTH_MAX);
        let next = |base: &Projective<P>| Some((0..width).fold(*base, |base, _| base.double()));
        let bases: Vec<_> =
            std::iter::successors(Some(point), next).take(bits / width + 1).collect();
        let windows = bases.into_par_iter().map(|base| window(base, width)).collect();
        Self { width, windows }
    }

    fn multiples(&self, scalars: &[P::ScalarField]) -> Vec<Affine<P>> {
        let signed = |scalar: &P::ScalarField| Signed::new::<P::ScalarField>(scalar.into_bigint());
        let scalars: Vec<_> = scalars.iter().map(signed).collect();
        let mut sums = Sums::new(Arithmetic::fastest(), scalars.len());
        let mut begun = vec![false; scalars.len()];
        for (index, window) in self.windows.iter().enumerate() {
            let (mut pairs, mut singles) = (Vec::new(), Vec::new());
            for ((into, scalar), begun) in (0..).zip(&scalars).zip(&mut begun) {
                let Some(right) = entry(scalar.digit(index, self.width)) else { continue };
                if std::mem::replace(begun, true) {
                    pairs.push(Pair { left: into, right, into });
                } else {
                    singles.push(Pair { left: right, right, into });
                }
            }
            sums.add([Operand::Sum, Operand::Base], window, &pairs);
            sums.take(window, &singles);
        }
        (0..).zip(&scalars).map(|(position, _)| sums.point(position)).collect()
    }
}

fn window<P: CpuCurve>(base: Projective<P>, width: usize) -> Points<Affine<P>> {
    let base_affine = base.into_affine();
    let next = |multiple: &Projective<P>| Some(*multiple + base_affine);
    let multiples: Vec<_> =
        std::iter::successors(Some(base), next).take(1 << (width - 1)).collect();
    Projective::normalize_batch(&multiples).into()
}

/// The term of the multiple of a window's base that a digit says, unless that is zero.
fn entry(digit: i32) -> Option<u32> {
    let multiple = digit.unsigned_abs().checked_sub(1)?;
    Some(if digit < 0 { multiple | NEGATIVE } else { multiple })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_ff::{One, UniformRand, Zero};
    use ark_std::test_rng;

    fn multiples_equal_naive_ones<G: FixedBase>() {
        let rng = &mut test_rng();
        let one = G::ScalarField::one();
        let mut scalars = vec![G::ScalarField::zero(), one, -one, one + one];
        scalars.extend((0..40).map(|_| G::ScalarField::rand(rng)));
        let point = G::generator();
        let expected: Vec<_> = scalars.iter().map(|s| (point * s).into_affine()).collect();
        assert_eq!(point.multiples(&scalars), expected);
    }

    #[test]
    fn multiples_equal_naive_ones_in_every_group() {
        multiples_equal_naive_ones::<ark_bn254::G1Projective>();
        multiples_equal_naive_ones::<ark_bn254::G2Projective>();
        multiples_equal_naive_ones::<ark_bls12_381::G1Projective>();
        multiples_equal_naive_ones::<ark_bls12_381::G2Projective>();
    }
}
