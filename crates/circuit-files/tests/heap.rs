//! How much memory reading a large key takes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a test that cannot go on fails, and sizes of fixtures are small"
)]

use std::io::Cursor;

use ark_bls12_381::Bls12_381;
use ark_bn254::Bn254;
use ark_ec::{AffineRepr, CurveGroup};
use zkpool_circuit_files::{
    AnyProvingKey, CircomCurve, CoefficientsBuilder, ProvingKey, ReadOptions, Term, VerifyingKey,
    zkey,
};
use zkpool_heap::Growth;

/// `count` different points: odd multiples of the generator.
fn points<P: AffineRepr>(count: usize) -> Vec<P> {
    let step = P::generator() + P::generator();
    let next = |point: &P::Group| Some(*point + step);
    let multiples: Vec<_> =
        std::iter::successors(Some(P::generator().into_group()), next).take(count).collect();
    P::Group::normalize_batch(&multiples)
}

/// A key with as many points and coefficients as a circuit of `domain_size` constraints has.
fn large_key<E: CircomCurve>(domain_size: u32) -> ProvingKey<E> {
    let (n_vars, n_public) = (domain_size - 5, 4);
    let mut coefficients = CoefficientsBuilder::with_capacity(0, 0);
    let term = |signal: u32| Term {
        signal: signal % n_vars,
        value: E::ScalarField::from(signal) - E::ScalarField::from(7u64),
    };
    for row in 0..domain_size {
        coefficients.push_row([&[term(row), term(row + 1)], &[term(row + 2)]]);
    }
    let times = |factor: u64| {
        let factor = E::ScalarField::from(factor);
        (E::G1Affine::generator() * factor, E::G2Affine::generator() * factor)
    };
    let (alpha, beta, delta) = (times(3), times(5), times(11));
    ProvingKey {
        n_vars,
        n_public,
        domain_size,
        vk: VerifyingKey {
            alpha_g1: alpha.0.into_affine(),
            beta_g2: beta.1.into_affine(),
            gamma_g2: E::G2Affine::generator(),
            delta_g2: delta.1.into_affine(),
            ic: points(n_public as usize + 1),
        },
        beta_g1: beta.0.into_affine(),
        delta_g1: delta.0.into_affine(),
        coefficients: coefficients.finish(),
        a: points(n_vars as usize).into(),
        b_g1: points(n_vars as usize).into(),
        b_g2: points(n_vars as usize).into(),
        c: points((n_vars - n_public - 1) as usize).into(),
        h: points(domain_size as usize).into(),
        contributions: vec![0; 68],
        development: false,
        section_order: zkey::SectionOrder::default(),
    }
}

fn encoded(key: impl Into<AnyProvingKey>) -> Vec<u8> {
    let mut bytes = Vec::new();
    zkey::write(&mut bytes, &key.into()).unwrap();
    bytes
}

/// Peak heap while the key is read, in bytes. It is written back as it was.
fn peak_of_reading(bytes: &[u8]) -> usize {
    let growth = Growth::begin();
    let key = zkey::read(Cursor::new(bytes), &ReadOptions::default()).unwrap();
    let peak = growth.peak();
    assert!(encoded(key) == bytes);
    peak
}

#[test]
fn the_heap_stays_below_one_and_a_half_times_the_key() {
    let keys = [encoded(large_key::<Bn254>(1 << 15)), encoded(large_key::<Bls12_381>(1 << 14))];
    for bytes in keys {
        let peak = peak_of_reading(&bytes);
        assert!(2 * peak <= 3 * bytes.len(), "{peak} bytes of heap for {} of key", bytes.len());
    }
}
