//! Inputs in place of a witness: the same witness as snarkjs's, and generators that do harm.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use zkpool_tests::api::{Answer, Client};
use zkpool_tests::command::{snarkjs_ok, succeed, zkpool, zkpool_ok, zkpool_path};
use zkpool_tests::groth16::{
    CURVES, Folder, development_key, export_verification_key, snarkjs_accepts,
};
use zkpool_tests::server::{Server, create_key};
use zkpool_tests::workspace::{fixture, rollup, root};

/// Longest time that a job takes whose generator runs to its limit, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(240);

fn multiplier_inputs() -> std::path::PathBuf {
    root().join("tests/fixtures/multiplier.json")
}

#[test]
fn witnesses_are_those_that_snarkjs_calculates() {
    let folder = Folder::new();
    let (ours, theirs) = (folder.file("ours.wtns"), folder.file("theirs.wtns"));
    let mut circuits = vec![(rollup("rollup_1.wasm"), rollup("batches/2.json"))];
    circuits.extend(CURVES.map(|curve| (fixture(curve, "multiplier.wasm"), multiplier_inputs())));
    for (generator, inputs) in circuits {
        let arguments =
            |witness| [Path::new("wtns"), Path::new("calculate"), &generator, &inputs, witness];
        zkpool_ok(arguments(&ours));
        snarkjs_ok(arguments(&theirs));
        assert_eq!(fs::read(&ours).unwrap(), fs::read(&theirs).unwrap(), "{generator:?}");
    }
}

#[test]
fn snarkjs_verifies_a_proof_made_from_inputs_offline() {
    for curve in CURVES {
        let folder = Folder::new();
        let (proof, public) = (folder.file("proof.json"), folder.file("public.json"));
        zkpool_ok([
            Path::new("groth16"),
            Path::new("fullprove"),
            &multiplier_inputs(),
            &fixture(curve, "multiplier.wasm"),
            &fixture(curve, "multiplier.zkey"),
            &proof,
            &public,
        ]);
        assert!(snarkjs_accepts(&fixture(curve, "verification_key.json"), &public, &proof));
        assert_eq!(fs::read(&public).unwrap(), fs::read(fixture(curve, "public.json")).unwrap());
    }
}

