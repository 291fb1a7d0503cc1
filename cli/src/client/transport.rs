//! One request and its answer.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use ureq::http::Response;
use ureq::{Agent, AsSendBody, Body};
use zkpool_types::ApiKey;
use zkpool_types::api::Problem;

use super::ServerArgs;
use super::retry::{Attempt, Repeat, pause, retrying};
use crate::exit::CliError;

/// Time for a connection, name resolution included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Time for the head of an answer. A status request waits up to 25 s on purpose, and a
/// registration checks every point of a proving key, for which servers allow 600 s.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(620);

/// Time in which at least one byte of a body moves. There is no bound on a whole upload.
const STALL_TIMEOUT: Duration = Duration::from_secs(60);

/// Longest answer that is read, in bytes: a verification key with many public inputs.
const ANSWER_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// A server and the key to it.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    agent: Agent,
    server: String,
    key: ApiKey,
}

impl Client {
    /// A client for the server of these arguments. Nothing is sent yet.
    ///
    /// # Errors
    /// There is no key, or it is malformed.
    pub(crate) fn new(args: &ServerArgs) -> Result<Self, CliError> {
        let key = args.key.as_ref().ok_or(CliError::NoApiKey)?;
        Ok(Self::with_key(&args.server, key.expose().trim().parse()?))
    }

    /// A client for `server` with `key`.
    pub(crate) fn with_key(server: &str, key: ApiKey) -> Self {
        let server = server.trim_end_matches('/').to_owned();
        Self { agent: agent(&server), server, key }
    }

    /// `GET path?query`.
    pub(crate) fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<T, CliError> {
        self.send(Repeat::Harmless, || {
            let request = self.agent.get(self.url(path)).header("authorization", self.bearer());
            let pairs = query.iter().map(|(name, value)| (*name, value.as_str()));
            request.query_pairs(pairs).call()
        })
    }

    /// `GET path?query` as the bytes of the answer.
    pub(crate) fn get_bytes(
        &self,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<Vec<u8>, CliError> {
        retrying(Repeat::Harmless, pause, || {
            let request = self.agent.get(self.url(path)).header("authorization", self.bearer());
            let pairs = query.iter().map(|(name, value)| (*name, value.as_str()));
            self.judge(path, request.query_pairs(pairs).call(), |response| {
                response.into_body().into_with_config().limit(ANSWER_BYTES_MAX).read_to_vec()
            })
        })
    }

    /// `DELETE path`.
    pub(crate) fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T, CliError> {
        self.send(Repeat::Harmless, || {
            self.agent.delete(self.url(path)).header("authorization", self.bearer()).call()
        })
    }

    /// `POST path` with a JSON body.
    pub(crate) fn post<T: DeserializeOwned>(
        &self,
        repeat: Repeat,
        path: &str,
        headers: &[(&str, &str)],
        body: &impl Serialize,
    ) -> Result<T, CliError> {
        self.send(repeat, || {
            let request = self.agent.post(self.url(path)).header("authorization", self.bearer());
            headers
                .iter()
                .fold(request, |request, (name, value)| request.header(*name, *value))
                .send_json(body)
        })
    }

    /// `PUT path` with a JSON body.
    pub(crate) fn put_json<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, CliError> {
        self.send(Repeat::Harmless, || {
            let request = self.agent.put(self.url(path)).header("authorization", self.bearer());
            request.send_json(body)
        })
    }

    /// `PUT url` with bytes, of which there are `size`, without the key: the address is the
    /// right to send them, with `headers` where it asks for some. `body` is called once an attempt.
    pub(crate) fn put<B: AsSendBody>(
        &self,
        url: &str,
        headers: &BTreeMap<String, String>,
        size: u64,
        mut body: impl FnMut() -> Result<B, CliError>,
    ) -> Result<(), CliError> {
        let url = if url.starts_with('/') { self.url(url) } else { url.to_owned() };
        retrying(Repeat::Harmless, pause, || {
            let body = match body() {
                Ok(body) => body,
                Err(error) => return Attempt::Done(Err(error)),
            };
            let request = self.agent.put(&url).header("content-length", size);
            let request = request.header("content-type", "application/octet-stream");
            let request =
                headers.iter().fold(request, |all, (name, value)| all.header(name, value));
            self.judge("the upload's address", request.send(body), |_| Ok(()))
        })
    }

    /// Sends a request until it has an answer, and reads the answer as JSON.
    fn send<T: DeserializeOwned>(
        &self,
        repeat: Repeat,
        mut request: impl FnMut() -> Result<Response<Body>, ureq::Error>,
    ) -> Result<T, CliError> {
        retrying(repeat, pause, || self.judge("the request", request(), read_json))
    }

    /// Tells an answer from a refusal, and a refusal from a failure that may pass.
    fn judge<T>(
        &self,
        path: &str,
        answer: Result<Response<Body>, ureq::Error>,
        read: impl FnOnce(Response<Body>) -> Result<T, ureq::Error>,
    ) -> Attempt<T> {
        match answer {
            Ok(response) if response.status().is_success() => match read(response) {
                Ok(value) => Attempt::Done(Ok(value)),
                Err(ureq::Error::Json(source)) => Attempt::Done(Err(CliError::BadDocument {
                    what: "an answer",
                    source: source.into(),
                })),
                Err(error) => Attempt::Again(self.unreachable(error)),
            },
            Ok(response) => self.refusal(path, response),
            Err(error) => Attempt::Again(self.unreachable(error)),
        }
    }

    /// What a status of 300 and above means.
    fn refusal<T>(&self, path: &str, response: Response<Body>) -> Attempt<T> {
        let status = response.status().as_u16();
        let error = match read_json::<Problem>(response) {
            Ok(problem) => CliError::Problem(Box::new(problem)),
            Err(_) => {
                CliError::NotTheApi { server: self.server.clone(), path: path.to_owned(), status }
            }
        };
        // 429, 502, 503 and 504 are what servers and the proxies before them say under load.
        if matches!(status, 429 | 502..=504) {
            Attempt::Again(error)
        } else {
            Attempt::Done(Err(error))
        }
    }

    fn unreachable(&self, error: ureq::Error) -> CliError {
        CliError::Unreachable { server: self.server.clone(), source: Box::new(error) }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.server)
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", self.key.expose())
    }
}

