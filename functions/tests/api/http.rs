//! What holds for any request, whatever it asks for.

use axum::Router;
use axum::http::Method;
use axum::routing::get;
use tower::ServiceExt;
use zkpool_functions::complete;

use crate::harness::{Api, Call};

#[tokio::test]
async fn an_unknown_path_is_a_problem() {
    let api = Api::new();
    for path in ["/v2", "/v1", "/v1/proofs/", "/v1/circuits/a/b", "//", "/%ff", "/v1/keys/a/b/c"] {
        api.send(Call::get(path)).await.problem(404, "not_found");
    }
}

#[tokio::test]
async fn a_wrong_method_is_a_problem_that_names_the_right_ones() {
    let api = Api::new();
    for (method, path, allowed) in [
        (Method::DELETE, "/v1/proofs", "POST,GET,HEAD"),
        (Method::PUT, "/v1/circuits", "POST,GET,HEAD"),
        (Method::GET, "/v1/uploads", "POST"),
        (Method::GET, "/v1/uploads/a", "PUT"),
        (Method::POST, "/healthz", "GET,HEAD"),
        (Method::OPTIONS, "/v1/keys/a", "DELETE"),
    ] {
        let answer = api.send(Call::new(method, path)).await;
        answer.problem(405, "method_not_allowed");
        let found: std::collections::BTreeSet<_> =
            answer.header("allow").unwrap().split(',').collect();
        assert_eq!(found, allowed.split(',').collect(), "{path}");
    }
}

#[tokio::test]
async fn a_request_id_is_taken_over_only_where_it_is_harmless() {
    let api = Api::new();
    let answer = api.send(Call::get("/healthz").header("x-request-id", "trace-1.a_b")).await;
    assert_eq!(answer.header("x-request-id"), Some("trace-1.a_b"));
    let answer = api.send(Call::get("/healthz").header("x-request-id", "a b\" c")).await;
    assert!(answer.header("x-request-id").unwrap().len() == 36);
}

#[tokio::test]
async fn a_panic_is_a_problem_without_its_message() {
    async fn broken() {
        panic!("CANARY");
    }
    let api = Api::new();
    let router = complete(api.context.clone(), Router::new().route("/broken", get(broken)));
    let api = Api { router, ..api };
    let answer = api.send(Call::get("/broken")).await;
    let detail = answer.problem(500, "internal");
    assert!(!detail.contains("CANARY"));
}

#[tokio::test]
async fn a_path_that_is_no_text_names_nothing() {
    let api = Api::new();
    let key = api.full_key("owner").await;
    for path in
        ["/v1/proofs/%ff", "/v1/circuits/%ff", "/v1/circuits/..%2f..%2fkeys", "/v1/proofs/x"]
    {
        api.send(Call::get(path).key(&key)).await.problem(404, "not_found");
    }
}

#[tokio::test]
async fn an_area_can_be_served_alone() {
    let api = Api::new();
    let area = zkpool_functions::proofs::router(&api.context);
    let router = complete(api.context.clone(), area);
    let request = axum::http::Request::get("/v1/keys").body(axum::body::Body::empty()).unwrap();
    assert_eq!(router.oneshot(request).await.unwrap().status(), 404);
}

#[tokio::test]
async fn a_long_text_that_is_refused_is_not_repeated_as_a_whole() {
    let api = Api::new();
    let key = api.full_key("owner").await;
    let long = "long".repeat(10_000);
    let body = serde_json::json!({ long.as_str(): 1 });
    let detail = api.send(Call::post("/v1/quotes").key(&key).json(&body)).await;
    let detail = detail.problem(400, "invalid_request");
    let ends = "expected one of `circuit`, `count`, `deadline` at line 1 column 40003";
    assert!(detail.starts_with("at longlong") && detail.ends_with(ends), "{detail}");
    let query = api.send(Call::get(format!("/v1/proofs?{long}=1")).key(&key)).await;
    for detail in [detail, query.problem(400, "invalid_request")] {
        assert!(detail.chars().count() <= zkpool_functions::limits::DETAIL_CHARS_MAX, "{detail}");
    }
}
