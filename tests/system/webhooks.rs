//! Webhooks of a real server, received by somebody who knows them from the specification alone.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use zkpool_tests::api::Client;
use zkpool_tests::command::zkpool_ok;
use zkpool_tests::server::{Server, create_key, pause};
use zkpool_tests::workspace::{fixture, root};

/// Time for a try to be written down, with room for a machine busy with other tests.
const LOGGED_WITHIN: Duration = Duration::from_secs(30);

/// A receiver in Node that verifies by the reference library. Dropping it kills it.
struct Receiver {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    url: String,
}

impl Receiver {
    /// Starts one that refuses the first deliveries.
    fn start(failures: u32) -> Self {
        let script = root().join("tests/webhooks/receiver.mjs");
        let mut process = Command::new("node")
            .arg(script)
            .arg(failures.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = process.stdin.take().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        let mut receiver = Self { process, input, output, url: String::new() };
        receiver.url = format!("http://127.0.0.1:{}/hook?team=red", receiver.line());
        receiver
    }

    /// Tells it the secret.
    fn trust(&mut self, secret: &str) {
        writeln!(self.input, "{secret}").unwrap();
        assert_eq!(self.line(), "ready");
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        assert!(self.output.read_line(&mut line).unwrap() > 0, "the receiver has ended");
        line.trim().to_owned()
    }

    /// The next delivery, which the reference library accepts as it is and in no other form.
    fn delivery(&mut self) -> Value {
        let delivery: Value = serde_json::from_str(&self.line()).unwrap();
        assert_eq!(delivery["verified"], true, "{delivery}");
        assert_eq!(delivery["forged"], false, "{delivery}");
        delivery
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn base64_of(file: &str) -> String {
    STANDARD.encode(std::fs::read(fixture("bn128", file)).unwrap())
}

/// Has a proof made and returns its job.
fn prove(client: &Client, key: &str) -> String {
    let witness = json!({ "base64": base64_of("multiplier.wtns") });
    let body = json!({ "circuit": "multiplier", "witness": witness, "tags": { "team": "red" } });
    let job = client.submit(key, &body).ok()["id"].as_str().unwrap().to_owned();
    let ended = client.get(&format!("/v1/proofs/{job}?wait=20")).ok();
    assert_eq!(ended["state"], "succeeded");
    job
}

/// The log of what was delivered, once there is something: a try is written down after its answer.
fn delivered(client: &Client) -> Value {
    let start = Instant::now();
    loop {
        let log = client.get("/v1/webhooks/deliveries?state=delivered").ok();
        if log["items"] != json!([]) {
            return log;
        }
        assert!(start.elapsed() < LOGGED_WITHIN, "nothing is in the log");
        pause();
    }
}

#[test]
fn a_proof_is_told_to_a_receiver_that_verifies_by_the_reference_library() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start_with(data.path(), &["--webhooks-anywhere"]);
    let key = create_key(data.path(), "acme", "submit,read,admin");
    let client = Client::new(&server.url, &key);
    let _ = client.register("multiplier", &base64_of("multiplier.zkey"));

    let mut receiver = Receiver::start(1);
    let asked = json!({ "url": receiver.url, "events": ["proof.succeeded"] });
    let created = client.post("/v1/webhooks", &asked).ok();
    receiver.trust(created["secret"].as_str().unwrap());

    let job = prove(&client, "order-1");
    let refused = receiver.delivery();
    assert_eq!(refused["body"]["type"], "proof.succeeded");
    assert_eq!(refused["body"]["data"]["id"], job);
    assert_eq!(refused["body"]["data"]["tags"], json!({ "team": "red" }));
    let again = receiver.delivery();
    assert_eq!((&again["id"], &again["body"]), (&refused["id"], &refused["body"]));

    // The log says so too, and nothing of it is in the way of the next one.
    let log = delivered(&client);
    let statuses = |delivery: &Value| {
        let attempts = delivery["attempts"].as_array().unwrap().iter();
        attempts.map(|attempt| attempt["status"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(statuses(&log["items"][0]), [json!(503), json!(204)]);
    let next = prove(&client, "order-2");
    assert_eq!(receiver.delivery()["body"]["data"]["id"], next);

    // By the command: tried out, sent again, and under a new secret.
    let run = |arguments: &[&str]| {
        let server = ["--server", &server.url, "--key", &key];
        zkpool_ok([&["webhooks"], arguments, &server].concat())
    };
    let id = created["id"].as_str().unwrap();
    run(&["test", id]);
    assert_eq!(receiver.delivery()["body"]["type"], "webhook.test");
    run(&["replay", log["items"][0]["id"].as_str().unwrap()]);
    assert_eq!(receiver.delivery()["id"], refused["id"]);
    assert!(run(&["deliveries"]).contains("webhook.test"));
    run(&["rotate", id]);
    run(&["test", id]);
    receiver.delivery();
    run(&["remove", id]);
    assert_eq!(client.get("/v1/webhooks").ok()["items"], json!([]));
}

#[test]
fn without_being_told_so_a_server_tells_nobody_on_this_machine() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path());
    let client = Client::new(&server.url, &create_key(data.path(), "acme", "admin"));
    for url in ["http://127.0.0.1:9/", "https://127.0.0.1:9/", "https://[::1]:9/"] {
        let refused = client.post("/v1/webhooks", &json!({ "url": url }));
        let code = &refused.body["code"];
        assert_eq!((refused.status, code), (422, &json!("webhook_url_refused")), "{url}");
    }
    let reader = Client::new(&server.url, &create_key(data.path(), "acme", "submit,read,finance"));
    assert_eq!(reader.get("/v1/webhooks").status, 403);
    assert_eq!(reader.get("/v1/webhooks/deliveries").status, 403);
}
