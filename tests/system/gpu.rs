//! A GPU proves like the processor. Where there is none, Mesa's software Vulkan stands in for it:
//! the kernels are the same.

use std::path::Path;

use serde_json::Value;
use zkpool_tests::command::{zkpool, zkpool_ok};
use zkpool_tests::groth16::{
    CURVES, Folder, development_key, export_verification_key, snarkjs_accepts,
};
use zkpool_tests::workspace::{fixture, rollup};

/// Proves on a GPU. A proof that the processor made instead is a failure.
fn prove(zkey: &Path, witness: &Path, proof: &Path, public: &Path) {
    let command = ["groth16", "prove", "--device", "gpu"].map(Path::new);
    let output = zkpool(command.into_iter().chain([zkey, witness, proof, public]));
    let warnings = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !warnings.contains("CPU"), "{warnings}");
}

/// The value that a command prints with `--json`.
fn json(arguments: &str) -> Value {
    serde_json::from_str(&zkpool_ok(arguments.split(' ').chain(["--json"]))).unwrap()
}

#[test]
fn snarkjs_verifies_proofs_of_a_gpu_from_its_keys() {
    for curve in CURVES {
        let folder = Folder::new();
        let (proof, public) = (folder.file("proof.json"), folder.file("public.json"));
        let key = fixture(curve, "multiplier.zkey");
        prove(&key, &fixture(curve, "multiplier.wtns"), &proof, &public);
        let verification_key = fixture(curve, "verification_key.json");
        assert!(snarkjs_accepts(&verification_key, &public, &proof), "{curve}");
    }
}

#[test]
fn snarkjs_verifies_a_rollup_batch_proven_on_a_gpu() {
    let folder = Folder::new();
    let zkey = folder.file("rollup.zkey");
    development_key(&rollup("rollup_1.r1cs"), &zkey);
    let (proof, public) = (folder.file("proof.json"), folder.file("public.json"));
    prove(&zkey, &rollup("batches/1.wtns"), &proof, &public);
    let verification_key = folder.file("verification_key.json");
    export_verification_key(&zkey, &verification_key);
    assert!(snarkjs_accepts(&verification_key, &public, &proof));
}

#[test]
fn a_software_adapter_is_listed_and_auto_does_not_choose_it() {
    let devices = json("devices");
    let adapters = devices["adapters"].as_array().unwrap();
    let software = adapters.iter().find(|adapter| adapter["software"] == true);
    let software = software.unwrap_or_else(|| panic!("no software adapter in {devices}"));
    assert!(software["name"].as_str().unwrap().contains("llvmpipe"), "{software}");
    assert!(software["device"].as_str().unwrap().starts_with("gpu:"), "{software}");
    // It can be asked for, and costs what the processor costs that it runs on.
    assert!(software["arithmetic"].is_string(), "{software}");
    assert_eq!((&software["auto"], &software["price_class"]), (&false.into(), &"cpu".into()));
    let chosen = adapters.iter().chain([&devices["cpu"]]).filter(|row| row["auto"] == true);
    assert_eq!(chosen.count(), 1, "auto is one device: {devices}");
}

#[test]
fn the_demo_proves_on_a_gpu_and_its_receipt_names_it() {
    let devices = json("devices");
    let report = json("demo --device gpu --proofs 1");
    let proof = &report["proofs"][0];
    assert_eq!((&proof["state"], &proof["verified"]), (&"succeeded".into(), &true.into()));
    let names: Vec<_> =
        devices["adapters"].as_array().unwrap().iter().map(|row| &row["name"]).collect();
    assert!(names.contains(&&proof["device_name"]), "{proof} was proven on none of {names:?}");
}

#[test]
fn a_gpu_that_is_not_there_is_a_failure_that_names_what_is() {
    let folder = Folder::new();
    let (proof, public) = (folder.file("proof.json"), folder.file("public.json"));
    let (key, witness) = (fixture("bn128", "multiplier.zkey"), fixture("bn128", "multiplier.wtns"));
    let command = ["groth16", "prove", "--device", "gpu:99"].map(Path::new);
    let output = zkpool(command.into_iter().chain([&*key, &witness, &proof, &public]));
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(6), "{message}");
    assert!(message.contains("gpu:0 (") && message.contains("software"), "{message}");
    assert!(!proof.exists() && !public.exists());
}
