//! A worker among others that are started and stopped: warm start, health and protection.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;
use zkpool_circuit_files::AnyProvingKey;
use zkpool_snark::ProveError;
use zkpool_types::{DeviceClass, JobState};

use super::pool::{Pool, Running, WITNESS, blocking};
use crate::{
    Device, EcsAgent, LASTS, Phase, PreparedKey, Protection, ProtectionError, Settings, ask_health,
    cpu, serve_health,
};

/// Longest real time that a test waits for anything.
const PATIENCE: Duration = Duration::from_secs(10);

/// The ECS agent as far as a worker sees it: it notes what is asked and answers as it is told.
struct Agent {
    address: SocketAddr,
    asked: watch::Receiver<Vec<Value>>,
    answer: Arc<Mutex<(StatusCode, Value)>>,
    _serving: AbortOnDropHandle<()>,
}

impl Agent {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (noting, asked) = watch::channel(Vec::new());
        let answer = Arc::new(Mutex::new((StatusCode::OK, Value::Null)));
        let answering = Arc::clone(&answer);
        let serving = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (noting, answering) = (noting.clone(), Arc::clone(&answering));
                let service = service_fn(async |request| {
                    Ok::<_, Infallible>(respond(request, &noting, &answering).await)
                });
                let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            }
        });
        Self { address, asked, answer, _serving: AbortOnDropHandle::new(serving) }
    }

    /// What the worker finds in its environment.
    fn uri(&self) -> String {
        format!("http://{}/api/task", self.address)
    }

    fn answers(&self, status: StatusCode, body: Value) {
        *self.answer.lock().unwrap() = (status, body);
    }

    /// Waits until a request satisfies `condition`.
    async fn asked(&mut self, condition: impl Fn(&Value) -> bool) {
        let asking = self.asked.wait_for(|asked| asked.iter().any(&condition));
        tokio::time::timeout(PATIENCE, asking).await.expect("the agent was never asked").unwrap();
    }
}

/// Notes the request and answers it: as told, or else as the agent does.
async fn respond(
    request: Request<Incoming>,
    noting: &watch::Sender<Vec<Value>>,
    answer: &Mutex<(StatusCode, Value)>,
) -> Response<String> {
    let asked = format!("{} {}", request.method(), request.uri().path());
    assert_eq!(asked, "PUT /api/task/task-protection/v1/state");
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let body: Value = serde_json::from_slice(&body).unwrap();
    noting.send_modify(|asked| asked.push(body.clone()));
    let (status, mut answer) = answer.lock().unwrap().clone();
    if answer.is_null() {
        let enabled = &body["ProtectionEnabled"];
        answer = json!({ "protection": { "ProtectionEnabled": enabled, "TaskArn": "task" } });
    }
    let mut response = Response::new(answer.to_string());
    *response.status_mut() = status;
    response
}

fn enabled(asked: &Value) -> bool {
    asked["ProtectionEnabled"] == true
}

fn disabled(asked: &Value) -> bool {
    asked["ProtectionEnabled"] == false
}

