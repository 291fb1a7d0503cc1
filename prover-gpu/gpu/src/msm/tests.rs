//! Multi-scalar multiplications against arkworks, and against answers computed elsewhere.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ark_ec::short_weierstrass::{Affine, Projective, SWCurveConfig};
use ark_ec::{CurveConfig, CurveGroup, PrimeGroup, VariableBaseMSM};
use ark_ff::{Field, One, PrimeField, UniformRand, Zero};
use ark_std::rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

use super::TableOptions;
use crate::engine::DeviceCurve;
use crate::{Arithmetic, Gpu, Options};

type Bn254G1 = ark_bn254::g1::Config;
type Bn254G2 = ark_bn254::g2::Config;
type Bls12G1 = ark_bls12_381::g1::Config;
type Bls12G2 = ark_bls12_381::g2::Config;

/// The device is one, and so are its compiled shaders: tests take turns and share them.
static SHARED: Mutex<Option<Gpu>> = Mutex::new(None);

fn shared() -> (Gpu, MutexGuard<'static, Option<Gpu>>) {
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    let gpu = shared.get_or_insert_with(|| Gpu::open(0, Options::default()).unwrap()).clone();
    (gpu, shared)
}

fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

fn points<P: SWCurveConfig>(count: usize, rng: &mut ChaCha20Rng) -> Vec<Affine<P>> {
    let (first, step) = (Projective::<P>::rand(rng), Projective::<P>::rand(rng));
    let sums = std::iter::successors(Some(first), |point| Some(*point + step));
    Projective::normalize_batch(&sums.take(count).collect::<Vec<_>>())
}

fn scalars<F: PrimeField>(count: usize, rng: &mut ChaCha20Rng) -> Vec<F> {
    (0..count).map(|_| F::rand(rng)).collect()
}

fn multiply<P: DeviceCurve>(
    gpu: &Gpu,
    bases: &[Affine<P>],
    scalars: &[P::ScalarField],
    options: TableOptions,
) -> Projective<P> {
    let bases = gpu.prepare_bases(&bases.into(), 0, options).unwrap();
    let scalars = gpu.upload_scalars(scalars).unwrap();
    gpu.multiply(&bases, &scalars).unwrap()
}

const fn windows_of(bits: u32) -> TableOptions {
    TableOptions { bytes_max: u64::MAX, window_bits: Some(bits) }
}

/// Half zeros, many ones, some small values and a few random ones.
fn witness_like<F: PrimeField>(count: usize, rng: &mut ChaCha20Rng) -> Vec<F> {
    let value = |i: usize| match i % 10 {
        0..=4 => F::zero(),
        5..=7 => F::one(),
        8 => F::from(i as u64 * 37),
        _ => F::rand(rng),
    };
    (0..count).map(value).collect()
}

