//! Times development setup and proving beside ark-groth16 on the same constraints.
//!
//! `cargo run --release -p zkpool-snark --example bench -- CIRCUIT LOG2 [setup | write DIR]`
//!
//! `CIRCUIT` is `chain` (a chain of multiplications, every value of full size), `bits` (nine in
//! ten values are bits) or `chain-bls`, of 2^`LOG2` constraints. The two provers alternate in one
//! run, and medians of seven proofs and their ratio are printed. With `setup` only our setup
//! runs; with `write` key, witness and constraints are written for other provers.
#![allow(clippy::print_stdout, clippy::expect_used)]

use std::env;
use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant};

use ark_bls12_381::Bls12_381;
use ark_bn254::Bn254;
use ark_ff::{Field, One, UniformRand};
use ark_groth16::Groth16 as ArkGroth16;
use ark_relations::gr1cs::{
    ConstraintSynthesizer, ConstraintSystemRef, LinearCombination, SynthesisError, Variable,
};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use zkpool_circuit_files::{
    AnyProvingKey, AnyR1cs, AnyWitness, CircomCurve, ProvingKey, R1cs, SparseRows, Term, Witness,
    r1cs, wtns, zkey,
};
use zkpool_snark::cpu::FixedBase;
use zkpool_snark::groth16::development_setup;
use zkpool_snark::{Cpu, Engine, Groth16, ProofSystem};

/// Proofs of which the median is printed.
const RUNS: usize = 7;

/// Of ten rows of the bit-heavy circuit, nine bind a bit and one multiplies.
const BITS_PERIOD: u32 = 10;

type Rows<F> = SparseRows<F, 3>;

/// A constraint system with a witness that satisfies it. Signal 1 is public.
#[derive(Clone)]
struct Circuit<E: CircomCurve> {
    r1cs: R1cs<E>,
    values: Vec<E::ScalarField>,
}

fn term<F: Field>(signal: usize, value: F) -> Term<F> {
    Term { signal: u32::try_from(signal).expect("the circuit is small"), value }
}

/// Appends x * x + 1 * `last` for the last value x: every value is of full size.
fn push_product<F: Field>(rows: &mut Rows<F>, values: &mut Vec<F>, last: usize) -> usize {
    let next = values.len();
    let (x, one) = (values[last], F::one());
    values.push(x * (x + one));
    rows.push_row([&[term(last, one)], &[term(last, one), term(0, one)], &[term(next, one)]]);
    next
}

/// Appends b * (b - 1) = 0 for a new bit b.
fn push_bit<F: Field>(rows: &mut Rows<F>, values: &mut Vec<F>, bit: bool) {
    let next = values.len();
    values.push(if bit { F::one() } else { F::zero() });
    rows.push_row([&[term(next, F::one())], &[term(next, F::one()), term(0, -F::one())], &[]]);
}

fn circuit<E: CircomCurve>(log2: u32, bits: bool) -> Circuit<E> {
    // One row fewer for each row that binds a public input, and one for the constant.
    let count = (1_u32 << log2) - 2;
    let mut rows = SparseRows::with_capacity(1 << log2, 4 << log2);
    let mut values = vec![E::ScalarField::one(), E::ScalarField::from(3_u64)];
    let mut last = 1;
    for row in 0..count {
        if bits && !row.is_multiple_of(BITS_PERIOD) {
            push_bit(&mut rows, &mut values, row.is_multiple_of(3));
        } else {
            last = push_product(&mut rows, &mut values, last);
        }
    }
    Circuit { r1cs: r1cs_of(rows, values.len()), values }
}

fn r1cs_of<E: CircomCurve>(constraints: Rows<E::ScalarField>, n_wires: usize) -> R1cs<E> {
    let n_wires = u32::try_from(n_wires).expect("the circuit is small");
    R1cs {
        n_wires,
        n_outputs: 0,
        n_public_inputs: 1,
        n_private_inputs: 0,
        n_labels: u64::from(n_wires),
        constraints,
        others: Vec::new(),
        section_order: vec![1, 2],
    }
}

impl<E: CircomCurve> ConstraintSynthesizer<E::ScalarField> for Circuit<E> {
    fn generate_constraints(
        self,
        cs: ConstraintSystemRef<E::ScalarField>,
    ) -> Result<(), SynthesisError> {
        let mut variables = vec![Variable::One, cs.new_input_variable(|| Ok(self.values[1]))?];
        for value in &self.values[2..] {
            variables.push(cs.new_witness_variable(|| Ok(*value))?);
        }
        let combination = |terms: &[Term<E::ScalarField>]| {
            terms.iter().fold(LinearCombination::zero(), |sum, term| {
                sum + (term.value, variables[term.signal as usize])
            })
        };
        for row in 0..self.r1cs.constraints.rows() {
            let [a, b, c] = [0, 1, 2].map(|k| combination(self.r1cs.constraints.row(k, row)));
            cs.enforce_r1cs_constraint(|| a.clone(), || b.clone(), || c.clone())?;
        }
        Ok(())
    }
}

/// How long something took, and how much processor time all threads spent on it.
#[derive(Clone, Copy, Debug)]
struct Spent {
    wall: Duration,
    cpu: Duration,
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Spent) {
    let (start, cpu) = (Instant::now(), cpu_time());
    let result = work();
    (result, Spent { wall: start.elapsed(), cpu: cpu_time().saturating_sub(cpu) })
}

