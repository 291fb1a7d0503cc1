//! Scalars in the form in which multi-scalar multiplications read them.

use ark_ff::{BigInteger, PrimeField};
use rayon::prelude::*;

use super::digits::Signed;
use super::sums::NEGATIVE;

/// Widest digit in bits.
pub(crate) const WIDTH_MAX: usize = 16;

/// What a bucket costs, in additions of a base to a bucket: two additions that weigh it, and what
/// is done for it alone.
const BUCKET_COST: usize = 3;

/// Scalars that are worth a task of their own.
const TASK_SCALARS_MIN: usize = 1 << 10;

/// Scalars cut into signed digits, and these sorted.
///
/// Built once and read by every multiplication with the same scalars. A window is one digit of
/// every scalar; a bucket holds the scalars that have one digit, up to its sign, in one window.
#[derive(Debug, PartialEq, Eq)]
pub struct CpuScalars<F> {
    windows: Vec<Window>,
    /// Width of a digit in bits.
    width: usize,
    field: std::marker::PhantomData<fn() -> F>,
}

/// One digit of every scalar.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Window {
    /// Positions of scalars whose digit is not zero, with [`NEGATIVE`] where it is below zero, one
    /// bucket after the other.
    pub(crate) scalars: Vec<u32>,
    /// Where each bucket, from digit 1 on, ends in them.
    pub(crate) ends: Vec<u32>,
}

/// The scalars that are not zero, the longest first and in order within one length.
struct ByLength<B> {
    scalars: Vec<Signed<B>>,
    positions: Vec<u32>,
    /// `longer[b]` scalars have more than `b` bits; they come first.
    longer: Vec<usize>,
}

impl<F: PrimeField> CpuScalars<F> {
    /// Takes in field elements.
    #[must_use]
    pub fn new(elements: &[F]) -> Self {
        Self::from_integers(elements.par_iter().map(|element| element.into_bigint()))
    }

    /// Takes in integers below the modulus.
    pub(crate) fn from_integers(integers: impl IndexedParallelIterator<Item = F::BigInt>) -> Self {
        let integers = integers.with_min_len(TASK_SCALARS_MIN);
        Self::from_signed(integers.map(Signed::new::<F>).collect())
    }

    fn from_signed(scalars: Vec<Signed<F::BigInt>>) -> Self {
        let scalars = ByLength::new(scalars, F::MODULUS_BIT_SIZE as usize);
        let width = scalars.best_width();
        Self::sorted(&scalars, width)
    }

    /// The scalars in digits of `width` bits.
    fn sorted(scalars: &ByLength<F::BigInt>, width: usize) -> Self {
        let windows = 0..scalars.windows(width);
        let windows = windows.into_par_iter().with_max_len(1);
        let windows = windows.map(|index| scalars.window(index, width)).collect();
        Self { windows, width, field: std::marker::PhantomData }
    }

    /// Takes in field elements, in digits of `width` bits whatever they cost.
    #[cfg(test)]
    pub(crate) fn with_width(elements: &[F], width: usize) -> Self {
        let signed = elements.iter().map(|element| Signed::new::<F>(element.into_bigint()));
        Self::sorted(&ByLength::new(signed.collect(), F::MODULUS_BIT_SIZE as usize), width)
    }

    /// The windows, the lowest digit first.
    pub(crate) fn windows(&self) -> &[Window] {
        &self.windows
    }

    /// Width of a digit in bits.
    pub(crate) const fn width(&self) -> usize {
        self.width
    }
}

impl<B: BigInteger> ByLength<B> {
    fn new(scalars: Vec<Signed<B>>, bits_max: usize) -> Self {
        let tasks = scalars.par_iter().with_min_len(TASK_SCALARS_MIN);
        let lengths: Vec<u32> = tasks.map(|scalar| scalar.magnitude.num_bits()).collect();
        let longer = count_longer(&lengths, bits_max);
        let count = longer.first().copied().unwrap_or(0);
        let zero = Signed { magnitude: B::from(0_u64), negative: false };
        let mut sorted = Self { scalars: vec![zero; count], positions: vec![0; count], longer };
        let mut next = sorted.longer.clone();
        for ((position, length), scalar) in (0_u32..).zip(lengths).zip(scalars) {
            // The scalars of `length` bits come after those that have more than `length` bits.
            if let Some(slot) = next.get_mut(length as usize).filter(|_| length > 0) {
                sorted.set(*slot, position, scalar);
                *slot += 1;
            }
        }
        sorted
    }

    fn set(&mut self, slot: usize, position: u32, scalar: Signed<B>) {
        if let (Some(place), Some(at)) = (self.scalars.get_mut(slot), self.positions.get_mut(slot))
        {
            (*place, *at) = (scalar, position);
        }
    }

