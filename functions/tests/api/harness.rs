//! An API over memory with its own clock, and requests to it.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, BodyDataStream, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use zkpool_functions::openapi::Example;
use zkpool_functions::{Context, Settings, router};
use zkpool_jobs::Ports;
use zkpool_ledger::PriceBook;
use zkpool_ports::memory::{MemoryBlobs, MemoryQueue};
use zkpool_ports::{BlobStore, Clock, QueuePolicy, Rng, SeededRng, TimeOrderedIds, VirtualClock};
use zkpool_types::Scope;

use crate::document;
use crate::log::Log;

pub(crate) const ZKEY: &[u8] = include_bytes!("../../../tests/fixtures/bn128/multiplier.zkey");
pub(crate) const INITIAL_ZKEY: &[u8] =
    include_bytes!("../../../tests/fixtures/bn128/multiplier_initial.zkey");
pub(crate) const VKEY: &[u8] =
    include_bytes!("../../../tests/fixtures/bn128/verification_key.json");
pub(crate) const WITNESS: &[u8] = include_bytes!("../../../tests/fixtures/bn128/multiplier.wtns");
pub(crate) const WITNESS_OF_OTHER_CURVE: &[u8] =
    include_bytes!("../../../tests/fixtures/bls12-381/multiplier.wtns");

/// Bytes where a body wants an artifact.
pub(crate) fn inline(bytes: &[u8]) -> Value {
    json!({ "base64": BASE64_STANDARD.encode(bytes) })
}

/// An API without data.
pub(crate) struct Api {
    pub(crate) context: Context,
    pub(crate) ports: Ports,
    pub(crate) clock: Arc<VirtualClock>,
    pub(crate) router: Router,
}

impl Api {
    pub(crate) fn new() -> Self {
        Self::with(Settings::default())
    }

    /// An API that drains when the token is cancelled.
    pub(crate) fn draining_with(draining: CancellationToken) -> Self {
        Self::with(Settings { draining, ..Settings::default() })
    }

    /// An API with these settings.
    pub(crate) fn with(settings: Settings) -> Self {
        Self::over(Arc::new(MemoryBlobs::new()), settings)
    }

    /// An API over this store.
    pub(crate) fn over(blobs: Arc<dyn BlobStore>, settings: Settings) -> Self {
        Log::of_all_tests();
        let clock = Arc::new(VirtualClock::new());
        let shared: Arc<dyn Clock> = clock.clone();
        let rng: Arc<dyn Rng> = Arc::new(SeededRng::new(1));
        let ports = Ports {
            blobs,
            queue: Arc::new(MemoryQueue::new(QueuePolicy { receives_max: 3 }, shared.clone())),
            notices: Arc::new(MemoryQueue::new(QueuePolicy { receives_max: 3 }, shared.clone())),
            ids: Arc::new(TimeOrderedIds::new(shared.clone(), rng.clone())),
            clock: shared,
            rng,
        };
        let price_book = Arc::new(PriceBook::builtin().unwrap());
        let context = Context::new(ports.clone(), price_book, settings);
        let router = router(context.clone());
        Self { context, ports, clock, router }
    }

    /// A key of `project` with these scopes.
    pub(crate) async fn key(&self, project: &str, scopes: &[Scope]) -> String {
        let (key, _) = self.context.keys().create(&project.parse().unwrap(), scopes).await.unwrap();
        key.expose().to_owned()
    }

    /// A key that may do everything.
    pub(crate) async fn full_key(&self, project: &str) -> String {
        self.key(project, &Scope::ALL).await
    }

    /// Someone with a key that may do everything, who is signed in with it.
    pub(crate) async fn member(&self, project: &str) -> Member {
        let key = self.full_key(project).await;
        let (cookie, form_token) = self.sign_in(&key).await;
        Member { key, cookie, form_token }
    }

    /// The cookie of a new session of `key`, and the token that its forms carry.
    pub(crate) async fn sign_in(&self, key: &str) -> (String, String) {
        let answer = self.send(Call::post("/dashboard/sign-in").form(&[("key", key)])).await;
        assert_eq!(answer.status, 303, "{answer:?}");
        let cookie = answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
        let page = self.send(Call::get("/dashboard/jobs").header("cookie", &cookie)).await.page();
        let (_, rest) = page.split_once("name=\"form_token\" value=\"").unwrap();
        (cookie, rest.split('"').next().unwrap().to_owned())
    }

    pub(crate) async fn send(&self, call: Call) -> Answer {
        self.send_request(call.request()).await
    }

    /// Sends `call` with a body that never ends and of which nothing comes.
    pub(crate) async fn send_without_end(&self, call: Call) -> Answer {
        let nothing = futures_util::stream::pending::<std::io::Result<Bytes>>();
        self.send_request(call.request().map(|_| Body::from_stream(nothing))).await
    }

    /// Every answer is held to what the document says of its operation.
    async fn send_request(&self, request: Request<Body>) -> Answer {
        let (method, path) = (request.method().clone(), request.uri().to_string());
        let answer = self.answer(request).await;
        document::check(&method, &path, &answer);
        answer
    }

