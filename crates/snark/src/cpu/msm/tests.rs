//! Multi-scalar multiplications against the plain ones of arkworks.

use ark_ec::short_weierstrass::{Affine, Projective};
use ark_ec::{CurveConfig, CurveGroup, PrimeGroup, VariableBaseMSM};
use ark_ff::{Field, PrimeField, UniformRand, Zero};
use ark_std::rand::SeedableRng;
use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use zkpool_circuit_files::Points;

use super::*;
use crate::cpu::FixedBase;
use crate::cpu::scalars::WIDTH_MAX;

type Bn254G1 = ark_bn254::g1::Config;
type Bn254G2 = ark_bn254::g2::Config;
type Bls12G1 = ark_bls12_381::g1::Config;
type Bls12G2 = ark_bls12_381::g2::Config;

/// What is special about the bases and scalars, and they.
type Case<P> = (&'static str, Vec<Affine<P>>, Vec<<P as CurveConfig>::ScalarField>);

/// Kinds of scalars that [`scalar`] makes.
const KINDS: u8 = 10;

fn points<P: CpuCurve>(count: usize, rng: &mut ChaCha20Rng) -> Vec<Affine<P>> {
    let (first, step) = (Projective::<P>::rand(rng), Projective::<P>::rand(rng));
    let sums = std::iter::successors(Some(first), |point| Some(*point + step));
    Projective::normalize_batch(&sums.take(count).collect::<Vec<_>>())
}

/// A scalar of one of the kinds that witnesses have, and of those that digits of `width` bits are
/// special for.
fn scalar<F: PrimeField>(kind: u8, width: usize, rng: &mut ChaCha20Rng) -> F {
    let half = F::from(1_u64 << (width - 1));
    match kind {
        0 => F::zero(),
        1 => F::one(),
        2 => -F::one(),
        3 => F::from(u64::rand(rng) % (1 << 20)),
        4 => -F::from(u64::rand(rng)),
        5 => half,
        6 => half + F::one(),
        7 => F::from(F::MODULUS_MINUS_ONE_DIV_TWO),
        8 => F::from(F::MODULUS_MINUS_ONE_DIV_TWO) + F::one(),
        _ => F::rand(rng),
    }
}

/// Half zeros, many ones, some small values and a few random ones.
fn witness_like<F: PrimeField>(count: usize, width: usize, rng: &mut ChaCha20Rng) -> Vec<F> {
    let kind = |i: usize| match i % 10 {
        0..=4 => 0,
        5..=7 => 1,
        8 => 3,
        _ => KINDS,
    };
    (0..count).map(|i| scalar(kind(i), width, rng)).collect()
}

/// Every input that is special for some step, with digits of `width` bits and `n` bases.
fn edge_cases<P: CpuCurve>(width: usize, n: usize) -> Vec<Case<P>> {
    let rng = &mut ChaCha20Rng::seed_from_u64(width as u64);
    let p: Vec<Affine<P>> = points(n, rng);
    let s: Vec<P::ScalarField> = (0..n).map(|_| UniformRand::rand(rng)).collect();
    let pairs: Vec<_> = (0..n).map(|i| if i % 2 == 0 { p[i / 2] } else { -p[i / 2] }).collect();
    let sparse = (0..n).map(|i| if i % 3 == 0 { Affine::identity() } else { p[i] }).collect();
    let mut cases = vec![
        ("random scalars", p.clone(), s.clone()),
        ("equal bases", vec![p[0]; n], s.clone()),
        ("equal bases and scalars", vec![p[0]; n], vec![s[n / 2]; n]),
        ("opposite bases, equal scalars", pairs.clone(), vec![s[n / 3]; n]),
        ("opposite bases, random scalars", pairs, s.clone()),
        ("a third of the bases at infinity", sparse, s.clone()),
        ("all bases at infinity", vec![Affine::identity(); n], s),
        ("witness-like scalars", p.clone(), witness_like(n, width, rng)),
    ];
    let equal = |kind| vec![scalar(kind, width, &mut ChaCha20Rng::seed_from_u64(7)); n];
    let kinds = (0..=KINDS).map(|kind| ("one kind of scalar", p.clone(), equal(kind)));
    cases.extend(kinds);
    cases
}

fn equals<P: CpuCurve>(
    points: impl Into<Points<Affine<P>>>,
    first: u32,
    scalars: &CpuScalars<P::ScalarField>,
    expected: Projective<P>,
    what: &str,
) {
    let bases = CpuBases::new(points.into(), first);
    for arithmetic in [Arithmetic::InTurn, Arithmetic::fastest()] {
        assert_eq!(msm(arithmetic, &bases, scalars), expected, "{what}, {arithmetic:?}");
    }
}

fn edge_cases_hold<P: CpuCurve>(width: usize, n: usize) {
    for (index, (name, bases, scalars)) in edge_cases::<P>(width, n).into_iter().enumerate() {
        let expected = Projective::<P>::msm(&bases, &scalars).unwrap();
        let what = format!("case {index} ({name}), {n} bases, digits of {width} bits");
        equals(bases, 0, &CpuScalars::with_width(&scalars, width), expected, &what);
    }
}

#[test]
fn edge_cases_hold_in_bn254_g1_for_digits_of_every_kind() {
    // 2 and 16 are the bounds; 5 divides the 255 bits that signed digits need, 11 and 13 do not.
    for width in [2, 5, 11, 13, WIDTH_MAX] {
        for n in [1, 33, 1000] {
            edge_cases_hold::<Bn254G1>(width, n);
        }
    }
}

#[test]
fn edge_cases_hold_in_the_other_groups() {
    for (width, n) in [(2, 1), (7, 33), (9, 300)] {
        edge_cases_hold::<Bn254G2>(width, n);
        edge_cases_hold::<Bls12G1>(width, n);
        edge_cases_hold::<Bls12G2>(width, n);
    }
}

/// Bases that repeat, are opposite and at infinity, with scalars of any mixture of kinds, at the
/// width that costs least or another one.
fn any_sum_equals_the_plain_one<P: CpuCurve>(
    seed: u64,
    picks: &[(u8, u8)],
    width: usize,
    forced: bool,
) {
    let rng = &mut ChaCha20Rng::seed_from_u64(seed);
    let few: Vec<Affine<P>> = points(8, rng);
    let base = |pick: u8| match pick {
        0..=7 => few[usize::from(pick)],
        8..=15 => -few[usize::from(pick - 8)],
        16 => Affine::identity(),
        _ => Projective::<P>::rand(&mut ChaCha20Rng::seed_from_u64(u64::from(pick))).into_affine(),
    };
    let bases: Vec<_> = picks.iter().map(|(pick, _)| base(*pick)).collect();
    let scalars: Vec<_> = picks.iter().map(|(_, kind)| scalar(*kind, width, rng)).collect();
    let expected = Projective::<P>::msm(&bases, &scalars).unwrap();
    let sorted = match forced {
        true => CpuScalars::with_width(&scalars, width),
        false => CpuScalars::new(&scalars),
    };
    equals(bases, 0, &sorted, expected, "any sum");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_sum_in_g1_equals_the_plain_one(
        seed: u64,
        picks in prop::collection::vec((0_u8..32, 0..=KINDS), 0..200),
        width in 2..=WIDTH_MAX,
        forced: bool,
    ) {
        any_sum_equals_the_plain_one::<Bn254G1>(seed, &picks, width, forced);
        any_sum_equals_the_plain_one::<Bls12G1>(seed, &picks, width, forced);
    }

    #[test]
    fn any_sum_in_g2_equals_the_plain_one(
        seed: u64,
        picks in prop::collection::vec((0_u8..32, 0..=KINDS), 0..60),
        width in 2..=10_usize,
        forced: bool,
    ) {
        any_sum_equals_the_plain_one::<Bn254G2>(seed, &picks, width, forced);
        any_sum_equals_the_plain_one::<Bls12G2>(seed, &picks, width, forced);
    }
}

#[test]
fn no_bases_sum_to_nothing() {
    let none = CpuScalars::<ark_bn254::Fr>::new(&[]);
    equals::<Bn254G1>(Vec::new(), 0, &none, Projective::zero(), "no bases");
}

#[test]
fn bases_that_begin_later_skip_the_scalars_before() {
    let rng = &mut ChaCha20Rng::seed_from_u64(1);
    let bases: Vec<ark_bn254::G1Affine> = points(30, rng);
    let scalars: Vec<ark_bn254::Fr> = witness_like(40, 8, rng);
    let expected = Projective::msm(&bases, &scalars[10..]).unwrap();
    equals(bases, 10, &CpuScalars::new(&scalars), expected, "10 scalars before");
}

#[test]
fn a_large_sum_splits_into_tasks_and_equals_the_closed_form() {
    // Bases i * g and scalars s: the sum is s * n (n - 1) / 2 * g.
    let (n, g) = (1_u64 << 16, ark_bn254::G1Projective::generator());
    let multiples: Vec<ark_bn254::Fr> = (0..n).map(ark_bn254::Fr::from).collect();
    let bases = FixedBase::multiples(&g, &multiples);
    let scalar = ark_bn254::Fr::rand(&mut ChaCha20Rng::seed_from_u64(2));
    let scalars = CpuScalars::new(&vec![scalar; bases.len()]);
    let expected = g * (scalar * ark_bn254::Fr::from(n * (n - 1) / 2));
    equals(bases, 0, &scalars, expected, "a large sum");
}

#[test]
fn halves_are_as_long_as_scalars_get() {
    let rng = &mut ChaCha20Rng::seed_from_u64(3);
    let bases: Vec<ark_bn254::G1Affine> = points(60, rng);
    let half = ark_bn254::Fr::from(2_u64).inverse().unwrap();
    let expected = Projective::msm(&bases, &[half; 60]).unwrap();
    equals(bases, 0, &CpuScalars::new(&[half; 60]), expected, "halves");
}
