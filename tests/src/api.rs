//! A client of the HTTP API that hides nothing: status and JSON body of every answer.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::server::pause;

/// How long an answer may take, with room for a machine busy with other tests.
const ANSWERED_WITHIN: Duration = Duration::from_secs(120);

/// An address and a key.
#[derive(Clone, Debug)]
pub struct Client {
    url: String,
    key: String,
}

/// What a server answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body; null where there is none.
    pub body: Value,
}

impl Answer {
    /// The body of a 2xx answer.
    #[must_use]
    pub fn ok(self) -> Value {
        assert!((200..300).contains(&self.status), "{} {}", self.status, self.body);
        self.body
    }
}

impl Client {
    /// A client of the server at `url` with this key.
    #[must_use]
    pub fn new(url: &str, key: &str) -> Self {
        Self { url: url.to_owned(), key: key.to_owned() }
    }

    /// `GET path`.
    #[must_use]
    pub fn get(&self, path: &str) -> Answer {
        let request = agent().get(self.address(path)).header("authorization", self.bearer());
        answer(request.call())
    }

    /// `POST path` with a JSON body.
    #[must_use]
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        let request = agent().post(self.address(path)).header("authorization", self.bearer());
        answer(request.send_json(body))
    }

    /// `PUT path` with a JSON body.
    #[must_use]
    pub fn put(&self, path: &str, body: &Value) -> Answer {
        let request = agent().put(self.address(path)).header("authorization", self.bearer());
        answer(request.send_json(body))
    }

    /// `POST /v1/proofs` under an idempotency key.
    #[must_use]
    pub fn submit(&self, idempotency_key: &str, body: &Value) -> Answer {
        self.post_once("/v1/proofs", idempotency_key, body)
    }

    /// The same where nobody may answer.
    #[must_use]
    pub fn try_submit(&self, idempotency_key: &str, body: &Value) -> Option<Answer> {
        self.once("/v1/proofs", idempotency_key, body).ok()
    }

    /// `GET path` where nobody may answer.
    #[must_use]
    pub fn try_get(&self, path: &str) -> Option<Answer> {
        let request = agent().get(self.address(path)).header("authorization", self.bearer());
        read(request.call()).ok()
    }

    /// `POST path` with a JSON body under an idempotency key.
    #[must_use]
    pub fn post_once(&self, path: &str, idempotency_key: &str, body: &Value) -> Answer {
        self.once(path, idempotency_key, body).unwrap()
    }

    fn once(&self, path: &str, idempotency_key: &str, body: &Value) -> Result<Answer, ureq::Error> {
        let request = agent()
            .post(self.address(path))
            .header("authorization", self.bearer())
            .header("idempotency-key", idempotency_key);
        read(request.send_json(body))
    }

    /// Registers a proving key under `name` and returns the circuit's reference.
    #[must_use]
    pub fn register(&self, name: &str, proving_key_base64: &str) -> String {
        let body = json!({
            "name": name,
            "proof_system": "groth16",
            "proving_key": { "base64": proving_key_base64 },
            "allow_development_key": true,
        });
        self.post("/v1/circuits", &body).ok()["id"].as_str().unwrap().to_owned()
    }

    /// Looks at a job until `done` holds of its view.
    #[must_use]
    pub fn poll(&self, job: &str, within: Duration, done: impl Fn(&Value) -> bool) -> Value {
        let start = Instant::now();
        loop {
            let view = self.get(&format!("/v1/proofs/{job}")).ok();
            if done(&view) {
                return view;
            }
            assert!(start.elapsed() < within, "still {view}");
            pause();
        }
    }

    fn address(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", self.key)
    }
}

/// What asks for pages and follows no redirect.
#[derive(Clone, Debug)]
pub struct Browser {
    url: String,
}

impl Browser {
    /// A browser on the server at `url`.
    #[must_use]
    pub fn new(url: &str) -> Self {
        Self { url: url.to_owned() }
    }

    /// Status and page of `path`.
    #[must_use]
    pub fn get(&self, path: &str, cookie: &str) -> (u16, String) {
        let request = still().get(format!("{}{path}", self.url)).header("cookie", cookie);
        let mut response = request.call().unwrap();
        let page = response.body_mut().read_to_string().unwrap();
        (response.status().as_u16(), page)
    }

    /// Status, cookie that is set and page after a form was sent.
    #[must_use]
    pub fn post(&self, path: &str, form: &str, cookie: &str) -> (u16, String, String) {
        let request = still()
            .post(format!("{}{path}", self.url))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("cookie", cookie);
        let mut response = request.send(form).unwrap();
        let set = response.headers().get("set-cookie").map(|value| value.to_str().unwrap());
        let set = set.unwrap_or_default().to_owned();
        let page = response.body_mut().read_to_string().unwrap();
        (response.status().as_u16(), set, page)
    }
}

fn still() -> ureq::Agent {
    let config = ureq::Agent::config_builder().http_status_as_error(false).max_redirects(0);
    config.build().new_agent()
}

fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder().http_status_as_error(false);
    config.timeout_global(Some(ANSWERED_WITHIN)).build().new_agent()
}

fn answer(result: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Answer {
    read(result).unwrap()
}

fn read(
    result: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
) -> Result<Answer, ureq::Error> {
    let mut response = result?;
    let text = response.body_mut().read_to_string()?;
    let body = serde_json::from_str(&text).unwrap_or(Value::Null);
    Ok(Answer { status: response.status().as_u16(), body })
}
