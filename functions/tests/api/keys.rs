//! Keys: created, listed, revoked, and never readable again.

use bytes::Bytes;
use serde_json::json;
use zkpool_jobs::keys;
use zkpool_ports::Durability;
use zkpool_types::{ApiKey, Scope, Sha256Digest};

use crate::harness::{Api, Call};

fn digest_of(key: &str) -> Sha256Digest {
    key.parse::<ApiKey>().unwrap().digest()
}

#[tokio::test]
async fn a_created_key_works_at_once_and_a_revoked_one_stops_at_once() {
    let api = Api::new();
    let admin = api.key("owner", &[Scope::Admin]).await;
    let body = json!({ "scopes": ["read", "read"] });
    let created = api.send(Call::post("/v1/keys").key(&admin).json(&body)).await;
    assert_eq!(created.value()["scopes"], json!(["read"]));
    let (key, id) = (created.text("key"), created.text("id"));
    assert_eq!(api.send(Call::get("/v1/proofs").key(&key)).await.status, 200);
    for _ in 0..2 {
        let revoked = api.send(Call::delete(format!("/v1/keys/{id}")).key(&admin)).await;
        assert_eq!(revoked.value(), json!({ "id": id }));
        api.send(Call::get("/v1/proofs").key(&key)).await.problem(401, "unauthenticated");
    }
}

#[tokio::test]
async fn keys_are_listed_page_by_page_without_the_keys_themselves() {
    let api = Api::new();
    let admin = api.key("owner", &[Scope::Admin]).await;
    api.full_key("foreign").await;
    for _ in 0..4 {
        api.full_key("owner").await;
    }
    let (mut ids, mut after) = (Vec::new(), String::new());
    loop {
        let page = api.send(Call::get(format!("/v1/keys?limit=2{after}")).key(&admin)).await;
        assert!(!String::from_utf8_lossy(&page.body).contains("zkp_"));
        let page = page.value();
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 2 && items.iter().all(|item| item["project"] == "owner"));
        ids.extend(items.iter().map(|item| item["id"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    assert_eq!(ids.len(), 5);
    assert!(ids.is_sorted());
}

#[tokio::test]
async fn a_key_without_scopes_is_rejected() {
    let api = Api::new();
    let admin = api.key("owner", &[Scope::Admin]).await;
    for body in [json!({ "scopes": [] }), json!({ "scopes": ["root"] }), json!({})] {
        let answer = api.send(Call::post("/v1/keys").key(&admin).json(&body)).await;
        answer.problem(400, "invalid_request");
    }
}

#[tokio::test]
async fn a_record_that_does_not_read_back_lets_nobody_in() {
    let api = Api::new();
    let key = api.full_key("owner").await;
    let at = keys::api_key(&digest_of(&key));
    for body in [Bytes::from_static(b"{"), Bytes::from(vec![b' '; 1 << 20])] {
        api.ports.blobs.put(&at, body, Durability::Durable).await.unwrap();
        let answer = api.send(Call::get("/v1/proofs").key(&key)).await;
        answer.problem(503, "unavailable");
        assert!(answer.header("retry-after").is_some());
    }
}

#[tokio::test]
async fn nothing_stored_can_be_presented_as_a_key() {
    let api = Api::new();
    let key = api.full_key("owner").await;
    for blob in api.ports.blobs.list("", None, 1000).await.unwrap() {
        let body = api.ports.blobs.get(&blob, 1 << 20).await.unwrap();
        let text = format!("{blob} {}", String::from_utf8_lossy(&body));
        assert!(!text.contains(&key) && !text.contains(key.trim_start_matches("zkp_")), "{text}");
    }
}
