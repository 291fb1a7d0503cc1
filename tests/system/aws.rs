//! A proof on its way over AWS: an event of the HTTP API, the functions as Lambda runs them, the
//! bucket and the queue, a prover, an outcome. S3 and SQS are stand-ins, so that this says nothing
//! of AWS itself.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;
use zkpool_tests::api::Client;
use zkpool_tests::command::{built, succeed, zkpool_path};
use zkpool_tests::groth16::Folder;
use zkpool_tests::lambda::{Environment, Function, Functions, HttpApi};
use zkpool_tests::server::pause;
use zkpool_tests::standins::{Ministack, Queues};
use zkpool_tests::workspace::fixture;

/// How long a proof may take from submission to outcome, on a machine busy with other tests.
const PROVEN_WITHIN: Duration = Duration::from_secs(90);

const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const BUCKET: &str = "zkpool-blobs";

/// A service on stand-ins.
struct Service {
    aws: Ministack,
    queues: Queues,
    environment: Environment,
    functions: Arc<Functions>,
    api: HttpApi,
    key: String,
    folder: TempDir,
}

impl Service {
    fn start() -> Self {
        let aws = Ministack::start();
        aws.create_bucket(BUCKET);
        let queues = aws.create_queues("jobs", 3);
        let environment = environment(&aws, &queues);
        let folder = tempfile::tempdir().unwrap();
        let functions = Arc::new(Functions::start(&environment, folder.path()));
        let api = HttpApi::start(Arc::clone(&functions));
        let key = create_key(&environment);
        Self { aws, queues, environment, functions, api, key, folder }
    }

    fn client(&self) -> Client {
        Client::new(&self.api.url, &self.key)
    }

    /// Runs a command of the client against this service.
    fn zkpool(&self, arguments: &[&str]) -> String {
        let command = &mut Command::new(zkpool_path());
        let server = [("ZKPOOL_SERVER", &self.api.url), ("ZKPOOL_API_KEY", &self.key)];
        succeed(command.args(arguments).envs(server))
    }

    fn register(&self) {
        self.zkpool(&["circuits", "add", "multiplier", path(&fixture("bn128", "multiplier.zkey"))]);
    }

    fn start_prover(&self) -> Prover {
        Prover::start(&self.environment, self.folder.path())
    }

    /// Messages that wait or are held.
    fn messages(&self) -> Value {
        let names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"];
        let asked = json!({ "QueueUrl": self.queues.live, "AttributeNames": names });
        self.aws.sqs("GetQueueAttributes", &asked)["Attributes"].clone()
    }
}

fn environment(aws: &Ministack, queues: &Queues) -> Environment {
    let ours = [
        ("ZKPOOL_BUCKET", BUCKET),
        ("ZKPOOL_QUEUE_URL", &queues.live),
        ("ZKPOOL_DEAD_LETTER_QUEUE_URL", &queues.dead),
        ("ZKPOOL_S3_PATH_STYLE", "true"),
        ("RUST_LOG", "info"),
    ];
    let ours = ours.map(|(name, value)| (name.to_owned(), value.to_owned()));
    [aws.environment(), ours.to_vec()].concat()
}