    async fn answer(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let is_endless =
            parts.headers.get("content-type").is_some_and(|of| of == "text/event-stream");
        let body =
            if is_endless { Bytes::new() } else { to_bytes(body, usize::MAX).await.unwrap() };
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// Sends `call` and returns its answer's status and body as it comes.
    pub(crate) async fn stream(&self, call: Call) -> (StatusCode, BodyDataStream) {
        let response = self.router.clone().oneshot(call.request()).await.unwrap();
        (response.status(), response.into_body().into_data_stream())
    }

    /// Registers the multiplier under `name` and returns its reference.
    pub(crate) async fn register(&self, key: &str, name: &str) -> String {
        let answer = self.send(Call::post("/v1/circuits").key(key).json(&registration(name))).await;
        assert!(answer.status.is_success(), "{answer:?}");
        answer.text("id")
    }

    /// Submits the fixture's witness and returns the job.
    pub(crate) async fn submit(&self, key: &str, circuit: &str, idempotency_key: &str) -> String {
        let answer = self.send(submission(key, circuit, idempotency_key)).await;
        assert!(answer.status.is_success(), "{answer:?}");
        answer.text("id")
    }
}

/// Someone who is signed in.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) key: String,
    pub(crate) cookie: String,
    pub(crate) form_token: String,
}

/// The body that registers the multiplier.
pub(crate) fn registration(name: &str) -> Value {
    json!({ "name": name, "proof_system": "groth16", "proving_key": inline(ZKEY) })
}

/// The request that submits the fixture's witness.
pub(crate) fn submission(key: &str, circuit: &str, idempotency_key: &str) -> Call {
    Call::post("/v1/proofs")
        .key(key)
        .header("idempotency-key", idempotency_key)
        .json(&json!({ "circuit": circuit, "witness": inline(WITNESS) }))
}

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    method: Method,
    path: String,
    headers: Vec<(String, String)>,
    body: Bytes,
    chunked: bool,
}

impl Call {
    pub(crate) fn new(method: Method, path: impl Into<String>) -> Self {
        Self { method, path: path.into(), headers: Vec::new(), body: Bytes::new(), chunked: false }
    }

    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path)
    }

    pub(crate) fn post(path: impl Into<String>) -> Self {
        Self::new(Method::POST, path)
    }

    pub(crate) fn put(path: impl Into<String>) -> Self {
        Self::new(Method::PUT, path)
    }

    pub(crate) fn delete(path: impl Into<String>) -> Self {
        Self::new(Method::DELETE, path)
    }

    pub(crate) fn key(self, key: &str) -> Self {
        self.header("authorization", &format!("Bearer {key}"))
    }

    /// Sends what a program and what a browser of this member would send.
    pub(crate) fn by(self, member: &Member) -> Self {
        self.key(&member.key).header("cookie", &member.cookie)
    }

    /// Sends these fields as a form of the service's own pages does.
    pub(crate) fn form(self, fields: &[(&str, &str)]) -> Self {
        let body = serde_urlencoded::to_string(fields).unwrap();
        self.header("content-type", "application/x-www-form-urlencoded").bytes(body)
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(found, _)| found != name);
        self
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json").bytes(body.to_string())
    }

    pub(crate) fn bytes(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Sends the body without announcing its length.
    pub(crate) fn chunked(mut self) -> Self {
        self.chunked = true;
        self
    }

    /// What the document shows of this request to the endpoint at `template`.
    pub(crate) fn example(&self, template: &str, cut: impl Fn(Value) -> Value) -> Example {
        let (path, query) = self.path.split_once('?').unwrap_or((&self.path, ""));
        let mut pairs = template.split('/').zip(path.split('/'));
        let path = pairs.find(|(part, _)| part.starts_with('{')).map(|(_, found)| found.to_owned());
        let mut parameters: BTreeMap<String, String> = serde_urlencoded::from_str(query).unwrap();
        let of_transport = ["authorization", "cookie", "content-type", "content-length"];
        let headers = self.headers.iter().filter(|(name, _)| !of_transport.contains(&&**name));
        parameters.extend(headers.cloned());
        let body = serde_json::from_slice(&self.body).ok().map(cut);
        Example { path, parameters, body, status: 0, content_type: None, answer: None }
    }

    fn request(self) -> Request<Body> {
        let mut request = Request::builder().method(self.method).uri(self.path);
        let announced = self.headers.iter().any(|(name, _)| name == "content-length");
        if !self.chunked && !announced && !self.body.is_empty() {
            request = request.header("content-length", self.body.len());
        }
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        request.body(Body::from(self.body)).unwrap()
    }
}

/// A response.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn value(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The HTML of a page that was found.
    pub(crate) fn page(&self) -> String {
        assert_eq!(self.status, 200, "{self:?}");
        assert_eq!(self.header("content-type"), Some("text/html; charset=utf-8"));
        String::from_utf8(self.body.to_vec()).unwrap()
    }

    pub(crate) fn text(&self, field: &str) -> String {
        self.value()[field].as_str().unwrap().to_owned()
    }

    /// Asserts that this is a well-formed problem of this status and code, and returns its detail.
    pub(crate) fn problem(&self, status: u16, code: &str) -> String {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        let problem = self.value();
        assert_eq!(problem["code"], code, "{problem}");
        assert_eq!(problem["status"], status);
        assert_eq!(problem["type"], format!("/problems/{code}"));
        assert_eq!(problem["request_id"].as_str(), self.header("x-request-id"));
        self.text("detail")
    }

    /// Status and body without what tells one request from another.
    pub(crate) fn comparable(&self) -> (StatusCode, Value) {
        let mut body = self.value();
        body.as_object_mut().unwrap().remove("request_id");
        (self.status, body)
    }
}
