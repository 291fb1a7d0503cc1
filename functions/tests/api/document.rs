//! The description of the API: it holds for every answer of every test, its examples are recorded
//! from real answers, and what is committed is up to date.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use axum::http::Method;
use futures_util::StreamExt;
use serde_json::{Value, json};
use zkpool_functions::endpoints::Endpoint;
use zkpool_functions::openapi::{Example, Examples, describe, document, resolved};
use zkpool_types::{DeviceClass, ErrorCode, Scope, Usage, limits};

use crate::harness::{Answer, Api, Call, submission};
use crate::table::{Owned, call};

/// Set to anything, it makes the test write what it would compare.
const RECORD: &str = "ZKPOOL_RECORD";

/// Texts longer than this are cut to a length that leaves base64 whole.
const TEXT_MAX: usize = 300;
const TEXT_CUT: usize = 64;

/// Proofs enough for a circuit's performance to be public.
const PUBLIC_PROOFS: usize = 20;

/// Holds an answer to what the document says of its operation, where it has one.
pub(crate) fn check(method: &Method, path: &str, answer: &Answer) {
    let path = path.split('?').next().unwrap_or_default();
    let Some(operation) = operation(method, path) else { return };
    let of = || format!("{method} {path}: {answer:?}");
    let documented = resolved(&operation["responses"][answer.status.as_str()]);
    assert!(documented.is_object(), "an undocumented status: {}", of());
    let Some(kind) = answer.header("content-type") else { return };
    assert!(documented["content"][kind].is_object(), "an undocumented type: {}", of());
    if kind == "application/problem+json" {
        let code = format!("`{}`", answer.text("code"));
        let about = documented["description"].as_str().unwrap();
        assert!(about.contains(&code), "an undocumented code: {}", of());
    }
}

fn operation(method: &Method, path: &str) -> Option<&'static Value> {
    let paths = document()["paths"].as_object().unwrap();
    let exact = paths.get(path);
    let found = exact.or_else(|| {
        paths.iter().find(|(template, _)| matches(template, path)).map(|(_, item)| item)
    });
    found?.get(method.as_str().to_lowercase())
}

fn matches(template: &str, path: &str) -> bool {
    let (template, path): (Vec<_>, Vec<_>) =
        (template.split('/').collect(), path.split('/').collect());
    template.len() == path.len()
        && template
            .iter()
            .zip(&path)
            .all(|(part, found)| part == found || part.starts_with('{') && !found.is_empty())
}

#[test]
fn every_endpoint_is_an_operation_with_an_example_and_there_is_no_other() {
    let endpoints: BTreeSet<_> = Endpoint::ALL
        .iter()
        .map(|endpoint| {
            let row = endpoint.row();
            (row.path.to_owned(), row.method.as_str().to_lowercase(), endpoint.operation_id())
        })
        .collect();
    let mut operations = BTreeSet::new();
    for (path, methods) in document()["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap().to_owned();
            operations.insert((path.clone(), method.clone(), id));
        }
    }
    assert_eq!(operations, endpoints);
    let with_example: BTreeSet<_> = Examples::recorded().0.into_keys().collect();
    let ids: BTreeSet<_> = endpoints.into_iter().map(|(_, _, id)| id).collect();
    assert_eq!(with_example, ids);
}

