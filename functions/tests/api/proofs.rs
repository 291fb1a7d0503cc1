//! Proof requests: accepted once per key, refused with a reason, followed to their end.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use zkpool_jobs::keys;

use crate::harness::{Api, Call, WITNESS, WITNESS_OF_OTHER_CURVE, inline, submission};

/// Offset of the first value in the fixture: the file's head (12), the header section (12 + 40)
/// and the head of the values (12).
const FIRST_VALUE: usize = 76;

async fn ready() -> (Api, String, String) {
    let api = Api::new();
    let key = api.full_key("owner").await;
    let circuit = api.register(&key, "multiplier").await;
    (api, key, circuit)
}

fn with_witness(key: &str, circuit: &str, witness: &[u8]) -> Call {
    submission(key, circuit, "k").json(&json!({ "circuit": circuit, "witness": inline(witness) }))
}

#[tokio::test]
async fn a_submission_is_accepted_and_can_be_followed() {
    let (api, key, circuit) = ready().await;
    let accepted = api.send(submission(&key, "multiplier", "first")).await;
    assert_eq!(accepted.status, 202);
    let location = accepted.header("location").unwrap().to_owned();
    let shown = api.send(Call::get(&location).key(&key)).await.value();
    assert_eq!(shown, accepted.value());
    assert_eq!((&shown["state"], &shown["circuit"]), (&json!("queued"), &json!(circuit)));
    assert_eq!(shown["queue_position"], 0);
}

#[tokio::test]
async fn the_same_key_and_body_are_the_same_job_and_another_body_is_a_conflict() {
    let (api, key, circuit) = ready().await;
    let first = api.send(submission(&key, &circuit, "k")).await;
    let again = api.send(submission(&key, &circuit, "k")).await;
    assert_eq!((again.status.as_u16(), again.value()), (200, first.value()));
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(first.header("idempotency-replayed"), None);
    let other = json!({ "circuit": circuit, "witness": inline(WITNESS), "tags": { "a": "b" } });
    let other = submission(&key, &circuit, "k").json(&other);
    api.send(other).await.problem(409, "idempotency_conflict");
}

#[tokio::test]
async fn a_submission_keeps_the_trace_that_it_is_part_of() {
    let (api, key, circuit) = ready().await;
    let (trace, span) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
    let standard = format!("00-{trace}-{span}-01");
    let amazon = format!("Root=1-{}-{};Parent={span};Sampled=1", &trace[..8], &trace[8..]);
    for (header, value, kept) in [
        ("traceparent", standard.as_str(), true),
        ("x-amzn-trace-id", &amazon, true),
        ("traceparent", "none", false),
    ] {
        let job =
            api.send(submission(&key, &circuit, value).header(header, value)).await.text("id");
        let record = keys::request(&"owner".parse().unwrap(), job.parse().unwrap());
        let record = api.ports.blobs.get(&record, 10_000).await.unwrap();
        let record: Value = serde_json::from_slice(&record).unwrap();
        assert_eq!(record["trace"].as_str(), kept.then_some(standard.as_str()), "{header}");
    }
}

#[tokio::test]
async fn a_hundred_submissions_at_once_with_one_key_are_one_job() {
    let (api, key, circuit) = ready().await;
    let calls = (0..100).map(|_| api.send(submission(&key, &circuit, "one")));
    let answers = join_all(calls).await;
    assert!(answers.iter().all(|answer| answer.text("id") == answers[0].text("id")));
    assert_eq!(answers.iter().filter(|answer| answer.status == 202).count(), 1);
    let listed = api.send(Call::get("/v1/proofs").key(&key)).await.value();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    assert_eq!(api.ports.queue.depth().await.unwrap().visible, 1);
}

#[tokio::test]
async fn a_request_that_would_be_refused_today_is_still_replayed() {
    let (api, key, circuit) = ready().await;
    let deadline = "2026-01-01T01:00:00Z";
    let body = json!({ "circuit": circuit, "witness": inline(WITNESS), "deadline": deadline });
    let first = api.send(submission(&key, &circuit, "k").json(&body)).await;
    assert_eq!(first.status, 202, "{first:?}");
    api.clock.advance(Duration::from_secs(7200));
    let again = api.send(submission(&key, &circuit, "k").json(&body)).await;
    assert_eq!((again.status.as_u16(), again.text("id")), (200, first.text("id")));
    let late = api.send(submission(&key, &circuit, "other").json(&body)).await;
    late.problem(400, "invalid_request");
}

#[tokio::test]
async fn a_missing_or_malformed_idempotency_key_is_rejected() {
    let (api, key, circuit) = ready().await;
    let call = submission(&key, &circuit, "k").without("idempotency-key");
    let long = "k".repeat(256);
    for bad in ["", "a b", &long] {
        let answer = api.send(call.clone().header("idempotency-key", bad)).await;
        answer.problem(400, "idempotency_key_required");
    }
    let twice = submission(&key, &circuit, "k").header("idempotency-key", "l");
    api.send(twice).await.problem(400, "idempotency_key_required");
    api.send(call).await.problem(400, "idempotency_key_required");
}

