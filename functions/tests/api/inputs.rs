//! Inputs in place of a witness, and the witness generators that they are for.

use serde_json::{Value, json};
use zkpool_jobs::keys;
use zkpool_types::{JobRequest, WitnessForm};

use crate::harness::{Api, Call, WITNESS, inline, registration};

const GENERATOR: &[u8] = include_bytes!("../../../tests/fixtures/bn128/multiplier.wasm");
const OTHER_GENERATOR: &[u8] = include_bytes!("../../../tests/fixtures/bls12-381/multiplier.wasm");

fn registration_with(name: &str, generator: &[u8]) -> Value {
    let mut body = registration(name);
    body["generator"] = inline(generator);
    body
}

async fn register(api: &Api, key: &str, body: &Value) -> crate::harness::Answer {
    api.send(Call::post("/v1/circuits").key(key).json(body)).await
}

fn submit(key: &str, body: &Value) -> Call {
    Call::post("/v1/proofs").key(key).header("idempotency-key", "k").json(body)
}

async fn ready() -> (Api, String) {
    let api = Api::new();
    let key = api.full_key("acme").await;
    let answer = register(&api, &key, &registration_with("multiplier", GENERATOR)).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(answer.value()["generator"]["size"], GENERATOR.len());
    (api, key)
}

#[tokio::test]
async fn inputs_are_stored_exactly_as_they_were_sent() {
    let (api, key) = ready().await;
    let text = r#"{ "a": 123456789012345678, "b": [ "11" ],"k":-7}"#;
    let body = format!(r#"{{"circuit":"multiplier","inputs":{text}}}"#);
    let call = submit(&key, &Value::Null).bytes(body);
    let job = api.send(call).await;
    assert_eq!(job.status, 202, "{job:?}");
    let (project, job) = ("acme".parse().unwrap(), job.text("id").parse().unwrap());
    let stored = async |key| api.ports.blobs.get(&key, 1 << 20).await.unwrap();
    assert_eq!(stored(keys::witness(&project, job)).await, text);
    let request: JobRequest =
        serde_json::from_slice(&stored(keys::request(&project, job)).await).unwrap();
    assert_eq!(request.witness_form, WitnessForm::Inputs);
}

#[tokio::test]
async fn either_a_witness_or_inputs_are_asked_for() {
    let (api, key) = ready().await;
    let both = json!({ "circuit": "multiplier", "witness": inline(WITNESS), "inputs": {} });
    let detail = api.send(submit(&key, &both)).await.problem(400, "invalid_request");
    assert!(detail.contains("found both"), "{detail}");
    let neither = json!({ "circuit": "multiplier" });
    let detail = api.send(submit(&key, &neither)).await.problem(400, "invalid_request");
    assert!(detail.contains("found neither"), "{detail}");
}

#[tokio::test]
async fn inputs_that_are_no_values_are_rejected_without_repeating_them() {
    let (api, key) = ready().await;
    for inputs in [json!({ "a": "31337 is it" }), json!({ "a": [31337.5] }), json!(31337)] {
        let body = json!({ "circuit": "multiplier", "inputs": inputs });
        let detail = api.send(submit(&key, &body)).await.problem(422, "invalid_inputs");
        assert!(detail.starts_with("expected") && !detail.contains("31337"), "{detail}");
    }
}

#[tokio::test]
async fn inputs_for_a_circuit_without_a_generator_are_rejected() {
    let api = Api::new();
    let key = api.full_key("acme").await;
    api.register(&key, "multiplier").await;
    let body = json!({ "circuit": "multiplier", "inputs": { "a": 1 } });
    let detail = api.send(submit(&key, &body)).await.problem(422, "invalid_inputs");
    assert!(detail.contains("without a witness generator"), "{detail}");
}

#[tokio::test]
async fn what_is_no_generator_is_rejected_and_registers_nothing() {
    let api = Api::new();
    let key = api.full_key("acme").await;
    let greedy = r#"(module (import "wasi_snapshot_preview1" "fd_write"
        (func (param i32 i32 i32 i32) (result i32))))"#;
    for (module, reason) in [
        (b"no module".to_vec(), "WebAssembly"),
        (wat::parse_str("(module)").unwrap(), "getVersion"),
        (wat::parse_str(greedy).unwrap(), "fd_write"),
    ] {
        let answer = register(&api, &key, &registration_with("multiplier", &module)).await;
        let detail = answer.problem(422, "invalid_generator");
        assert!(detail.contains(reason), "expected {reason:?} in {detail:?}");
    }
    let circuits = api.send(Call::get("/v1/circuits").key(&key)).await;
    assert_eq!(circuits.value()["items"], json!([]));
}

#[tokio::test]
async fn a_version_keeps_the_generator_that_it_was_registered_with() {
    let (api, key) = ready().await;
    let again = register(&api, &key, &registration_with("multiplier", GENERATOR)).await;
    assert_eq!(again.status, 200);
    let without = register(&api, &key, &registration("multiplier")).await;
    assert_eq!(without.status, 200);
    assert_eq!(without.value(), again.value());
    let other = register(&api, &key, &registration_with("multiplier", OTHER_GENERATOR)).await;
    let detail = other.problem(422, "invalid_generator");
    assert!(detail.contains("under another name"), "{detail}");
    register(&api, &key, &registration("plain")).await;
    let later = register(&api, &key, &registration_with("plain", GENERATOR)).await;
    later.problem(422, "invalid_generator");
}