#[test]
fn limits_that_the_document_names_are_those_of_the_code() {
    let document = document();
    let field = |schema: &str, field: &str| {
        document["components"]["schemas"][schema]["properties"][field]["maximum"].as_f64().unwrap()
    };
    let parameter = |path: &str, name: &str| {
        let parameters = document["paths"][path]["get"]["parameters"].as_array().unwrap();
        let found = parameters.iter().find(|parameter| parameter["name"] == name).unwrap();
        found["schema"]["maximum"].as_f64().unwrap()
    };
    assert_eq!(field("CreateUpload", "size"), limits::UPLOAD_BYTES_MAX as f64);
    assert_eq!(field("CreateQuote", "count"), limits::QUOTE_COUNT_MAX as f64);
    assert_eq!(parameter("/v1/proofs/{id}", "wait"), limits::WAIT_S_MAX as f64);
    for path in ["/v1/proofs", "/v1/circuits", "/v1/keys"] {
        assert_eq!(parameter(path, "limit"), limits::PAGE_ROWS_MAX as f64);
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let document = document();
    let text = document.to_string();
    for reference in text.split("\"$ref\":\"#").skip(1) {
        let pointer = reference.split('"').next().unwrap();
        assert!(document.pointer(pointer).is_some(), "{pointer} is not there");
    }
}

#[tokio::test]
async fn every_code_is_explained_and_its_type_leads_there() {
    let api = Api::new();
    let page = api.send(Call::get("/docs/errors")).await.page();
    for code in ErrorCode::ALL {
        assert!(page.contains(&format!("id=\"{code}\"")), "{code} is not on the page");
        let answer = api.send(Call::get(format!("/problems/{code}"))).await;
        assert_eq!(answer.header("location"), Some(&*format!("/docs/errors#{code}")));
    }
    api.send(Call::get("/problems/nothing")).await.problem(404, "not_found");
}

#[tokio::test]
async fn the_page_shows_every_operation_that_programs_call() {
    let api = Api::new();
    let page = api.send(Call::get("/docs")).await.page();
    for endpoint in Endpoint::ALL {
        let shown = page.contains(&format!("id=\"{}\"", endpoint.operation_id()));
        let path = endpoint.row().path;
        let for_programs = path.starts_with("/v1/")
            || ["/", "/healthz", "/readyz", "/openapi.json"].contains(&path);
        assert_eq!(shown, for_programs, "{endpoint:?}");
    }
    for reference in page.split("href=\"#").skip(1) {
        let id = reference.split('"').next().unwrap();
        assert!(page.contains(&format!("id=\"{id}\"")), "{id} leads nowhere");
    }
}

#[tokio::test]
async fn what_is_committed_is_up_to_date() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut examples = Examples::default();
    for endpoint in Endpoint::ALL {
        examples.0.insert(endpoint.operation_id(), recorded(*endpoint).await);
    }
    let described = describe(&examples);
    let files = [
        (folder.join("src/openapi/examples.json"), json!(examples)),
        (folder.join("../docs/openapi.json"), described),
    ];
    for (path, value) in files {
        let text = format!("{value:#}\n");
        if is_recording() {
            fs::write(&path, text).unwrap();
        } else {
            let found = fs::read_to_string(&path).unwrap_or_default();
            assert!(
                found == text,
                "{} is stale; write it with: {RECORD}=1 cargo test --release --package \
                 zkpool-functions --test api what_is_committed",
                path.display()
            );
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a test has no command line of its own")]
fn is_recording() -> bool {
    std::env::var(RECORD).is_ok()
}

/// A request to the endpoint and its answer, in a project where something has happened.
async fn recorded(endpoint: Endpoint) -> Example {
    let api = Api::new();
    let mut of = Owned::new(&api).await;
    prepare(&api, endpoint, &mut of).await;
    let (call, _) = call(endpoint, &of);
    let call = match endpoint {
        Endpoint::FleetCosts | Endpoint::CloseMonth | Endpoint::CorrectCharge => {
            call.key(&api.key("operator", &[Scope::Operator]).await)
        }
        Endpoint::DailyRoot => Call::get(format!("/v1/roots/{}", yesterday(&api))),
        _ => call.by(&of.member),
    };
    let mut example = call.example(endpoint.row().path, cut);
    if let Endpoint::ProofEvents | Endpoint::ProjectEvents = endpoint {
        let (status, mut body) = api.stream(call).await;
        let event = body.next().await.unwrap().unwrap();
        example.status = status.as_u16();
        example.content_type = Some("text/event-stream".to_owned());
        example.answer = Some(String::from_utf8(event.to_vec()).unwrap().into());
        return example;
    }
    let answer = api.send(call).await;
    assert!(answer.status.as_u16() < 400, "{endpoint:?}: {answer:?}");
    example.status = answer.status.as_u16();
    example.content_type = answer.header("content-type").map(str::to_owned);
    // The document would hold itself.
    let is_json = example.content_type.as_deref() == Some("application/json");
    if is_json && endpoint != Endpoint::OpenApi {
        example.answer = Some(cut(answer.value()));
    }
    example
}

/// Lets happen what makes an answer tell something.
async fn prepare(api: &Api, endpoint: Endpoint, of: &mut Owned) {
    let key = of.member.key.clone();
    if endpoint == Endpoint::CancelProof {
        return;
    }
    if endpoint == Endpoint::PublicPerformance {
        for number in 1..PUBLIC_PROOFS {
            api.send(submission(&key, &of.circuit, &format!("{number}"))).await;
        }
    }
    while prove(api).await {}
    of.ended = of.job.clone();
    for prepared in [Endpoint::SetPublication, Endpoint::PutBudgets] {
        if endpoint != prepared {
            api.send(call(prepared, of).0.key(&key)).await;
        }
    }
    if endpoint == Endpoint::DailyRoot {
        api.clock.advance(Duration::from_secs(2 * 24 * 3600));
    }
    api.context.costs().roll_up_all().await.unwrap();
}

/// Ends the next job with the fixture's proof.
async fn prove(api: &Api) -> bool {
    let jobs = api.context.jobs();
    let Some(claim) = jobs.claim(Duration::ZERO).await.unwrap() else { return false };
    let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let proof = serde_json::from_value(json!({
        "proof_system": "groth16",
        "curve": "bn128",
        "proof": read(include_str!("../../../tests/fixtures/bn128/proof.json")),
        "public_inputs": read(include_str!("../../../tests/fixtures/bn128/public.json")),
        "development": false,
    }));
    let measured = Usage {
        fetch_us: 1_100,
        witness_us: 300,
        ntt_us: 2_000,
        msm_us: 5_000,
        verify_us: 1_200,
        device_us: 8_500,
        ..Usage::default()
    };
    jobs.succeed(&claim, proof.unwrap(), DeviceClass::new("cpu"), measured).await.unwrap();
    true
}

fn yesterday(api: &Api) -> String {
    use zkpool_ports::Clock;
    let yesterday = api.clock.now() - jiff::SignedDuration::from_hours(24);
    zkpool_ledger::costs::day_of(yesterday).to_string()
}

/// The same value with long texts cut.
fn cut(value: Value) -> Value {
    match value {
        Value::String(text) if text.len() > TEXT_MAX => {
            text.chars().take(TEXT_CUT).collect::<String>().into()
        }
        Value::Array(items) => items.into_iter().map(cut).collect(),
        Value::Object(fields) => {
            fields.into_iter().map(|(name, value)| (name, cut(value))).collect()
        }
        other => other,
    }
}
