//! One request, however often it is sent, is one job and one charge.

use std::collections::BTreeSet;
use std::fs;
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use zkpool_tests::api::Client;
use zkpool_tests::server::{Server, create_key};
use zkpool_tests::workspace::fixture;

fn base64_of(file: &str) -> String {
    STANDARD.encode(fs::read(fixture("bn128", file)).unwrap())
}

#[test]
fn a_hundred_concurrent_submits_with_one_key_make_one_job() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path());
    let client = Client::new(&server.url, &create_key(data.path(), "acme", "submit,read"));
    let circuit = client.register("multiplier", &base64_of("multiplier.zkey"));
    let body = json!({ "circuit": circuit, "witness": { "base64": base64_of("multiplier.wtns") } });

    let answers: Vec<Value> = thread::scope(|scope| {
        let submits: Vec<_> =
            (0..100).map(|_| scope.spawn(|| client.submit("payment-1", &body).ok())).collect();
        submits.into_iter().map(|submit| submit.join().unwrap()).collect()
    });
    let jobs: BTreeSet<_> = answers.iter().map(|answer| answer["id"].to_string()).collect();
    assert_eq!(jobs.len(), 1, "{jobs:?}");
    let listed = client.get("/v1/proofs").ok();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);

    let other = json!({
        "circuit": circuit,
        "witness": { "base64": base64_of("multiplier.wtns") },
        "tags": { "batch": "2" },
    });
    let conflict = client.submit("payment-1", &other);
    assert_eq!((conflict.status, &conflict.body["code"]), (409, &json!("idempotency_conflict")));
}
