//! A proof on its way over AWS: an event of the HTTP API, the functions as Lambda runs them, the
//! bucket and the queue, a prover, an outcome. S3 and SQS are stand-ins, so that this says nothing
//! of AWS itself.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use zkpool_tests::api::Client;
use zkpool_tests::command::{built, succeed, zkpool_path};
use zkpool_tests::server::pause;
use zkpool_tests::service::{BUCKET, Service, proof_files};
use zkpool_tests::workspace::fixture;

/// How long a proof may take from submission to outcome, on a machine busy with other tests.
pub(crate) const PROVEN_WITHIN: Duration = Duration::from_secs(90);

const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// The body that asks for a proof of the fixture's witness.
pub(crate) fn request() -> Value {
    let witness = fs::read(fixture("bn128", "multiplier.wtns")).unwrap();
    json!({ "circuit": "multiplier", "witness": { "base64": STANDARD.encode(witness) } })
}

/// Submits over HTTP as a part of a trace and returns the job.
fn submit(service: &Service, body: &Value) -> String {
    let answer = ureq::post(format!("{}/v1/proofs", service.api.url))
        .header("authorization", format!("Bearer {}", service.key))
        .header("idempotency-key", "order-1")
        .header("traceparent", format!("00-{TRACE_ID}-00f067aa0ba902b7-01"))
        .send_json(body);
    let job: Value = answer.unwrap().body_mut().read_json().unwrap();
    job["id"].as_str().unwrap().to_owned()
}

#[test]
fn a_proof_goes_from_an_event_over_bucket_and_queue_to_its_outcome() {
    let service = Service::start();
    service.register();
    let job = submit(&service, &request());
    assert_eq!(service.messages(&service.queues.live), (1, 0));
    let prover = service.start_prover();
    let view = service.client().poll(&job, PROVEN_WITHIN, |view| view["state"] == "succeeded");
    assert!(view["receipt"]["charge_nano_usd"].as_u64().unwrap() > 0, "{view}");
    verify(&view);
    assert_eq!(submit(&service, &request()), job, "the same request again is the same job");
    wait_until("the message is deleted", PROVEN_WITHIN, || {
        service.messages(&service.queues.live) == (0, 0)
    });
    assert!(!service.has_object(&format!("jobs/acme/{job}/witness")), "the witness is left");
    for log in [service.functions.submit.log(), prover.log()] {
        assert!(log.contains(TRACE_ID), "the trace is lost: {log}");
    }
    prover.process.ask_to_stop();
    assert!(prover.process.wait().success());
}

/// The proof verifies offline, by the key that the circuit was registered with.
pub(crate) fn verify(view: &Value) {
    let folder = tempfile::tempdir().unwrap();
    let key = fixture("bn128", "verification_key.json");
    let files = proof_files(view, folder.path());
    succeed(Command::new(zkpool_path()).args(["groth16", "verify"]).arg(key).args(files));
}

/// Waits until something becomes true.
pub(crate) fn wait_until(what: &str, within: Duration, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < within, "it does not become true that {what}");
        pause();
    }
}

#[test]
fn an_upload_goes_to_the_bucket_and_not_through_a_function() {
    let service = Service::start();
    service.register();
    let witness = fs::read(fixture("bn128", "multiplier.wtns")).unwrap();
    let announced = json!({ "size": witness.len(), "sha256": sha256(&witness) });
    let upload = service.client().post("/v1/uploads", &announced).ok();
    let too_large = json!({ "size": 6_u64 << 30, "sha256": announced["sha256"] });
    assert_eq!(service.client().post("/v1/uploads", &too_large).status, 413);
    let url = upload["url"].as_str().unwrap();
    assert!(url.starts_with(&format!("{}/{BUCKET}/", service.aws.url)), "{url}");
    let agent = ureq::Agent::config_builder().http_status_as_error(false).build().new_agent();
    let put = |bytes: &[u8]| {
        let headers = upload["headers"].as_object().unwrap().iter();
        let call = headers
            .fold(agent.put(url), |call, (name, value)| call.header(name, value.as_str().unwrap()));
        call.send(bytes).unwrap().status().as_u16()
    };
    let mut altered = witness.clone();
    altered[100] ^= 1;
    assert_eq!(put(&altered), 400, "other bytes");
    assert_eq!(put(&witness), 200);
    let body = json!({ "circuit": "multiplier", "witness": { "upload": upload["id"] } });
    let job = submit(&service, &body);
    let _prover = service.start_prover();
    let view = service.client().poll(&job, PROVEN_WITHIN, |view| view["state"] == "succeeded");
    verify(&view);
}

fn sha256(bytes: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bytes");
    fs::write(&file, bytes).unwrap();
    succeed(Command::new("sha256sum").arg(&file)).split(' ').next().unwrap().to_owned()
}

#[test]
fn the_sweeper_buries_a_dead_letter_that_names_no_job() {
    let service = Service::start();
    let sweep = service.start_function("sweep");
    let scheduled = json!({ "source": "aws.events", "detail-type": "Scheduled Event" });
    let report = sweep.invoke(&scheduled);
    assert_eq!(report["errors"], 0, "{report}");
    let foreign = json!({ "QueueUrl": service.queues.dead, "MessageBody": "not a job" });
    let _ = service.aws.sqs("SendMessage", &foreign);
    assert_eq!(sweep.invoke(&scheduled)["errors"], 0);
    assert_eq!(service.messages(&service.queues.dead), (0, 0));
}

#[test]
fn a_function_serves_its_own_area_and_answers_in_problems() {
    let service = Service::start();
    let client = service.client();
    assert_eq!(client.get("/readyz").ok()["status"], "ready");
    assert_eq!(client.get("/v1/keys").ok()["items"][0]["project"], "acme");
    let unknown = client.get("/v1/proofs/018f2e7a-0000-7000-8000-000000000001");
    assert_eq!((unknown.status, &unknown.body["code"]), (404, &json!("not_found")));
    let stranger = Client::new(&service.api.url, &format!("zkp_{}", "0".repeat(64)));
    assert_eq!(stranger.get("/v1/proofs").status, 401);
    let log = service.functions.status.log();
    let line = log.lines().find(|line| line.contains("answered")).unwrap();
    let line: Value = serde_json::from_str(line).unwrap();
    assert!(line["spans"][0]["requestId"].is_string(), "Lambda's id of the event: {line}");
    assert!(line["spans"][1]["id"].is_string(), "the request's own id: {line}");
}

#[test]
fn a_function_without_a_variable_names_it_and_ends() {
    let all = [
        ("ZKPOOL_BUCKET", "b"),
        ("ZKPOOL_QUEUE_URL", "http://127.0.0.1:1/q"),
        ("ZKPOOL_DEAD_LETTER_QUEUE_URL", "http://127.0.0.1:1/d"),
        ("ZKPOOL_NOTICE_QUEUE_URL", "http://127.0.0.1:1/n"),
        ("ZKPOOL_NOTICE_DEAD_LETTER_QUEUE_URL", "http://127.0.0.1:1/nd"),
    ];
    for (missing, _) in all {
        let mut command = Command::new(built("status"));
        command.env_clear().env("AWS_REGION", "us-east-1");
        command.envs(all.into_iter().filter(|(name, _)| *name != missing));
        let ended = command.output().unwrap();
        let log = String::from_utf8(ended.stdout).unwrap();
        assert!(!ended.status.success(), "{missing}");
        assert!(log.contains(missing), "{missing}: {log}");
    }
}
