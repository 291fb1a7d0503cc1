//! Streams of events as their readers meet them.

use std::time::Duration;

use axum::body::BodyDataStream;
use futures_util::StreamExt;
use serde_json::Value;

use crate::harness::{Api, Call, WITNESS, inline, submission};

/// Real time after which a stream that sent nothing has nothing to send.
const SILENCE: Duration = Duration::from_millis(300);

/// The fields of one event.
#[derive(Debug, PartialEq)]
struct Event {
    id: String,
    data: Value,
}

/// What comes next, while virtual time passes, or `None` at the end of the stream.
async fn next(api: &Api, stream: &mut BodyDataStream) -> Option<String> {
    loop {
        api.clock.advance(Duration::from_secs(1));
        let waited = tokio::time::timeout(Duration::from_millis(10), stream.next()).await;
        if let Ok(chunk) = waited {
            return chunk.map(|bytes| String::from_utf8(bytes.unwrap().to_vec()).unwrap());
        }
    }
}

async fn event(api: &Api, stream: &mut BodyDataStream) -> Event {
    let text = next(api, stream).await.unwrap();
    let field = |name: &str| {
        let start = format!("{name}: ");
        text.lines().find_map(|line| line.strip_prefix(&start)).unwrap().to_owned()
    };
    assert_eq!(field("event"), "proof");
    assert!(text.ends_with("\n\n"), "{text:?}");
    Event { id: field("id"), data: serde_json::from_str(&field("data")).unwrap() }
}

async fn is_silent(stream: &mut BodyDataStream) -> bool {
    tokio::time::timeout(SILENCE, stream.next()).await.is_err()
}

async fn ready() -> (Api, String, String) {
    let api = Api::new();
    let key = api.full_key("acme").await;
    let circuit = api.register(&key, "multiplier").await;
    (api, key, circuit)
}

#[tokio::test]
async fn a_job_is_told_of_until_it_ends_and_then_never_again() {
    let (api, key, circuit) = ready().await;
    let job = api.submit(&key, &circuit, "k").await;
    let path = format!("/v1/proofs/{job}/events");
    let (status, mut stream) = api.stream(Call::get(&path).key(&key)).await;
    assert_eq!(status, 200);
    let queued = event(&api, &mut stream).await;
    assert_eq!((queued.id.as_str(), &queued.data["state"]), ("queued", &"queued".into()));
    assert!(is_silent(&mut stream).await);
    api.send(Call::post(format!("/v1/proofs/{job}/cancel")).key(&key)).await.value();
    let ended = event(&api, &mut stream).await;
    assert_eq!((ended.id.as_str(), &ended.data["id"]), ("cancelled", &job.into()));
    assert_eq!(ended.data["charge_nano_usd"], 0);
    assert_eq!(next(&api, &mut stream).await, None, "the stream goes on after the end");
    let again = api.send(Call::get(&path).key(&key).header("last-event-id", "cancelled")).await;
    assert_eq!((again.status.as_u16(), again.body.len()), (204, 0));
}

#[tokio::test]
async fn a_reader_that_was_cut_off_is_told_what_is_new() {
    let (api, key, circuit) = ready().await;
    let job = api.submit(&key, &circuit, "k").await;
    let resumed = Call::get(format!("/v1/proofs/{job}/events")).key(&key);
    let (_, mut stream) = api.stream(resumed.header("last-event-id", "queued")).await;
    assert!(is_silent(&mut stream).await);
    api.send(Call::post(format!("/v1/proofs/{job}/cancel")).key(&key)).await.value();
    assert_eq!(event(&api, &mut stream).await.id, "cancelled");
}

#[tokio::test]
async fn a_project_is_told_of_its_own_jobs_and_goes_on_from_any_event() {
    let (api, key, circuit) = ready().await;
    let (_, mut stream) = api.stream(Call::get("/v1/events").key(&key)).await;
    let foreign = api.full_key("foreign").await;
    let (_, mut elsewhere) = api.stream(Call::get("/v1/events").key(&foreign)).await;
    let body = serde_json::json!({
        "circuit": circuit, "witness": inline(WITNESS), "tags": { "batch": "7" }
    });
    let job = api.send(submission(&key, &circuit, "k").json(&body)).await.text("id");
    let queued = event(&api, &mut stream).await;
    assert_eq!((&queued.data["id"], &queued.data["tags"]["batch"]), (&job.into(), &"7".into()));
    drop(stream);
    let resumed = Call::get("/v1/events").key(&key).header("last-event-id", &queued.id);
    let (_, mut stream) = api.stream(resumed).await;
    assert_eq!(event(&api, &mut stream).await, queued);
    api.clock.advance(Duration::from_secs(5));
    assert!(is_silent(&mut elsewhere).await, "a project is told of another's jobs");
}

#[tokio::test]
async fn what_is_no_event_is_not_resumed_from() {
    let (api, key, circuit) = ready().await;
    let job = api.submit(&key, &circuit, "k").await;
    let long = "a".repeat(37);
    for (path, id) in
        [("/v1/events".to_owned(), "yesterday"), (format!("/v1/proofs/{job}/events"), &long)]
    {
        let answer = api.send(Call::get(path).key(&key).header("last-event-id", id)).await;
        answer.problem(400, "invalid_request");
    }
}

#[tokio::test]
async fn streams_of_one_project_are_bounded_and_closed_ones_make_room() {
    let (api, key, _) = ready().await;
    let open = async || api.stream(Call::get("/v1/events").key(&key)).await;
    let mut held = Vec::new();
    for _ in 0..zkpool_functions::limits::EVENT_STREAMS_OF_PROJECT_MAX {
        held.push(open().await.1);
    }
    let refused = api.send(Call::get("/v1/events").key(&key)).await;
    refused.problem(503, "unavailable");
    assert!(refused.header("retry-after").is_some());
    held.pop();
    assert_eq!(open().await.0, 200);
}

#[tokio::test]
async fn streams_end_when_the_server_drains() {
    let draining = tokio_util::sync::CancellationToken::new();
    let api = Api::draining_with(draining.clone());
    let key = api.full_key("acme").await;
    let (_, mut stream) = api.stream(Call::get("/v1/events").key(&key)).await;
    assert!(is_silent(&mut stream).await);
    draining.cancel();
    assert_eq!(next(&api, &mut stream).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_silent_stream_has_a_heartbeat_and_does_not_live_for_ever() {
    let (api, key, _) = ready().await;
    let (_, mut stream) = api.stream(Call::get("/v1/events").key(&key)).await;
    let mut heartbeats = 0;
    while let Some(chunk) = stream.next().await {
        assert_eq!(chunk.unwrap(), ":\n\n");
        heartbeats += 1;
    }
    assert_eq!(heartbeats, 900 / 15 - 1);
}
