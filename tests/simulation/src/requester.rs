//! Requesters: they submit, submit again where no answer came, wait, look at what they must not
//! see, and hold every answer against what they asked for.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use futures_util::future::join_all;
use serde_json::{Value, json};
use zkpool_jobs::invariants::Observed;
use zkpool_types::{ErrorCode, JobId, ProjectId, Sha256Digest};

use crate::intent::Intent;
use crate::laws::Wanted;
use crate::service::{Server, Service};

/// A project and the key that its requesters have.
#[derive(Clone, Debug)]
pub(crate) struct Tenant {
    pub(crate) project: ProjectId,
    pub(crate) key: String,
}

/// Everyone whom requesters talk to.
pub(crate) struct Market {
    pub(crate) service: Arc<Service>,
    pub(crate) servers: Vec<Arc<Server>>,
    pub(crate) tenants: Vec<Tenant>,
    /// Connections that break, in thousandths.
    pub(crate) disconnected: AtomicUsize,
    /// Requesters that still want something.
    pub(crate) open: AtomicUsize,
}

/// What became of one submission.
enum Answer {
    /// The job.
    Accepted(JobId),
    /// The same request may be sent again.
    Again,
    /// It never will be accepted.
    Refused,
}

impl Market {
    pub(crate) fn tenant(&self, intent: &Intent) -> &Tenant {
        &self.tenants[intent.tenant]
    }

    pub(crate) fn breach(&self, law: &'static str, what: String) {
        self.service.universe.broken(law, what);
    }

    /// Sends a request over a connection that may break. Nothing is heard then, and whoever answers
    /// may stop half way.
    pub(crate) async fn send(&self, request: Request<Body>) -> Option<(StatusCode, Value)> {
        let universe = &self.service.universe;
        let server = &self.servers[universe.index(self.servers.len())];
        let per_mille = u32::try_from(self.disconnected.load(Ordering::Relaxed)).unwrap_or(0);
        if !universe.happens(per_mille) {
            return server.answer(request).await;
        }
        universe.count("connection lost");
        let patience = universe.between_ms(1, 2_000);
        tokio::select! {
            biased;
            _ = server.answer(request) => None,
            () = universe.sleep(patience) => None,
        }
    }

