//! Field functions on the device, at the edges of the bounds they rely on.

use ark_ff::PrimeField;
use num_bigint::BigUint;

use super::field::Linear;
use super::{Binding, Column, FieldCode, Kind, Layout};
use crate::context::Context;
use crate::recorder::{Recorder, THREADS_MAX};
use crate::shader::{Form, Shader};
use crate::{Gpu, Options};

/// Operands of the function with the most.
const OPERANDS: usize = 8;

fn layouts() -> Vec<Layout> {
    let moduli: [BigUint; 4] = [
        ark_bn254::Fq::MODULUS.into(),
        ark_bn254::Fr::MODULUS.into(),
        ark_bls12_381::Fq::MODULUS.into(),
        ark_bls12_381::Fr::MODULUS.into(),
    ];
    let both = |modulus: BigUint| {
        [Column::U64, Column::U32].map(|column| Layout::new(modulus.clone(), column))
    };
    moduli.into_iter().flat_map(both).collect()
}

/// Runs `call`, an expression over residues x0 to x7, on each case; gives the limbs back.
fn run(
    context: &Context,
    mut field: FieldCode,
    call: &str,
    cases: &[Vec<BigUint>],
) -> Vec<BigUint> {
    let layout = field.layout().clone();
    let n = layout.limbs;
    let _ = field.one();
    let operand = |k: usize| {
        let limbs: Vec<_> = (0..n).map(|i| format!("operands[at + {}u]", k * n + i)).collect();
        format!("let x{k} = Fp({});\n", limbs.join(", "))
    };
    let operands: String = (0..OPERANDS).map(operand).collect();
    let results: String = (0..n).map(|i| format!("results[t * {n}u + {i}u] = r.v{i};\n")).collect();
    let body = format!(
        "fn run(t: u32) {{\nlet at = t * {}u;\n{operands}let r = {call};\n{results}}}\n",
        OPERANDS * n
    );
    let shader = Shader {
        label: "test",
        form: Form::Threads,
        workgroup: 64,
        bindings: vec![
            Binding::read("operands", Kind::Words),
            Binding::write("results", Kind::Words),
        ],
        parameters: &[],
        code: format!("{}{body}", field.source()),
    };
    let pipeline = context.compile(&[shader]).unwrap().pop().unwrap();
    let zero = BigUint::ZERO;
    let words: Vec<u32> = cases
        .iter()
        .flat_map(|case| (0..OPERANDS).flat_map(|k| layout.split(case.get(k).unwrap_or(&zero))))
        .collect();
    let operands = context
        .upload("operands", (words.len(), 4), |i, bytes| {
            bytes.copy_from_slice(&words[i].to_le_bytes());
        })
        .unwrap();
    let results = context.pool.take("results", (cases.len() * n * 4) as u64).unwrap();
    let mut recorder = Recorder::new(context);
    let threads = (cases.len() as u32, THREADS_MAX);
    recorder.threads(&pipeline, &[operands.binding(), results.binding()], threads, &[]);
    let readback = recorder.read(&[&results]).unwrap();
    recorder.submit().unwrap().wait().unwrap();
    let words = readback.words(context).unwrap();
    words.chunks_exact(n).take(cases.len()).map(|limbs| join(&layout, limbs)).collect()
}

/// The number that limbs stand for. All but the highest must be normal.
fn join(layout: &Layout, limbs: &[u32]) -> BigUint {
    assert!(limbs.iter().rev().skip(1).all(|limb| *limb <= layout.mask()), "{limbs:x?}");
    limbs.iter().rev().fold(BigUint::ZERO, |sum, limb| (sum << layout.limb_bits) + limb)
}

/// Numbers up to `bound` p at which carries, borrows and comparisons change.
fn edges(layout: &Layout, bound: u32) -> Vec<BigUint> {
    let p = &layout.modulus;
    let top = p * bound;
    let mut edges = vec![BigUint::ZERO, BigUint::from(1_u32)];
    for k in 1..=bound {
        edges.extend([p * k - 1_u32, p * k]);
        edges.push(p * k + 1_u32);
    }
    // All limbs full but the highest, and single limbs.
    let low = BigUint::from(1_u32) << ((layout.limbs - 1) * layout.limb_bits as usize);
    edges.extend([&low - 1_u32, low.clone(), &low + 1_u32]);
    if top > low {
        edges.push(&top - (&top % &low) - 1_u32);
    }
    edges.retain(|edge| *edge <= top);
    edges
}

