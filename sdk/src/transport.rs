//! One request and its answer: what is an answer, what is a refusal, and what may pass.

use std::time::Duration;

use bytes::Bytes;
use reqwest::{RequestBuilder, Response, StatusCode};
use serde::de::DeserializeOwned;
use tokio::time::timeout;
use zkpool_types::api::Problem;

use crate::client::Client;
use crate::error::{Cause, Error};
use crate::retry::{Again, Failure, asked_to_wait};

/// Longest answer that is read, in bytes: a verification key with many public inputs.
const ANSWER_BYTES_MAX: usize = 256 * 1024 * 1024;

/// The whole answer to a request that was not refused.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    body: Bytes,
}

impl Answer {
    pub(crate) fn bytes(self) -> Bytes {
        self.body
    }

    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.body)
            .map_err(|error| Error::BadAnswer { what: "an answer", source: error.into() })
    }
}

impl Client {
    /// Sends a request and waits for the head of its answer.
    pub(crate) async fn send(
        &self,
        request: RequestBuilder,
        within: Duration,
    ) -> Result<Response, Failure> {
        match timeout(within, request.send()).await {
            Ok(Ok(response)) => Ok(response),
            // The address may be a secret of its own: that of an upload is the right to send it.
            Ok(Err(error)) => Err(self.unreachable(error.without_url())),
            Err(_) => Err(self.unreachable(silence(within))),
        }
    }

    /// Nothing is known about what became of the request.
    pub(crate) fn unreachable(&self, source: impl Into<Cause>) -> Failure {
        unreachable(&self.0.server, source)
    }
}

fn unreachable(server: &str, source: impl Into<Cause>) -> Failure {
    let error =
        Error::Unreachable { server: server.to_owned(), source: with_reasons(&source.into()) };
    Failure { error, again: Some(Again::default()) }
}

/// An error whose text has its sources in it: "error sending request" says nothing by itself.
fn with_reasons(error: &Cause) -> Cause {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(reason) = source {
        text = format!("{text}: {reason}");
        source = reason.source();
    }
    text.into()
}

fn silence(within: Duration) -> String {
    format!("nothing came within {} s", within.as_secs())
}

/// Reads an answer to its end, each piece of it within some time.
pub(crate) async fn receive(
    server: &str,
    response: Response,
    within: Duration,
) -> Result<Answer, Failure> {
    let status = response.status();
    let after = asked_to_wait(response.headers());
    let body = read(server, response, within).await?;
    if status.is_success() {
        return Ok(Answer { status, body });
    }
    Err(refusal(server, status, after, &body))
}

async fn read(server: &str, mut response: Response, within: Duration) -> Result<Bytes, Failure> {
    let mut whole = Vec::new();
    loop {
        let chunk = match timeout(within, response.chunk()).await {
            Ok(Ok(Some(chunk))) => chunk,
            Ok(Ok(None)) => return Ok(whole.into()),
            Ok(Err(error)) => return Err(unreachable(server, error.without_url())),
            Err(_) => return Err(unreachable(server, silence(within))),
        };
        whole.extend_from_slice(&chunk);
        if whole.len() > ANSWER_BYTES_MAX {
            let source = format!("expected at most {ANSWER_BYTES_MAX} bytes").into();
            return Err(Error::BadAnswer { what: "an answer", source }.into());
        }
    }
}

/// What a status other than a success means.
fn refusal(server: &str, status: StatusCode, after: Option<Duration>, body: &[u8]) -> Failure {
    let error = match serde_json::from_slice::<Problem>(body) {
        Ok(problem) => Error::Problem(Box::new(problem)),
        // A gateway in front of the API speaks for a server that does not.
        Err(_) if may_pass(status) => Error::Unreachable {
            server: server.to_owned(),
            source: format!("what stands before it answered with status {status}").into(),
        },
        Err(_) => Error::NotTheApi { server: server.to_owned(), status: status.as_u16() },
    };
    Failure { error, again: may_pass(status).then_some(Again { after }) }
}

/// What servers and the proxies before them say of a moment.
fn may_pass(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 429 | 502..=504)
}