    pub(crate) fn request(
        &self,
        tenant: &Tenant,
        method: &str,
        path: &str,
        key: Option<&str>,
        body: &str,
    ) -> Request<Body> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {}", tenant.key))
            .header("content-type", "application/json");
        let request = match key {
            Some(key) => request.header("idempotency-key", key),
            None => request,
        };
        request.body(Body::from(body.to_owned())).unwrap_or_default()
    }

    /// Asks for something over a connection that holds.
    pub(crate) async fn ask(
        &self,
        tenant: &Tenant,
        method: &str,
        path: &str,
        body: &Value,
    ) -> Option<Value> {
        let request = self.request(tenant, method, path, None, &body.to_string());
        let (status, answer) = self.servers[0].answer(request).await?;
        status.is_success().then_some(answer)
    }

    /// Wants a proof until it is there, or will never be.
    pub(crate) async fn pursue(&self, intent: Intent) {
        if let Some(job) = self.submit(&intent).await {
            self.service.universe.note(format_args!("{} is job {job}", intent.key));
            if self.service.universe.happens(150) {
                self.submit_another_body(&intent).await;
            }
            if let Some(uploaded) = &intent.uploaded
                && self.service.universe.happens(300)
            {
                self.send_other_bytes(uploaded).await;
            }
            if self.service.universe.happens(100) {
                self.cancel(&intent, job).await;
            }
            // Some never come back.
            if !self.service.universe.happens(150) {
                self.wait(&intent, job).await;
            }
        }
        self.open.fetch_sub(1, Ordering::Relaxed);
    }

    /// Submits until there is an answer, sometimes several times at once.
    async fn submit(&self, intent: &Intent) -> Option<JobId> {
        let universe = &self.service.universe;
        let mut known: Option<JobId> = None;
        loop {
            let copies = if universe.happens(200) { 2 + universe.below(4) } else { 1 };
            let answers = join_all((0..copies).map(|_| self.submit_once(intent))).await;
            for answer in &answers {
                if let Answer::Accepted(job) = answer {
                    let first = *known.get_or_insert(*job);
                    if first != *job {
                        let key = &intent.key;
                        self.breach("L2", format!("{key} was answered with {first} and {job}"));
                    }
                }
            }
            if known.is_some() {
                return known;
            }
            if answers.iter().any(|answer| matches!(answer, Answer::Refused)) {
                return None;
            }
            universe.sleep(universe.between_ms(500, 20_000)).await;
        }
    }

    async fn submit_once(&self, intent: &Intent) -> Answer {
        let tenant = self.tenant(intent);
        let request = self.request(tenant, "POST", "/v1/proofs", Some(&intent.key), &intent.body);
        let Some((status, answer)) = self.send(request).await else { return Answer::Again };
        self.service.universe.note(format_args!("{} is answered {status}", intent.key));
        if status.is_success() {
            return self.accepted(intent, &answer);
        }
        match serde_json::from_value(answer["code"].clone()) {
            Ok(ErrorCode::Unavailable | ErrorCode::RequestTimeout) => Answer::Again,
            Ok(ErrorCode::BudgetExceeded | ErrorCode::MaxPriceExceeded) => Answer::Refused,
            // Its deadline has passed before it got through.
            Ok(ErrorCode::InvalidRequest) if intent.body.contains("deadline") => Answer::Refused,
            _ => {
                self.breach("L1", format!("{} was answered {status}: {answer}", intent.key));
                Answer::Refused
            }
        }
    }

    /// An answer that says so means that the job is recorded.
    fn accepted(&self, intent: &Intent, answer: &Value) -> Answer {
        let job: Option<JobId> = answer["id"].as_str().and_then(|id| id.parse().ok());
        let recorded = job.and_then(|job| self.recorded(intent, job)?.request);
        match recorded {
            Some(request) if request.body_digest == Sha256Digest::of(intent.body.as_bytes()) => {
                Answer::Accepted(request.id)
            }
            _ => {
                self.breach("L1", format!("{} was accepted and is not recorded", intent.key));
                Answer::Refused
            }
        }
    }

    /// What is stored of a job.
    fn recorded(&self, intent: &Intent, job: JobId) -> Option<Observed> {
        let place = (self.tenant(intent).project.clone(), job);
        self.service.laws.with_world(|world| world.jobs.get(&place).cloned())
    }

    /// The same key with another body is refused.
    async fn submit_another_body(&self, intent: &Intent) {
        let other = intent.body.replace("\"number\":\"", "\"number\":\"9");
        let tenant = self.tenant(intent);
        let wanted = Wanted { key: intent.key.clone(), output: 0, is_true: false };
        self.service.laws.expect(&tenant.project, Sha256Digest::of(other.as_bytes()), wanted);
        let request = self.request(tenant, "POST", "/v1/proofs", Some(&intent.key), &other);
        let Some((status, answer)) = self.send(request).await else { return };
        let is_right = match serde_json::from_value(answer["code"].clone()) {
            // A deadline that has passed is found first.
            Ok(ErrorCode::InvalidRequest) => intent.body.contains("deadline"),
            Ok(code) => matches!(
                code,
                ErrorCode::IdempotencyConflict
                    | ErrorCode::Unavailable
                    | ErrorCode::BudgetExceeded
                    | ErrorCode::MaxPriceExceeded
            ),
            Err(_) => false,
        };
        if !is_right {
            let key = &intent.key;
            self.breach("L2", format!("{key} with another body was answered {status}: {answer}"));
        }
    }

    async fn cancel(&self, intent: &Intent, job: JobId) {
        let universe = &self.service.universe;
        universe.sleep(universe.between_ms(0, 30_000)).await;
        let path = format!("/v1/proofs/{job}/cancel");
        let request = self.request(self.tenant(intent), "POST", &path, None, "");
        let Some((status, _)) = self.send(request).await else { return };
        let is_right = status.is_success()
            || status == StatusCode::CONFLICT
            || status == StatusCode::SERVICE_UNAVAILABLE;
        if !is_right {
            self.breach("L1", format!("the cancellation of {job} was answered {status}"));
        }
    }

    /// Waits for the end, and looks at it as somebody else too.
    async fn wait(&self, intent: &Intent, job: JobId) {
        let universe = &self.service.universe;
        loop {
            if universe.happens(50) {
                self.look_at_foreign(intent, job).await;
            }
            let path = format!("/v1/proofs/{job}?wait=20");
            let request = self.request(self.tenant(intent), "GET", &path, None, "");
            match self.send(request).await {
                Some((StatusCode::OK, view)) => {
                    let ended = view["finished_at"].is_string();
                    if ended {
                        return self.compare(intent, job, &view);
                    }
                }
                Some((StatusCode::NOT_FOUND, _)) => {
                    return self.breach("L1", format!("job {job} was accepted and is not found"));
                }
                _ => universe.sleep(universe.between_ms(500, 20_000)).await,
            }
        }
    }

    /// What is shown is what is recorded.
    fn compare(&self, intent: &Intent, job: JobId, view: &Value) {
        let outcome = self.recorded(intent, job).and_then(|observed| observed.outcome);
        let shown = outcome.is_some_and(|outcome| {
            view["state"] == json!(outcome.state)
                && view["proof"] == json!(outcome.proof)
                && view["receipt"] == json!(outcome.receipt)
        });
        if !shown {
            self.breach("L5", format!("job {job} is shown otherwise than it is recorded"));
        }
    }

    /// A foreign job is an unknown one.
    async fn look_at_foreign(&self, intent: &Intent, job: JobId) {
        for other in
            self.tenants.iter().filter(|other| other.project != self.tenant(intent).project)
        {
            let path = format!("/v1/proofs/{job}");
            let request = self.request(other, "GET", &path, None, "");
            if let Some((status, _)) = self.send(request).await
                && status != StatusCode::NOT_FOUND
                && status != StatusCode::SERVICE_UNAVAILABLE
            {
                let other = &other.project;
                self.breach("L6", format!("{other} was answered {status} for foreign job {job}"));
            }
        }
    }
}

/// How long it takes until a requester comes.
pub(crate) fn arrival(service: &Service, within: Duration) -> Duration {
    let within = u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
    service.universe.between_ms(0, within.max(1))
}
