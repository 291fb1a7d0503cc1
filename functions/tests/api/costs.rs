//! Costs over HTTP: what finance, and whoever runs the service, is told.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use zkpool_functions::Settings;
use zkpool_ports::BlobKey;
use zkpool_ports::memory::MemoryBlobs;
use zkpool_types::{DeviceClass, Scope, Usage};

use crate::harness::{Api, Call, WITNESS};
use crate::signing::{ADDRESS, SigningBlobs};

/// Makes a proof of a stand-in and returns its job.
async fn prove(api: &Api, key: &str) -> String {
    let circuit = api.register(key, "multiplier").await;
    let job = api.submit(key, &circuit, "first").await;
    let jobs = api.context.jobs();
    let claim = jobs.claim(Duration::ZERO).await.unwrap().unwrap();
    let proof = serde_json::from_value(json!({
        "proof_system": "groth16",
        "curve": "bn128",
        "proof": {},
        "public_inputs": [],
        "development": true,
    }));
    let measured = Usage { device_us: 1_000_000, ..Usage::default() };
    jobs.succeed(&claim, proof.unwrap(), DeviceClass::new("cpu"), measured).await.unwrap();
    assert!(!WITNESS.is_empty());
    job
}

#[tokio::test]
async fn a_report_agrees_with_the_receipt_in_every_format() {
    let api = Api::new();
    let key = api.full_key("acme").await;
    let job = prove(&api, &key).await;
    let receipt = api.send(Call::get(format!("/v1/proofs/{job}/receipt")).key(&key)).await.value();
    let charge = receipt["receipt"]["charge_nano_usd"].as_i64().unwrap();
    assert!(charge > 0 && receipt["link"].is_null());
    let report = api.send(Call::get("/v1/costs?group_by=circuit,day").key(&key)).await.value();
    assert_eq!(report["total_nano_usd"], charge);
    assert_eq!(report["rows"][0]["charge_nano_usd"], charge);
    assert_eq!(report["rows"][0]["usage"]["device_us"], 1_000_000);

    let csv = api.send(Call::get("/v1/costs?format=csv").key(&key)).await;
    assert_eq!(csv.header("content-type"), Some("text/csv; charset=utf-8"));
    let text = String::from_utf8(csv.body.to_vec()).unwrap();
    let cost = format!("0.{charge:09}");
    assert!(text.starts_with("BillingAccountId,") && text.contains(&cost), "{text}");

    let parquet = api.send(Call::get("/v1/costs?format=parquet").key(&key)).await;
    assert!(parquet.body.starts_with(b"PAR1") && parquet.body.ends_with(b"PAR1"));
    let name = parquet.header("content-disposition").unwrap();
    assert!(name.contains("zkpool-costs-acme-") && name.ends_with(".parquet\""), "{name}");
}

#[tokio::test]
async fn a_receipt_has_a_link_once_it_is_rolled_up() {
    let api = Api::new();
    let key = api.full_key("acme").await;
    let job = prove(&api, &key).await;
    api.context.costs().roll_up_all().await.unwrap();
    let view = api.send(Call::get(format!("/v1/proofs/{job}/receipt")).key(&key)).await.value();
    let chain = api.send(Call::get("/v1/chain").key(&key)).await.value();
    assert_eq!(view["link"]["seq"], 1);
    assert_eq!(chain["links"], json!([view["link"]]));
    let foreign = api.full_key("foreign").await;
    let other = api.send(Call::get("/v1/chain").key(&foreign)).await.value();
    assert_eq!(other, json!({ "links": [], "next": null }));
}

