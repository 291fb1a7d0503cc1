//! Proofs with keys of snarkjs and with development keys, on both curves.

use std::fs::{File, read};
use std::path::PathBuf;

use ark_bls12_381::Bls12_381;
use ark_bn254::Bn254;
use ark_ff::{Field, One, Zero};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use zkpool_circuit_files::json::{proof, public, verification_key};
use zkpool_circuit_files::{
    AnyProvingKey, AnyR1cs, AnyVerifyingKey, AnyWitness, CircomCurve, R1cs, ReadOptions,
    SparseRows, Term, Witness, r1cs, wtns, zkey,
};
use zkpool_types::{ProofBody, Stage};

use super::{Groth16, development_setup};
use crate::cpu::FixedBase;
use crate::{
    AnyProver, AnyVerifier, Cpu, Engine, ProofSystem, ProveError, SetupError, VerifyError,
};

const CURVES: [&str; 2] = ["bn128", "bls12-381"];

fn rng() -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(7)
}

fn fixture(curve: &str, name: &str) -> PathBuf {
    let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures");
    [fixtures, curve, name].iter().collect()
}

fn open(curve: &str, name: &str) -> File {
    File::open(fixture(curve, name)).unwrap()
}

fn key(curve: &str) -> AnyProvingKey {
    zkey::read(open(curve, "multiplier.zkey"), &ReadOptions::default()).unwrap()
}

fn circuit(curve: &str) -> AnyR1cs {
    r1cs::read(open(curve, "multiplier.r1cs")).unwrap()
}

fn witness(curve: &str) -> AnyWitness {
    wtns::read(open(curve, "multiplier.wtns")).unwrap()
}

fn verifier(curve: &str) -> AnyVerifier {
    let text = read(fixture(curve, "verification_key.json")).unwrap();
    AnyVerifier::new(verification_key::read(&text, false).unwrap())
}

fn proof_of_snarkjs(curve: &str) -> ProofBody {
    let json = |name| serde_json::from_slice(&read(fixture(curve, name)).unwrap()).unwrap();
    let public_inputs = json("public.json");
    let public_inputs = serde_json::from_value(public_inputs).unwrap();
    let curve = key(curve).curve();
    let proof_system = zkpool_types::ProofSystemKind::Groth16;
    ProofBody { proof_system, curve, proof: json("proof.json"), public_inputs, development: false }
}

#[test]
fn a_proof_of_snarkjs_verifies() {
    for curve in CURVES {
        assert!(verifier(curve).verify_body(&proof_of_snarkjs(curve)).unwrap(), "{curve}");
    }
}

#[test]
fn our_proof_with_a_key_of_snarkjs_verifies_under_its_verification_key() {
    for curve in CURVES {
        let prover = AnyProver::new(Cpu, key(curve)).unwrap();
        let body = prover.prove(&witness(curve), &mut rng(), &mut ()).unwrap();
        assert!(verifier(curve).verify_body(&body).unwrap(), "{curve}");
        assert_eq!(body.public_inputs, proof_of_snarkjs(curve).public_inputs);
        assert!(!body.development);
    }
}

#[test]
fn two_proofs_of_one_statement_differ() {
    let prover = AnyProver::new(Cpu, key("bn128")).unwrap();
    let (witness, rng) = (witness("bn128"), &mut rng());
    let first = prover.prove(&witness, rng, &mut ()).unwrap();
    assert_ne!(first.proof, prover.prove(&witness, rng, &mut ()).unwrap().proof);
}

#[test]
fn stages_are_reported_in_order() {
    let prover = AnyProver::new(Cpu, key("bn128")).unwrap();
    let mut stages = Vec::new();
    let mut observer = |stage| stages.push(stage);
    prover.prove(&witness("bn128"), &mut rng(), &mut observer).unwrap();
    assert_eq!(stages, [Stage::Witness, Stage::Ntt, Stage::Msm, Stage::Verifying]);
}

