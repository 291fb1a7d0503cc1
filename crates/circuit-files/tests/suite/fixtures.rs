//! Files made by snarkjs are read, agree with each other and are written back byte for byte.

use std::io::Cursor;

use crate::common::*;
use ark_bls12_381::Bls12_381;
use ark_bn254::Bn254;
use ark_ec::pairing::Pairing;
use ark_ec::{AffineRepr, CurveGroup};
use zkpool_circuit_files::json::{proof, public, verification_key};
use zkpool_circuit_files::{
    AnyProof, AnyProvingKey, AnyR1cs, AnyVerifyingKey, AnyWitness, CircomCurve, GroupChecks,
    KeyFault, Proof, ProvingKey, R1cs, ReadOptions, Rejection, Row, Term, VerifyingKey, Witness,
    r1cs, wtns, zkey,
};
use zkpool_types::Sha256Digest;

#[test]
fn binaries_are_written_back_as_they_were() {
    for curve in CURVES {
        for extension in ["r1cs", "wtns", "zkey"] {
            let bytes = fixture(curve, &format!("multiplier.{extension}"));
            assert!(rewrite(extension, &bytes).unwrap() == bytes, "{curve} {extension}");
        }
        let initial = fixture(curve, "multiplier_initial.zkey");
        assert!(rewrite("zkey", &initial).unwrap() == initial, "{curve} initial");
    }
}

#[test]
fn json_is_written_back_as_it_was() {
    for curve in CURVES {
        let key = text(curve, "verification_key.json");
        let read = verification_key::read(key.as_bytes(), false).unwrap();
        assert_eq!(verification_key::write(&read).unwrap(), key);
        let proof = text(curve, "proof.json");
        let read = proof::read(proof.as_bytes()).unwrap();
        assert_eq!(proof::write(&read).unwrap(), proof);
        let value = proof::to_value(&read).unwrap();
        assert_eq!(proof::from_value(&value).unwrap(), read);
    }
    let inputs = text("bn128", "public.json");
    let read = public::read::<Bn254>(inputs.as_bytes()).unwrap();
    assert_eq!(public::write::<Bn254>(&read).unwrap(), inputs);
    let inputs = text("bls12-381", "public.json");
    let read = public::read::<Bls12_381>(inputs.as_bytes()).unwrap();
    assert_eq!(public::write::<Bls12_381>(&read).unwrap(), inputs);
}

/// rapidsnark leaves the curve out, since it knows one only.
#[test]
fn a_proof_without_a_curve_is_read_as_rapidsnark_means_it() {
    let text = text("bn128", "proof.json");
    let mut value: serde_json::Value = serde_json::from_str(&text).unwrap();
    value.as_object_mut().unwrap().remove("curve").unwrap();
    let read = proof::from_value(&value).unwrap();
    assert_eq!(read, proof::read(text.as_bytes()).unwrap());
}

#[test]
fn the_verification_key_of_a_key_is_what_snarkjs_exports() {
    for curve in CURVES {
        let key = read_key(&fixture(curve, "multiplier.zkey"), &ReadOptions::default()).unwrap();
        let exported = verification_key::write(&key.verifying_key()).unwrap();
        assert_eq!(exported, text(curve, "verification_key.json"));
    }
}

fn terms<F: Copy>(row: Row<'_, F>) -> Vec<Term<F>> {
    row.map(|(signal, value)| Term { signal, value: *value }).collect()
}

/// The matrices of the key are those of the constraint system, plus the rows of public inputs.
fn key_holds_the_matrices<E: CircomCurve>(key: &ProvingKey<E>, r1cs: &R1cs<E>) {
    let rows = r1cs.constraints.rows();
    for row in 0..rows {
        assert_eq!(terms(key.coefficients.a(row)), r1cs.constraints.a(row));
        assert_eq!(terms(key.coefficients.b(row)), r1cs.constraints.b(row));
    }
    for signal in 0..=key.n_public {
        let one = Term { signal, value: E::ScalarField::from(1u64) };
        assert_eq!(terms(key.coefficients.a(rows + signal as usize)), [one]);
    }
    assert_eq!((key.n_vars, key.n_public), (r1cs.n_wires, r1cs.n_public()));
}

#[test]
fn a_key_holds_the_matrices_of_its_circuit() {
    for curve in CURVES {
        let key = read_key(&fixture(curve, "multiplier.zkey"), &ReadOptions::default()).unwrap();
        let r1cs = r1cs::read(Cursor::new(fixture(curve, "multiplier.r1cs"))).unwrap();
        match (key, r1cs) {
            (AnyProvingKey::Bn254(key), AnyR1cs::Bn254(r1cs)) => {
                key_holds_the_matrices(&key, &r1cs);
            }
            (AnyProvingKey::Bls12_381(key), AnyR1cs::Bls12_381(r1cs)) => {
                key_holds_the_matrices(&key, &r1cs);
            }
            _ => panic!("key and circuit are over different curves"),
        }
    }
}

fn witness_satisfies<E: CircomCurve>(witness: &Witness<E>, r1cs: &R1cs<E>) {
    let dot = |terms: &[Term<E::ScalarField>]| {
        let products = terms.iter().map(|t| t.value * witness.values()[t.signal as usize]);
        products.sum::<E::ScalarField>()
    };
    for row in 0..r1cs.constraints.rows() {
        let constraints = &r1cs.constraints;
        let product = dot(constraints.a(row)) * dot(constraints.b(row));
        assert_eq!(product, dot(constraints.c(row)), "row {row}");
    }
}

