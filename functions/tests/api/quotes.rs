//! Quotes: bound to project, circuit and time, and what performance they rest on.

use std::time::Duration;

use serde_json::{Value, json};
use zkpool_jobs::Commit;
use zkpool_types::{Curve, DeviceClass, ProofBody, ProofSystemKind, Usage};

use crate::harness::{Api, Call, WITNESS, inline, submission};

pub(crate) async fn ready() -> (Api, String, String) {
    let api = Api::new();
    let key = api.full_key("owner").await;
    let circuit = api.register(&key, "multiplier").await;
    (api, key, circuit)
}

/// A submission with these further fields.
pub(crate) fn submit_with(key: &str, circuit: &str, idempotency_key: &str, fields: &Value) -> Call {
    let mut body = json!({ "circuit": circuit, "witness": inline(WITNESS) });
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    submission(key, circuit, idempotency_key).json(&body)
}

/// Ends the next job with a proof that took so long on a device of this class.
pub(crate) async fn prove_next(api: &Api, class: &str, device_us: u64) {
    let claim = api.context.jobs().claim(Duration::ZERO).await.unwrap().unwrap();
    let proof = ProofBody {
        proof_system: ProofSystemKind::Groth16,
        curve: Curve::Bn254,
        proof: json!({}),
        public_inputs: vec!["1".to_owned()],
        development: false,
    };
    let usage = Usage { device_us, ..Usage::default() };
    let committed =
        api.context.jobs().succeed(&claim, proof, DeviceClass::new(class), usage).await.unwrap();
    assert!(matches!(committed, Commit::Won(_)));
}

async fn quote(api: &Api, key: &str, body: Value) -> Value {
    let answer = api.send(Call::post("/v1/quotes").key(key).json(&body)).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.value()
}

#[tokio::test]
async fn a_quote_rests_on_what_was_measured_on_the_device_that_proved_most() {
    let (api, key, circuit) = ready().await;
    for (n, (class, us)) in
        [("cpu", 3_000_000), ("nvidia-l4", 10_000), ("nvidia-l4", 30_000), ("nvidia-l4", 20_000)]
            .into_iter()
            .enumerate()
    {
        api.clock.advance(Duration::from_millis(5));
        api.submit(&key, &circuit, &n.to_string()).await;
        prove_next(&api, class, us).await;
    }
    let quote = quote(&api, &key, json!({ "circuit": "multiplier", "count": 4 })).await;
    assert_eq!((&quote["device"], &quote["basis"]), (&json!("nvidia-l4"), &json!("measured")));
    assert_eq!(quote["usage"]["device_us"], 20_000);
    let price = quote["price_nano_usd"].as_u64().unwrap();
    assert_eq!(quote["total_nano_usd"], json!(4 * price));
    let row = |class: &str| {
        let rows = quote["devices"].as_array().unwrap();
        rows.iter().find(|row| row["device"] == class).unwrap().clone()
    };
    let l4 = row("nvidia-l4");
    assert_eq!((&l4["samples"], &l4["device_us_p95"]), (&json!(3), &json!(30_000)));
    assert_eq!(l4["price_nano_usd_median"], json!(price));
    assert_eq!(row("nvidia-t4")["basis"], "estimated");
    assert_eq!(row("nvidia-t4")["samples"], 0);
}

#[tokio::test]
async fn a_quote_expires_and_says_so() {
    let (api, key, circuit) = ready().await;
    let quote = quote(&api, &key, json!({ "circuit": circuit })).await;
    let submit = |k| submit_with(&key, &circuit, k, &json!({ "quote": quote["id"] }));
    let in_time = api.send(submit("a")).await;
    assert_eq!(in_time.status, 202, "{in_time:?}");
    api.clock.advance(Duration::from_secs(3600));
    api.send(submit("b")).await.problem(422, "quote_expired");
    // The same request again is still the same job.
    assert_eq!(api.send(submit("a")).await.text("id"), in_time.text("id"));
}