    /// How many digits of `width` bits the longest scalar has, one for the last carry included.
    fn windows(&self, width: usize) -> usize {
        let bits_max = self.longer.iter().take_while(|count| **count > 0).count();
        bits_max / width + usize::from(bits_max > 0)
    }

    /// How many scalars may have a digit in a window that is not zero.
    fn reaching(&self, window: usize, width: usize) -> usize {
        // A digit reaches one bit below its window.
        self.longer.get((window * width).saturating_sub(1)).copied().unwrap_or(0)
    }

    /// The width of digits at which these scalars, by their lengths, cost the fewest additions.
    fn best_width(&self) -> usize {
        (2..=WIDTH_MAX).min_by_key(|width| self.cost(*width)).unwrap_or(WIDTH_MAX)
    }

    fn cost(&self, width: usize) -> usize {
        let buckets = 1_usize << (width - 1);
        (0..self.windows(width))
            .map(|window| self.reaching(window, width))
            // A bucket that stays empty costs nothing.
            .map(|terms| terms + BUCKET_COST * buckets.min(terms))
            .sum()
    }

    /// Sorts the scalars by their digit in a window, by counting.
    fn window(&self, window: usize, width: usize) -> Window {
        let reaching = self.reaching(window, width);
        let mut ends = vec![0_u32; 1 << (width - 1)];
        let mut digits = Vec::with_capacity(reaching);
        for (scalar, position) in self.scalars.iter().zip(&self.positions).take(reaching) {
            let digit = scalar.digit(window, width);
            let Some(bucket) = digit.unsigned_abs().checked_sub(1) else { continue };
            if let Some(count) = ends.get_mut(bucket as usize) {
                *count += 1;
            }
            digits.push((bucket, if digit < 0 { position | NEGATIVE } else { *position }));
        }
        let mut start = 0;
        for end in &mut ends {
            (*end, start) = (start, start + *end);
        }
        let mut scalars = vec![0; digits.len()];
        for (bucket, scalar) in digits {
            // What is where a bucket begins becomes where it ends.
            let Some(next) = ends.get_mut(bucket as usize) else { continue };
            if let Some(place) = scalars.get_mut(*next as usize) {
                *place = scalar;
            }
            *next += 1;
        }
        Window { scalars, ends }
    }
}

fn count_longer(lengths: &[u32], bits: usize) -> Vec<usize> {
    let mut longer = vec![0; bits + 1];
    for slot in lengths.iter().filter_map(|length| length.checked_sub(1)) {
        if let Some(count) = longer.get_mut(slot as usize) {
            *count += 1;
        }
    }
    // So far `longer[b]` counts the lengths of exactly b + 1 bits.
    let mut total = 0;
    for count in longer.iter_mut().rev() {
        total += *count;
        *count = total;
    }
    longer
}

#[cfg(test)]
mod tests {
    use ark_bn254::Fr;
    use ark_ff::{Field, UniformRand, Zero};
    use ark_std::test_rng;

    use super::*;

    #[test]
    fn order_is_by_length_and_leaves_zeros_out() {
        let scalars = [Fr::zero(), Fr::from(1), Fr::from(300), -Fr::from(1), Fr::from(4)];
        let signed = scalars.map(|scalar| Signed::new::<Fr>(scalar.into_bigint()));
        let sorted = ByLength::new(signed.to_vec(), 254);
        assert_eq!(sorted.positions, [2, 4, 1, 3]);
        assert_eq!(sorted.longer[..3], [4, 2, 2]);
        assert_eq!((sorted.longer[8], sorted.longer[9]), (1, 0));
    }

    #[test]
    fn buckets_of_all_windows_sum_to_the_scalars() {
        let rng = &mut test_rng();
        let mut elements: Vec<Fr> = (0..50).map(|_| Fr::rand(rng)).collect();
        elements.extend([Fr::zero(), Fr::from(1), -Fr::from(1), Fr::from(77)]);
        let scalars = CpuScalars::new(&elements);
        let mut values = vec![Fr::zero(); elements.len()];
        for (index, window) in scalars.windows().iter().enumerate() {
            let weight = Fr::from(2).pow([(index * scalars.width()) as u64]);
            let mut start = 0;
            for (digit, end) in (1_u64..).zip(&window.ends) {
                for scalar in &window.scalars[start..*end as usize] {
                    let value = weight * Fr::from(digit);
                    let value = if scalar & NEGATIVE == 0 { value } else { -value };
                    values[(scalar & !NEGATIVE) as usize] += value;
                }
                start = *end as usize;
            }
        }
        assert_eq!(values, elements);
    }

    #[test]
    fn no_scalar_but_zero_has_no_window() {
        assert!(CpuScalars::new(&[Fr::zero(); 3]).windows().is_empty());
        assert!(CpuScalars::<Fr>::new(&[]).windows().is_empty());
    }
}
