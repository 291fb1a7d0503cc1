//! The demo: what a newcomer runs first.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;
use zkpool_tests::api::Client;
use zkpool_tests::command::{succeed, zkpool_ok, zkpool_path};
use zkpool_tests::server::{Server, create_key};

#[test]
fn eight_different_batches_are_proved_and_their_charges_add_up() {
    let data = tempfile::tempdir().unwrap();
    let printed = zkpool_ok(["demo", "--json", "--data", data.path().to_str().unwrap()]);
    let report: Value = serde_json::from_str(&printed).unwrap();
    let proofs = report["proofs"].as_array().unwrap();
    assert_eq!(proofs.len(), 8);
    for proof in proofs {
        assert_eq!((&proof["state"], &proof["verified"]), (&"succeeded".into(), &true.into()));
        assert!(proof["prove_ms"].is_number() && proof["device"].is_string(), "{proof}");
    }
    let charges = proofs.iter().map(|proof| proof["charge_nano_usd"].as_u64().unwrap());
    assert_eq!(charges.sum::<u64>(), report["total_charge_nano_usd"].as_u64().unwrap());

    let demo_jobs: BTreeSet<_> = proofs.iter().map(|proof| proof["id"].to_string()).collect();
    let server = Server::start(data.path());
    let client = Client::new(&server.url, &create_key(data.path(), "demo", "read"));
    let listed = client.get("/v1/proofs").ok();
    let served: BTreeSet<_> =
        listed["items"].as_array().unwrap().iter().map(|view| view["id"].to_string()).collect();
    assert_eq!(served, demo_jobs, "serve over the demo's data shows other jobs");
}

#[test]
fn the_demo_needs_no_environment() {
    let printed = succeed(Command::new(zkpool_path()).env_clear().args(["demo", "--proofs", "1"]));
    assert!(printed.contains("verified"), "{printed}");
}