#[tokio::test]
async fn a_quote_says_whether_a_deadline_looks_possible() {
    let (api, key, circuit) = ready().await;
    for (count, meets) in [(1, true), (1_000_000, false)] {
        let deadline = "2026-01-01T00:10:00Z";
        let body = json!({ "circuit": circuit, "count": count, "deadline": deadline });
        assert_eq!(quote(&api, &key, body).await["meets_deadline"], json!(meets));
    }
    for bad in [json!({ "count": 0 }), json!({ "deadline": "2025-01-01T00:00:00Z" })] {
        let mut body = json!({ "circuit": circuit });
        body.as_object_mut().unwrap().extend(bad.as_object().unwrap().clone());
        let answer = api.send(Call::post("/v1/quotes").key(&key).json(&body)).await;
        answer.problem(400, "invalid_request");
    }
}

#[tokio::test]
async fn performance_is_shown_by_day_and_device_with_what_failed() {
    let (api, key, circuit) = ready().await;
    api.submit(&key, &circuit, "a").await;
    prove_next(&api, "cpu", 1_000).await;
    api.clock.advance(Duration::from_secs(24 * 3600));
    api.submit(&key, &circuit, "b").await;
    prove_next(&api, "cpu", 3_000).await;
    let shown = api.send(Call::get("/v1/circuits/multiplier/performance").key(&key)).await.value();
    assert_eq!(shown["devices"][0]["samples"], 2);
    assert_eq!(shown["devices"][0]["device_us_p95"], 3_000);
    assert_eq!(shown["days"][0]["day"], "2026-01-02");
    assert_eq!(shown["days"][1]["devices"][0]["device_us_median"], 1_000);
    assert!(shown["days"][1]["devices"][0]["cost_nano_usd_median"].as_u64().unwrap() > 0);
    assert_eq!(shown["reliability"]["success_bp"], 10_000);
    assert_eq!(shown["reliability"]["self_check_failure_bp"], 0);
    assert_eq!((&shown["from"], &shown["to"]), (&json!("2025-12-04"), &json!("2026-01-02")));
    api.context.costs().roll_up_all().await.unwrap();
    let day = "/v1/circuits/multiplier/performance?from=2026-01-01&to=2026-01-01";
    let first = api.send(Call::get(day).key(&key)).await.value();
    assert_eq!((&first["days"][0], &first["days"][1]), (&shown["days"][1], &json!(null)));
    assert_eq!(first["devices"][0]["success_bp"], 10_000);
}

#[tokio::test]
async fn only_published_circuits_are_public_without_their_project_and_with_enough_proofs() {
    let (api, key, circuit) = ready().await;
    let public = async || api.send(Call::get("/v1/performance")).await.value();
    let publish = async |public: bool| {
        let call = Call::put("/v1/circuits/multiplier/publication").key(&key);
        assert_eq!(api.send(call.json(&json!({ "public": public }))).await.status, 200);
    };
    assert_eq!(public().await["circuits"], json!([]));
    publish(true).await;
    for n in 0..23 {
        api.submit(&key, &circuit, &n.to_string()).await;
        let class = if n < 2 { "nvidia-l4" } else { "cpu" };
        prove_next(&api, class, 1_000 + n).await;
    }
    // The day is not over, and what was computed is kept for a while.
    api.clock.advance(Duration::from_secs(25 * 3600));
    let shown = public().await;
    let shown_circuit = &shown["circuits"][0];
    assert_eq!(shown_circuit["circuit"], json!(circuit));
    let devices = shown_circuit["devices"].as_array().unwrap();
    assert_eq!(devices.len(), 1, "two proofs on one class are too few: {shown}");
    assert_eq!((&devices[0]["device"], &devices[0]["samples"]), (&json!("cpu"), &json!(20)));
    assert_eq!(shown_circuit["days"].as_array().unwrap().len(), 1);
    assert!(!shown.to_string().contains("owner"), "{shown}");
    publish(false).await;
    assert_eq!(public().await["circuits"], json!([]));
}