#[tokio::test(flavor = "multi_thread")]
async fn the_agent_is_asked_for_an_hour_and_for_the_end() {
    let agent = Agent::start().await;
    let keeper = EcsAgent::new(&format!("{}/", agent.uri()));
    keeper.protect(Some(LASTS)).await.unwrap();
    keeper.protect(None).await.unwrap();
    let expected = [
        json!({ "ProtectionEnabled": true, "ExpiresInMinutes": 60 }),
        json!({ "ProtectionEnabled": false }),
    ];
    assert_eq!(*agent.asked.borrow(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_with_the_status_of_a_success_is_an_error() {
    let agent = Agent::start().await;
    let keeper = EcsAgent::new(&agent.uri());
    let failure = json!({ "failure": { "Arn": "task", "Reason": "TASK_NOT_VALID" } });
    agent.answers(StatusCode::OK, failure.clone());
    let error = keeper.protect(Some(LASTS)).await.unwrap_err();
    assert!(
        matches!(&error, ProtectionError::Refused { expected: true, found } if *found == failure)
    );
    agent.answers(StatusCode::OK, json!({ "protection": { "ProtectionEnabled": false } }));
    let error = keeper.protect(Some(LASTS)).await.unwrap_err();
    assert!(matches!(error, ProtectionError::Refused { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_fails_or_is_not_there_is_an_error() {
    let agent = Agent::start().await;
    agent.answers(StatusCode::INTERNAL_SERVER_ERROR, json!({ "error": { "Code": "Throttled" } }));
    let error = EcsAgent::new(&agent.uri()).protect(None).await.unwrap_err();
    assert!(matches!(error, ProtectionError::Unanswered(_)));
    let error = EcsAgent::new("http://127.0.0.1:1/api").protect(None).await.unwrap_err();
    assert!(matches!(error, ProtectionError::Unanswered(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_is_protected_while_it_holds_a_job_and_no_longer() {
    let pool = Pool::hurried().await;
    let mut agent = Agent::start().await;
    let (device, gate) = blocking();
    let worker = pool.worker(device, pool.settings());
    let worker = Running::of(worker.with_protection(Arc::new(EcsAgent::new(&agent.uri()))));
    assert!(agent.asked.borrow().is_empty(), "an idle worker asked to be kept");
    let job = pool.submit(WITNESS).await;
    agent.asked(enabled).await;
    assert!(
        !agent.asked.borrow().iter().any(disabled),
        "the worker gave itself up while it proved"
    );
    gate.open.cancel();
    assert_eq!(pool.ended(job).await.state, JobState::Succeeded);
    agent.asked(disabled).await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_protection_that_was_refused_is_asked_for_again_and_holds_up_no_job() {
    let pool = Pool::hurried().await;
    let mut agent = Agent::start().await;
    agent.answers(StatusCode::SERVICE_UNAVAILABLE, json!({}));
    let (device, gate) = blocking();
    let worker = pool.worker(device, pool.settings());
    let worker = Running::of(worker.with_protection(Arc::new(EcsAgent::new(&agent.uri()))));
    let job = pool.submit(WITNESS).await;
    gate.begun(1).await;
    agent.asked(enabled).await;
    let so_far = agent.asked.borrow().len();
    let again = agent.asked.wait_for(|asked| asked.len() > so_far);
    tokio::time::timeout(PATIENCE, again).await.expect("the worker gave up").unwrap();
    gate.open.cancel();
    assert_eq!(pool.ended(job).await.state, JobState::Succeeded);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_never_answers_does_not_hold_up_the_hand_back() {
    let pool = Pool::new().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = format!("http://{}", listener.local_addr().unwrap());
    let (device, gate) = blocking();
    let worker = pool.worker(device, pool.settings());
    let worker = Running::of(worker.with_protection(Arc::new(EcsAgent::new(&silent))));
    let job = pool.submit(WITNESS).await;
    gate.begun(1).await;
    assert!(worker.stop().await < Duration::from_secs(5));
    gate.open.cancel();
    let second = pool.start(cpu());
    let view = pool.ended(job).await;
    assert_eq!((view.state, view.receipt.unwrap().usage.attempts), (JobState::Succeeded, 1));
    second.stop().await;
}

/// The CPU, whose keys become ready when it is told.
#[derive(Debug)]
struct Slow {
    preparing: watch::Sender<bool>,
    let_go: watch::Receiver<bool>,
}

impl Device for Slow {
    fn class(&self) -> DeviceClass {
        cpu().class()
    }

    fn name(&self) -> String {
        "Slow".to_owned()
    }

    fn is_reference(&self) -> bool {
        true
    }

    fn prepare(&self, key: AnyProvingKey) -> Result<Arc<dyn PreparedKey>, ProveError> {
        self.preparing.send_replace(true);
        while !*self.let_go.borrow() {
            std::thread::yield_now();
        }
        cpu().prepare(key)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_warm_start_claims_no_job_before_its_key_is_ready() {
    let pool = Pool::new().await;
    let job = pool.submit(WITNESS).await;
    let (preparing, mut has_begun) = watch::channel(false);
    let (letting_go, let_go) = watch::channel(false);
    let settings = Settings { warm_start: true, ..pool.settings() };
    let worker = pool.worker(Slow { preparing, let_go }, settings);
    let mut phase = worker.phase();
    let worker = Running::of(worker);
    has_begun.wait_for(|has_begun| *has_begun).await.unwrap();
    assert_eq!(*phase.borrow(), Phase::Starting);
    assert_eq!(pool.view(job).await.state, JobState::Queued);
    letting_go.send_replace(true);
    phase.wait_for(|phase| *phase == Phase::Ready).await.unwrap();
    let view = pool.ended(job).await;
    assert_eq!(view.state, JobState::Succeeded);
    worker.stop().await;
    assert_eq!(*phase.borrow(), Phase::Draining);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_stopped_while_it_warms_up_claims_nothing() {
    let pool = Pool::new().await;
    let job = pool.submit(WITNESS).await;
    let (preparing, mut has_begun) = watch::channel(false);
    let (letting_go, let_go) = watch::channel(false);
    let settings = Settings { warm_start: true, ..pool.settings() };
    let worker = Running::of(pool.worker(Slow { preparing, let_go }, settings));
    has_begun.wait_for(|has_begun| *has_begun).await.unwrap();
    assert!(worker.stop().await < Duration::from_secs(5));
    letting_go.send_replace(true);
    assert_eq!(pool.view(job).await.state, JobState::Queued);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_tells_how_it_is() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (phase, phases) = watch::channel(Phase::Starting);
    let _serving = AbortOnDropHandle::new(tokio::spawn(serve_health(listener, phases)));
    for (now, ready) in [(Phase::Starting, false), (Phase::Ready, true), (Phase::Draining, false)] {
        phase.send_replace(now);
        assert!(ask_health(address, "/healthz").await.unwrap(), "{now:?}");
        assert_eq!(ask_health(address, "/readyz").await.unwrap(), ready, "{now:?}");
    }
    assert!(!ask_health(address, "/v1/proofs").await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_does_not_answer_is_not_healthy() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    assert!(ask_health(address, "/healthz").await.is_err(), "nobody answers");
    drop(listener);
    assert!(ask_health(address, "/healthz").await.is_err(), "nobody is there");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_who_connects_and_says_nothing_holds_up_nobody() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (_phase, phases) = watch::channel(Phase::Ready);
    let _serving = AbortOnDropHandle::new(tokio::spawn(serve_health(listener, phases)));
    let silent = tokio::net::TcpStream::connect(address).await.unwrap();
    let asking = async { while ask_health(address, "/healthz").await.is_err() {} };
    tokio::time::timeout(PATIENCE, asking).await.expect("the silent one holds up the others");
    drop(silent);
}
