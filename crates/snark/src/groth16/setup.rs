//! Keys for development, made by one party that could keep their trapdoor.
//!
//! The key has the form that snarkjs gives to a key after one contribution: gamma is the
//! generator, and C and H are over delta.

use ark_ec::PrimeGroup;
use ark_ff::{Field, One, Zero};
use ark_std::rand::{CryptoRng, RngCore};
use rayon::prelude::*;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};
use zkpool_circuit_files::zkey::development_contributions;
use zkpool_circuit_files::{
    CircomCurve, Coefficients, CoefficientsBuilder, ProvingKey, R1cs, Term, VerifyingKey,
};

use crate::cpu::FixedBase;
use crate::error::SetupError;

/// Scalars that share one inversion.
const BATCH: usize = 1 << 10;

/// The largest domain that key files describe, as a logarithm.
const DOMAIN_LOG2_MAX: u32 = 30;

/// Scalars from which the trapdoor could be computed.
type Secrets<F> = Zeroizing<Vec<F>>;

/// The trapdoor: whoever knows it can forge proofs.
#[derive(Zeroize, ZeroizeOnDrop)]
struct Trapdoor<F: Zeroize> {
    tau: F,
    alpha: F,
    beta: F,
    delta: F,
    delta_inverse: F,
}

/// Number of rows, and the size of the domain that has room for them.
#[derive(Clone, Copy)]
struct Sizes {
    log2: u32,
    n_vars: u32,
    n_public: u32,
}

/// For each variable, the polynomials of its columns at tau, as scalars.
struct Columns<F: Zeroize> {
    /// u_i(tau)
    u: Secrets<F>,
    /// v_i(tau)
    v: Secrets<F>,
    /// (beta u_i + alpha v_i + w_i)(tau)
    combined: Secrets<F>,
}

/// Makes a proving key, marked as one for development. Its trapdoor is wiped from memory.
///
/// Takes time and memory in proportion to the circuit.
///
/// # Errors
/// The circuit has more constraints than the field has room for, or custom gates.
pub fn development_setup<E>(
    r1cs: &R1cs<E>,
    rng: &mut (impl RngCore + CryptoRng),
) -> Result<ProvingKey<E>, SetupError>
where
    E: CircomCurve<G1: FixedBase, G2: FixedBase>,
{
    let sizes = sizes(r1cs)?;
    let trapdoor = Trapdoor::random(rng, 1 << (sizes.log2 + 1));
    let columns = columns(r1cs, sizes, &trapdoor);
    Ok(assemble(r1cs, sizes, &trapdoor, &columns))
}

fn sizes<E: CircomCurve>(r1cs: &R1cs<E>) -> Result<Sizes, SetupError> {
    if r1cs.uses_custom_gates() {
        return Err(SetupError::CustomGates);
    }
    // Each public input, and the constant, is bound by a row of its own.
    let rows = r1cs.constraints.rows() as u64 + u64::from(r1cs.n_public()) + 1;
    // Twice the domain must exist as well. One row takes a domain of two, as in snarkjs.
    let log2_max = DOMAIN_LOG2_MAX.min(E::two_adicity() - 1);
    let log2 = rows.next_power_of_two().ilog2().max(1);
    if log2 > log2_max {
        return Err(SetupError::TooManyConstraints { max: (1 << log2_max) - 1, found: rows - 1 });
    }
    Ok(Sizes { log2, n_vars: r1cs.n_wires, n_public: r1cs.n_public() })
}

impl<F: ark_ff::PrimeField> Trapdoor<F> {
    /// A uniform trapdoor with tau outside of the domain of `order` elements.
    fn random(rng: &mut (impl RngCore + CryptoRng), order: u64) -> Self {
        loop {
            let (tau, delta) = (F::rand(rng), F::rand(rng));
            let (alpha, beta) = (F::rand(rng), F::rand(rng));
            let usable = !(alpha * beta * tau).is_zero() && !tau.pow([order]).is_one();
            if let (true, Some(delta_inverse)) = (usable, delta.inverse()) {
                return Self { tau, alpha, beta, delta, delta_inverse };
            }
        }
    }
}

/// `scale` times the Lagrange polynomials, at `tau`, of the points `first` * `ratio`^i.
///
/// The points are `count` of a domain of `order` elements that does not contain `tau`:
/// L_x(tau) = x (tau^order - 1) / (order (tau - x)).
struct Lagrange<F> {
    tau: F,
    scale: F,
    first: F,
    ratio: F,
    order: u64,
}

impl<F: ark_ff::PrimeField> Lagrange<F> {
    fn values(&self, count: usize) -> Secrets<F> {
        let vanishing = self.tau.pow([self.order]) - F::one();
        let size_inverse = F::from(self.order).inverse().unwrap_or(F::ZERO);
        let factor = self.scale * vanishing * size_inverse;
        let mut values = Zeroizing::new(vec![F::ZERO; count]);
        values.par_chunks_mut(BATCH).enumerate().for_each(|(chunk, values)| {
            let start = self.first * self.ratio.pow([(chunk * BATCH) as u64]);
            let points = || std::iter::successors(Some(start), |x| Some(*x * self.ratio));
            for (value, x) in values.iter_mut().zip(points()) {
                *value = self.tau - x;
            }
            ark_ff::batch_inversion(values);
            for (value, x) in values.iter_mut().zip(points()) {
                *value *= factor * x;
            }
        });
        values
    }
}