/// Cases of `count` operands from the edges, each operand running through them at another pace.
fn cases(layout: &Layout, bound: u32, count: usize) -> Vec<Vec<BigUint>> {
    let edges = edges(layout, bound);
    let pick = |i: usize, k: usize| {
        edges[(i * (2 * k + 1) + i / edges.len() * (k + 1)) % edges.len()].clone()
    };
    let mut cases: Vec<Vec<_>> =
        (0..edges.len() * edges.len()).map(|i| (0..count).map(|k| pick(i, k)).collect()).collect();
    // Every operand at its bound at once: the fullest columns there can be.
    cases.push(vec![&layout.modulus * bound; count]);
    cases
}

/// Multiples of p up to which operands are tried: more than any formula relies on.
const BOUND: u32 = 13;

#[test]
fn products_are_right_up_to_the_largest_operands() {
    let gpu = Gpu::open(0, Options::default()).unwrap();
    for layout in layouts() {
        for products in [1_usize, 2, 4] {
            // 4 times 13 p times 13 p would not fit into the smallest radix, 70 p.
            let bound = if products == 4 { 8 } else { BOUND.min(11) };
            let cases = cases(&layout, bound, 2 * products);
            let mut field = FieldCode::new(layout.clone());
            let function = field.multiply(products);
            let arguments: Vec<_> = (0..2 * products).map(|k| format!("x{k}")).collect();
            let call = format!("{function}({})", arguments.join(", "));
            let found = run(&gpu.inner.context, field, &call, &cases);
            let p = &layout.modulus;
            for (case, found) in cases.iter().zip(found) {
                let sum: BigUint = case.chunks(2).map(|pair| &pair[0] * &pair[1]).sum();
                assert_eq!((&found << layout.radix_bits()) % p, &sum % p, "{products}: {case:x?}");
                assert!(found <= (&sum >> layout.radix_bits()) + p, "{products}: {case:x?}");
            }
        }
    }
}

#[test]
fn squares_are_right_up_to_the_largest_operand() {
    let gpu = Gpu::open(0, Options::default()).unwrap();
    for layout in layouts() {
        let cases: Vec<_> = edges(&layout, BOUND).into_iter().map(|edge| vec![edge]).collect();
        let mut field = FieldCode::new(layout.clone());
        let call = format!("{}(x0)", field.square());
        let found = run(&gpu.inner.context, field, &call, &cases);
        for (case, found) in cases.iter().zip(found) {
            let square = &case[0] * &case[0];
            assert_eq!((found << layout.radix_bits()) % &layout.modulus, square % &layout.modulus);
        }
    }
}

#[test]
fn linear_combinations_are_exact_and_never_negative() {
    let gpu = Gpu::open(0, Options::default()).unwrap();
    for layout in layouts() {
        let combinations: [(&[i32], u32); 7] = [
            (&[1, -1], 6),
            (&[-1], 6),
            (&[1, -1, -2], 18),
            (&[1, -2], 12),
            (&[2], 0),
            (&[3], 0),
            (&[1, 1], 0),
        ];
        for (coefficients, lift) in combinations {
            let cases = cases(&layout, 6, coefficients.len());
            let mut field = FieldCode::new(layout.clone());
            let function = field.linear(&Linear { coefficients, lift });
            let arguments: Vec<_> = (0..coefficients.len()).map(|k| format!("x{k}")).collect();
            let call = format!("{function}({})", arguments.join(", "));
            let found = run(&gpu.inner.context, field, &call, &cases);
            for (case, found) in cases.iter().zip(found) {
                let total = |negative: bool| -> BigUint {
                    let terms =
                        coefficients.iter().zip(case).filter(|(c, _)| (**c < 0) == negative);
                    terms.map(|(c, x)| x * c.unsigned_abs()).sum()
                };
                let expected = &layout.modulus * lift + total(false) - total(true);
                assert_eq!(found, expected, "{coefficients:?} + {lift} p: {case:x?}");
            }
        }
    }
}

#[test]
fn reductions_subtract_just_when_nothing_becomes_negative() {
    let gpu = Gpu::open(0, Options::default()).unwrap();
    for layout in layouts() {
        for multiple in [1_u32, 2, 4, 8] {
            let cases: Vec<_> = edges(&layout, 2 * multiple).into_iter().map(|x| vec![x]).collect();
            let mut field = FieldCode::new(layout.clone());
            let call = format!("{}(x0)", field.reduce(multiple));
            let found = run(&gpu.inner.context, field, &call, &cases);
            let subtrahend = &layout.modulus * multiple;
            for (case, found) in cases.iter().zip(found) {
                let x = &case[0];
                let expected = if *x >= subtrahend { x - &subtrahend } else { x.clone() };
                assert_eq!(found, expected, "{multiple} p from {x:x}");
            }
        }
    }
}

