//! Number-theoretic transforms with the roots of unity kept from one transform to the next.
//!
//! A transform from natural to bit-reversed order and one back need no permutation between
//! them, and with the roots in bit-reversed order each block of a level has one root: the
//! tables of all levels are prefixes of one. The recursion halves the data until it fits in
//! the first-level cache, whatever the sizes of the caches beyond.

use ark_ff::PrimeField;
use rayon::prelude::*;

/// Below this many elements all levels are done in place: 32 KiB of 32-byte elements.
const LEAF_ELEMENTS: usize = 1 << 10;

/// Above this many elements a block is worth splitting over threads.
const PARALLEL_ELEMENTS: usize = 1 << 12;

/// What names a domain {`root`^i} of 2^`log2` elements and its coset `shift` * {`root`^i}.
#[derive(Clone, Copy, Debug)]
pub struct DomainParameters<F> {
    /// Size of the domain as a logarithm.
    pub log2: u32,
    /// A root of unity of order 2^`log2`.
    pub root: F,
    /// An element outside of the domain.
    pub shift: F,
}

impl<F: PrimeField> DomainParameters<F> {
    /// Powers of the root, in bit-reversed order: those of half the domain.
    pub(super) fn roots(&self) -> Vec<F> {
        bit_reversed_powers(F::ONE, self.root, self.log2.saturating_sub(1))
    }

    /// Powers of the inverse of the root, in bit-reversed order.
    pub(super) fn inverse_roots(&self) -> Vec<F> {
        bit_reversed_powers(F::ONE, inverse(self.root), self.log2.saturating_sub(1))
    }

    /// Powers of the shift over the size of the domain, in bit-reversed order.
    pub(super) fn shifts(&self) -> Vec<F> {
        bit_reversed_powers(inverse(F::from(1_u64 << self.log2)), self.shift, self.log2)
    }
}

/// The inverse of a root of unity or a power of two, neither of which is zero.
fn inverse<F: PrimeField>(element: F) -> F {
    element.inverse().unwrap_or(F::ZERO)
}

/// The tables of a domain: two field elements of memory for each of its elements.
#[derive(Clone, Debug)]
pub struct CpuDomain<F> {
    /// Powers of the root, in bit-reversed order.
    roots: Vec<F>,
    /// Powers of its inverse, in bit-reversed order.
    inverse_roots: Vec<F>,
    /// Powers of the shift over the size of the domain, in bit-reversed order.
    shifts: Vec<F>,
}

impl<F: PrimeField> CpuDomain<F> {
    /// Computes the tables.
    #[must_use]
    pub fn new(parameters: &DomainParameters<F>) -> Self {
        Self {
            roots: parameters.roots(),
            inverse_roots: parameters.inverse_roots(),
            shifts: parameters.shifts(),
        }
    }

    /// Number of elements of the domain.
    #[must_use]
    pub const fn size(&self) -> usize {
        self.shifts.len()
    }

    /// Memory that the tables take.
    pub(crate) fn bytes(&self) -> u64 {
        let elements = self.roots.len() + self.inverse_roots.len() + self.shifts.len();
        (elements * size_of::<F>()) as u64
    }

    /// Turns the values of a polynomial on the domain into its values on the coset.
    ///
    /// Both are in natural order; `values` has one value for each element of the domain.
    pub fn to_coset(&self, values: &mut [F]) {
        interpolate(values, &self.inverse_roots, 0);
        values
            .par_iter_mut()
            .with_min_len(PARALLEL_ELEMENTS)
            .zip(&self.shifts)
            .for_each(|(coefficient, shift)| *coefficient *= shift);
        evaluate(values, &self.roots, 0);
    }
}

/// `first` * `base`^i for i below 2^`log2`, in bit-reversed order of i.
fn bit_reversed_powers<F: PrimeField>(first: F, base: F, log2: u32) -> Vec<F> {
    let squares: Vec<F> = std::iter::successors(Some(base), |square| Some(square.square()))
        .take(log2 as usize)
        .collect();
    let mut powers = Vec::with_capacity(1 << log2);
    powers.push(first);
    // The lowest bit of the index is the highest of the exponent.
    for square in squares.iter().rev() {
        let upper: Vec<F> =
            powers.par_iter().with_min_len(1024).map(|power| *power * square).collect();
        powers.extend(upper);
    }
    powers
}

/// From values in natural order to coefficients in bit-reversed order, times the size.
fn interpolate<F: PrimeField>(values: &mut [F], inverse_roots: &[F], block: usize) {
    if values.len() <= LEAF_ELEMENTS {
        return interpolate_leaf(values, inverse_roots, block);
    }
    let (low, high) = values.split_at_mut(values.len() / 2);
    let root = inverse_roots.get(block).copied().unwrap_or(F::ONE);
    in_parallel(low, high, |low, high| multiply_first(low, high, root));
    both_halves(low, high, block, |half, block| interpolate(half, inverse_roots, block));
}

fn interpolate_leaf<F: PrimeField>(values: &mut [F], inverse_roots: &[F], block: usize) {
    let mut blocks = 1;
    let mut length = values.len();
    while length > 1 {
        let roots = inverse_roots.get(block * blocks..).unwrap_or_default();
        for (values, root) in values.chunks_exact_mut(length).zip(roots) {
            let (low, high) = values.split_at_mut(length / 2);
            multiply_first(low, high, *root);
        }
        blocks *= 2;
        length /= 2;
    }
}

