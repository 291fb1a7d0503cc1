//! Budgets: what is set aside is what is charged, and no more than the limit, whoever submits how.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use zkpool_functions::{Context, Settings, router};
use zkpool_jobs::{Ports, keys};
use zkpool_ledger::PriceBook;
use zkpool_ports::disk::DiskBlobs;
use zkpool_ports::memory::MemoryQueue;
use zkpool_ports::{BlobStore, Clock, QueuePolicy, Rng, SeededRng, SystemClock, TimeOrderedIds};

use crate::harness::{Answer, Api, Call};
use crate::quotes::{prove_next, ready, submit_with};

async fn put(api: &Api, key: &str, budgets: Value) -> Answer {
    api.send(Call::put("/v1/budgets").key(key).json(&json!({ "budgets": budgets }))).await
}

async fn standing(api: &Api, key: &str) -> Value {
    api.send(Call::get("/v1/budgets").key(key)).await.value()["budgets"][0].clone()
}

/// The price of a proof, and a quote for it.
async fn priced(api: &Api, key: &str, circuit: &str) -> (u64, Value) {
    let call = Call::post("/v1/quotes").key(key).json(&json!({ "circuit": circuit }));
    let quote = api.send(call).await.value();
    (quote["price_nano_usd"].as_u64().unwrap(), json!({ "quote": quote["id"] }))
}

fn hard(limit: u64) -> Value {
    json!([{ "scope": "*", "limit_nano_usd": limit, "hard_stop": true }])
}

#[tokio::test]
async fn a_hundred_submissions_at_once_never_overshoot() {
    let (api, key, circuit) = ready().await;
    let (price, quote) = priced(&api, &key, &circuit).await;
    put(&api, &key, hard(7 * price + price / 2)).await;
    let calls = (0..100).map(|n| api.send(submit_with(&key, &circuit, &n.to_string(), &quote)));
    let answers = join_all(calls).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 202).count(), 7);
    for answer in answers.iter().filter(|answer| answer.status != 202) {
        answer.problem(402, "budget_exceeded");
    }
    let standing = standing(&api, &key).await;
    assert_eq!(standing["committed_nano_usd"], json!(7 * price));
    assert_eq!(standing["reserved_nano_usd"], json!(7 * price));
    assert_eq!(standing["remaining_nano_usd"], json!(price / 2));
}

#[tokio::test]
async fn a_project_under_a_budget_is_charged_what_was_set_aside_also_without_a_quote() {
    let (api, key, circuit) = ready().await;
    let (price, _) = priced(&api, &key, &circuit).await;
    put(&api, &key, hard(10 * price)).await;
    let job = api.submit(&key, &circuit, "a").await;
    prove_next(&api, "cpu", 9_999_999).await;
    let receipt =
        api.send(Call::get(format!("/v1/proofs/{job}")).key(&key)).await.value()["receipt"].clone();
    assert_eq!(receipt["charge_nano_usd"], json!(price));
    assert_eq!(receipt["quoted"]["quote"], Value::Null);
    let standing = standing(&api, &key).await;
    assert_eq!(
        (&standing["committed_nano_usd"], &standing["reserved_nano_usd"]),
        (&json!(price), &json!(0))
    );
}

#[tokio::test]
async fn what_is_cancelled_can_be_spent_again() {
    let (api, key, circuit) = ready().await;
    let (price, quote) = priced(&api, &key, &circuit).await;
    put(&api, &key, hard(price)).await;
    for n in 0..5 {
        let job = api.send(submit_with(&key, &circuit, &n.to_string(), &quote)).await.text("id");
        let next = submit_with(&key, &circuit, "next", &quote);
        api.send(next).await.problem(402, "budget_exceeded");
        api.send(Call::post(format!("/v1/proofs/{job}/cancel")).key(&key)).await;
    }
    let standing = standing(&api, &key).await;
    assert_eq!(standing["committed_nano_usd"], 0);
}

#[tokio::test]
async fn the_same_request_again_is_set_aside_once_and_a_refused_one_not_at_all() {
    let (api, key, circuit) = ready().await;
    let (price, quote) = priced(&api, &key, &circuit).await;
    put(&api, &key, hard(100 * price)).await;
    let calls = (0..20).map(|_| api.send(submit_with(&key, &circuit, "one", &quote)));
    let answers = join_all(calls).await;
    assert!(answers.iter().all(|answer| answer.text("id") == answers[0].text("id")));
    let late = json!({ "quote": quote["quote"], "deadline": "2025-01-01T00:00:00Z" });
    api.send(submit_with(&key, &circuit, "late", &late)).await.problem(400, "invalid_request");
    assert_eq!(standing(&api, &key).await["committed_nano_usd"], json!(price));
}