/// The Lagrange polynomials of the rows at tau.
fn of_rows<E: CircomCurve>(
    sizes: Sizes,
    tau: E::ScalarField,
    rows: usize,
) -> Secrets<E::ScalarField> {
    let ratio = super::key::domain_parameters::<E>(sizes.log2).root;
    let one = E::ScalarField::one();
    Lagrange { tau, scale: one, first: one, ratio, order: 1 << sizes.log2 }.values(rows)
}

/// The Lagrange polynomials of the odd points of the domain of twice the size, over delta.
fn of_coset<E: CircomCurve>(
    sizes: Sizes,
    trapdoor: &Trapdoor<E::ScalarField>,
) -> Secrets<E::ScalarField> {
    let domain = super::key::domain_parameters::<E>(sizes.log2);
    let (tau, scale) = (trapdoor.tau, trapdoor.delta_inverse);
    let (first, ratio, order) = (domain.shift, domain.root, 2 << sizes.log2);
    Lagrange { tau, scale, first, ratio, order }.values(1 << sizes.log2)
}

fn columns<E: CircomCurve>(
    r1cs: &R1cs<E>,
    sizes: Sizes,
    trapdoor: &Trapdoor<E::ScalarField>,
) -> Columns<E::ScalarField> {
    let constraints = &r1cs.constraints;
    let lagrange =
        of_rows::<E>(sizes, trapdoor.tau, constraints.rows() + sizes.n_public as usize + 1);
    let zeros = || Zeroizing::new(vec![E::ScalarField::zero(); sizes.n_vars as usize]);
    let mut columns = Columns { u: zeros(), v: zeros(), combined: zeros() };
    for (row, at_tau) in lagrange.iter().take(constraints.rows()).enumerate() {
        add(&mut columns.u, constraints.a(row), *at_tau);
        add(&mut columns.v, constraints.b(row), *at_tau);
        add(&mut columns.combined, constraints.c(row), *at_tau);
    }
    for (u, at_tau) in columns.u.iter_mut().zip(lagrange.iter().skip(constraints.rows())) {
        *u += at_tau;
    }
    combine(&mut columns, trapdoor);
    columns
}

/// Adds one row to the columns of its signals.
fn add<F: Field>(columns: &mut [F], terms: &[Term<F>], at_tau: F) {
    for term in terms {
        if let Some(column) = columns.get_mut(term.signal as usize) {
            *column += term.value * at_tau;
        }
    }
}

fn combine<F: ark_ff::PrimeField>(columns: &mut Columns<F>, trapdoor: &Trapdoor<F>) {
    let Columns { u, v, combined } = columns;
    combined
        .par_iter_mut()
        .zip(u.as_slice())
        .zip(v.as_slice())
        .for_each(|((w, u), v)| *w += trapdoor.beta * u + trapdoor.alpha * v);
}

/// The key's points, with everything but their scalars.
fn assemble<E>(
    r1cs: &R1cs<E>,
    sizes: Sizes,
    trapdoor: &Trapdoor<E::ScalarField>,
    columns: &Columns<E::ScalarField>,
) -> ProvingKey<E>
where
    E: CircomCurve<G1: FixedBase, G2: FixedBase>,
{
    let (g1, g2) = (E::G1::generator(), E::G2::generator());
    let (public, private) = columns.combined.split_at(sizes.n_public as usize + 1);
    let over_delta = |w: &E::ScalarField| *w * trapdoor.delta_inverse;
    let private = Zeroizing::new(private.par_iter().map(over_delta).collect::<Vec<_>>());
    ProvingKey {
        n_vars: sizes.n_vars,
        n_public: sizes.n_public,
        domain_size: 1 << sizes.log2,
        vk: VerifyingKey {
            alpha_g1: (g1 * trapdoor.alpha).into(),
            beta_g2: (g2 * trapdoor.beta).into(),
            gamma_g2: g2.into(),
            delta_g2: (g2 * trapdoor.delta).into(),
            ic: g1.multiples(public),
        },
        beta_g1: (g1 * trapdoor.beta).into(),
        delta_g1: (g1 * trapdoor.delta).into(),
        coefficients: coefficients(r1cs, sizes),
        a: g1.multiples(&columns.u).into(),
        b_g1: g1.multiples(&columns.v).into(),
        b_g2: g2.multiples(&columns.v).into(),
        c: g1.multiples(&private).into(),
        h: g1.multiples(&of_coset::<E>(sizes, trapdoor)).into(),
        contributions: development_contributions(),
        development: true,
        section_order: zkpool_circuit_files::zkey::SectionOrder::default(),
    }
}

/// Matrices A and B with the rows that bind the constant and the public inputs.
fn coefficients<E: CircomCurve>(r1cs: &R1cs<E>, sizes: Sizes) -> Coefficients<E::ScalarField> {
    let domain_size = 1 << sizes.log2;
    let constraints = &r1cs.constraints;
    let mut rows = CoefficientsBuilder::with_capacity(domain_size, constraints.terms().len());
    for row in 0..constraints.rows() {
        rows.push_row([constraints.a(row), constraints.b(row)]);
    }
    for signal in 0..=sizes.n_public {
        rows.push_row([&[Term { signal, value: E::ScalarField::one() }], &[]]);
    }
    let used = constraints.rows() + sizes.n_public as usize + 1;
    for _ in used..domain_size {
        rows.push_row([&[], &[]]);
    }
    rows.finish()
}