#[test]
fn a_tampered_proof_or_public_input_is_rejected() {
    for curve in CURVES {
        let (verifier, body) = (verifier(curve), proof_of_snarkjs(curve));
        let mut other_input = body.clone();
        other_input.public_inputs[2] = "8".to_owned();
        assert!(!verifier.verify_body(&other_input).unwrap(), "{curve}");
        let mut swapped = body.clone();
        swapped.proof["pi_a"] = body.proof["pi_c"].clone();
        assert!(!verifier.verify_body(&swapped).unwrap(), "{curve}");
    }
}

#[test]
fn a_wrong_number_of_public_inputs_is_rejected() {
    let (verifier, mut body) = (verifier("bn128"), proof_of_snarkjs("bn128"));
    body.public_inputs.pop();
    let error = verifier.verify_body(&body).unwrap_err();
    assert!(matches!(error, VerifyError::PublicInputs { expected: 3, found: 2 }), "{error}");
}

#[test]
fn a_proof_over_another_curve_is_rejected() {
    let error = verifier("bn128").verify_body(&proof_of_snarkjs("bls12-381")).unwrap_err();
    assert!(matches!(error, VerifyError::ProofCurve { .. }), "{error}");
}

#[test]
fn a_witness_for_another_circuit_is_rejected() {
    let prover = AnyProver::new(Cpu, key("bn128")).unwrap();
    let error = prover.prove(&witness("bls12-381"), &mut rng(), &mut ()).unwrap_err();
    assert!(matches!(error, ProveError::WitnessCurve { .. }), "{error}");
    let short = Witness::<Bn254>::new(vec![One::one(); 2]).unwrap();
    let error = prover.prove(&short.into(), &mut rng(), &mut ()).unwrap_err();
    assert!(matches!(error, ProveError::WitnessLength { expected: 25, found: 2 }), "{error}");
}

#[test]
fn an_unsatisfied_witness_is_rejected() {
    let AnyWitness::Bn254(witness) = witness("bn128") else { panic!("another curve") };
    let prover = AnyProver::new(Cpu, key("bn128")).unwrap();
    for signal in 1..witness.values().len() {
        let mut values = witness.values().to_vec();
        values[signal] += ark_bn254::Fr::one();
        let wrong = Witness::<Bn254>::new(values).unwrap();
        let error = prover.prove(&wrong.into(), &mut rng(), &mut ()).unwrap_err();
        assert!(matches!(error, ProveError::Unsatisfied), "signal {signal}: {error}");
    }
}

#[test]
fn a_development_key_proves_and_says_so() {
    for curve in CURVES {
        let key = crate::development_setup(&circuit(curve), &mut rng()).unwrap();
        let verifier = AnyVerifier::new(key.verifying_key());
        let prover = AnyProver::new(Cpu, key).unwrap();
        let body = prover.prove(&witness(curve), &mut rng(), &mut ()).unwrap();
        assert!(verifier.verify_body(&body).unwrap(), "{curve}");
        assert!(body.development && prover.is_development());
        assert!(!self::verifier(curve).verify_body(&body).unwrap(), "{curve}: another key");
    }
}

#[test]
fn a_development_key_survives_its_file_only_where_development_is_allowed() {
    for curve in CURVES {
        let key = crate::development_setup(&circuit(curve), &mut rng()).unwrap();
        let mut bytes = std::io::Cursor::new(Vec::new());
        zkey::write(&mut bytes, &key).unwrap();
        assert!(zkey::read(&mut bytes, &ReadOptions::default()).is_err(), "{curve}");
        let options = ReadOptions { allow_development: true, ..ReadOptions::default() };
        assert_eq!(zkey::read(&mut bytes, &options).unwrap(), key);
    }
}

/// x^2 = y with y public, and `unused` more private signals.
fn square<E: CircomCurve>(unused: u32) -> R1cs<E> {
    let term = |signal| Term { signal, value: E::ScalarField::one() };
    let mut constraints = SparseRows::with_capacity(1, 3);
    constraints.push_row([&[term(2)], &[term(2)], &[term(1)]]);
    R1cs {
        n_wires: 3 + unused,
        n_outputs: 1,
        n_public_inputs: 0,
        n_private_inputs: 1 + unused,
        n_labels: u64::from(3 + unused),
        constraints,
        others: Vec::new(),
        section_order: vec![1, 2],
    }
}

