//! Costs over HTTP: what finance, and whoever runs the service, is told.

use std::time::Duration;

use serde_json::json;
use zkpool_types::{DeviceClass, Scope, Usage};

use crate::harness::{Api, Call, WITNESS};

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
