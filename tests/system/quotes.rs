//! Prices before proofs, with the real program: what is quoted is what is charged, to the
//! nano-dollar, and what may not be spent is refused before any work.

use std::fs;
use std::thread;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use zkpool_tests::api::{Answer, Client};
use zkpool_tests::command::zkpool_ok;
use zkpool_tests::server::{Server, create_key};
use zkpool_tests::workspace::fixture;

/// How long a proof may take, on a machine busy with other tests.
const PROVEN_WITHIN: Duration = Duration::from_secs(90);

/// A running service with the multiplier registered.
struct Pool {
    data: tempfile::TempDir,
    server: Server,
    key: String,
    client: Client,
    circuit: String,
}

impl Pool {
    fn start() -> Self {
        let data = tempfile::tempdir().unwrap();
        let server = Server::start(data.path());
        let key = create_key(data.path(), "acme", "submit,read,finance,admin");
        let client = Client::new(&server.url, &key);
        let circuit = client.register("multiplier", &base64_of("multiplier.zkey"));
        Self { data, server, key, client, circuit }
    }

    fn quote(&self) -> Value {
        self.client.post("/v1/quotes", &json!({ "circuit": self.circuit })).ok()
    }

    /// Submits the fixture's witness with these further fields.
    fn submit(&self, idempotency_key: &str, fields: &Value) -> Answer {
        self.client.submit(idempotency_key, &body(&self.circuit, fields))
    }

    /// Submits, and returns the receipt of the proof.
    fn prove(&self, idempotency_key: &str, fields: &Value) -> Value {
        let job = self.submit(idempotency_key, fields).ok()["id"].as_str().unwrap().to_owned();
        let ended = |view: &Value| view["state"] == "succeeded";
        self.client.poll(&job, PROVEN_WITHIN, ended)["receipt"].clone()
    }

    /// Runs the command against this server.
    fn run(&self, args: &[&str]) -> String {
        let place = ["--server", &self.server.url, "--key", &self.key];
        zkpool_ok(args.iter().copied().chain(place))
    }
}

fn base64_of(file: &str) -> String {
    STANDARD.encode(fs::read(fixture("bn128", file)).unwrap())
}

fn body(circuit: &str, fields: &Value) -> Value {
    let witness = json!({ "base64": base64_of("multiplier.wtns") });
    let mut body = json!({ "circuit": circuit, "witness": witness });
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    body
}

fn refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status, &answer.body["code"]), (status, &json!(code)), "{}", answer.body);
}

fn sum(lines: &Value) -> u64 {
    lines.as_array().unwrap().iter().map(|line| line["amount_nano_usd"].as_u64().unwrap()).sum()
}

#[test]
fn what_is_quoted_is_charged_to_the_nano_dollar_and_the_receipt_shows_both() {
    let pool = Pool::start();
    let quote = pool.quote();
    assert_eq!(quote["basis"], "estimated");
    assert_eq!(json!(sum(&quote["lines"])), quote["price_nano_usd"]);
    let receipt = pool.prove("first", &json!({ "quote": quote["id"] }));
    assert_eq!(receipt["charge_nano_usd"], quote["price_nano_usd"]);
    assert_eq!(receipt["quoted"]["price_nano_usd"], quote["price_nano_usd"]);
    let id = receipt["quoted"]["quote"].as_str().unwrap();
    assert!(quote["id"].as_str().unwrap().starts_with(id));
    let metered = &receipt["quoted"]["metered_nano_usd"];
    assert_eq!(json!(sum(&receipt["quoted"]["metered_lines"])), *metered);
    assert_ne!(*metered, quote["price_nano_usd"], "an estimate that is exactly right is suspect");
    // Once a proof was measured, it is what the next quote rests on.
    let measured = pool.quote();
    assert_eq!((&measured["basis"], &measured["device"]), (&json!("measured"), &json!("cpu")));
    let cpu = &measured["devices"][0];
    assert_eq!(cpu["samples"], 1);
    assert_eq!(cpu["device_us_median"], receipt["usage"]["device_us"]);
    // Without a quote the charge is what is metered.
    let plain = pool.prove("second", &json!({}));
    assert_eq!(plain["quoted"], Value::Null);
    assert_eq!(json!(sum(&plain["lines"])), plain["charge_nano_usd"]);
}

#[test]
fn a_quote_that_is_not_this_projects_for_this_circuit_is_refused_with_its_code() {
    let pool = Pool::start();
    let quote = pool.quote()["id"].as_str().unwrap().to_owned();
    let other = pool.client.register("other", &base64_of("multiplier.zkey"));
    let answer = pool.client.submit("a", &body(&other, &json!({ "quote": quote })));
    refused(&answer, 422, "quote_mismatch");
    let cheaper = {
        let mut parts: Vec<&str> = quote.split('.').collect();
        parts[2] = "1";
        parts.join(".")
    };
    for bad in [cheaper.as_str(), "", "free", &quote[..quote.len() - 1]] {
        refused(&pool.submit("b", &json!({ "quote": bad })), 422, "quote_invalid");
    }
    let foreign = create_key(pool.data.path(), "bridge", "submit,read");
    let foreign = Client::new(&pool.server.url, &foreign);
    let circuit = foreign.register("multiplier", &base64_of("multiplier.zkey"));
    let answer = foreign.submit("c", &body(&circuit, &json!({ "quote": quote })));
    refused(&answer, 422, "quote_invalid");
    assert_eq!(pool.client.get("/v1/proofs").ok()["items"], json!([]), "nothing was accepted");
}

