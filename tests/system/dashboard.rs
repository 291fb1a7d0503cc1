//! The dashboard in a browser, over real proofs: what it shows is what the API answers.
//!
//! Pictures of every page are left in `target/dashboard`.

use std::fs;
use std::process::Command;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use zkpool_tests::api::Client;
use zkpool_tests::command::succeed;
use zkpool_tests::server::{Server, create_key};
use zkpool_tests::workspace::{fixture, root};

/// How long a small proof may take on a machine busy with other tests.
const PROVEN_WITHIN: Duration = Duration::from_secs(60);

/// Bytes of one value of a witness.
const VALUE_BYTES: usize = 32;

/// Submits a witness and waits until its job has ended.
fn prove(client: &Client, number: usize, circuit: &str, witness: &[u8], tags: &Value) -> Value {
    let witness = json!({ "base64": STANDARD.encode(witness) });
    let body = json!({ "circuit": circuit, "witness": witness, "tags": tags });
    let job = client.submit(&format!("order-{number}"), &body).ok()["id"].clone();
    let ended = |view: &Value| view["finished_at"].is_string();
    client.poll(job.as_str().unwrap(), PROVEN_WITHIN, ended)
}

/// Proofs of two circuits and two teams, one job without a team, and one that fails.
fn make_history(client: &Client) {
    let key = STANDARD.encode(fs::read(fixture("bn128", "multiplier.zkey")).unwrap());
    let circuits = ["payments", "transfers"].map(|name| client.register(name, &key));
    let good = fs::read(fixture("bn128", "multiplier.wtns")).unwrap();
    let mut bad = good.clone();
    let last_value = bad.len() - VALUE_BYTES;
    bad[last_value] ^= 1;
    let jobs = [
        (0, &good, json!({ "team": "red", "cost-center": "4711" })),
        (0, &good, json!({ "team": "red", "cost-center": "4711" })),
        (0, &good, json!({ "team": "blue", "cost-center": "4712" })),
        (1, &good, json!({ "team": "blue", "cost-center": "4712" })),
        (1, &good, json!({})),
        (1, &bad, json!({ "team": "red" })),
    ];
    for (number, (circuit, witness, tags)) in jobs.iter().enumerate() {
        let view = prove(client, number, &circuits[*circuit], witness, tags);
        let expected = if *witness == &good { "succeeded" } else { "failed" };
        assert_eq!(view["state"], expected, "{view}");
    }
}

/// A budget that is used up in part, and one that holds a team to its limit.
fn set_budgets(client: &Client) {
    let budgets = json!({ "budgets": [
        { "scope": "*", "limit_nano_usd": 1_000_000, "alerts_percent": [1, 80] },
        { "scope": "team:red", "limit_nano_usd": 400_000, "hard_stop": true },
    ] });
    let set = client.put("/v1/budgets", &budgets).ok();
    assert_eq!(set["budgets"].as_array().unwrap().len(), 2);
}

/// Lets anyone see how proofs of one circuit go.
fn publish(client: &Client) {
    let circuits = client.get("/v1/circuits").ok();
    let circuit = circuits["items"][0]["id"].as_str().unwrap();
    let path = format!("/v1/circuits/{circuit}/publication");
    assert_eq!(client.put(&path, &json!({ "public": true })).ok()["public"], true);
}

#[test]
fn a_browser_shows_what_the_api_answers_and_everyone_can_use_it() {
    let script = root().join("tests/browser/dashboard.mjs");
    let packages = root().join("tests/browser/node_modules");
    assert!(packages.exists(), "playwright-core is missing: tests/run.sh installs it");
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path());
    let key = create_key(data.path(), "acme", "submit,read,finance,admin");
    let client = Client::new(&server.url, &key);
    make_history(&client);
    set_budgets(&client);
    publish(&client);
    let printed = succeed(
        Command::new("timeout")
            .args(["300", "node"])
            .arg(script)
            .env("ZKPOOL_SERVER", &server.url)
            .env("ZKPOOL_API_KEY", &key)
            .env("FINANCE_KEY", create_key(data.path(), "acme", "finance"))
            .env("SCREENSHOTS", root().join("target/dashboard")),
    );
    assert!(printed.contains("ok signs_out"), "{printed}");
}
