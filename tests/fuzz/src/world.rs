//! A service with one object of every kind, which every request of a trial finds as it was left.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode, header};
use axum::{BoxError, Router};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt;
use zkpool_functions::{Context, Settings, router};
use zkpool_jobs::Ports;
use zkpool_ledger::PriceBook;
use zkpool_ports::memory::{MemoryBlobs, MemoryQueue};
use zkpool_ports::{
    BlobKey, BlobStore, Clock, Durability, QueuePolicy, Rng, SeededRng, TimeOrderedIds,
    VirtualClock,
};
use zkpool_types::{Scope, Sha256Digest};

const ZKEY: &[u8] = include_bytes!("../../fixtures/bn128/multiplier.zkey");
const WITNESS: &[u8] = include_bytes!("../../fixtures/bn128/multiplier.wtns");

/// Objects of the world that are copied for each request; there are some dozens.
const OBJECTS_MAX: usize = 1000;

/// Longest answer that is read. Streams of events have no end and are not read.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// Randomness while the world is made, and of every request after that: what a world holds is the
/// same in every process.
const SEED: u64 = 1;

/// What a trial needs that has nothing to do with its input.
type Setup<T> = Result<T, BoxError>;

/// A service and what it holds. Requests change copies of it.
#[derive(Debug)]
pub struct World {
    runtime: Runtime,
    book: Arc<PriceBook>,
    objects: Vec<(BlobKey, Bytes)>,
    /// What names what is there.
    pub names: Names,
}

/// The names of what a world holds, and what opens it.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// A key of the project with every scope.
    pub key: String,
    /// The same of whoever runs the service.
    pub operator_key: String,
    /// The public name of the project's key.
    pub key_id: String,
    /// The cookie of a session of the project.
    pub cookie: String,
    /// What forms of that session carry.
    pub form_token: String,
    /// A circuit.
    pub circuit: String,
    /// A job that waits.
    pub job: String,
    /// A job that was taken back.
    pub ended: String,
    /// Path and query that take an upload.
    pub upload: String,
    /// A webhook.
    pub webhook: String,
    /// A delivery to it.
    pub delivery: String,
}

/// An answer of the service.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body; nothing of a stream of events.
    pub body: Bytes,
}

impl Answer {
    /// The body as JSON; null where it is none.
    #[must_use]
    pub fn value(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

impl World {
    /// Makes a world. It is the same one in every process.
    ///
    /// # Errors
    /// Something that has nothing to do with inputs failed.
    pub fn new() -> Setup<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let book = Arc::new(PriceBook::builtin()?);
        let blobs: Arc<dyn BlobStore> = Arc::new(MemoryBlobs::new());
        let made = async {
            let names = populate(&Service::over(blobs.clone(), book.clone())).await?;
            Ok::<_, BoxError>((names, copied(&*blobs).await?))
        };
        let (names, objects) = runtime.block_on(made)?;
        Ok(Self { runtime, book, objects, names })
    }

    /// What a copy of this world answers.
    ///
    /// # Errors
    /// Something that has nothing to do with the request failed.
    pub fn answer(&self, request: Request<Body>) -> Setup<Answer> {
        self.runtime.block_on(async {
            let blobs = MemoryBlobs::new();
            for (key, body) in &self.objects {
                blobs.put(key, body.clone(), Durability::Cached).await?;
            }
            Service::over(Arc::new(blobs), self.book.clone()).answer(request).await
        })
    }
}

/// Everything in a store.
async fn copied(blobs: &dyn BlobStore) -> Setup<Vec<(BlobKey, Bytes)>> {
    let mut objects = Vec::new();
    for key in blobs.list("", None, OBJECTS_MAX).await? {
        let body = blobs.get(&key, u64::MAX).await?;
        objects.push((key, body));
    }
    Ok(objects)
}

/// The API over a store.
struct Service {
    context: Context,
    router: Router,
}

impl Service {
    fn over(blobs: Arc<dyn BlobStore>, book: Arc<PriceBook>) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(HastyClock(VirtualClock::new()));
        let rng: Arc<dyn Rng> = Arc::new(SeededRng::new(SEED));
        let queue = || {
            let policy = QueuePolicy { receives_max: 3 };
            Arc::new(MemoryQueue::new(policy, clock.clone()))
        };
        let ports = Ports {
            blobs,
            queue: queue(),
            notices: queue(),
            ids: Arc::new(TimeOrderedIds::new(clock.clone(), rng.clone())),
            clock: clock.clone(),
            rng,
        };
        let context = Context::new(ports, book, Settings::default());
        let router = router(context.clone());
        Self { context, router }
    }

    async fn answer(&self, request: Request<Body>) -> Setup<Answer> {
        let response = self.router.clone().oneshot(request).await?;
        let (parts, body) = response.into_parts();
        let kind = parts.headers.get(header::CONTENT_TYPE);
        let is_endless = kind.is_some_and(|kind| kind == "text/event-stream");
        let body = if is_endless { Bytes::new() } else { to_bytes(body, ANSWER_BYTES_MAX).await? };
        Ok(Answer { status: parts.status, headers: parts.headers, body })
    }

