//! The quotient of Groth16: three transforms and what goes on around them.

use ark_ff::PrimeField;
use rayon::prelude::*;

use super::curve::CpuScalarField;
use super::domain::{CpuDomain, DomainParameters};
#[cfg(target_arch = "x86_64")]
use super::lanes::{self, Ifma};
use super::scalars::CpuScalars;

/// A domain in the form in which this processor transforms fastest.
#[derive(Debug)]
pub struct QuotientDomain<F: CpuScalarField>(Form<F>);

#[derive(Debug)]
enum Form<F: CpuScalarField> {
    InTurn(CpuDomain<F>),
    #[cfg(target_arch = "x86_64")]
    InLanes(Ifma, lanes::Tables<F>),
}

impl<F: CpuScalarField> QuotientDomain<F> {
    /// Computes the tables.
    #[must_use]
    pub fn new(parameters: &DomainParameters<F>) -> Self {
        #[cfg(target_arch = "x86_64")]
        if let Some(simd) = Ifma::try_new()
            && let Some(tables) = lanes::Tables::new(simd, parameters)
        {
            return Self(Form::InLanes(simd, tables));
        }
        Self(Form::InTurn(CpuDomain::new(parameters)))
    }

    /// Memory that the tables take.
    pub(crate) fn bytes(&self) -> u64 {
        match &self.0 {
            Form::InTurn(domain) => domain.bytes(),
            #[cfg(target_arch = "x86_64")]
            Form::InLanes(_, tables) => tables.bytes(),
        }
    }

    /// The values of A B - C on the coset, as [`Ntt::quotient`](crate::engine::Ntt::quotient)
    /// wants them.
    pub(crate) fn quotient(&self, values: [Vec<F>; 2]) -> CpuScalars<F> {
        match &self.0 {
            Form::InTurn(domain) => CpuScalars::new(&in_turn(domain, values)),
            #[cfg(target_arch = "x86_64")]
            Form::InLanes(simd, tables) => in_lanes(*simd, tables, values),
        }
    }
}

fn in_turn<F: PrimeField>(domain: &CpuDomain<F>, [mut a, mut b]: [Vec<F>; 2]) -> Vec<F> {
    let mut c: Vec<F> = a.par_iter().zip(&b).map(|(a, b)| *a * b).collect();
    let shift = |values: &mut [F]| domain.to_coset(values);
    rayon::join(|| shift(&mut c), || rayon::join(|| shift(&mut a), || shift(&mut b)));
    a.par_iter_mut().zip(&b).zip(&c).for_each(|((a, b), c)| *a = *a * b - c);
    a
}

#[cfg(target_arch = "x86_64")]
fn in_lanes<F: CpuScalarField>(
    simd: Ifma,
    tables: &lanes::Tables<F>,
    values: [Vec<F>; 2],
) -> CpuScalars<F> {
    let size = tables.size();
    let tiles = lanes::quotient(simd, tables, values);
    CpuScalars::from_integers((0..size).into_par_iter().map(|i| lanes::integer(&tiles, i)))
}

#[cfg(test)]
#[cfg(target_arch = "x86_64")]
mod tests {
    use super::*;
    use ark_std::test_rng;
    use zkpool_circuit_files::CircomCurve;

    fn parameters<E: CircomCurve>(log2: u32) -> DomainParameters<E::ScalarField> {
        let root = E::root_of_unity(log2).unwrap();
        DomainParameters { log2, root, shift: E::coset_shift(log2) }
    }

    /// Values of every kind: random ones, the smallest, the largest, and runs of one value.
    fn inputs<F: PrimeField>(size: usize) -> Vec<Vec<F>> {
        let rng = &mut test_rng();
        let random = |_| F::rand(rng);
        let edges = [F::ZERO, F::ONE, -F::ONE, F::from(2_u64), -F::from(2_u64)];
        let mut inputs = vec![(0..size).map(random).collect::<Vec<F>>()];
        inputs.extend([F::ZERO, F::ONE, -F::ONE, inputs[0][0]].map(|value| vec![value; size]));
        inputs.push((0..size).map(|i| edges[i * i % edges.len()]).collect());
        inputs
    }

    fn lanes_give_what_turns_give<E: CircomCurve<ScalarField: CpuScalarField>>(log2: u32) {
        let parameters = parameters::<E>(log2);
        let domain = CpuDomain::new(&parameters);
        let QuotientDomain(Form::InLanes(simd, tables)) = QuotientDomain::new(&parameters) else {
            return assert!(Ifma::try_new().is_none());
        };
        let inputs = inputs::<E::ScalarField>(1 << log2);
        for (a, b) in inputs.iter().zip(inputs.iter().cycle().skip(1)) {
            let expected = in_turn(&domain, [a.clone(), b.clone()]);
            let tiles = lanes::quotient(simd, &tables, [a.clone(), b.clone()]);
            for (i, expected) in expected.into_iter().enumerate() {
                assert_eq!(lanes::integer(&tiles, i), expected.into_bigint(), "2^{log2}, {i}");
            }
        }
    }

    #[test]
    fn quotients_are_the_same_in_lanes_and_in_turn_on_both_curves() {
        for log2 in 6..=14 {
            lanes_give_what_turns_give::<ark_bn254::Bn254>(log2);
            lanes_give_what_turns_give::<ark_bls12_381::Bls12_381>(log2);
        }
    }

    #[test]
    fn missing_values_count_as_zeros() {
        let domain = QuotientDomain::new(&parameters::<ark_bn254::Bn254>(7));
        let ones = |count| vec![ark_bn254::Fr::from(1_u64); count];
        let filled = |count| [ones(count), vec![ark_bn254::Fr::from(0_u64); 128 - count]].concat();
        let short = domain.quotient([ones(5), ones(9)]);
        assert_eq!(short, domain.quotient([filled(5), filled(9)]));
    }

    #[test]
    fn domains_below_a_tile_are_transformed_in_turn() {
        let parameters = parameters::<ark_bn254::Bn254>(5);
        let domain = QuotientDomain::new(&parameters);
        assert!(matches!(domain.0, Form::InTurn(_)));
        let values = || [inputs(32).remove(0), inputs(32).remove(5)];
        let expected = CpuScalars::new(&in_turn(&CpuDomain::new(&parameters), values()));
        assert_eq!(domain.quotient(values()), expected);
    }
}