#[test]
fn the_witness_satisfies_the_circuit() {
    for curve in CURVES {
        let witness = wtns::read(Cursor::new(fixture(curve, "multiplier.wtns"))).unwrap();
        let r1cs = r1cs::read(Cursor::new(fixture(curve, "multiplier.r1cs"))).unwrap();
        match (witness, r1cs) {
            (AnyWitness::Bn254(witness), AnyR1cs::Bn254(r1cs)) => {
                witness_satisfies(&witness, &r1cs);
                let inputs = public::read::<Bn254>(&fixture(curve, "public.json")).unwrap();
                assert_eq!(witness.public_inputs(inputs.len()).unwrap(), inputs);
            }
            (AnyWitness::Bls12_381(witness), AnyR1cs::Bls12_381(r1cs)) => {
                witness_satisfies(&witness, &r1cs);
            }
            _ => panic!("witness and circuit are over different curves"),
        }
    }
}

/// The verification equation of Groth16.
fn verifies<E: CircomCurve>(
    vk: &VerifyingKey<E>,
    inputs: &[E::ScalarField],
    proof: &Proof<E>,
) -> bool {
    let mut sum = vk.ic[0].into_group();
    for (point, input) in vk.ic[1..].iter().zip(inputs) {
        sum += *point * *input;
    }
    let g1 = [-proof.a.into_group(), vk.alpha_g1.into_group(), sum, proof.c.into_group()];
    let g2 = [proof.b, vk.beta_g2, vk.gamma_g2, vk.delta_g2];
    let product = <E as Pairing>::multi_pairing(g1.map(CurveGroup::into_affine), g2);
    product == Default::default()
}

#[test]
fn the_proof_verifies() {
    for curve in CURVES {
        let key = verification_key::read(&fixture(curve, "verification_key.json"), false).unwrap();
        let proof = proof::read(&fixture(curve, "proof.json")).unwrap();
        let inputs = fixture(curve, "public.json");
        assert!(match (key, proof) {
            (AnyVerifyingKey::Bn254(key), AnyProof::Bn254(proof)) => {
                verifies(&key, &public::read::<Bn254>(&inputs).unwrap(), &proof)
            }
            (AnyVerifyingKey::Bls12_381(key), AnyProof::Bls12_381(proof)) => {
                verifies(&key, &public::read::<Bls12_381>(&inputs).unwrap(), &proof)
            }
            _ => panic!("key and proof are over different curves"),
        });
    }
}

#[test]
fn a_key_without_contributions_is_rejected_unless_allowed() {
    for curve in CURVES {
        let bytes = fixture(curve, "multiplier_initial.zkey");
        let error = read_key(&bytes, &ReadOptions::default()).unwrap_err();
        assert!(matches!(error.rejection, Rejection::Key(KeyFault::DeltaIsGenerator)), "{error}");
        assert!(error.is_development_key());
        assert!(read_key(&bytes, &LENIENT).unwrap().is_development());
        assert!(zkey::peek(Cursor::new(bytes)).unwrap().development);
    }
}

#[test]
fn a_marked_key_is_rejected_unless_allowed() {
    let AnyProvingKey::Bn254(mut key) =
        read_key(&fixture("bn128", "multiplier.zkey"), &ReadOptions::default()).unwrap()
    else {
        panic!("the fixture is over BN254")
    };
    key.contributions = zkey::development_contributions();
    let bytes = write_key(&key.into());
    let error = read_key(&bytes, &ReadOptions::default()).unwrap_err();
    assert!(matches!(error.rejection, Rejection::Key(KeyFault::DevelopmentKey)), "{error}");
    assert!(read_key(&bytes, &LENIENT).unwrap().is_development());
    assert!(zkey::peek(Cursor::new(bytes)).unwrap().development);
}

#[test]
fn a_glance_agrees_with_the_whole_key() {
    for curve in CURVES {
        let bytes = fixture(curve, "multiplier.zkey");
        let seen = zkey::peek(Cursor::new(&bytes)).unwrap();
        let key = read_key(&bytes, &ReadOptions::default()).unwrap();
        assert_eq!(seen.curve, key.curve());
        assert_eq!(seen.development, key.is_development());
        assert_eq!((seen.n_vars, seen.n_public, seen.domain_size), (25, 3, 32));
    }
}

#[test]
fn opening_says_what_the_file_is() {
    let path = fixture_path("bls12-381", "multiplier.zkey");
    let opened = zkey::open(&path, &ReadOptions::default(), None).unwrap();
    let bytes = fixture("bls12-381", "multiplier.zkey");
    assert_eq!(opened.group_checks, GroupChecks::Full);
    assert_eq!(opened.digest, Sha256Digest::of(&bytes));
    assert_eq!(opened.size, bytes.len() as u64);
}

#[test]
fn a_witness_does_not_print() {
    let witness = wtns::read(Cursor::new(fixture("bn128", "multiplier.wtns"))).unwrap();
    assert_eq!(format!("{witness:?}"), "Bn254(Witness(25 values, redacted))");
}

#[test]
fn a_key_of_wrong_lengths_is_not_written() {
    let bytes = fixture("bn128", "multiplier.zkey");
    let AnyProvingKey::Bn254(mut key) = read_key(&bytes, &ReadOptions::default()).unwrap() else {
        panic!("the fixture is over BN254")
    };
    key.h = key.h.iter().take(31).collect();
    let error = zkey::write(std::io::sink(), &key.into()).unwrap_err();
    assert!(matches!(error, zkey::WriteError::Length { part: "H", expected: 32, found: 31 }));
}

#[test]
fn a_witness_without_the_constant_is_not_made() {
    assert!(Witness::<Bn254>::new(vec![]).is_none());
    assert!(Witness::<Bn254>::new(vec![2u64.into()]).is_none());
    assert!(Witness::<Bn254>::new(vec![1u64.into(), 2u64.into()]).is_some());
}