    /// Sends what has to succeed.
    async fn call(&self, key: &str, method: &str, path: &str, body: Body) -> Setup<Answer> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::AUTHORIZATION, format!("Bearer {key}"))
            .header(header::CONTENT_TYPE, content_type(path))
            .header("idempotency-key", "first")
            .body(body)?;
        let answer = self.answer(request).await?;
        if answer.status.is_success() || answer.status.is_redirection() {
            return Ok(answer);
        }
        Err(format!("{method} {path}: expected success, found {answer:?}").into())
    }

    /// The same with a JSON body and a JSON answer.
    async fn post(&self, key: &str, path: &str, body: &Value) -> Setup<Value> {
        let answer = self.call(key, "POST", path, Body::from(body.to_string())).await?;
        Ok(answer.value())
    }

    async fn key(&self, project: &str) -> Setup<(String, String)> {
        let created = self.context.keys().create(&project.parse()?, &Scope::ALL).await;
        let (key, record) = created.map_err(|_| "no key could be made")?;
        Ok((key.expose().to_owned(), record.id.to_string()))
    }
}

fn content_type(path: &str) -> &'static str {
    if path.starts_with("/dashboard") {
        "application/x-www-form-urlencoded"
    } else {
        "application/json"
    }
}

/// Makes one object of every kind.
async fn populate(service: &Service) -> Setup<Names> {
    let (key, key_id) = service.key("owner").await?;
    let (operator_key, _) = service.key("operator").await?;
    let register = json!({
        "name": "multiplier", "proof_system": "groth16", "proving_key": inline(ZKEY),
    });
    let circuit = text(&service.post(&key, "/v1/circuits", &register).await?, "id");
    let submit = json!({ "circuit": circuit, "witness": inline(WITNESS) });
    let ended = text(&service.post(&key, "/v1/proofs", &submit).await?, "id");
    service.post(&key, &format!("/v1/proofs/{ended}/cancel"), &Value::Null).await?;
    let announced = json!({ "size": WITNESS.len(), "sha256": Sha256Digest::of(WITNESS) });
    let upload = text(&service.post(&key, "/v1/uploads", &announced).await?, "url");
    let hook = json!({ "url": "https://hooks.example/" });
    let webhook = text(&service.post(&key, "/v1/webhooks", &hook).await?, "id");
    let test = format!("/v1/webhooks/{webhook}/test");
    let delivery = text(&service.post(&key, &test, &Value::Null).await?, "id");
    let (cookie, form_token) = sign_in(service, &key).await?;
    let job = open_job(service, &key, &circuit).await?;
    Ok(Names {
        key,
        operator_key,
        key_id,
        cookie,
        form_token,
        circuit,
        job,
        ended,
        upload,
        webhook,
        delivery,
    })
}

/// A job under another idempotency key, which stays open.
async fn open_job(service: &Service, key: &str, circuit: &str) -> Setup<String> {
    let body = json!({ "circuit": circuit, "witness": inline(WITNESS) });
    let request = Request::post("/v1/proofs")
        .header(header::AUTHORIZATION, format!("Bearer {key}"))
        .header(header::CONTENT_TYPE, "application/json")
        .header("idempotency-key", "second")
        .body(Body::from(body.to_string()))?;
    Ok(text(&service.answer(request).await?.value(), "id"))
}

/// The cookie of a session, and what its forms carry.
async fn sign_in(service: &Service, key: &str) -> Setup<(String, String)> {
    let form = Body::from(format!("key={key}"));
    let answer = service.call(key, "POST", "/dashboard/sign-in", form).await?;
    let cookie = answer.headers.get(header::SET_COOKIE).ok_or("expected a cookie, found none")?;
    let cookie = cookie.to_str()?.split(';').next().unwrap_or_default().to_owned();
    let page = Request::get("/dashboard/jobs").header(header::COOKIE, &cookie);
    let page = service.answer(page.body(Body::empty())?).await?;
    let page = String::from_utf8(page.body.into())?;
    let token = page.split_once("name=\"form_token\" value=\"").and_then(|(_, rest)| {
        let (token, _) = rest.split_once('"')?;
        Some(token.to_owned())
    });
    Ok((cookie, token.ok_or("expected a page with a form, found none")?))
}

fn inline(bytes: &[u8]) -> Value {
    json!({ "base64": BASE64_STANDARD.encode(bytes) })
}

fn text(value: &Value, field: &str) -> String {
    value.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// A clock that shows the time that was slept: nobody waits, and nothing waits for ever.
#[derive(Debug)]
struct HastyClock(VirtualClock);

#[async_trait]
impl Clock for HastyClock {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    async fn sleep(&self, duration: Duration) {
        self.0.advance(duration);
    }
}
