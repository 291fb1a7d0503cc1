//! Transforms against the engine on the processor and against evaluation by definition.

use ark_bls12_381::Bls12_381;
use ark_bn254::Bn254;
use ark_ff::{AdditiveGroup, Field, PrimeField};
use ark_std::test_rng;
use zkpool_circuit_files::{CircomCurve, FileField};
use zkpool_snark::cpu::CpuDomain;
use zkpool_snark::engine::{DomainParameters, Ntt};

use super::plan;
use crate::pool::Scratch;
use crate::recorder::Recorder;
use crate::{Arithmetic, Gpu, GpuDomain, GpuError, GpuScalars, Options, Transform};

/// Bytes of blocks of four elements of nine limbs: seven stages then take four passes.
const SMALL_WORKGROUP_BYTES: u32 = 4 * 9 * 4;

fn parameters<E: CircomCurve>(log2: u32) -> DomainParameters<E::ScalarField> {
    let root = E::root_of_unity(log2).unwrap();
    DomainParameters { log2, root, shift: E::coset_shift(log2) }
}

fn open(change: impl FnOnce(&mut Options)) -> Gpu {
    let mut options = Options::default();
    change(&mut options);
    Gpu::open(0, options).unwrap()
}

fn words(gpu: &Gpu, scratch: &Scratch) -> Vec<u32> {
    let mut recorder = Recorder::new(&gpu.inner.context);
    let readback = recorder.read(&[scratch]).unwrap();
    recorder.submit().unwrap().wait().unwrap();
    readback.words(&gpu.inner.context).unwrap()
}

/// What multiplications would read. None of it is above the modulus.
fn integers<F: FileField>(gpu: &Gpu, scalars: &GpuScalars) -> Vec<F> {
    let words = words(gpu, &scalars.private.scratch);
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    let scalars = bytes.chunks_exact(F::BYTES).take(scalars.count as usize);
    scalars.map(|bytes| F::from_plain(bytes).expect("an integer below the modulus")).collect()
}

fn quotient_on_the_processor<F: PrimeField>(
    parameters: &DomainParameters<F>,
    mut a: Vec<F>,
    mut b: Vec<F>,
) -> Vec<F> {
    let domain = CpuDomain::new(parameters);
    let mut c: Vec<F> = a.iter().zip(&b).map(|(a, b)| *a * b).collect();
    for values in [&mut a, &mut b, &mut c] {
        domain.to_coset(values);
    }
    a.iter().zip(b).zip(c).map(|((a, b), c)| *a * b - c).collect()
}

fn random<F: PrimeField>(count: usize) -> Vec<F> {
    let rng = &mut test_rng();
    (0..count).map(|_| F::rand(rng)).collect()
}

/// Compares quotients of values that are random and of those at the ends of the range.
fn quotients_agree<E: CircomCurve<ScalarField: FileField>>(gpu: &Gpu, log2: u32) {
    let parameters = parameters::<E>(log2);
    let domain = gpu.prepare_domain(&parameters).unwrap();
    let n = 1 << log2;
    let mut both = random::<E::ScalarField>(2 * n);
    let b = both.split_off(n);
    let same = |value| (vec![value; n], vec![value; n]);
    let one = E::ScalarField::ONE;
    for (a, b) in [(both, b), same(E::ScalarField::ZERO), same(one), same(-one)] {
        let expected = quotient_on_the_processor(&parameters, a.clone(), b.clone());
        let values = gpu.values(&domain, a, b).unwrap();
        let scalars = gpu.quotient(&domain, values).unwrap();
        assert_eq!(integers::<E::ScalarField>(gpu, &scalars), expected, "2^{log2} elements");
    }
}

fn quotients_agree_on_both_curves(gpu: &Gpu, log2: impl IntoIterator<Item = u32>) {
    for log2 in log2 {
        quotients_agree::<Bn254>(gpu, log2);
        quotients_agree::<Bls12_381>(gpu, log2);
    }
}

#[test]
fn quotients_are_those_of_the_processor() {
    quotients_agree_on_both_curves(&open(|_| ()), [0, 1, 2, 3, 5, 8, 9, 10, 11, 14]);
}

#[test]
fn quotients_are_the_same_without_64_bit_integers() {
    let gpu = open(|options| options.arithmetic = Some(Arithmetic::Narrow));
    quotients_agree_on_both_curves(&gpu, [0, 1, 2, 5, 8, 9, 10]);
}

#[test]
fn quotients_are_the_same_with_every_index_and_loop_checked() {
    let gpu = open(|options| options.runtime_checks = true);
    quotients_agree_on_both_curves(&gpu, [0, 1, 3, 9, 11]);
}

#[test]
fn quotients_are_the_same_in_many_passes_over_small_blocks() {
    let gpu = open(|options| options.workgroup_bytes_max = Some(SMALL_WORKGROUP_BYTES));
    quotients_agree_on_both_curves(&gpu, 0..=7);
    let gpu = open(|options| options.workgroup_bytes_max = Some(SMALL_WORKGROUP_BYTES / 2));
    quotients_agree_on_both_curves(&gpu, [0, 1, 4]);
}

#[test]
fn a_device_whose_workgroups_hold_no_two_elements_is_refused() {
    let gpu = open(|options| options.workgroup_bytes_max = Some(SMALL_WORKGROUP_BYTES / 4));
    let refused = gpu.prepare_domain(&parameters::<Bn254>(1)).unwrap_err();
    assert!(matches!(refused, GpuError::Unsupported("memory for workgroups")), "{refused}");
}

fn horner<F: Field>(coefficients: &[F], x: F) -> F {
    coefficients.iter().rev().fold(F::ZERO, |value, coefficient| value * x + coefficient)
}

