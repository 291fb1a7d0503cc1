//! snarkjs verifies what we prove and we verify what it proves: on both curves, from keys made
//! by either side.

use std::fs;
use std::path::Path;

use zkpool_tests::command::{snarkjs_ok, zkpool, zkpool_ok};
use zkpool_tests::groth16::{
    CURVES, Folder, development_key, export_verification_key, snarkjs_accepts,
};
use zkpool_tests::workspace::{fixture, rollup};

fn prove(zkey: &Path, witness: &Path, proof: &Path, public: &Path) {
    zkpool_ok([Path::new("groth16"), Path::new("prove"), zkey, witness, proof, public]);
}

fn snarkjs_prove(zkey: &Path, witness: &Path, proof: &Path, public: &Path) {
    snarkjs_ok([Path::new("groth16"), Path::new("prove"), zkey, witness, proof, public]);
}

fn we_accept(verification_key: &Path, public: &Path, proof: &Path) -> bool {
    let arguments = [Path::new("groth16"), Path::new("verify"), verification_key, public, proof];
    zkpool(arguments).status.success()
}

#[test]
fn snarkjs_verifies_our_proofs_from_its_keys() {
    for curve in CURVES {
        let folder = Folder::new();
        let (proof, public) = (folder.file("proof.json"), folder.file("public.json"));
        prove(
            &fixture(curve, "multiplier.zkey"),
            &fixture(curve, "multiplier.wtns"),
            &proof,
            &public,
        );
        let verification_key = fixture(curve, "verification_key.json");
        assert!(snarkjs_accepts(&verification_key, &public, &proof), "{curve}");
        assert_eq!(
            fs::read_to_string(&public).unwrap(),
            fs::read_to_string(fixture(curve, "public.json")).unwrap(),
            "{curve}: the public inputs are not written as snarkjs writes them"
        );
    }
}

#[test]
fn we_verify_proofs_of_snarkjs() {
    for curve in CURVES {
        let verification_key = fixture(curve, "verification_key.json");
        let (public, proof) = (fixture(curve, "public.json"), fixture(curve, "proof.json"));
        assert!(we_accept(&verification_key, &public, &proof), "{curve}");
    }
}

#[test]
fn both_sides_prove_and_verify_with_our_development_keys() {
    for curve in CURVES {
        let folder = Folder::new();
        let zkey = folder.file("development.zkey");
        development_key(&fixture(curve, "multiplier.r1cs"), &zkey);
        let verification_key = folder.file("verification_key.json");
        snarkjs_ok([
            Path::new("zkey"),
            Path::new("export"),
            Path::new("verificationkey"),
            &zkey,
            &verification_key,
        ]);
        let witness = fixture(curve, "multiplier.wtns");
        let (proof, public) = (folder.file("proof.json"), folder.file("public.json"));
        for prover in [prove, snarkjs_prove] {
            prover(&zkey, &witness, &proof, &public);
            assert!(snarkjs_accepts(&verification_key, &public, &proof), "{curve}");
            assert!(we_accept(&verification_key, &public, &proof), "{curve}");
        }
    }
}

#[test]
fn verification_keys_are_written_as_snarkjs_writes_them() {
    for curve in CURVES {
        let folder = Folder::new();
        let ours = folder.file("verification_key.json");
        export_verification_key(&fixture(curve, "multiplier.zkey"), &ours);
        assert_eq!(
            fs::read_to_string(&ours).unwrap(),
            fs::read_to_string(fixture(curve, "verification_key.json")).unwrap(),
            "{curve}"
        );
    }
}

#[test]
fn a_tampered_public_input_is_rejected_by_both() {
    for curve in CURVES {
        let folder = Folder::new();
        let public = folder.file("public.json");
        let text = fs::read_to_string(fixture(curve, "public.json")).unwrap();
        let mut values: Vec<String> = serde_json::from_str(&text).unwrap();
        values[0] = "7".to_owned();
        fs::write(&public, serde_json::to_string(&values).unwrap()).unwrap();
        let verification_key = fixture(curve, "verification_key.json");
        let proof = fixture(curve, "proof.json");
        assert!(!we_accept(&verification_key, &public, &proof), "{curve}");
        assert!(!snarkjs_accepts(&verification_key, &public, &proof), "{curve}");
    }
}

#[test]
fn snarkjs_verifies_the_rollup_batch() {
    let folder = Folder::new();
    let zkey = folder.file("rollup.zkey");
    development_key(&rollup("rollup_1.r1cs"), &zkey);
    let (proof, public) = (folder.file("proof.json"), folder.file("public.json"));
    prove(&zkey, &rollup("batches/1.wtns"), &proof, &public);
    let verification_key = folder.file("verification_key.json");
    export_verification_key(&zkey, &verification_key);
    assert!(snarkjs_accepts(&verification_key, &public, &proof));
}

/// snarkjs publishes a proof for such a witness that does not verify; we publish none.
#[test]
fn an_unsatisfied_witness_leaves_no_proof_behind() {
    let folder = Folder::new();
    let witness = folder.file("unsatisfied.wtns");
    let mut bytes = fs::read(fixture("bn128", "multiplier.wtns")).unwrap();
    let last_value = bytes.len() - 32;
    bytes[last_value] ^= 1;
    fs::write(&witness, bytes).unwrap();
    let (proof, public) = (folder.file("proof.json"), folder.file("public.json"));
    let output = zkpool([
        Path::new("groth16"),
        Path::new("prove"),
        &fixture("bn128", "multiplier.zkey"),
        &witness,
        &proof,
        &public,
    ]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("satisf"));
    assert!(!proof.exists() && !public.exists());
}