/// From coefficients in bit-reversed order to values in natural order.
fn evaluate<F: PrimeField>(values: &mut [F], roots: &[F], block: usize) {
    if values.len() <= LEAF_ELEMENTS {
        return evaluate_leaf(values, roots, block);
    }
    let (low, high) = values.split_at_mut(values.len() / 2);
    both_halves(low, high, block, |half, block| evaluate(half, roots, block));
    let root = roots.get(block).copied().unwrap_or(F::ONE);
    in_parallel(low, high, |low, high| multiply_last(low, high, root));
}

fn evaluate_leaf<F: PrimeField>(values: &mut [F], roots: &[F], block: usize) {
    let mut length = 2;
    while length <= values.len() {
        let roots = roots.get(block * (values.len() / length)..).unwrap_or_default();
        for (values, root) in values.chunks_exact_mut(length).zip(roots) {
            let (low, high) = values.split_at_mut(length / 2);
            multiply_last(low, high, *root);
        }
        length *= 2;
    }
}

fn both_halves<F: PrimeField>(
    low: &mut [F],
    high: &mut [F],
    block: usize,
    transform: impl Fn(&mut [F], usize) + Sync,
) {
    if low.len() < PARALLEL_ELEMENTS {
        transform(low, 2 * block);
        transform(high, 2 * block + 1);
    } else {
        rayon::join(|| transform(low, 2 * block), || transform(high, 2 * block + 1));
    }
}

fn in_parallel<F: PrimeField>(
    low: &mut [F],
    high: &mut [F],
    butterflies: impl Fn(&mut [F], &mut [F]) + Sync,
) {
    low.par_chunks_mut(PARALLEL_ELEMENTS)
        .zip(high.par_chunks_mut(PARALLEL_ELEMENTS))
        .for_each(|(low, high)| butterflies(low, high));
}

/// Butterflies of Cooley and Tukey: (x, y) becomes (x + root y, x - root y).
fn multiply_first<F: PrimeField>(low: &mut [F], high: &mut [F], root: F) {
    let is_one = root.is_one();
    for (x, y) in low.iter_mut().zip(high) {
        let product = if is_one { *y } else { root * *y };
        *y = *x - product;
        *x += product;
    }
}

/// Butterflies of Gentleman and Sande: (x, y) becomes (x + y, root (x - y)).
fn multiply_last<F: PrimeField>(low: &mut [F], high: &mut [F], root: F) {
    let is_one = root.is_one();
    for (x, y) in low.iter_mut().zip(high) {
        let difference = *x - *y;
        *x += *y;
        *y = if is_one { difference } else { root * difference };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_ff::{Field, UniformRand, Zero};
    use ark_std::test_rng;
    use zkpool_circuit_files::CircomCurve;

    fn parameters<E: CircomCurve>(log2: u32) -> DomainParameters<E::ScalarField> {
        let root = E::root_of_unity(log2).unwrap();
        DomainParameters { log2, root, shift: E::coset_shift(log2) }
    }

    fn horner<F: Field>(coefficients: &[F], x: F) -> F {
        coefficients.iter().rev().fold(F::zero(), |value, coefficient| value * x + coefficient)
    }

    fn values_move_to_the_coset<E: CircomCurve>(log2: u32) {
        let parameters = parameters::<E>(log2);
        let rng = &mut test_rng();
        let coefficients: Vec<_> = (0..1 << log2).map(|_| E::ScalarField::rand(rng)).collect();
        let point = |i: u64| parameters.root.pow([i]);
        let mut values: Vec<_> = (0..1 << log2).map(|i| horner(&coefficients, point(i))).collect();
        CpuDomain::new(&parameters).to_coset(&mut values);
        for (i, value) in (0..).zip(values) {
            assert_eq!(value, horner(&coefficients, parameters.shift * point(i)), "2^{log2}, {i}");
        }
    }

    #[test]
    fn values_move_to_the_coset_on_both_curves() {
        for log2 in 0..=6 {
            values_move_to_the_coset::<ark_bn254::Bn254>(log2);
            values_move_to_the_coset::<ark_bls12_381::Bls12_381>(log2);
        }
    }

    #[test]
    fn a_large_domain_recurses_to_the_same_values_as_naive_evaluation() {
        let log2 = 14;
        let parameters = parameters::<ark_bls12_381::Bls12_381>(log2);
        let rng = &mut test_rng();
        let values: Vec<_> = (0..1 << log2).map(|_| ark_bls12_381::Fr::rand(rng)).collect();
        let domain = CpuDomain::new(&parameters);
        let mut coefficients = values.clone();
        interpolate(&mut coefficients, &domain.inverse_roots, 0);
        let natural: Vec<_> = (0..1_usize << log2)
            .map(|i| coefficients[i.reverse_bits() >> (usize::BITS - log2)])
            .collect();
        let size = ark_bls12_381::Fr::from(1_u64 << log2);
        for i in [0, 1, 4097, (1 << log2) - 1] {
            let x = parameters.root.pow([i as u64]);
            assert_eq!(horner(&natural, x), values[i] * size);
        }
        evaluate(&mut coefficients, &domain.roots, 0);
        assert!(coefficients.iter().zip(&values).all(|(again, value)| *again == *value * size));
    }

    #[test]
    fn moving_zero_gives_zero() {
        let mut values = vec![ark_bn254::Fr::zero(); 4];
        CpuDomain::new(&parameters::<ark_bn254::Bn254>(2)).to_coset(&mut values);
        assert!(values.iter().all(Zero::is_zero));
    }
}