/// Compares values on domain and coset with evaluation at some of their elements, and what is
/// interpolated from all of them with the coefficients.
fn transforms_agree<E: CircomCurve<ScalarField: FileField>>(gpu: &Gpu, log2: u32) {
    let parameters = parameters::<E>(log2);
    let domain = gpu.prepare_domain(&parameters).unwrap();
    let n = 1_usize << log2;
    let coefficients = random::<E::ScalarField>(n);
    let one = E::ScalarField::ONE;
    for (forward, inverse, shift) in [
        (Transform::Forward, Transform::Inverse, one),
        (Transform::CosetForward, Transform::CosetInverse, parameters.shift),
    ] {
        let values = gpu.transform(&domain, &coefficients, forward).unwrap();
        for i in (0..n).step_by(n.div_ceil(16)).chain([n - 1, n / 2]) {
            let x = shift * parameters.root.pow([i as u64]);
            assert_eq!(values[i], horner(&coefficients, x), "{forward:?} of 2^{log2}, {i}");
        }
        let again = gpu.transform(&domain, &values, inverse).unwrap();
        assert!(again == coefficients, "{inverse:?} of 2^{log2}");
    }
}

#[test]
fn transforms_evaluate_and_interpolate() {
    let gpu = open(|_| ());
    for log2 in [0, 1, 2, 5, 9, 10, 12] {
        transforms_agree::<Bn254>(&gpu, log2);
        transforms_agree::<Bls12_381>(&gpu, log2);
    }
}

#[test]
fn transforms_evaluate_and_interpolate_without_64_bit_integers_and_in_many_passes() {
    let gpu = open(|options| {
        options.arithmetic = Some(Arithmetic::Narrow);
        options.workgroup_bytes_max = Some(8 * 22 * 4);
    });
    for log2 in [0, 1, 3, 7, 10] {
        transforms_agree::<Bn254>(&gpu, log2);
    }
}

#[test]
fn other_than_one_value_for_each_element_is_refused() {
    let gpu = open(|_| ());
    let domain = gpu.prepare_domain(&parameters::<Bn254>(2)).unwrap();
    let values = random(5);
    for found in [0, 3, 5] {
        let refused = gpu.transform(&domain, &values[..found], Transform::Forward).unwrap_err();
        let is_expected =
            matches!(refused, GpuError::Length { expected: 4, found: given } if given == found);
        assert!(is_expected, "{refused}");
        assert!(gpu.values(&domain, values[..4].to_vec(), values[..found].to_vec()).is_err());
        assert!(gpu.values(&domain, values[..found].to_vec(), values[..4].to_vec()).is_err());
    }
}

#[test]
fn a_domain_larger_than_a_binding_is_refused_with_its_size() {
    let gpu = open(|options| options.binding_bytes_max = Some(1 << 10));
    let parameters = DomainParameters { log2: 60, ..parameters::<Bn254>(2) };
    let refused = gpu.prepare_domain(&parameters).unwrap_err();
    assert!(matches!(refused, GpuError::TooLarge { allowed: 1024, .. }), "{refused}");
}

/// The second dispatch of a pass goes on where the first ended.
#[test]
fn dispatches_that_are_split_do_the_same() {
    let gpu = open(|options| options.workgroup_bytes_max = Some(SMALL_WORKGROUP_BYTES));
    let context = &gpu.inner.context;
    let parameters = parameters::<Bn254>(6);
    let domain = gpu.prepare_domain(&parameters).unwrap();
    let mut a = random::<ark_bn254::Fr>(128);
    let b = a.split_off(64);
    let expected = quotient_on_the_processor(&parameters, a.clone(), b.clone());
    let values =
        crate::scalars::upload_raw(context, "values", &[a, b, random(64)].concat()).unwrap();
    let plain = gpu.upload_scalars::<ark_bn254::Fr>(&random(64)).unwrap();
    let buffers = [
        values.binding(),
        domain.table.as_entire_buffer_binding(),
        plain.private.scratch.binding(),
    ];
    let mut recorder = Recorder::new(context);
    for pass in plan::quotient(6, domain.kernels.block_log2) {
        let groups = (pass.groups().0, 3);
        recorder.groups(&domain.kernels.transform, &buffers, groups, &pass.parameters());
    }
    recorder.submit().unwrap();
    assert_eq!(integers::<ark_bn254::Fr>(&gpu, &plain), expected);
}

/// Leaves a buffer of ones in the pool for the next user of this many bytes.
fn litter(gpu: &Gpu, bytes: usize) {
    let ones = |_: usize, bytes: &mut [u8]| bytes.fill(1);
    drop(gpu.inner.context.upload("litter", (bytes / 4, 4), ones).unwrap());
}

/// Whether the buffer that the next user of this many bytes would get is empty.
fn is_cleared(gpu: &Gpu, bytes: usize) -> bool {
    let scratch = gpu.inner.context.pool.take("left over", bytes as u64).unwrap();
    words(gpu, &scratch).iter().all(|word| *word == 0)
}

#[test]
fn nothing_of_a_witness_is_left_in_memory() {
    let gpu = open(|_| ());
    let domain: GpuDomain<ark_bn254::Fr> = gpu.prepare_domain(&parameters::<Bn254>(5)).unwrap();
    let bytes = 32 << 5;
    for bytes in [bytes, 3 * bytes] {
        litter(&gpu, bytes);
        assert!(!is_cleared(&gpu, bytes));
    }
    let values = gpu.values(&domain, random(32), random(32)).unwrap();
    let scalars = gpu.quotient(&domain, values).unwrap();
    assert!(is_cleared(&gpu, 3 * bytes), "A, B and C");
    drop(scalars);
    assert!(is_cleared(&gpu, bytes), "A B - C");
}