#[tokio::test]
async fn the_fleet_is_shown_to_whoever_runs_the_service_alone() {
    let api = Api::new();
    let key = api.full_key("acme").await;
    prove(&api, &key).await;
    api.send(Call::get("/v1/costs/fleet").key(&key)).await.problem(403, "scope_missing");
    let operator = api.key("operator", &[Scope::Operator]).await;
    let fleet = api.send(Call::get("/v1/costs/fleet").key(&operator)).await.value();
    let parts: Vec<_> =
        fleet["rows"].as_array().unwrap().iter().map(|row| row["part"].as_str().unwrap()).collect();
    assert_eq!(parts, ["charged", "wasted", "idle"]);
    let sum: i64 = fleet["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["cost_nano_usd"].as_i64().unwrap())
        .sum();
    assert_eq!(fleet["cost_nano_usd"], sum);
    let margin = fleet["charge_nano_usd"].as_i64().unwrap() - sum;
    assert_eq!(fleet["margin_nano_usd"], margin);
}

#[tokio::test]
async fn months_are_closed_and_charges_corrected_by_whoever_runs_the_service_alone() {
    let api = Api::new();
    let key = api.full_key("acme").await;
    let job = prove(&api, &key).await;
    let operator = api.key("operator", &[Scope::Operator]).await;
    let correct = |amount: i64, key: &str| {
        let call = Call::post("/v1/costs/corrections").key(key).header("idempotency-key", "k");
        let reason = "agreed";
        call.json(&json!({
            "project": "acme", "job": job, "charge_nano_usd": amount, "reason": reason,
        }))
    };
    api.send(correct(-5, &key)).await.problem(403, "scope_missing");
    let made = api.send(correct(-5, &operator)).await;
    assert_eq!(made.status, 201, "{made:?}");
    let again = api.send(correct(-5, &operator)).await;
    assert_eq!(again.value(), made.value());
    api.send(correct(-6, &operator)).await.problem(409, "idempotency_conflict");
    api.send(correct(0, &operator).header("x-request-id", "a"))
        .await
        .problem(400, "invalid_request");
    let keys = api.context.keys().list(&"operator".parse().unwrap(), None, 10).await.unwrap().items;
    assert_eq!(made.text("made_by"), keys[0].id.to_string());

    api.clock.advance(Duration::from_secs(31 * 24 * 3600));
    let close = |month: &str, key: &str| {
        let body = json!({ "project": "acme", "month": month });
        Call::post("/v1/costs/closings").key(key).json(&body)
    };
    api.send(close("2026-01", &key)).await.problem(403, "scope_missing");
    api.send(close("2026-02", &operator)).await.problem(400, "invalid_request");
    for _ in 0..2 {
        let closed = api.send(close("2026-01", &operator)).await.value();
        assert_eq!(closed, json!({ "project": "acme", "closed_through": "2026-01" }));
    }
    let query = "from=2026-01-01&to=2026-01-31";
    let report = api.send(Call::get(format!("/v1/costs?{query}")).key(&key)).await.value();
    assert_eq!(report["total"]["corrections_nano_usd"], -5);
    assert_eq!(report["closed_through"], "2026-01");
    let batch = api.ports.blobs.list("chain/acme/", None, 10).await.unwrap().pop().unwrap();
    let batch = api.ports.blobs.get(&batch, 1 << 20).await.unwrap();
    let batch: serde_json::Value = serde_json::from_slice(&batch).unwrap();
    assert_eq!(batch["closed_by"], json!(keys[0].id));
}

#[tokio::test]
async fn a_report_too_large_for_an_answer_is_led_to_and_refused_where_it_can_lie_nowhere() {
    let settings = || Settings { answer_bytes_max: Some(600), ..Settings::default() };
    let blobs = Arc::new(MemoryBlobs::new());
    let api = Api::over(Arc::new(SigningBlobs(Arc::clone(&blobs))), settings());
    let key = api.full_key("acme").await;
    prove(&api, &key).await;
    for format in ["json", "csv", "parquet"] {
        let call = Call::get(format!("/v1/costs?format={format}")).key(&key);
        let answer = api.send(call).await;
        assert_eq!((answer.status.as_u16(), answer.body.len()), (307, 0), "{answer:?}");
        let address = answer.header("location").unwrap().strip_prefix(ADDRESS).unwrap();
        let stored = address.strip_suffix("?signature").unwrap();
        assert!(stored.ends_with(&format!(".{format}")), "{stored}");
        let stored = api.ports.blobs.get(&BlobKey::new(stored).unwrap(), 1 << 20).await.unwrap();
        assert!(stored.len() > 600);
    }

    let api = Api::over(blobs, settings());
    let refused = api.send(Call::get("/v1/costs?format=csv").key(&key)).await;
    let detail = refused.problem(422, "report_too_large");
    assert!(detail.contains("at most 600 bytes") && detail.contains("fewer days"), "{detail}");
    let listed = api.ports.blobs.list("reports/", None, 10).await.unwrap();
    assert_eq!(listed.len(), 3, "a refused report is not stored: {listed:?}");
}
