//! Provers on AWS die and are stopped while they prove, and no job is lost or charged twice.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use zkpool_tests::api::Client;
use zkpool_tests::command::{succeed, zkpool_ok, zkpool_path};
use zkpool_tests::proxy::{Fate, Seen};
use zkpool_tests::server::pause;
use zkpool_tests::service::{Prover, Service};
use zkpool_tests::workspace::rollup;

use crate::aws::{PROVEN_WITHIN, wait_until};

/// A killed prover's claim times out after 30 s; then the job is proved again.
const RECOVERY: Duration = Duration::from_secs(120);

/// Time in which a stopped prover's job is visible to others.
const HANDED_BACK_WITHIN: Duration = Duration::from_secs(5);

const JOBS: usize = 4;

/// A service with the rollup circuit registered and jobs under way.
struct Pool {
    service: Service,
    client: Client,
    jobs: Vec<String>,
}

impl Pool {
    fn with_jobs() -> (Self, Prover) {
        let service = Service::start();
        let client = service.client();
        let circuit = add_circuit(&service);
        let jobs = (1..=JOBS).map(|batch| submit(&client, &circuit, batch)).collect();
        let prover = service.start_prover();
        let pool = Self { service, client, jobs };
        pool.wait_until_proving();
        (pool, prover)
    }

    fn wait_until_proving(&self) {
        let any_proving = |_: &Value| {
            let views = self.client.get("/v1/proofs?state=proving").ok();
            !views["items"].as_array().unwrap().is_empty()
        };
        let _ = self.client.poll(&self.jobs[0], RECOVERY, any_proving);
    }

    /// Every accepted job ends in success, once, with one charge. Returns the numbers of the
    /// attempts that ended them.
    fn assert_all_succeed_once(&self) -> Vec<u64> {
        let mut attempts = Vec::new();
        for job in &self.jobs {
            let view = self.client.poll(job, RECOVERY, |view| view["state"] == "succeeded");
            assert!(view["receipt"]["charge_nano_usd"].as_u64().unwrap() > 0, "{view}");
            let again = self.client.get(&format!("/v1/proofs/{job}")).ok();
            assert_eq!(again["receipt"], view["receipt"], "the outcome is final");
            attempts.push(view["attempt"]["number"].as_u64().unwrap());
        }
        attempts
    }
}

fn add_circuit(service: &Service) -> String {
    let folder = tempfile::tempdir().unwrap();
    let zkey = folder.path().join("rollup.zkey");
    let (zkey, r1cs) = (zkey.to_str().unwrap(), rollup("rollup_1.r1cs"));
    zkpool_ok(["groth16", "setup", "--development", r1cs.to_str().unwrap(), zkey]);
    // The key is larger than a request may be, so that it goes to the bucket by itself.
    let add = ["circuits", "add", "rollup", zkey, "--allow-development-key", "--json"];
    let server = [("ZKPOOL_SERVER", &service.api.url), ("ZKPOOL_API_KEY", &service.key)];
    let shown = succeed(Command::new(zkpool_path()).args(add).envs(server));
    serde_json::from_str::<Value>(&shown).unwrap()["id"].as_str().unwrap().to_owned()
}

fn submit(client: &Client, circuit: &str, batch: usize) -> String {
    let witness = fs::read(rollup(&format!("batches/{batch}.wtns"))).unwrap();
    let body = json!({ "circuit": circuit, "witness": { "base64": STANDARD.encode(witness) } });
    let view = client.submit(&format!("batch-{batch}"), &body).ok();
    view["id"].as_str().unwrap().to_owned()
}

#[test]
fn a_killed_prover_loses_and_double_charges_nothing() {
    let (pool, prover) = Pool::with_jobs();
    prover.process.kill();
    let _other = pool.service.start_prover();
    let attempts = pool.assert_all_succeed_once();
    assert!(attempts.contains(&2), "nothing was interrupted: {attempts:?}");
}

#[test]
fn a_prover_without_a_job_ends_at_once() {
    let service = Service::start_behind(|_| Fate::Passes);
    let prover = service.start_prover();
    let polls = |seen: &Seen| seen.target.as_deref() == Some("AmazonSQS.ReceiveMessage");
    let polling = || service.proxy.as_ref().unwrap().seen().iter().any(polls);
    wait_until("it waits for a message", PROVEN_WITHIN, polling);
    let asked = Instant::now();
    prover.process.ask_to_stop();
    assert!(prover.process.wait().success());
    // A poll lasts 20 s.
    assert!(asked.elapsed() < HANDED_BACK_WITHIN, "it took {:?}", asked.elapsed());
}

#[test]
fn a_stopped_prover_hands_its_jobs_back_at_once_and_uncounted() {
    let (pool, prover) = Pool::with_jobs();
    let asked = Instant::now();
    prover.process.ask_to_stop();
    let queue = &pool.service.queues.live;
    while pool.service.messages(queue).1 > 0 {
        assert!(asked.elapsed() < HANDED_BACK_WITHIN, "a job is still held");
        pause();
    }
    assert!(pool.service.messages(queue).0 > 0, "nothing was interrupted");
    assert!(prover.process.wait().success());
    let _other = pool.service.start_prover();
    assert_eq!(pool.assert_all_succeed_once(), [1; JOBS]);
}
