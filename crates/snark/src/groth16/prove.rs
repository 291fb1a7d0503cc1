//! The prover, in the order of section 3.2 of the paper.

use ark_ec::CurveGroup;
use ark_ff::UniformRand;
use ark_std::rand::{CryptoRng, RngCore};
use zkpool_circuit_files::{CircomCurve, Proof, Witness};
use zkpool_types::Stage;

use super::{PreparedKey, qap};
use crate::engine::{Engine, QuotientProduct};
use crate::error::ProveError;
use crate::observer::Observer;

/// The sums over the key's points that a proof is made of.
struct Sums<E: CircomCurve> {
    /// sum a_i \[u_i\]1
    a: E::G1,
    /// sum a_i \[v_i\]1
    b_g1: E::G1,
    /// sum a_i \[v_i\]2
    b_g2: E::G2,
    /// sum over private i of a_i \[(beta u_i + alpha v_i + w_i) / delta\]1
    c: E::G1,
    /// \[h t / delta\]1
    h: E::G1,
}

pub(super) fn prove<E: CircomCurve, N: Engine<E>>(
    engine: &N,
    key: &PreparedKey<E, N>,
    witness: &Witness<E>,
    rng: &mut (impl RngCore + CryptoRng),
    observer: &mut (impl Observer + Send),
) -> Result<Proof<E>, ProveError> {
    observer.enter(Stage::Witness);
    let w = key.values(witness)?;
    let ((a, b), w) = rayon::join(|| qap::evaluate(&key.coefficients, w), || engine.scalars(w));
    let w = w?;
    let values = engine.values(&key.domain, a, b)?;
    observer.wait();
    let turn = engine.turn();
    observer.enter(Stage::Ntt);
    let quotient = QuotientProduct { domain: &key.domain, values, bases: &key.h };
    let g1 = [(&key.a, &w), (&key.b_g1, &w), (&key.c, &w)];
    let transformed = || observer.enter(Stage::Msm);
    let ([a, b_g1, c, h], b_g2) = engine.products(g1, (&key.b_g2, &w), quotient, transformed)?;
    drop(turn);
    let (r, s) = (E::ScalarField::rand(rng), E::ScalarField::rand(rng));
    Ok(blind(key, &Sums { a, b_g1, b_g2, c, h }, r, s))
}

/// Adds the key's constants and the randomness that makes the proof zero-knowledge.
fn blind<E: CircomCurve, N: Engine<E>>(
    key: &PreparedKey<E, N>,
    sums: &Sums<E>,
    r: E::ScalarField,
    s: E::ScalarField,
) -> Proof<E> {
    let Sums { a, b_g1, b_g2, c, h } = *sums;
    let a = a + key.alpha_g1 + key.delta_g1 * r;
    let b = b_g2 + key.beta_g2 + key.delta_g2 * s;
    let b_g1 = b_g1 + key.beta_g1 + key.delta_g1 * s;
    let c = c + h + a * s + b_g1 * r - key.delta_g1 * (r * s);
    Proof { a: a.into_affine(), b: b.into_affine(), c: c.into_affine() }
}
