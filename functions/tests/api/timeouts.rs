//! Peers that do not go on. Time is tokio's own, stopped, so that no test waits for it.

use serde_json::json;
use tokio::time::{Instant, timeout};
use zkpool_functions::endpoints::Endpoint;
use zkpool_functions::limits::UPLOAD_IDLE_TIMEOUT;
use zkpool_types::Sha256Digest;

use crate::harness::{Api, Call};

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_arrive_in_time_is_rejected() {
    let api = Api::new();
    let key = api.full_key("owner").await;
    for endpoint in [Endpoint::CreateKey, Endpoint::SubmitProof, Endpoint::RegisterCircuit] {
        let row = endpoint.row();
        let call = Call::new(row.method, row.path)
            .key(&key)
            .header("idempotency-key", "k")
            .header("content-type", "application/json");
        let start = Instant::now();
        api.send_without_end(call).await.problem(408, "request_timeout");
        assert!(start.elapsed() >= row.timeout, "{endpoint:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_upload_is_given_up_when_nothing_comes() {
    let api = Api::new();
    let key = api.full_key("owner").await;
    let body = json!({ "size": 10, "sha256": Sha256Digest::of(b"0123456789").to_string() });
    let upload = api.send(Call::post("/v1/uploads").key(&key).json(&body)).await;
    let sent = api.send_without_end(Call::put(upload.text("url")));
    let answer = timeout(UPLOAD_IDLE_TIMEOUT * 2, sent).await.unwrap();
    answer.problem(400, "invalid_request");
}