fn proves<E>(circuit: &R1cs<E>, values: Vec<E::ScalarField>)
where
    E: CircomCurve<G1: FixedBase, G2: FixedBase>,
    Cpu: Engine<E>,
{
    let groth16 = Groth16::<E, Cpu>::new(Cpu);
    let key = groth16.prepare(development_setup(circuit, &mut rng()).unwrap()).unwrap();
    let witness = Witness::new(values).unwrap();
    groth16.prove_checked(&key, &witness, &mut rng(), &mut ()).unwrap();
    assert!(key.bytes() > 0);
}

#[test]
fn points_at_infinity_and_zeros_in_the_witness_prove() {
    let zero = ark_bn254::Fr::zero();
    proves::<Bn254>(&square(3), vec![One::one(), zero, zero, zero, zero, zero]);
    let four = ark_bls12_381::Fr::from(4);
    let minus_two = -ark_bls12_381::Fr::from(2);
    proves::<Bls12_381>(&square(1), vec![One::one(), four, minus_two, four]);
}

#[test]
fn a_circuit_without_constraints_proves_on_a_domain_of_two() {
    let mut circuit = square::<Bn254>(0);
    circuit.constraints = SparseRows::with_capacity(0, 0);
    (circuit.n_wires, circuit.n_outputs, circuit.n_private_inputs) = (1, 0, 0);
    assert_eq!(development_setup(&circuit, &mut rng()).unwrap().domain_size, 2);
    proves(&circuit, vec![One::one()]);
}

#[test]
fn the_domain_has_room_for_constraints_and_public_inputs() {
    for (rows, domain_size) in [(1, 4), (2, 4), (3, 8), (6, 8), (7, 16)] {
        let mut circuit = square::<Bn254>(0);
        let row = circuit.constraints.clone();
        for _ in 1..rows {
            circuit.constraints.push_row([row.a(0), row.b(0), row.c(0)]);
        }
        assert_eq!(development_setup(&circuit, &mut rng()).unwrap().domain_size, domain_size);
    }
}

#[test]
fn custom_gates_are_rejected() {
    let mut circuit = square::<Bn254>(0);
    circuit.others.push(r1cs::RawSection { id: 4, content: vec![1, 0, 0, 0] });
    let error = development_setup(&circuit, &mut rng()).unwrap_err();
    assert!(matches!(error, SetupError::CustomGates), "{error}");
}

/// A chain of squarings with bits in between, long enough to use every size of digit.
#[test]
fn a_longer_chain_proves() {
    let one = ark_bn254::Fr::one();
    let mut circuit = square::<Bn254>(0);
    let mut values = vec![one, ark_bn254::Fr::from(9), ark_bn254::Fr::from(3)];
    let term = |signal| Term { signal, value: one };
    for signal in 2..1500_u32 {
        circuit.constraints.push_row([&[term(signal)], &[term(signal)], &[term(signal + 1)]]);
        values.push(values[signal as usize].square());
    }
    circuit.n_wires = u32::try_from(values.len()).unwrap();
    proves(&circuit, values);
}

#[test]
fn written_proofs_read_back() {
    let prover = AnyProver::new(Cpu, key("bn128")).unwrap();
    let body = prover.prove(&witness("bn128"), &mut rng(), &mut ()).unwrap();
    let again = proof::from_value(&body.proof).unwrap();
    assert_eq!(proof::to_value(&again).unwrap(), body.proof);
    let inputs = public::from_strings::<Bn254>(&body.public_inputs).unwrap();
    assert_eq!(public::to_strings::<Bn254>(&inputs), body.public_inputs);
}

#[test]
fn neither_keys_nor_provers_print_points() {
    let AnyVerifyingKey::Bn254(vk) = key("bn128").verifying_key() else { panic!("another curve") };
    let text = format!("{:?}", super::PreparedVerifyingKey::new(vk));
    assert!(text.len() < 100, "{text}");
}
