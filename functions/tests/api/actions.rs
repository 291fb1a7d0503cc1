//! What was asked for with a right beyond proving is written down before it is done.

use serde_json::{Value, json};
use zkpool_types::Scope;

use crate::harness::{Api, Call};

async fn actions(api: &Api, key: &str) -> Vec<Value> {
    let listed = api.send(Call::get("/v1/actions").key(key)).await.value();
    listed["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn who_made_and_revoked_which_key_is_listed_with_the_answer() {
    let api = Api::new();
    let member = api.member("owner").await;
    let admin = member.key.as_str();
    let before = actions(&api, admin).await.len();
    let body = json!({ "scopes": ["read"] });
    let id = api.send(Call::post("/v1/keys").key(admin).json(&body)).await.text("id");
    api.send(Call::delete(format!("/v1/keys/{id}")).key(admin)).await;
    let refused = json!({ "scopes": [] });
    api.send(Call::post("/v1/keys").key(admin).json(&refused))
        .await
        .problem(400, "invalid_request");
    let told: Vec<_> = actions(&api, admin).await.split_off(before);
    let by = told[0]["key"].clone();
    let brief = |action: &Value| {
        assert_eq!(action["key"], by);
        assert!(action["asked_at"].is_string());
        json!([action["operation"], action["subject"], action["status"]])
    };
    let expected =
        json!([["createKey", id, 201], ["revokeKey", id, 200], ["createKey", null, 400]]);
    assert_eq!(Value::from(told.iter().map(brief).collect::<Vec<_>>()), expected);
}

#[tokio::test]
async fn actions_of_another_project_are_not_listed_and_need_an_admin() {
    let api = Api::new();
    let owner = api.key("owner", &[Scope::Admin]).await;
    let foreign = api.key("foreign", &[Scope::Admin]).await;
    let body = json!({ "scopes": ["read"] });
    let made = api.send(Call::post("/v1/keys").key(&owner).json(&body)).await;
    assert_eq!(actions(&api, &owner).await.len(), 1);
    assert_eq!(actions(&api, &foreign).await.len(), 0);
    let reader = made.text("key");
    api.send(Call::get("/v1/actions").key(&reader)).await.problem(403, "scope_missing");
}

#[tokio::test]
async fn actions_are_listed_page_by_page() {
    let api = Api::new();
    let admin = api.key("owner", &[Scope::Admin]).await;
    let body = json!({ "scopes": ["read"] });
    for _ in 0..5 {
        api.send(Call::post("/v1/keys").key(&admin).json(&body)).await;
    }
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let page = api.send(Call::get(format!("/v1/actions?limit=2{after}")).key(&admin)).await;
        let page = page.value();
        let ids = page["items"].as_array().unwrap().iter().map(|item| item["id"].to_string());
        seen.extend(ids);
        let Some(next) = page["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    assert_eq!(seen.len(), 5);
    assert!(seen.is_sorted());
}
