//! Registration: a key is checked in full, stored once, and its version never changes.

use serde_json::{Value, json};
use zkpool_types::Sha256Digest;

use crate::harness::{Api, Call, INITIAL_ZKEY, VKEY, ZKEY, inline, registration};

#[tokio::test]
async fn a_circuit_is_registered_once_and_named_by_its_key() {
    let api = Api::new();
    let key = api.full_key("owner").await;
    let call = Call::post("/v1/circuits").key(&key).json(&registration("multiplier"));
    let first = api.send(call.clone()).await;
    assert_eq!(first.status, 201);
    let circuit = first.value();
    let digest = Sha256Digest::of(ZKEY);
    assert_eq!(circuit["id"], format!("multiplier@{}", digest.short()));
    assert_eq!(circuit["proving_key"]["sha256"], digest.to_string());
    assert_eq!(circuit["curve"], "bn128");
    assert_eq!(circuit["public_inputs"], 3);
    assert_eq!(circuit["development"], false);
    let again = api.send(call).await;
    assert_eq!((again.status.as_u16(), again.value()), (200, circuit.clone()));
    for reference in ["multiplier", circuit["id"].as_str().unwrap()] {
        let shown = api.send(Call::get(format!("/v1/circuits/{reference}")).key(&key)).await;
        assert_eq!(shown.value(), circuit);
    }
}

#[tokio::test]
async fn the_verification_key_is_the_one_that_snarkjs_exports() {
    let api = Api::new();
    let key = api.full_key("owner").await;
    let circuit = api.register(&key, "multiplier").await;
    let path = format!("/v1/circuits/{circuit}/verification-key");
    let answer = api.send(Call::get(path).key(&key)).await;
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.value(), serde_json::from_slice::<Value>(VKEY).unwrap());
    let shown = api.send(Call::get(format!("/v1/circuits/{circuit}")).key(&key)).await.value();
    assert_eq!(shown["verification_key"]["sha256"], Sha256Digest::of(&answer.body).to_string());
}

#[tokio::test]
async fn a_development_key_is_rejected_unless_it_is_allowed() {
    let api = Api::new();
    let key = api.full_key("owner").await;
    let mut body = registration("toy");
    body["proving_key"] = inline(INITIAL_ZKEY);
    let refused = api.send(Call::post("/v1/circuits").key(&key).json(&body)).await;
    refused.problem(422, "development_key");
    let mut allowed = body.clone();
    allowed["allow_development_key"] = json!(true);
    let created = api.send(Call::post("/v1/circuits").key(&key).json(&allowed)).await;
    assert_eq!((created.status.as_u16(), &created.value()["development"]), (201, &json!(true)));
    // That it is registered now does not make it acceptable to who did not ask for it.
    let refused = api.send(Call::post("/v1/circuits").key(&key).json(&body)).await;
    refused.problem(422, "development_key");
}

#[tokio::test]
async fn a_key_that_is_not_sound_is_rejected_and_not_stored() {
    let api = Api::new();
    let key = api.full_key("owner").await;
    let mut flipped = ZKEY.to_vec();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    let truncated = ZKEY[..ZKEY.len() - 1].to_vec();
    for bytes in [flipped, truncated, Vec::new(), b"zkey".to_vec()] {
        let mut body = registration("broken");
        body["proving_key"] = inline(&bytes);
        let answer = api.send(Call::post("/v1/circuits").key(&key).json(&body)).await;
        answer.problem(422, "invalid_proving_key");
    }
    assert!(api.ports.blobs.list("artifacts/", None, 1).await.unwrap().is_empty());
    assert!(api.ports.blobs.list("circuits/", None, 1).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_name_that_is_no_name_and_base64_that_is_none_are_rejected() {
    let api = Api::new();
    let key = api.full_key("owner").await;
    for name in ["", "A", "a/b", "../a", "1a", "a@b"] {
        let call = Call::post("/v1/circuits").key(&key).json(&registration(name));
        api.send(call).await.problem(400, "invalid_request");
    }
    for source in [json!({ "base64": "A" }), json!({ "base64": "AA" }), json!({ "base64": "*" })] {
        let mut body = registration("multiplier");
        body["proving_key"] = source;
        let call = Call::post("/v1/circuits").key(&key).json(&body);
        api.send(call).await.problem(400, "invalid_request");
    }
}

#[tokio::test]
async fn circuits_are_listed_page_by_page() {
    let api = Api::new();
    let key = api.full_key("owner").await;
    for name in ["a", "b", "c"] {
        api.register(&key, name).await;
    }
    let first = api.send(Call::get("/v1/circuits?limit=2").key(&key)).await.value();
    assert_eq!(first["items"].as_array().unwrap().len(), 2);
    let next = first["next"].as_str().unwrap();
    let last = api.send(Call::get(format!("/v1/circuits?after={next}")).key(&key)).await.value();
    assert_eq!(last["items"][0]["circuit"].as_str().unwrap().split('@').next(), Some("c"));
    assert_eq!(last["next"], Value::Null);
}