#[test]
fn inputs_without_a_witness_say_why_offline() {
    let folder = Folder::new();
    let calculate = |generator: &Path, json: &str| {
        let inputs = folder.file("input.json");
        fs::write(&inputs, json).unwrap();
        let witness = folder.file("witness.wtns");
        let output =
            zkpool([Path::new("wtns"), Path::new("calculate"), generator, &inputs, &witness]);
        assert!(!witness.exists());
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let generator = fixture("bn128", "multiplier.wasm");
    let (code, error) = calculate(&generator, r#"{"a": 1, "b": 2, "kk": 31337}"#);
    assert_eq!(code, Some(5));
    assert!(error.contains("signal kk") && !error.contains("31337"), "{error}");
    let wrong = fs::read_to_string(rollup("batches/1.json")).unwrap().replacen("87485", "87486", 1);
    let (code, error) = calculate(&rollup("rollup_1.wasm"), &wrong);
    assert_eq!(code, Some(1));
    assert!(error.contains("template ForceEqualIfEnabled"), "{error}");
}

#[test]
fn a_rollup_batch_is_proved_from_its_inputs() {
    let (folder, data) = (Folder::new(), tempfile::tempdir().unwrap());
    let zkey = folder.file("rollup.zkey");
    development_key(&rollup("rollup_1.r1cs"), &zkey);
    let server = Server::start(data.path());
    let key = create_key(data.path(), "acme", "submit,read");
    let command = |arguments: &[&Path]| {
        let command = &mut Command::new(zkpool_path());
        let environment = [("ZKPOOL_SERVER", &server.url), ("ZKPOOL_API_KEY", &key)];
        succeed(command.args(arguments).envs(environment))
    };
    let path = Path::new;
    let shown = command(&[
        path("circuits"),
        path("register"),
        path("rollup"),
        &zkey,
        path("--generator"),
        &rollup("rollup_1.wasm"),
        path("--allow-development-key"),
    ]);
    assert!(shown.contains("witness generator") && shown.contains("3243980 bytes"), "{shown}");
    let (proof, public) = (folder.file("proof.json"), folder.file("public.json"));
    command(&[
        path("prove"),
        path("rollup"),
        path("--inputs"),
        &rollup("batches/1.json"),
        path("--proof"),
        &proof,
        path("--public"),
        &public,
    ]);
    let verification_key = folder.file("verification_key.json");
    export_verification_key(&zkey, &verification_key);
    assert!(snarkjs_accepts(&verification_key, &public, &proof));
    let inputs: Value =
        serde_json::from_slice(&fs::read(rollup("batches/1.json")).unwrap()).unwrap();
    let proved: Value = serde_json::from_slice(&fs::read(&public).unwrap()).unwrap();
    assert_eq!(proved, json!([inputs["oldRoot"], inputs["newRoot"], inputs["batchHash"]]));
}

fn base64_of(path: &Path) -> String {
    STANDARD.encode(fs::read(path).unwrap())
}

/// Registers the multiplier with a generator.
fn register(client: &Client, name: &str, module: &[u8]) -> Answer {
    let body = json!({
        "name": name,
        "proof_system": "groth16",
        "proving_key": { "base64": base64_of(&fixture("bn128", "multiplier.zkey")) },
        "generator": { "base64": STANDARD.encode(module) },
    });
    client.post("/v1/circuits", &body)
}

/// A generator that does this when an input is set.
fn hostile(set_input: &str) -> Vec<u8> {
    let text = fs::read_to_string(root().join("tests/fixtures/generator.wat")).unwrap();
    let more = r#"(func (export "getWitnessSize") (result i32) i32.const 25)"#;
    wat::parse_str(text.replace("SET_INPUT", set_input).replace("MORE", more)).unwrap()
}

#[test]
fn hostile_generators_are_stopped_by_name_and_charge_nothing() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path());
    let client = Client::new(&server.url, &create_key(data.path(), "acme", "submit,read"));
    let cases = [
        // By the count of instructions, or by the time where the machine is busy.
        ("endless-loop", "(loop $forever br $forever)", "generator_limit", "to end within"),
        (
            "memory-growth",
            "(loop $more (drop (memory.grow (i32.const 100))) br $more)",
            "generator_limit",
            "bytes of memory",
        ),
        ("trap", "unreachable", "generator_failed", "unreachable"),
        ("wild-write", "(i32.store (i32.const -4) (i32.const 0))", "generator_failed", "memory"),
        ("raise", "(call $raise (i32.const 4))", "unsatisfied_witness", "do not satisfy"),
        ("empty", "", "invalid_witness", ""),
    ];
    for (name, set_input, code, detail) in cases {
        assert_eq!(register(&client, name, &hostile(set_input)).status, 201);
        let body = json!({ "circuit": name, "inputs": { "a": "31337000000000000001" } });
        let job = client.submit(name, &body).ok()["id"].as_str().unwrap().to_owned();
        let view = client.poll(&job, PATIENCE, |view| view["finished_at"].is_string());
        assert_eq!((&view["state"], &view["failure"]["code"]), (&json!("failed"), &json!(code)));
        assert!(view["failure"]["detail"].as_str().unwrap().contains(detail), "{view}");
        let receipt = &view["receipt"];
        assert_eq!(
            (&receipt["charge_nano_usd"], &receipt["usage"]["attempts"]),
            (&json!(0), &json!(1))
        );
        assert!(!view.to_string().contains("31337"), "{view}");
    }
    let imports = r#"(module (import "wasi_snapshot_preview1" "fd_write"
        (func (param i32 i32 i32 i32) (result i32))))"#;
    let refused = register(&client, "host-import", &wat::parse_str(imports).unwrap());
    assert_eq!((refused.status, &refused.body["code"]), (422, &json!("invalid_generator")));
    assert!(refused.body["detail"].as_str().unwrap().contains("fd_write"), "{}", refused.body);
    // Whatever the generators did, the next one is served.
    let generator = fs::read(fixture("bn128", "multiplier.wasm")).unwrap();
    assert_eq!(register(&client, "honest", &generator).status, 201);
    let body = json!({ "circuit": "honest", "inputs": { "a": 3, "b": "11", "k": "0x7" } });
    let job = client.submit("honest", &body).ok()["id"].as_str().unwrap().to_owned();
    let view = client.poll(&job, PATIENCE, |view| view["finished_at"].is_string());
    assert_eq!(view["state"], "succeeded", "{view}");
    assert!(view["receipt"]["usage"]["witness_us"].as_u64().unwrap() > 0);
    assert_eq!(files_with(data.path(), b"31337000000000000001"), Vec::<String>::new());
}

/// The files below a folder that contain these bytes.
fn files_with(folder: &Path, bytes: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_with(&path, bytes));
        } else if fs::read(&path).unwrap().windows(bytes.len()).any(|window| window == bytes) {
            found.push(path.display().to_string());
        }
    }
    found
}