#[tokio::test]
async fn what_a_crash_before_acceptance_left_is_free_again_after_an_hour() {
    let (api, key, circuit) = ready().await;
    let (price, quote) = priced(&api, &key, &circuit).await;
    put(&api, &key, hard(price)).await;
    let job = api.send(submit_with(&key, &circuit, "a", &quote)).await.text("id");
    // As if the process had died between setting aside and accepting.
    let project = "owner".parse().unwrap();
    let job = job.parse().unwrap();
    api.ports.blobs.delete(&keys::request(&project, job)).await.unwrap();
    api.ports.blobs.delete(&keys::idempotency(&project, "a")).await.unwrap();
    let next = || api.send(submit_with(&key, &circuit, "b", &json!({})));
    next().await.problem(402, "budget_exceeded");
    api.clock.advance(Duration::from_secs(3599));
    next().await.problem(402, "budget_exceeded");
    api.clock.advance(Duration::from_secs(1));
    assert_eq!(next().await.status, 202);
    assert_eq!(standing(&api, &key).await["committed_nano_usd"], json!(price));
}

#[tokio::test]
async fn what_was_spent_before_there_was_a_budget_counts() {
    let (api, key, circuit) = ready().await;
    let (price, quote) = priced(&api, &key, &circuit).await;
    api.send(submit_with(&key, &circuit, "charged", &quote)).await;
    prove_next(&api, "cpu", 1_000).await;
    api.send(submit_with(&key, &circuit, "open", &quote)).await;
    let cancelled = api.send(submit_with(&key, &circuit, "cancelled", &quote)).await.text("id");
    api.send(Call::post(format!("/v1/proofs/{cancelled}/cancel")).key(&key)).await;
    put(&api, &key, hard(10 * price)).await;
    assert_eq!(standing(&api, &key).await["committed_nano_usd"], json!(2 * price));
    // What is rolled up is read from rows of usage, and comes to the same.
    api.context.costs().roll_up_all().await.unwrap();
    // A budget that is added later counts what the log has as well as what came before it.
    api.send(submit_with(&key, &circuit, "reserved", &quote)).await;
    let both = json!([
        { "scope": "team:red", "limit_nano_usd": 1 },
        { "scope": "*", "limit_nano_usd": 10 * price },
    ]);
    put(&api, &key, json!([{ "scope": "team:red", "limit_nano_usd": 1 }])).await;
    let view = put(&api, &key, both).await.value();
    assert_eq!(view["budgets"][0]["committed_nano_usd"], 0);
    assert_eq!(view["budgets"][1]["committed_nano_usd"], json!(3 * price));
}

#[tokio::test]
async fn what_was_rolled_up_before_there_was_a_budget_counts_by_tag_and_month() {
    let (api, key, circuit) = ready().await;
    let (price, mut quote) = priced(&api, &key, &circuit).await;
    api.send(submit_with(&key, &circuit, "last-month", &quote)).await;
    prove_next(&api, "cpu", 1_000).await;
    api.clock.advance(Duration::from_secs(31 * 24 * 3600));
    api.context.costs().roll_up_all().await.unwrap();
    (_, quote) = priced(&api, &key, &circuit).await;
    for (n, team) in ["red", "red", "blue"].iter().enumerate() {
        quote["tags"] = json!({ "team": team });
        let answer = api.send(submit_with(&key, &circuit, &n.to_string(), &quote)).await;
        assert_eq!(answer.status, 202, "{answer:?}");
        prove_next(&api, "cpu", 1_000).await;
    }
    api.clock.advance(Duration::from_secs(3600));
    api.context.costs().roll_up_all().await.unwrap();
    let budget = |scope: &str| json!({ "scope": scope, "limit_nano_usd": 10 * price });
    let view = put(&api, &key, json!([budget("*"), budget("team:red")])).await.value();
    let committed = |n: usize| view["budgets"][n]["committed_nano_usd"].as_u64().unwrap();
    let charge = committed(0) / 3;
    assert!(charge > 0);
    assert_eq!((committed(0), committed(1)), (3 * charge, 2 * charge));
    let report = api.send(Call::get("/v1/costs?from=2026-02-01").key(&key)).await.value();
    assert_eq!(report["total_nano_usd"], json!(committed(0)));
}

#[tokio::test]
async fn a_month_begins_at_zero() {
    let (api, key, circuit) = ready().await;
    let (price, _) = priced(&api, &key, &circuit).await;
    put(&api, &key, hard(2 * price)).await;
    api.submit(&key, &circuit, "january").await;
    api.clock.advance(Duration::from_secs(31 * 24 * 3600));
    assert_eq!(standing(&api, &key).await["committed_nano_usd"], 0);
    api.submit(&key, &circuit, "february").await;
    assert_eq!(standing(&api, &key).await["committed_nano_usd"], json!(price));
}