#[test]
fn a_price_above_the_submissions_own_bound_is_refused_before_there_is_a_job() {
    let pool = Pool::start();
    let price = pool.quote()["price_nano_usd"].as_u64().unwrap();
    let answer = pool.submit("a", &json!({ "max_price_nano_usd": price - 1 }));
    refused(&answer, 402, "max_price_exceeded");
    assert_eq!(pool.client.get("/v1/proofs").ok()["items"], json!([]));
    // The key was not spent, and what is accepted is charged the price that was compared.
    let receipt = pool.prove("a", &json!({ "max_price_nano_usd": price }));
    assert_eq!(receipt["charge_nano_usd"], json!(price));
}

#[test]
fn a_hard_stop_holds_under_a_hundred_submits_at_once() {
    const FIT: u64 = 10;
    let pool = Pool::start();
    let price = pool.quote()["price_nano_usd"].as_u64().unwrap();
    let quote = pool.quote()["id"].clone();
    let limit = FIT * price + price / 2;
    let budget = json!({
        "scope": "team:red", "limit_nano_usd": limit, "hard_stop": true, "alerts_percent": [50],
    });
    assert_eq!(pool.client.put("/v1/budgets", &json!({ "budgets": [budget] })).status, 200);
    let fields = json!({ "quote": quote, "tags": { "team": "red" } });
    let answers: Vec<Answer> = thread::scope(|scope| {
        let submit = |n: usize| pool.submit(&format!("red-{n}"), &fields);
        let submits: Vec<_> = (0..100).map(|n| scope.spawn(move || submit(n))).collect();
        submits.into_iter().map(|submit| submit.join().unwrap()).collect()
    });
    let (accepted, stopped): (Vec<_>, Vec<_>) = answers.iter().partition(|a| a.status == 202);
    assert_eq!(accepted.len() as u64, FIT);
    stopped.iter().for_each(|answer| refused(answer, 402, "budget_exceeded"));
    let standing = pool.client.get("/v1/budgets").ok()["budgets"][0].clone();
    assert_eq!(standing["committed_nano_usd"], json!(FIT * price));
    assert_eq!(standing["alerts"][0]["percent"], 50);
    // Jobs of other teams are not counted.
    assert_eq!(pool.submit("blue", &json!({ "tags": { "team": "blue" } })).status, 202);
    let charged: u64 = accepted
        .iter()
        .map(|answer| {
            let job = answer.body["id"].as_str().unwrap();
            let view = pool.client.poll(job, PROVEN_WITHIN, |view| view["state"] == "succeeded");
            view["receipt"]["charge_nano_usd"].as_u64().unwrap()
        })
        .sum();
    assert_eq!(charged, FIT * price);
}

#[test]
fn the_command_prints_quotes_and_budgets_and_proves_by_them() {
    let pool = Pool::start();
    let json_of = |text: String| serde_json::from_str::<Value>(&text).unwrap();
    let quote = json_of(pool.run(&["quote", "multiplier", "--count", "3", "--format", "json"]));
    let price = quote["price_nano_usd"].as_u64().unwrap();
    assert_eq!(quote["total_nano_usd"], json!(3 * price));
    let table = pool.run(&["quote", "multiplier"]);
    assert!(table.contains("margin") && table.contains("estimated"), "{table}");
    let csv = pool.run(&["quote", "multiplier", "--format", "csv"]);
    let lines = csv.lines().skip(1).count();
    assert_eq!(lines, quote["lines"].as_array().unwrap().len());

    pool.run(&["budgets", "set", "*", "--limit", "0.5", "--alert", "80", "--hard-stop"]);
    pool.run(&["budgets", "set", "team:red", "--limit", "0.25"]);
    let budgets = json_of(pool.run(&["budgets", "show", "--json"]));
    assert_eq!(budgets["budgets"][0]["limit_nano_usd"], 500_000_000);
    assert_eq!(budgets["budgets"].as_array().unwrap().len(), 2);
    let csv = pool.run(&["budgets", "remove", "team:red", "--format", "csv"]);
    assert_eq!(csv.lines().count(), 2, "{csv}");

    let folder = tempfile::tempdir().unwrap();
    let (proof, public) = (folder.path().join("p.json"), folder.path().join("q.json"));
    let witness = fixture("bn128", "multiplier.wtns");
    let view = json_of(pool.run(&[
        "prove",
        "multiplier",
        witness.to_str().unwrap(),
        "--quote",
        quote["id"].as_str().unwrap(),
        "--proof",
        proof.to_str().unwrap(),
        "--public",
        public.to_str().unwrap(),
        "--json",
    ]));
    assert_eq!(view["receipt"]["charge_nano_usd"], json!(price));
}
