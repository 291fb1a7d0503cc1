//! Uploads: announced with a key, sent to a signed address, checked on arrival.

use std::time::Duration;

use serde_json::{Value, json};
use zkpool_types::Sha256Digest;

use crate::harness::{Answer, Api, Call, WITNESS, ZKEY};

fn announcement(bytes: &[u8]) -> Value {
    json!({ "size": bytes.len(), "sha256": Sha256Digest::of(bytes).to_string() })
}

async fn announce(api: &Api, key: &str, bytes: &[u8]) -> Answer {
    let answer = api.send(Call::post("/v1/uploads").key(key).json(&announcement(bytes))).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    answer
}

/// An upload of `bytes` that has arrived.
async fn upload(api: &Api, key: &str, bytes: &'static [u8]) -> String {
    let upload = announce(api, key, bytes).await;
    let sent = api.send(Call::put(upload.text("url")).bytes(bytes)).await;
    assert_eq!(sent.status, 204, "{sent:?}");
    upload.text("id")
}

#[tokio::test]
async fn a_circuit_and_a_witness_can_come_as_uploads() {
    let api = Api::new();
    let key = api.full_key("owner").await;
    let zkey = upload(&api, &key, ZKEY).await;
    let body = json!({
        "name": "multiplier", "proof_system": "groth16", "proving_key": { "upload": zkey },
    });
    let circuit = api.send(Call::post("/v1/circuits").key(&key).json(&body)).await;
    assert_eq!(circuit.status, 201, "{circuit:?}");
    let witness = upload(&api, &key, WITNESS).await;
    let body = json!({ "circuit": "multiplier", "witness": { "upload": witness } });
    let submit = Call::post("/v1/proofs").key(&key).header("idempotency-key", "a").json(&body);
    let first = api.send(submit.clone()).await;
    assert_eq!(first.status, 202, "{first:?}");
    // The upload is used up by now, and the same request is still the same job.
    let again = api.send(submit.clone()).await;
    assert_eq!((again.status.as_u16(), again.text("id")), (200, first.text("id")), "{again:?}");
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    let other = submit.without("idempotency-key").header("idempotency-key", "b");
    api.send(other).await.problem(409, "upload_incomplete");
}

#[tokio::test]
async fn an_upload_that_has_not_arrived_is_rejected() {
    let api = Api::new();
    let key = api.full_key("owner").await;
    api.register(&key, "multiplier").await;
    let id = announce(&api, &key, WITNESS).await.text("id");
    let body = json!({ "circuit": "multiplier", "witness": { "upload": id } });
    let submit = Call::post("/v1/proofs").key(&key).header("idempotency-key", "a").json(&body);
    api.send(submit).await.problem(409, "upload_incomplete");
}

#[tokio::test]
async fn bytes_other_than_the_announced_ones_are_rejected_and_not_stored() {
    let api = Api::new();
    let key = api.full_key("owner").await;
    let url = announce(&api, &key, WITNESS).await.text("url");
    let mut other = WITNESS.to_vec();
    other[100] ^= 1;
    let longer = [WITNESS, b"x"].concat();
    let shorter = WITNESS[1..].to_vec();
    for bytes in [other, longer, shorter, Vec::new()] {
        api.send(Call::put(&url).bytes(bytes)).await.problem(422, "digest_mismatch");
    }
    assert_eq!(api.send(Call::put(&url).bytes(WITNESS)).await.status, 204);
    // A replay of the address changes nothing.
    assert_eq!(api.send(Call::put(&url).bytes(WITNESS)).await.status, 204);
    api.send(Call::put(&url).bytes("x")).await.problem(422, "digest_mismatch");
}

#[tokio::test]
async fn an_address_of_another_upload_an_altered_one_and_an_expired_one_are_rejected() {
    let api = Api::new();
    let key = api.full_key("owner").await;
    let (mine, other) = (announce(&api, &key, WITNESS).await, announce(&api, &key, ZKEY).await);
    let url = mine.text("url");
    let (path, token) = url.split_once("?token=").unwrap();
    let parts: Vec<_> = token.split('.').collect();
    let [project, expiry, tag] = parts.as_slice() else { panic!("{token}") };
    let later = expiry.parse::<i64>().unwrap() + 1;
    for bad in [
        format!("{}?token={token}", path.replace(&mine.text("id"), &other.text("id"))),
        format!("{path}?token=foreign.{expiry}.{tag}"),
        format!("{path}?token={project}.{later}.{tag}"),
        format!("{path}?token={project}.{expiry}.{}", &tag[2..]),
        format!("{path}?token={project}.{expiry}."),
        format!("{path}?token={token}.x"),
        format!("{path}?token="),
        format!("/v1/uploads/x?token={token}"),
    ] {
        let answer = api.send(Call::put(&bad).bytes(WITNESS)).await;
        let detail = answer.problem(404, "not_found");
        assert!(!detail.contains(tag), "{detail}");
    }
    api.clock.advance(Duration::from_secs(3601));
    api.send(Call::put(&url).bytes(WITNESS)).await.problem(404, "not_found");
}

#[tokio::test]
async fn an_upload_of_nothing_or_of_too_much_is_rejected() {
    let api = Api::new();
    let key = api.full_key("owner").await;
    for (size, status, code) in [
        (json!(0), 400, "invalid_request"),
        (json!(u64::MAX), 413, "body_too_large"),
        (json!(-1), 400, "invalid_request"),
        (json!(1.5), 400, "invalid_request"),
    ] {
        let mut body = announcement(WITNESS);
        body["size"] = size;
        let answer = api.send(Call::post("/v1/uploads").key(&key).json(&body)).await;
        answer.problem(status, code);
    }
}
