//! Bases and scalars of a multiplication whose product is known without multiplying.

use ark_ec::CurveGroup;
use ark_ff::{AdditiveGroup, Field, UniformRand};
use ark_std::rand::Rng;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use rayon::prelude::*;
use serde::Serialize;

/// Points that are made one from the other and share an inversion.
const CHUNK: usize = 1 << 10;

/// Small values of a witness are below 2^16.
const SMALL_BITS: u32 = 16;

/// How scalars are distributed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Distribution {
    /// Uniform in the field.
    Random,
    /// As witnesses of circuits are: of ten values five are 0, three are 1, one is below 2^16 and
    /// one is uniform.
    WitnessLike,
    /// One uniform value for all: every base falls into the same bucket of each window.
    AllEqual,
}

impl Distribution {
    fn scalars<F: Field>(self, count: usize, rng: &mut ChaCha20Rng) -> Vec<F> {
        let equal = F::rand(rng);
        let mut next = || match self {
            Self::Random => F::rand(rng),
            Self::WitnessLike => witness_value(rng),
            Self::AllEqual => equal,
        };
        (0..count).map(|_| next()).collect()
    }
}

fn witness_value<F: Field>(rng: &mut ChaCha20Rng) -> F {
    match rng.gen_range(0..10) {
        0..5 => F::ZERO,
        5..8 => F::ONE,
        8 => F::from(rng.gen_range(0..1_u64 << SMALL_BITS)),
        _ => F::rand(rng),
    }
}

/// Bases `first` + i `step` with scalars, and the sum of their products.
pub(crate) struct Instance<G: CurveGroup> {
    pub(crate) points: Vec<G::Affine>,
    pub(crate) scalars: Vec<G::ScalarField>,
    /// sum s_i `first` + sum i s_i `step`
    pub(crate) product: G,
}

impl<G: CurveGroup> Instance<G> {
    /// `count` bases and scalars from `seed`.
    pub(crate) fn new(count: usize, distribution: Distribution, seed: u64) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let mut point = || G::generator() * G::ScalarField::rand(&mut rng);
        let (first, step) = (point(), point());
        let scalars = distribution.scalars(count, &mut rng);
        let (mut sum, mut weighted) = (G::ScalarField::ZERO, G::ScalarField::ZERO);
        // The scalar of position i is in the sum once for each position up to i.
        for scalar in scalars.iter().rev() {
            weighted += sum;
            sum += scalar;
        }
        let product = first * sum + step * weighted;
        Self { points: progression(first, step, count), scalars, product }
    }
}

/// `count` points, each a `step` from the one before.
pub(crate) fn progression<G: CurveGroup>(first: G, step: G, count: usize) -> Vec<G::Affine> {
    let step_affine = step.into_affine();
    let chunk = |chunk: usize| {
        let start = first + step * G::ScalarField::from((chunk * CHUNK) as u64);
        let points = std::iter::successors(Some(start), |point| Some(*point + step_affine));
        let points: Vec<G> = points.take(CHUNK.min(count - chunk * CHUNK)).collect();
        G::normalize_batch(&points)
    };
    (0..count.div_ceil(CHUNK)).into_par_iter().flat_map_iter(chunk).collect()
}

#[cfg(test)]
mod tests {
    use ark_bn254::{Fr, G1Projective};
    use ark_ec::VariableBaseMSM;
    use ark_ff::{One, Zero};

    use super::*;

    #[test]
    fn the_closed_form_is_what_arkworks_multiplies() {
        for distribution in
            [Distribution::Random, Distribution::WitnessLike, Distribution::AllEqual]
        {
            let instance = Instance::<G1Projective>::new(CHUNK + 3, distribution, 1);
            let product = G1Projective::msm(&instance.points, &instance.scalars).unwrap();
            assert_eq!(instance.product, product, "{distribution:?}");
        }
    }

    #[test]
    fn a_seed_names_an_instance() {
        let points = |seed| Instance::<G1Projective>::new(3, Distribution::Random, seed).points;
        assert_eq!(points(7), points(7));
        assert_ne!(points(7), points(8));
    }

    #[test]
    fn witness_like_scalars_are_mostly_zeros_and_ones() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let scalars: Vec<Fr> = Distribution::WitnessLike.scalars(10_000, &mut rng);
        let share = |is: fn(&Fr) -> bool| scalars.iter().filter(|scalar| is(scalar)).count();
        assert!((4_800..5_200).contains(&share(Fr::is_zero)));
        assert!((2_800..3_200).contains(&share(Fr::is_one)));
    }
}
