//! The corpus has everything it should, and nothing that is out of date.
//!
//! Inputs that follow from the product's code are written anew with `ZKPOOL_RECORD=1`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "in a test, a panic is the report"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;
use zkpool_functions::endpoints::{Access, Endpoint, Row};
use zkpool_functions::openapi::{Example, Examples, describe};
use zkpool_fuzz::{Corpus, Format, Meter, Names, Verdict, World, parse_request, target, targets};

/// What all inputs together may take in the repository, in bytes.
const CORPUS_BYTES_MAX: u64 = 300_000;

/// Whose turn it is: the heap is that of the whole process, so that these tests take turns.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";
const BYTES: &str = "application/octet-stream";

#[test]
fn the_corpus_is_small() {
    let _turn = turn();
    let sizes = targets().flat_map(|target| Corpus::of(target).unwrap().inputs);
    let total: u64 = sizes.map(|(_, input)| input.len() as u64).sum();
    assert!(total <= CORPUS_BYTES_MAX, "{total} bytes");
}

#[test]
fn every_folder_of_the_corpus_is_that_of_a_target() {
    let _turn = turn();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let found: BTreeSet<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let expected: BTreeSet<_> = targets().map(|target| target.name.to_owned()).collect();
    assert_eq!(found, expected);
}

#[test]
fn every_target_accepts_something_that_is_kept() {
    let _turn = turn();
    for target in targets() {
        // Nobody can keep what only the holder of a secret can make, a few minutes ago.
        if target.name == "webhook_delivery" {
            continue;
        }
        let inputs = Corpus::of(target).unwrap().inputs;
        // The laws are held elsewhere: heap is measured where nothing else runs.
        let read = |input: &[u8]| (target.read)(input, &mut Meter::default());
        let accepts = |input: &[u8]| read(input) == Ok(Verdict::Accepted);
        assert!(inputs.iter().any(|(_, input)| accepts(input)), "{} accepts none", target.name);
    }
}

#[test]
fn every_target_has_one_of_libfuzzer() {
    let _turn = turn();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
    for target in targets() {
        assert!(manifest.contains(&format!("name = \"{}\"", target.name)), "{}", target.name);
        let file = folder.join(format!("targets/{}.rs", target.name));
        let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{file:?}: {error}"));
        assert!(text.contains(&format!("\"{}\"", target.name)), "{file:?} is of another target");
    }
}

#[test]
fn every_json_body_of_the_api_has_a_target() {
    let _turn = turn();
    let document = describe(&Examples::recorded());
    for operation in operations(&document) {
        let Some(content) = operation.pointer("/requestBody/content") else { continue };
        for (kind, media) in content.as_object().unwrap() {
            let schema = media.pointer("/schema/$ref").and_then(Value::as_str);
            let name = schema.and_then(|schema| schema.rsplit('/').next()).map(snake_case);
            match (kind.as_str(), name) {
                (JSON, Some(name)) => {
                    let found = target(&name).map(|target| target.format);
                    assert_eq!(found, Some(Format::Json), "a body {name} has no target");
                }
                // Part of whole requests, each of which is in the corpus.
                (FORM | BYTES, _) => {}
                other => panic!("a body of another kind: {other:?}"),
            }
        }
    }
}

fn operations(document: &Value) -> impl Iterator<Item = &Value> {
    let paths = document["paths"].as_object().unwrap().values();
    paths.flat_map(|path| path.as_object().unwrap().values())
}

fn snake_case(name: &str) -> String {
    name.char_indices().fold(String::new(), |mut snake, (at, letter)| {
        if at > 0 && letter.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
        snake
    })
}

/// Whether what follows from the code is to be written, in place of compared.
fn records() -> bool {
    std::env::var_os("ZKPOOL_RECORD").is_some()
}

/// Holds a kept input to what it should be.
fn is_kept(target_name: &str, name: &str, expected: &[u8]) {
    let folder = Corpus::folder(target(target_name).unwrap());
    let file = folder.join(name);
    if records() {
        fs::create_dir_all(&folder).unwrap();
        fs::write(&file, expected).unwrap();
    }
    let found = fs::read(&file).unwrap_or_default();
    assert!(found == expected, "{file:?} is out of date: ZKPOOL_RECORD=1 writes it anew");
}

#[test]
fn what_is_kept_of_generators_is_up_to_date() {
    let _turn = turn();
    let text = include_str!("../../fixtures/generator.wat").replace("SET_INPUT", "");
    let more = "(func (export \"getWitnessSize\") (result i32) i32.const 2)";
    let module = wat::parse_str(text.replace("MORE", more)).unwrap();
    is_kept("generator", "smallest.wasm", &module);
}

