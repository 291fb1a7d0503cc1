//! The server dies at the worst moment and nothing is lost or charged twice.

use std::fs;
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use zkpool_tests::api::Client;
use zkpool_tests::command::zkpool_ok;
use zkpool_tests::server::{Server, create_key, free_port};
use zkpool_tests::workspace::rollup;

/// A killed server's claim times out after 30 s; then the job is proved again.
const RECOVERY: Duration = Duration::from_secs(120);

const JOBS: usize = 4;

/// A data folder with the rollup circuit registered and jobs under way.
struct Pool {
    data: tempfile::TempDir,
    port: u16,
    client: Client,
    jobs: Vec<String>,
}

impl Pool {
    fn with_jobs() -> (Self, Server) {
        let data = tempfile::tempdir().unwrap();
        let port = free_port();
        let server = Server::start_on(data.path(), port);
        let key = create_key(data.path(), "acme", "submit,read");
        let circuit = add_circuit(data.path(), &server.url, &key);
        let client = Client::new(&server.url, &key);
        let jobs = (1..=JOBS).map(|batch| submit(&client, &circuit, batch)).collect();
        (Self { data, port, client, jobs }, server)
    }

    fn restart(&self) -> Server {
        Server::start_on(self.data.path(), self.port)
    }

    fn wait_until_proving(&self) {
        let any_proving = |_: &Value| {
            let views = self.client.get("/v1/proofs?state=proving").ok();
            !views["items"].as_array().unwrap().is_empty()
        };
        let _ = self.client.poll(&self.jobs[0], RECOVERY, any_proving);
    }

    /// Every accepted job ends in success, once, with one charge.
    fn assert_all_succeed_once(&self) {
        for job in &self.jobs {
            let ended = |view: &Value| view["state"] == "succeeded";
            let view = self.client.poll(job, RECOVERY, ended);
            assert!(view["receipt"]["charge_nano_usd"].as_u64().unwrap() > 0, "{view}");
            // The outcome is final: a second look shows the same receipt.
            let again = self.client.get(&format!("/v1/proofs/{job}")).ok();
            assert_eq!(again["receipt"], view["receipt"]);
        }
        let listed = self.client.get("/v1/proofs").ok();
        assert_eq!(listed["items"].as_array().unwrap().len(), JOBS);
        assert_eq!(outcomes(&self.data.path().join("blobs/jobs/acme")), JOBS);
    }
}

fn add_circuit(data: &Path, url: &str, key: &str) -> String {
    let zkey = data.join("rollup.zkey");
    let (zkey, r1cs) = (zkey.to_str().unwrap(), rollup("rollup_1.r1cs"));
    zkpool_ok(["groth16", "setup", "--development", r1cs.to_str().unwrap(), zkey]);
    let shown = zkpool_ok([
        "circuits",
        "add",
        "rollup",
        zkey,
        "--allow-development-key",
        "--server",
        url,
        "--key",
        key,
        "--json",
    ]);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    shown["id"].as_str().unwrap().to_owned()
}

fn submit(client: &Client, circuit: &str, batch: usize) -> String {
    let witness = fs::read(rollup(&format!("batches/{batch}.wtns"))).unwrap();
    let body = json!({ "circuit": circuit, "witness": { "base64": STANDARD.encode(witness) } });
    let view = client.submit(&format!("batch-{batch}"), &body).ok();
    view["id"].as_str().unwrap().to_owned()
}

/// Jobs below this folder that have an outcome record.
fn outcomes(jobs: &Path) -> usize {
    fs::read_dir(jobs)
        .unwrap()
        .filter(|job| job.as_ref().unwrap().path().join("outcome.json").exists())
        .count()
}

#[test]
fn a_server_killed_while_proving_loses_and_double_charges_nothing() {
    let (pool, server) = Pool::with_jobs();
    pool.wait_until_proving();
    server.kill();
    let server = pool.restart();
    pool.assert_all_succeed_once();
    drop(server);
}

#[test]
fn a_terminated_server_hands_its_job_back_at_once() {
    let (pool, server) = Pool::with_jobs();
    pool.wait_until_proving();
    let (status, took) = server.terminate();
    assert!(status.success(), "{status}");
    assert!(took < Duration::from_secs(10), "SIGTERM took {took:?}");
    let server = pool.restart();
    pool.assert_all_succeed_once();
    drop(server);
}