#[test]
fn remainders_of_all_that_limbs_have_room_for_are_below_twice_p() {
    let gpu = Gpu::open(0, Options::default()).unwrap();
    for layout in layouts() {
        // R is at least 64 p.
        let cases: Vec<_> = edges(&layout, 63).into_iter().map(|x| vec![x]).collect();
        let mut field = FieldCode::new(layout.clone());
        let call = format!("{}(x0)", field.remainder(64));
        let found = run(&gpu.inner.context, field, &call, &cases);
        let p = &layout.modulus;
        for (case, found) in cases.iter().zip(found) {
            assert_eq!(&found % p, &case[0] % p, "{:x}", case[0]);
            assert!(found < p * 2_u32, "{:x}", case[0]);
        }
    }
}

#[test]
fn zero_and_p_are_zero_and_nothing_else_is() {
    let gpu = Gpu::open(0, Options::default()).unwrap();
    for layout in layouts() {
        let cases: Vec<_> = edges(&layout, 2).into_iter().map(|x| vec![x]).collect();
        let mut field = FieldCode::new(layout.clone());
        let one = field.one();
        let call = {
            let is_zero = field.is_zero();
            let select = field.linear(&Linear { coefficients: &[1], lift: 0 });
            // A branch, since select takes no structures.
            format!("{select}(pick({is_zero}(x0)))")
        };
        let pick = format!(
            "fn pick(zero: bool) -> Fp {{ if (zero) {{ return {one}(); }} return Fp(); }}\n"
        );
        field.raw("pick", &pick);
        let found = run(&gpu.inner.context, field, &call, &cases);
        for (case, found) in cases.iter().zip(found) {
            let is_zero = case[0] == BigUint::ZERO || case[0] == layout.modulus;
            assert_eq!(found != BigUint::ZERO, is_zero, "{:x}", case[0]);
        }
    }
}

#[test]
fn multiples_of_p_are_told_from_all_other_numbers() {
    let gpu = Gpu::open(0, Options::default()).unwrap();
    for layout in layouts() {
        let cases: Vec<_> = edges(&layout, 7).into_iter().map(|x| vec![x]).collect();
        let mut field = FieldCode::new(layout.clone());
        let (one, is_multiple) = (field.one(), field.is_multiple(7));
        let copy = field.linear(&Linear { coefficients: &[1], lift: 0 });
        let pick =
            format!("fn pick(yes: bool) -> Fp {{ if (yes) {{ return {one}(); }} return Fp(); }}\n");
        field.raw("pick", &pick);
        let call = format!("{copy}(pick({is_multiple}(x0)))");
        let found = run(&gpu.inner.context, field, &call, &cases);
        for (case, found) in cases.iter().zip(found) {
            let is_multiple = &case[0] % &layout.modulus == BigUint::ZERO;
            assert_eq!(found != BigUint::ZERO, is_multiple, "{:x}", case[0]);
        }
    }
}

#[test]
fn inverses_times_their_numbers_are_one() {
    let gpu = Gpu::open(0, Options::default()).unwrap();
    for layout in layouts() {
        let cases: Vec<_> = edges(&layout, 1).into_iter().map(|x| vec![x]).collect();
        let mut field = FieldCode::new(layout.clone());
        let call = format!("{}(x0)", field.invert());
        let found = run(&gpu.inner.context, field, &call, &cases);
        let (p, radix) = (&layout.modulus, layout.power_of_two(layout.radix_bits()));
        for (case, found) in cases.iter().zip(found) {
            // Both are in Montgomery form: x R and R / x.
            let product = (&case[0] * &found) % p;
            let expected =
                if (&case[0] % p) == BigUint::ZERO { BigUint::ZERO } else { (&radix * &radix) % p };
            assert_eq!(product, expected, "{:x}", case[0]);
        }
    }
}

#[test]
fn packing_and_unpacking_keeps_what_fits() {
    let gpu = Gpu::open(0, Options::default()).unwrap();
    for layout in layouts() {
        let largest = (BigUint::from(1_u32) << (32 * layout.words)) - 1_u32;
        let mut numbers = edges(&layout, 2);
        numbers.push(largest);
        let cases: Vec<_> = numbers.into_iter().map(|x| vec![x]).collect();
        let mut field = FieldCode::new(layout.clone());
        let unpack = field.unpack();
        let quads: Vec<_> =
            (0..layout.words / 4).map(|quad| format!("{}(x0)", field.pack(quad))).collect();
        let call = format!("{unpack}({})", quads.join(", "));
        let found = run(&gpu.inner.context, field, &call, &cases);
        for (case, found) in cases.iter().zip(found) {
            assert_eq!(found, case[0]);
        }
    }
}