#[test]
fn every_endpoint_has_a_request_that_is_answered_as_it_should_be() {
    let _turn = turn();
    let (world, examples) = (World::new().unwrap(), Examples::recorded());
    for endpoint in Endpoint::ALL {
        let name = endpoint.operation_id();
        let example = examples.0.get(&name).unwrap_or_else(|| panic!("{name} has no example"));
        let request = request(&endpoint.row(), example, &world.names);
        is_kept("request", &format!("{name}.http"), &request);
        let answer = world.answer(parse_request(&request).unwrap()).unwrap();
        assert_eq!(answer.status, expected(*endpoint, example), "{name}: {answer:?}");
    }
}

/// The status of an endpoint's example, but for what only time makes.
fn expected(endpoint: Endpoint, example: &Example) -> u16 {
    match endpoint {
        // None is published before a day has passed.
        Endpoint::DailyRoot => 404,
        _ => example.status,
    }
}

/// The request of an example, to the world.
fn request(row: &Row, example: &Example, names: &Names) -> Vec<u8> {
    let path = match row.path {
        "/v1/uploads/{id}" => names.upload.clone(),
        path => path_in(path, example, names),
    };
    let (queries, mut headers): (Vec<_>, Vec<_>) = example
        .parameters
        .iter()
        .filter(|(name, _)| *name != "token")
        .partition(|(name, _)| !name.contains('-'));
    let query: Vec<_> = queries.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
    let (kind, body) = body_of(row, example, names);
    let (kind_name, authority) = ("content-type".to_owned(), authority(row, names));
    let kind = kind.map(str::to_owned);
    headers.extend(kind.as_ref().map(|kind| (&kind_name, kind)));
    headers.extend(authority.as_ref().map(|(name, value)| (name, value)));
    let headers: String =
        headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
    [format!("{} {path}{query}\n{headers}\n", row.method).as_bytes(), &body].concat()
}

/// The path of a row, with the name of what is there in the world.
fn path_in(path: &str, example: &Example, names: &Names) -> String {
    let Some((before, rest)) = path.split_once('{') else { return path.to_owned() };
    let (_, after) = rest.split_once('}').unwrap();
    let name = match before {
        "/v1/circuits/" => &names.circuit,
        "/v1/keys/" => &names.key_id,
        "/v1/webhooks/" => &names.webhook,
        "/v1/webhooks/deliveries/" => &names.delivery,
        "/v1/proofs/" | "/dashboard/jobs/" if after == "/receipt" => &names.ended,
        "/v1/proofs/" | "/dashboard/jobs/" => &names.job,
        _ => example.path.as_ref().unwrap(),
    };
    format!("{before}{name}{after}")
}

/// What opens an endpoint.
fn authority(row: &Row, names: &Names) -> Option<(String, String)> {
    let operator = ["/v1/costs/fleet", "/v1/costs/closings", "/v1/costs/corrections"];
    let key = if operator.contains(&row.path) { &names.operator_key } else { &names.key };
    match row.access {
        Access::Key(_) => Some(("authorization".to_owned(), format!("Bearer {key}"))),
        Access::Session(_) => Some(("cookie".to_owned(), names.cookie.clone())),
        Access::Public | Access::SignedAddress => None,
    }
}

/// The type and the bytes of a body.
fn body_of(row: &Row, example: &Example, names: &Names) -> (Option<&'static str>, Vec<u8>) {
    let form = |name, value| (Some(FORM), format!("{name}={value}").into_bytes());
    match (row.path, &example.body) {
        ("/dashboard/sign-in", _) if row.method == "POST" => form("key", &names.key),
        ("/dashboard/sign-out", _) => form("form_token", &names.form_token),
        ("/v1/uploads/{id}", _) => (Some(BYTES), fixture("multiplier.wtns")),
        (_, Some(body)) => (Some(JSON), whole(body, names).to_string().into_bytes()),
        (_, None) => (None, Vec::new()),
    }
}

/// A body with whole artifacts, which examples shorten, and a job of the world.
fn whole(body: &Value, names: &Names) -> Value {
    let mut body = body.clone();
    let artifacts = [("proving_key", "multiplier.zkey"), ("witness", "multiplier.wtns")];
    for (field, name) in artifacts {
        if let Some(artifact) = body.get_mut(field) {
            artifact["base64"] = BASE64_STANDARD.encode(fixture(name)).into();
        }
    }
    if body.get("job").is_some() {
        body["job"] = names.ended.as_str().into();
    }
    body
}

fn fixture(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/bn128");
    fs::read(folder.join(name)).unwrap()
}
