//! How many requests a key may send, as its holder is told.

use std::num::NonZeroU32;
use std::time::Duration;

use zkpool_functions::Settings;
use zkpool_types::Scope;

use crate::harness::{Answer, Api, Call};

fn api(requests_per_minute: u32) -> Api {
    let requests_per_minute = NonZeroU32::new(requests_per_minute).unwrap();
    Api::with(Settings { requests_per_minute, ..Settings::default() })
}

async fn list(api: &Api, key: &str) -> Answer {
    api.send(Call::get("/v1/proofs").key(key)).await
}

#[tokio::test]
async fn a_key_that_sends_too_many_requests_is_told_when_to_come_back() {
    let api = api(2);
    let (key, other) = (api.full_key("acme").await, api.full_key("acme").await);
    for left in ["\"key\";r=1;t=30", "\"key\";r=0;t=60"] {
        let answer = list(&api, &key).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("ratelimit-policy"), Some("\"key\";q=2;w=60"));
        assert_eq!(answer.header("ratelimit"), Some(left));
    }
    let refused = list(&api, &key).await;
    refused.problem(429, "rate_limited");
    assert_eq!(refused.header("retry-after"), Some("30"));
    assert_eq!(refused.header("ratelimit"), Some("\"key\";r=0;t=60"));
    assert_eq!(list(&api, &other).await.status, 200);
    api.clock.advance(Duration::from_secs(30));
    assert_eq!(list(&api, &key).await.status, 200);
}

#[tokio::test]
async fn a_refused_request_of_a_valid_key_counts_and_one_without_a_key_does_not() {
    let api = api(2);
    let key = api.key("acme", &[Scope::Submit]).await;
    let refused = list(&api, &key).await;
    refused.problem(403, "scope_missing");
    assert_eq!(refused.header("ratelimit"), Some("\"key\";r=1;t=30"));
    for _ in 0..3 {
        let public = api.send(Call::get("/v1/performance")).await;
        assert_eq!((public.status.as_u16(), public.header("ratelimit")), (200, None));
        list(&api, "zkp_").await.problem(401, "unauthenticated");
    }
}