#[tokio::test]
async fn a_witness_that_is_wrong_is_rejected_before_there_is_a_job() {
    let (api, key, circuit) = ready().await;
    let mut first_is_two = WITNESS.to_vec();
    first_is_two[FIRST_VALUE] = 2;
    let mut not_reduced = WITNESS.to_vec();
    not_reduced[FIRST_VALUE + 32..FIRST_VALUE + 64].fill(0xff);
    let mut shorter = WITNESS[..WITNESS.len() - 32].to_vec();
    let values = u32::try_from((WITNESS.len() - FIRST_VALUE) / 32).unwrap();
    shorter[60..64].copy_from_slice(&(values - 1).to_le_bytes());
    shorter[68..72].copy_from_slice(&((values - 1) * 32).to_le_bytes());
    let truncated = &WITNESS[..WITNESS.len() - 1];
    for (bytes, reason) in [
        (first_is_two.as_slice(), "constant 1"),
        (&not_reduced, "below the prime"),
        (&shorter, "values"),
        (truncated, "bytes"),
        (WITNESS_OF_OTHER_CURVE, "bls12-381"),
        (b"", "bytes"),
    ] {
        let answer = api.send(with_witness(&key, &circuit, bytes)).await;
        let detail = answer.problem(422, "invalid_witness");
        assert!(detail.contains(reason), "expected {reason:?} in {detail:?}");
    }
    // The key was not spent by the refusals.
    assert_eq!(api.send(submission(&key, &circuit, "k")).await.status, 202);
}

#[tokio::test]
async fn tags_deadlines_and_circuits_that_are_not_accepted_are_rejected() {
    let (api, key, circuit) = ready().await;
    let many: Value =
        (0..17).map(|n| (n.to_string(), json!("x"))).collect::<serde_json::Map<_, _>>().into();
    for (field, value) in [
        ("tags", many),
        ("tags", json!({ "": "x" })),
        ("tags", json!({ "a": "" })),
        ("tags", json!({ "a:b": "x" })),
        ("tags", json!({ "a": "x".repeat(129) })),
        ("deadline", json!("2025-12-31T00:00:00Z")),
        ("deadline", json!("2026-01-09T00:00:00Z")),
        ("deadline", json!("tomorrow")),
    ] {
        let mut body = json!({ "circuit": circuit, "witness": inline(WITNESS) });
        body[field] = value;
        let answer = api.send(submission(&key, &circuit, "k").json(&body)).await;
        answer.problem(400, "invalid_request");
    }
    let answer = api.send(submission(&key, "nothing", "k")).await;
    answer.problem(404, "not_found");
}

#[tokio::test]
async fn a_cancelled_job_has_ended_and_cannot_be_cancelled_again() {
    let (api, key, circuit) = ready().await;
    let job = api.submit(&key, &circuit, "k").await;
    let cancel = Call::post(format!("/v1/proofs/{job}/cancel")).key(&key);
    let cancelled = api.send(cancel.clone()).await.value();
    assert_eq!(cancelled["state"], "cancelled");
    assert_eq!(cancelled["receipt"]["charge_nano_usd"], 0);
    api.send(cancel).await.problem(409, "already_finished");
}

#[tokio::test]
async fn a_waiting_status_request_is_answered_when_the_job_ends_and_when_time_is_up() {
    let (api, key, circuit) = ready().await;
    let job = api.submit(&key, &circuit, "k").await;
    let wait = || api.send(Call::get(format!("/v1/proofs/{job}?wait=20")).key(&key));
    let (waited, ()) = tokio::join!(wait(), async {
        for _ in 0..100 {
            api.clock.advance(Duration::from_millis(500));
            tokio::task::yield_now().await;
        }
    });
    assert_eq!(waited.value()["state"], "queued");
    let cancel = api.send(Call::post(format!("/v1/proofs/{job}/cancel")).key(&key));
    let (waited, _) = tokio::join!(wait(), cancel);
    assert_eq!(waited.value()["state"], "cancelled");
}

#[tokio::test]
async fn a_list_is_filtered_and_paged_newest_first() {
    let (api, key, circuit) = ready().await;
    let mut jobs = Vec::new();
    for team in ["red", "blue", "red"] {
        api.clock.advance(Duration::from_millis(1));
        let body =
            json!({ "circuit": circuit, "witness": inline(WITNESS), "tags": { "team": team } });
        let answer =
            api.send(submission(&key, &circuit, &jobs.len().to_string()).json(&body)).await;
        jobs.push(answer.text("id"));
    }
    let ids = |page: &Value| -> Vec<String> {
        let items = page["items"].as_array().unwrap();
        items.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
    };
    let get = async |query: &str| {
        api.send(Call::get(format!("/v1/proofs{query}")).key(&key)).await.value()
    };
    assert_eq!(ids(&get("?tag=team:red").await), [jobs[2].clone(), jobs[0].clone()]);
    assert_eq!(ids(&get("?state=succeeded").await), Vec::<String>::new());
    assert_eq!(ids(&get("?circuit=multiplier&state=queued").await).len(), 3);
    let first = get("?limit=2").await;
    assert_eq!(ids(&first), [jobs[2].clone(), jobs[1].clone()]);
    let next = first["next"].as_str().unwrap();
    assert_eq!(ids(&get(&format!("?after={next}")).await), [jobs[0].clone()]);
}
