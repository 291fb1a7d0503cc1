//! The SDK's sequencer, as a rollup would run it, over a server that is killed again and again.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use zkpool_tests::command::{built, snarkjs_ok, succeed, zkpool_path};

const BATCHES: usize = 30;

/// A record of a job, as the server stored it.
fn record(job: &Path, name: &str) -> Value {
    serde_json::from_slice(&fs::read(job.join(name)).unwrap()).unwrap()
}

/// Outcomes in the store by batch; every one is of a job of its own.
fn outcomes(jobs: &Path) -> BTreeMap<usize, Vec<Value>> {
    let mut by_batch = BTreeMap::<_, Vec<_>>::new();
    for job in fs::read_dir(jobs).unwrap() {
        let job = job.unwrap().path();
        let request = record(&job, "request.json");
        let batch: usize = request["tags"]["batch"].as_str().unwrap().parse().unwrap();
        by_batch.entry(batch).or_default().push(record(&job, "outcome.json"));
    }
    by_batch
}

/// What snarkjs would call the verifier with.
fn snarkjs_call(outcome: &Value, folder: &Path) -> String {
    let [public, proof] = ["public.json", "proof.json"].map(|name| folder.join(name));
    fs::write(&proof, outcome["proof"]["proof"].to_string()).unwrap();
    fs::write(&public, outcome["proof"]["public_inputs"].to_string()).unwrap();
    snarkjs_ok([Path::new("generatecall"), &public, &proof]).trim().to_owned()
}

#[test]
fn every_batch_is_proved_once_and_in_order_however_often_server_and_sequencer_are_killed() {
    let data = tempfile::tempdir().unwrap();
    let printed = succeed(
        Command::new(built("examples/sequencer"))
            .args(["--batches", &BATCHES.to_string(), "--restarts", "3", "--json", "--zkpool"])
            .arg(zkpool_path())
            .arg("--data")
            .arg(data.path()),
    );
    let report: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(report["batches"], BATCHES);
    assert_eq!(report["proved_once"], BATCHES);
    assert_eq!(report["in_order"], true);
    assert_eq!(report["restarts"], 3);
    assert_eq!(report["sequencers"], 2);

    // The store itself says the same: one job, one outcome and one charge for each batch.
    let outcomes = outcomes(&data.path().join("pool/blobs/jobs/rollup"));
    assert_eq!(outcomes.keys().copied().collect::<Vec<_>>(), (1..=BATCHES).collect::<Vec<_>>());
    for (batch, outcomes) in &outcomes {
        let [outcome] = &outcomes[..] else { panic!("batch {batch} has {} jobs", outcomes.len()) };
        assert_eq!(outcome["state"], "succeeded");
        assert!(outcome["receipt"]["charge_nano_usd"].as_u64().unwrap() > 0, "batch {batch}");
        assert_eq!(outcome["receipt"]["charged"], true);
    }
    for batch in [1, BATCHES] {
        let call = data.path().join(format!("calldata/batch-{batch:06}.txt"));
        let call = fs::read_to_string(call).unwrap();
        assert_eq!(call, snarkjs_call(&outcomes[&batch][0], data.path()), "batch {batch}");
    }
}