/// The connections to `server`.
fn agent(server: &str) -> Agent {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        // The key must not follow a redirect to another host, and the API has none.
        .max_redirects(0)
        .max_redirects_will_error(false)
        .user_agent(concat!("zkpool/", env!("CARGO_PKG_VERSION")))
        .timeout_connect(Some(CONNECT_TIMEOUT))
        .timeout_recv_response(Some(ANSWER_TIMEOUT))
        .timeout_per_read(Some(STALL_TIMEOUT))
        .timeout_per_write(Some(STALL_TIMEOUT));
    // A proxy of the environment cannot reach a server on this machine.
    let config = if is_loopback(server) { config.proxy(None) } else { config };
    config.build().into()
}

/// Whether an address is of this machine.
fn is_loopback(server: &str) -> bool {
    let host = server.split_once("://").map_or(server, |(_, rest)| rest);
    ["127.", "localhost", "[::1]"].iter().any(|local| host.starts_with(local))
}

/// The body as JSON.
fn read_json<T: DeserializeOwned>(response: Response<Body>) -> Result<T, ureq::Error> {
    response.into_body().into_with_config().limit(ANSWER_BYTES_MAX).read_json()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_loopback() {
        for local in ["http://127.0.0.1:8080", "http://localhost:1", "http://[::1]:2"] {
            assert!(is_loopback(local), "{local}");
        }
        assert!(!is_loopback("https://pool.example/127.0.0.1"));
    }

    #[test]
    fn a_missing_key_is_refused_before_anything_is_sent() {
        let args = ServerArgs { server: "http://127.0.0.1:1".into(), key: None };
        assert!(matches!(Client::new(&args), Err(CliError::NoApiKey)));
    }

    #[test]
    fn a_client_does_not_print_its_key() {
        let client = Client::with_key("http://127.0.0.1:1/", ApiKey::from_random([7; 32]));
        assert!(!format!("{client:?}").contains("0707"));
        assert_eq!(client.url("/healthz"), "http://127.0.0.1:1/healthz");
    }
}