/// Processor time of this process where Linux tells it, in its ticks of 10 ms. On a machine that
/// does other work too, it compares two provers better than wall time does.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields).split_whitespace();
    let ticks: u64 = fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    Duration::from_millis(10 * ticks)
}

fn median(runs: &[Spent], of: impl Fn(&Spent) -> Duration) -> Duration {
    let mut times: Vec<Duration> = runs.iter().map(of).collect();
    times.sort();
    times[times.len() / 2]
}

fn compare<E>(circuit: &Circuit<E>, key: ProvingKey<E>)
where
    E: CircomCurve,
    Cpu: Engine<E>,
{
    let rng = &mut ChaCha20Rng::seed_from_u64(1);
    let ark_key = ArkGroth16::<E>::generate_random_parameters_with_reduction(circuit.clone(), rng)
        .expect("the circuit is consistent");
    let groth16 = Groth16::<E, Cpu>::new(Cpu);
    let key = groth16.prepare(key).expect("a CPU does not fail");
    println!("prepared key: {} bytes", key.bytes());
    let witness = Witness::new(circuit.values.clone()).expect("the first value is 1");
    let matrices = matrices(&circuit.r1cs.constraints);
    let constraints = circuit.r1cs.constraints.rows();
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let (proof, time) = timed(|| groth16.prove(&key, &witness, rng, &mut ()));
        proof.expect("the witness fits");
        ours.push(time);
        let (r, s) = (E::ScalarField::rand(rng), E::ScalarField::rand(rng));
        // Two inputs: the constant and the public one.
        let (proof, time) = timed(|| {
            ArkGroth16::<E>::create_proof_with_reduction_and_matrices(
                &ark_key,
                r,
                s,
                &matrices,
                2,
                constraints,
                &circuit.values,
            )
        });
        proof.expect("the witness fits");
        theirs.push(time);
    }
    groth16.prove_checked(&key, &witness, rng, &mut ()).expect("the witness satisfies");
    let print = |label: &str, of: fn(&Spent) -> Duration| {
        let (ours, theirs) = (median(&ours, of), median(&theirs, of));
        let ratio = ours.as_secs_f64() / theirs.as_secs_f64();
        println!("prove, {label}: ours {ours:.1?}, ark-groth16 {theirs:.1?}, ratio {ratio:.3}");
    };
    print("wall", |spent| spent.wall);
    print("processor", |spent| spent.cpu);
}

/// The rows in the form of ark-groth16, so that its time is that of proving alone.
fn matrices<F: Field>(rows: &Rows<F>) -> [Vec<Vec<(F, usize)>>; 3] {
    let entry = |term: &Term<F>| (term.value, term.signal as usize);
    [0, 1, 2].map(|matrix| {
        (0..rows.rows()).map(|row| rows.row(matrix, row).iter().map(entry).collect()).collect()
    })
}

fn run<E>(arguments: &[String], log2: u32, bits: bool)
where
    E: CircomCurve<G1: FixedBase, G2: FixedBase>,
    Cpu: Engine<E>,
    AnyProvingKey: From<ProvingKey<E>>,
    AnyWitness: From<Witness<E>>,
    AnyR1cs: From<R1cs<E>>,
{
    let circuit = circuit::<E>(log2, bits);
    let rng = &mut ChaCha20Rng::seed_from_u64(0);
    let (key, time) = timed(|| development_setup(&circuit.r1cs, rng));
    let key = key.expect("the circuit is small");
    println!("{} 2^{log2}: setup {:.1?}", E::CURVE, time.wall);
    match arguments {
        [] => compare(&circuit, key),
        [mode] if mode == "setup" => {}
        [mode, folder] if mode == "write" => write(Path::new(folder), circuit, key),
        _ => println!("expected `setup` or `write DIR`, found {arguments:?}"),
    }
}

fn write<E: CircomCurve>(folder: &Path, circuit: Circuit<E>, key: ProvingKey<E>)
where
    AnyProvingKey: From<ProvingKey<E>>,
    AnyWitness: From<Witness<E>>,
    AnyR1cs: From<R1cs<E>>,
{
    let create = |name: &str| File::create(folder.join(name)).expect("the folder is writable");
    zkey::write(create("circuit.zkey"), &key.into()).expect("the disk has room");
    let witness = Witness::<E>::new(circuit.values).expect("the first value is 1");
    wtns::write(create("circuit.wtns"), &witness.into()).expect("the disk has room");
    r1cs::write(create("circuit.r1cs"), &circuit.r1cs.into()).expect("the disk has room");
}

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (circuit, log2, rest) = match arguments.as_slice() {
        [circuit, log2, rest @ ..] => (circuit.as_str(), log2.parse(), rest),
        _ => return println!("expected CIRCUIT LOG2 [setup | write DIR]"),
    };
    match (circuit, log2) {
        ("chain", Ok(log2)) => run::<Bn254>(rest, log2, false),
        ("bits", Ok(log2)) => run::<Bn254>(rest, log2, true),
        ("chain-bls", Ok(log2)) => run::<Bls12_381>(rest, log2, false),
        _ => println!("expected chain, bits or chain-bls and a logarithm, found {arguments:?}"),
    }
}