/// The first key of a service, made by its operator in the bucket.
fn create_key(environment: &Environment) -> String {
    let create = ["keys", "create", "--aws", "--project", "acme", "--scopes", "submit,read,admin"];
    let command = &mut Command::new(zkpool_path());
    succeed(command.args(create).envs(environment.iter().cloned())).trim().to_owned()
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn inline(file: &str) -> Value {
    json!({ "base64": STANDARD.encode(fs::read(fixture("bn128", file)).unwrap()) })
}

/// A prover in a process of its own. Dropping it kills it.
struct Prover {
    process: Child,
    log: std::path::PathBuf,
}

impl Prover {
    fn start(environment: &Environment, folder: &Path) -> Self {
        let log = folder.join("prover.log");
        let output = File::create(&log).unwrap();
        let process = Command::new(zkpool_path())
            .args(["prover", "--device", "cpu", "--log-json", "--cache"])
            .arg(folder.join("cache"))
            .envs(environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .unwrap();
        Self { process, log }
    }

    fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// Asks it to end (SIGTERM) and returns how it ended.
    fn terminate(mut self) -> std::process::ExitStatus {
        let pid = self.process.id().to_string();
        succeed(Command::new("kill").args(["-TERM", &pid]));
        self.process.wait().unwrap()
    }
}

impl Drop for Prover {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
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
    let body = json!({ "circuit": "multiplier", "witness": inline("multiplier.wtns") });
    let job = submit(&service, &body);
    assert_eq!(service.messages()["ApproximateNumberOfMessages"], "1");
    let prover = service.start_prover();
    let view = service.client().poll(&job, PROVEN_WITHIN, |view| view["state"] == "succeeded");
    assert!(view["receipt"]["charge_nano_usd"].as_u64().unwrap() > 0, "{view}");
    verify(&view["proof"]);
    assert_eq!(submit(&service, &body), job, "the same request again is the same job");
    wait_until("the message is deleted", || {
        let messages = service.messages();
        messages["ApproximateNumberOfMessages"] == "0"
            && messages["ApproximateNumberOfMessagesNotVisible"] == "0"
    });
    let witness = format!("{}/{BUCKET}/jobs/acme/{job}/witness", service.aws.url);
    assert!(matches!(ureq::get(witness).call(), Err(ureq::Error::StatusCode(404))));
    for log in [service.functions.submit.log(), prover.log()] {
        assert!(log.contains(TRACE_ID), "the trace is lost: {log}");
    }
    assert!(prover.terminate().success());
}

/// The proof verifies offline, by the key that the circuit was registered with.
fn verify(proof: &Value) {
    let folder = Folder::new();
    let (proof_file, public_file) = (folder.file("proof.json"), folder.file("public.json"));
    fs::write(&proof_file, proof["proof"].to_string()).unwrap();
    fs::write(&public_file, proof["public_inputs"].to_string()).unwrap();
    let key = fixture("bn128", "verification_key.json");
    let files = [path(&key), path(&public_file), path(&proof_file)];
    succeed(Command::new(zkpool_path()).args(["groth16", "verify"]).args(files));
}

fn wait_until(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PROVEN_WITHIN, "it does not become true that {what}");
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
    verify(&view["proof"]);
}

fn sha256(bytes: &[u8]) -> String {
    let folder = Folder::new();
    let file = folder.file("bytes");
    fs::write(&file, bytes).unwrap();
    succeed(Command::new("sha256sum").arg(&file)).split(' ').next().unwrap().to_owned()
}

#[test]
fn the_sweeper_buries_a_dead_letter_that_names_no_job() {
    let service = Service::start();
    let sweep = Function::start("sweep", &service.environment, service.folder.path());
    let scheduled = json!({ "source": "aws.events", "detail-type": "Scheduled Event" });
    let report = sweep.invoke(&scheduled);
    assert_eq!(report["errors"], 0, "{report}");
    let foreign = json!({ "QueueUrl": service.queues.dead, "MessageBody": "not a job" });
    let _ = service.aws.sqs("SendMessage", &foreign);
    assert_eq!(sweep.invoke(&scheduled)["errors"], 0);
    let names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"];
    let asked = json!({ "QueueUrl": service.queues.dead, "AttributeNames": names });
    let left = service.aws.sqs("GetQueueAttributes", &asked)["Attributes"].clone();
    assert_eq!(left["ApproximateNumberOfMessages"], "0", "{left}");
    assert_eq!(left["ApproximateNumberOfMessagesNotVisible"], "0", "{left}");
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
    for missing in ["ZKPOOL_BUCKET", "ZKPOOL_QUEUE_URL", "ZKPOOL_DEAD_LETTER_QUEUE_URL"] {
        let all = [
            ("AWS_REGION", "us-east-1"),
            ("ZKPOOL_BUCKET", "b"),
            ("ZKPOOL_QUEUE_URL", "http://127.0.0.1:1/q"),
            ("ZKPOOL_DEAD_LETTER_QUEUE_URL", "http://127.0.0.1:1/d"),
        ];
        let mut command = Command::new(built("status"));
        command.env_clear().envs(all.into_iter().filter(|(name, _)| *name != missing));
        let ended = command.output().unwrap();
        let log = String::from_utf8(ended.stdout).unwrap();
        assert!(!ended.status.success(), "{missing}");
        assert!(log.contains(missing), "{missing}: {log}");
    }
}