/// What is special about the bases and scalars, and they.
type EdgeCase<P> = (&'static str, Vec<Affine<P>>, Vec<<P as CurveConfig>::ScalarField>);

/// Every input that is special for some step.
fn edge_cases<P: SWCurveConfig>(bits: u32, n: usize, rng: &mut ChaCha20Rng) -> Vec<EdgeCase<P>> {
    let one = P::ScalarField::one();
    let (p, s): (Vec<Affine<P>>, Vec<P::ScalarField>) = (points(n, rng), scalars(n, rng));
    let pairs = (0..n).map(|i| if i % 2 == 0 { p[i / 2] } else { -p[i / 2] }).collect::<Vec<_>>();
    let sparse = (0..n).map(|i| if i % 3 == 0 { Affine::identity() } else { p[i] }).collect();
    let half = P::ScalarField::from(1_u64 << (bits - 1));
    vec![
        ("random scalars", p.clone(), s.clone()),
        ("only zeros", p.clone(), vec![P::ScalarField::zero(); n]),
        ("only ones", p.clone(), vec![one; n]),
        ("only -1", p.clone(), vec![-one; n]),
        ("equal scalars", p.clone(), vec![s[0]; n]),
        ("equal bases", vec![p[0]; n], s.clone()),
        ("equal bases and scalars", vec![p[0]; n], vec![s[1]; n]),
        ("opposite bases, equal scalars", pairs.clone(), vec![s[2]; n]),
        ("opposite bases, random scalars", pairs, s.clone()),
        ("a third of the bases at infinity", sparse, s.clone()),
        ("all bases at infinity", vec![Affine::identity(); n], s.clone()),
        ("witness-like scalars", p.clone(), witness_like(n, rng)),
        ("the largest digit that does not carry", p.clone(), vec![half; n]),
        ("the smallest digit that carries", p.clone(), vec![half + one; n]),
        ("one base", p[..1].to_vec(), s[..1].to_vec()),
        ("33 bases", p[..33].to_vec(), s[..33].to_vec()),
    ]
}

fn edge_cases_hold<P: DeviceCurve>(gpu: &Gpu, bits: u32, n: usize) {
    for (name, bases, scalars) in edge_cases::<P>(bits, n, &mut rng(u64::from(bits))) {
        let expected = Projective::<P>::msm(&bases, &scalars).unwrap();
        let found = multiply(gpu, &bases, &scalars, windows_of(bits));
        assert_eq!(found, expected, "{name}, {n} bases, windows of {bits} bits");
    }
}

#[test]
fn edge_cases_hold_in_bn254_g1_for_windows_of_every_kind() {
    let (gpu, _turn) = shared();
    // 5 divides the 255 bits that signed digits need; 11 and 13 leave a remainder.
    for bits in [4, 5, 8, 11, 13] {
        edge_cases_hold::<Bn254G1>(&gpu, bits, 1000);
    }
}

#[test]
fn edge_cases_hold_in_bn254_g2() {
    let (gpu, _turn) = shared();
    edge_cases_hold::<Bn254G2>(&gpu, 6, 100);
    edge_cases_hold::<Bn254G2>(&gpu, 9, 300);
}

#[test]
fn edge_cases_hold_in_bls12_381_g1() {
    let (gpu, _turn) = shared();
    edge_cases_hold::<Bls12G1>(&gpu, 7, 300);
    edge_cases_hold::<Bls12G1>(&gpu, 10, 500);
}

#[test]
fn edge_cases_hold_in_bls12_381_g2() {
    let (gpu, _turn) = shared();
    edge_cases_hold::<Bls12G2>(&gpu, 7, 100);
}

#[test]
fn edge_cases_hold_with_all_runtime_checks() {
    let (_, _turn) = shared();
    let options = Options { runtime_checks: true, ..Options::default() };
    let gpu = Gpu::open(0, options).unwrap();
    edge_cases_hold::<Bn254G1>(&gpu, 8, 200);
    edge_cases_hold::<Bn254G2>(&gpu, 8, 40);
}

#[test]
fn edge_cases_hold_without_64_bit_integers() {
    let (_, _turn) = shared();
    let options = Options { arithmetic: Some(Arithmetic::Narrow), ..Options::default() };
    let gpu = Gpu::open(0, options).unwrap();
    edge_cases_hold::<Bn254G1>(&gpu, 8, 200);
}

#[test]
fn a_table_that_is_split_over_bindings_gives_the_same_sum() {
    let (_, _turn) = shared();
    // 256 KiB hold 4096 points of 64 bytes: 300 bases with 32 rows take three buffers.
    let options = Options { binding_bytes_max: Some(1 << 18), ..Options::default() };
    let gpu = Gpu::open(0, options).unwrap();
    let rng = &mut rng(7);
    let (bases, scalars) = (points::<Bn254G1>(300, rng), scalars(300, rng));
    let prepared = gpu.prepare_bases(&bases.as_slice().into(), 0, windows_of(8)).unwrap();
    assert_eq!(prepared.bases.as_ref().unwrap().chunks().len(), 3);
    let scalars_on_device = gpu.upload_scalars(&scalars).unwrap();
    let found: Projective<Bn254G1> = gpu.multiply(&prepared, &scalars_on_device).unwrap();
    assert_eq!(found, Projective::<Bn254G1>::msm(&bases, &scalars).unwrap());
}

#[test]
fn any_number_of_rows_gives_the_same_sum() {
    let (gpu, _turn) = shared();
    let rng = &mut rng(11);
    let (bases, scalars) = (points::<Bn254G1>(500, rng), scalars(500, rng));
    let expected = Projective::<Bn254G1>::msm(&bases, &scalars).unwrap();
    for rows in [0_u64, 1, 2, 5, 16, 64] {
        let options = TableOptions { bytes_max: rows * 500 * 64, window_bits: Some(8) };
        let found = multiply(&gpu, &bases, &scalars, options);
        assert_eq!(found, expected, "memory for {rows} rows");
    }
}

#[test]
fn the_plan_that_costs_least_gives_the_same_sum_at_every_size() {
    let (gpu, _turn) = shared();
    let rng = &mut rng(13);
    for n in [1, 2, 3, 17, 1 << 10, 5000, 1 << 14] {
        let (bases, scalars) = (points::<Bn254G1>(n, rng), scalars(n, rng));
        let found = multiply(&gpu, &bases, &scalars, gpu.table_options());
        assert_eq!(found, Projective::<Bn254G1>::msm(&bases, &scalars).unwrap(), "{n} bases");
    }
}

#[test]
fn bases_belong_to_the_scalars_from_their_first_on_and_missing_ones_do_not_count() {
    let (gpu, _turn) = shared();
    let rng = &mut rng(17);
    let (bases, scalars) = (points::<Bn254G1>(50, rng), scalars(40, rng));
    let prepared = gpu.prepare_bases(&bases.as_slice().into(), 10, windows_of(6)).unwrap();
    let uploaded = gpu.upload_scalars(&scalars).unwrap();
    let found: Projective<Bn254G1> = gpu.multiply(&prepared, &uploaded).unwrap();
    assert_eq!(found, Projective::<Bn254G1>::msm(&bases[..30], &scalars[10..]).unwrap());
}

/// Bases G, 2 G, ..., 100 G; the scalar of i G is i^5 times a constant.
fn known_answer<P: DeviceCurve>(gpu: &Gpu, expected: &[&str]) {
    let generator = Projective::<P>::generator();
    let multiple = |i: u64| generator * P::ScalarField::from(i);
    let bases = Projective::normalize_batch(&(1..=100).map(multiple).collect::<Vec<_>>());
    let constant = [0x1082_276b_f3a2_7251, 0xf39c_c060_5ced_c834, 0x9e37_79b9_7f4a_7c15_u64];
    let constant = constant.iter().rev().fold(P::ScalarField::zero(), |sum, limb| {
        sum * P::ScalarField::from(1_u128 << 64) + P::ScalarField::from(*limb)
    });
    let scalar = |i: u64| P::ScalarField::from(i).pow([5]) * constant;
    let scalars: Vec<_> = (1..=100).map(scalar).collect();
    let sum = multiply(gpu, &bases, &scalars, windows_of(9)).into_affine();
    let coordinates = [sum.x, sum.y]
        .into_iter()
        .flat_map(|coordinate| coordinate.to_base_prime_field_elements().collect::<Vec<_>>());
    let found: Vec<_> = coordinates
        .map(|residue| {
            let number: num_bigint::BigUint = residue.into_bigint().into();
            format!("{number:x}")
        })
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn known_answers_computed_in_affine_coordinates_elsewhere_are_found() {
    let (gpu, _turn) = shared();
    known_answer::<Bn254G1>(
        &gpu,
        &[
            "12b426b5b7bdaf5f4b7d9acc9b931dbf43fbced9ab9205d3fb82c91abcb1fba9",
            "141c5dc0039d5ef2cdb29799a601947cbecfef5de0062098a702c6346e283ca1",
        ],
    );
    known_answer::<Bn254G2>(
        &gpu,
        &[
            "284cf2837618308ba955429f755997c12f41777d0cda6406fdea2aa60145169d",
            "2c3e5627bd2687a7ebf95d45e1c4af13f059b07ef405d2370a75f09eb1cf4625",
            "2a21b369d216896348bc30cdac04f0964e80635944fabce01681b82646869fde",
            "8961f43a306fbaa7779c49dc52cae683086119ff7e322b0b05a976692c87e48",
        ],
    );
    known_answer::<Bls12G1>(
        &gpu,
        &[
            "31e66c5df8b3afdc2a1dee9dce7370fa998d2d81579ac76e437f7c20cd6cd18b730f515f15014c60bd0b32f4a73b35a",
            "10035e1d25806967e3056a4c3d70607cbdaa1ceaf107e104b322bd8f6a5518eb4edfe794d242f40fc665b8d1b8b57e94",
        ],
    );
    known_answer::<Bls12G2>(
        &gpu,
        &[
            "d32b686b87c03c3d5176bfb692b3d7f9785c4d7ecf72e818c9d01235b59690808f660bc591060f2a0239e51d4edd3d1",
            "c5cca49ddcc5725569be5a6fb3746a64259809e69ad1ddcf3839ca770e46185f27a748d96d5d4facfa661552cc47da1",
            "a42ff20201700c9f3db74c484fe32eac973181a5b5afbc9aee166e3722d3579a6704ede7f9970b3162de4f8be6346d5",
            "ef5676528b21205eb4aaa09249635399226e4385999d8b13f7deb699c58364569a25e56f714fabcd568112f9fde1c9",
        ],
    );
}

#[test]
fn nothing_of_the_scalars_is_left_on_the_device() {
    let (_, _turn) = shared();
    let gpu = Gpu::open(0, Options::default()).unwrap();
    let rng = &mut rng(19);
    let (bases, scalars) = (points::<Bn254G1>(300, rng), scalars::<ark_bn254::Fr>(300, rng));
    let prepared = gpu.prepare_bases(&bases.as_slice().into(), 0, windows_of(13)).unwrap();
    let pool = Arc::clone(&gpu.inner.context.pool);
    // What preparing leaves is public.
    pool.shrink();
    let uploaded = gpu.upload_scalars(&scalars).unwrap();
    let _: Projective<Bn254G1> = gpu.multiply(&prepared, &uploaded).unwrap();
    drop(uploaded);
    let left = pool.read_idle(&gpu.inner.context);
    assert!(left.len() >= 10, "{} buffers", left.len());
    for (what, words) in left {
        assert!(words.iter().all(|word| *word == 0), "{what}");
    }
}

#[test]
fn bases_that_no_plan_fits_are_refused_with_their_size() {
    let (_, _turn) = shared();
    let options = Options { binding_bytes_max: Some(1 << 18), ..Options::default() };
    let gpu = Gpu::open(0, options).unwrap();
    let bases = points::<Bn254G1>(5000, &mut rng(23));
    let error = gpu.prepare_bases(&bases.as_slice().into(), 0, gpu.table_options()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "entries and buckets needs 800000 bytes, and the device allows 262144"
    );
}

#[test]
fn the_device_passes_its_self_check() {
    let (gpu, _turn) = shared();
    gpu.self_check().unwrap();
}

#[test]
fn the_floor_of_a_multiplication_is_its_additions() {
    let (gpu, _turn) = shared();
    let bases = points::<Bn254G1>(100, &mut rng(29));
    let prepared = gpu.prepare_bases(&bases.as_slice().into(), 0, windows_of(15)).unwrap();
    // 100 bases in 17 windows; 1548 multiplications of limbs an addition.
    assert_eq!(prepared.word_products(), 100 * 17 * 1548);
    assert!(gpu.word_products_per_second().unwrap() > 1e6);
}

#[test]
fn multiplications_of_several_threads_do_not_disturb_each_other() {
    let (gpu, _turn) = shared();
    let rng = &mut rng(31);
    let bases = points::<Bn254G1>(700, rng);
    let prepared = gpu.prepare_bases(&bases.as_slice().into(), 0, windows_of(9)).unwrap();
    let inputs: Vec<Vec<ark_bn254::Fr>> =
        [700, 650, 40, 333].map(|count| scalars(count, rng)).into();
    std::thread::scope(|scope| {
        for scalars in &inputs {
            scope.spawn(|| {
                let bases = &bases[..scalars.len()];
                let expected = Projective::<Bn254G1>::msm(bases, scalars).unwrap();
                for _ in 0..8 {
                    let uploaded = gpu.upload_scalars(scalars).unwrap();
                    let found: Projective<Bn254G1> = gpu.multiply(&prepared, &uploaded).unwrap();
                    assert_eq!(found, expected, "{} scalars", scalars.len());
                }
            });
        }
    });
}
