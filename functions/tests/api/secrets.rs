//! What must not be in a log at any level: keys, tokens of addresses, witnesses.
//!
//! The log is that of every test that ran so far, and the keys of all tests are the same ones.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;
use zkpool_types::Sha256Digest;

use crate::harness::{Api, Call, WITNESS, submission};
use crate::log::Log;

#[tokio::test]
async fn keys_tokens_and_witnesses_are_in_no_log() {
    let api = Api::new();
    let key = api.full_key("owner").await;
    let circuit = api.register(&key, "multiplier").await;
    api.submit(&key, &circuit, "CANARY-IDEMPOTENCY").await;
    let broken = json!({ "circuit": "a", "witness": { "base64": ["CANARY-WITNESS"] } });
    api.send(submission(&key, &circuit, "k").json(&broken)).await.problem(400, "invalid_request");
    let body = json!({ "size": WITNESS.len(), "sha256": Sha256Digest::of(WITNESS).to_string() });
    let upload = api.send(Call::post("/v1/uploads").key(&key).json(&body)).await;
    let url = upload.text("url");
    api.send(Call::put(&url).bytes("CANARY-UPLOAD")).await.problem(422, "digest_mismatch");
    let member = api.member("owner").await;
    let (_, session) = member.cookie.split_once('.').unwrap();
    api.send(Call::post("/dashboard/sign-in").form(&[("kee", "CANARY-FORM")])).await;
    let (_, token) = url.split_once("token=").unwrap();
    let text = Log::of_all_tests().text();
    assert!(text.contains("/v1/uploads/{id}") && text.contains("status=202"), "{text}");
    let witness = BASE64_STANDARD.encode(&WITNESS[80..160]);
    for secret in
        [key.trim_start_matches("zkp_"), token, "CANARY", &witness, session, &member.form_token]
    {
        assert!(!text.contains(secret), "{secret} is in the log:\n{text}");
    }
}