#[tokio::test]
async fn alerts_are_raised_once_and_refuse_nothing() {
    let (api, key, circuit) = ready().await;
    let (price, quote) = priced(&api, &key, &circuit).await;
    let soft = json!([{
        "scope": "*", "limit_nano_usd": 2 * price, "alerts_percent": [50, 100],
    }]);
    put(&api, &key, soft).await;
    for n in 0..4 {
        let answer = api.send(submit_with(&key, &circuit, &n.to_string(), &quote)).await;
        assert_eq!(answer.status, 202);
    }
    let alerts = standing(&api, &key).await["alerts"].clone();
    let percents: Vec<_> =
        alerts.as_array().unwrap().iter().map(|alert| alert["percent"].clone()).collect();
    assert_eq!(percents, [json!(50), json!(100)]);
}

#[tokio::test]
async fn budgets_out_of_range_are_rejected_and_change_nothing() {
    let (api, key, _) = ready().await;
    put(&api, &key, hard(7)).await;
    let budget = |scope: &str| json!({ "scope": scope, "limit_nano_usd": 1 });
    let many: Vec<_> = (0..17).map(|n| budget(&format!("team:{n}"))).collect();
    for bad in [
        json!(many),
        json!([budget("*"), budget("*")]),
        json!([budget("team")]),
        json!([budget(&format!("team:{}", "x".repeat(129)))]),
        json!([{ "scope": "*", "limit_nano_usd": -1 }]),
        json!([{ "scope": "*", "limit_nano_usd": 1, "alerts_percent": [0] }]),
        json!([{ "scope": "*", "limit_nano_usd": 1, "alerts_percent": [1, 2, 3, 4, 5] }]),
    ] {
        put(&api, &key, bad).await.problem(400, "invalid_request");
    }
    assert_eq!(standing(&api, &key).await["limit_nano_usd"], 7);
}

#[tokio::test]
async fn another_projects_budgets_are_not_seen_and_not_drawn_on() {
    let (api, key, circuit) = ready().await;
    put(&api, &key, hard(0)).await;
    let foreign = api.full_key("foreign").await;
    let shown = api.send(Call::get("/v1/budgets").key(&foreign)).await.value();
    assert_eq!(shown["budgets"], json!([]));
    api.register(&foreign, "multiplier").await;
    api.submit(&foreign, &circuit, "a").await;
    api.send(submit_with(&key, &circuit, "a", &json!({}))).await.problem(402, "budget_exceeded");
}

/// An API over files that another process works on as well.
fn over_files(folder: &std::path::Path, seed: u64) -> (Context, axum::Router) {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let rng: Arc<dyn Rng> = Arc::new(SeededRng::new(seed));
    let blobs: Arc<dyn BlobStore> = Arc::new(DiskBlobs::open(folder).unwrap());
    let ports = Ports {
        blobs,
        queue: Arc::new(MemoryQueue::new(QueuePolicy { receives_max: 3 }, clock.clone())),
        notices: Arc::new(MemoryQueue::new(QueuePolicy { receives_max: 3 }, clock.clone())),
        ids: Arc::new(TimeOrderedIds::new(clock.clone(), rng.clone())),
        clock,
        rng,
    };
    let book = Arc::new(PriceBook::builtin().unwrap());
    let context = Context::new(ports, book, Settings::default());
    (context.clone(), router(context))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn processes_that_share_a_store_never_overshoot_together() {
    let folder = tempfile::tempdir().unwrap();
    let template = Api::new();
    let apis: Vec<Api> = (1..=2)
        .map(|seed| {
            let (context, router) = over_files(folder.path(), seed);
            Api {
                context,
                router,
                ports: template.ports.clone(),
                clock: Arc::clone(&template.clock),
            }
        })
        .collect();
    let key = apis[0].full_key("owner").await;
    let circuit = apis[0].register(&key, "multiplier").await;
    let (price, quote) = priced(&apis[0], &key, &circuit).await;
    put(&apis[1], &key, hard(13 * price)).await;
    let calls = (0..100).map(|n| {
        let api = &apis[n % 2];
        api.send(submit_with(&key, &circuit, &n.to_string(), &quote))
    });
    let answers = join_all(calls).await;
    let accepted = answers.iter().filter(|answer| answer.status == 202).count();
    assert_eq!(accepted, 13, "{:?}", answers.iter().map(|a| a.status).collect::<Vec<_>>());
    for api in &apis {
        assert_eq!(standing(api, &key).await["committed_nano_usd"], json!(13 * price));
    }
}
