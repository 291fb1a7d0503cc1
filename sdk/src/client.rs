//! The client and one call of it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, LOCATION};
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;
use tracing::Instrument;
use zkpool_ledger::PriceBook;
use zkpool_types::ApiKey;
use zkpool_types::api::Page;

use crate::builder::{ClientBuilder, Settings};
use crate::error::Error;
use crate::retry::{Failure, Repeat, retrying};
use crate::transport::{Answer, receive};

/// A server and the key to it. Clones are cheap and share connections and what was learned of
/// verification keys.
///
/// ```no_run
/// use zkpool_sdk::{Client, ProofRequest};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let client = Client::builder("zkp_...").server("https://pool.example").build()?;
/// let proof = client.prove(ProofRequest::file("rollup", "batch.wtns")).await?;
/// println!("{:?} for {}", proof.public_inputs(), proof.receipt().charge_nano_usd);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Client(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) http: reqwest::Client,
    pub(crate) server: String,
    pub(crate) key: ApiKey,
    pub(crate) settings: Settings,
    pub(crate) price_book: PriceBook,
    #[cfg(feature = "verify")]
    pub(crate) verifiers: crate::verify::Verifiers,
}

/// Shows whom it talks to, and not as whom.
impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("server", &self.0.server).finish_non_exhaustive()
    }
}

/// One call of the API.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    method: Method,
    path: String,
    query: Vec<(&'static str, String)>,
    headers: HeaderMap,
    body: Option<Bytes>,
    repeat: Repeat,
    /// Whether the answer may lie elsewhere, where the server then leads to.
    elsewhere: bool,
    /// What the server takes longer on purpose than for an answer from its records.
    longer: Duration,
}

impl Call {
    fn new(method: Method, path: impl Into<String>, repeat: Repeat) -> Self {
        Self {
            method,
            path: path.into(),
            query: Vec::new(),
            headers: HeaderMap::new(),
            body: None,
            repeat,
            elsewhere: false,
            longer: Duration::ZERO,
        }
    }

    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path, Repeat::Harmless)
    }

    pub(crate) fn delete(path: impl Into<String>) -> Self {
        Self::new(Method::DELETE, path, Repeat::Harmless)
    }

    pub(crate) fn put(path: impl Into<String>) -> Self {
        Self::new(Method::PUT, path, Repeat::Harmless)
    }

    pub(crate) fn post(repeat: Repeat, path: impl Into<String>) -> Self {
        Self::new(Method::POST, path, repeat)
    }

    pub(crate) fn query(self, query: Vec<(&'static str, String)>) -> Self {
        Self { query, ..self }
    }

    pub(crate) fn headers(self, headers: HeaderMap) -> Self {
        Self { headers, ..self }
    }

    /// An answer that may lie elsewhere, because it may be too large for the server to send.
    pub(crate) fn elsewhere(self) -> Self {
        Self { elsewhere: true, ..self }
    }

    pub(crate) fn longer(self, longer: Duration) -> Self {
        Self { longer, ..self }
    }

    pub(crate) fn text(self, json: impl Into<Bytes>) -> Self {
        Self { body: Some(json.into()), ..self }
    }

    pub(crate) fn json(self, body: &impl Serialize) -> Result<Self, Error> {
        let json = serde_json::to_vec(body);
        json.map(|json| self.text(json)).map_err(|error| Error::Content(error.to_string()))
    }
}

impl Client {
    /// Sets up a client with this API key.
    pub fn builder(key: impl Into<String>) -> ClientBuilder {
        ClientBuilder::new(key)
    }

    /// The server's address.
    #[must_use]
    pub fn server(&self) -> &str {
        &self.0.server
    }

    /// Calls within the client's retries and deadline, and reads the answer as JSON.
    pub(crate) async fn call<T: DeserializeOwned>(&self, call: &Call) -> Result<T, Error> {
        self.answer(call).await?.json()
    }

    /// Calls within the client's retries and deadline.
    pub(crate) async fn answer(&self, call: &Call) -> Result<Answer, Error> {
        let Settings { retries, deadline, .. } = self.0.settings;
        let deadline = Instant::now() + deadline + call.longer;
        let span = tracing::debug_span!("call", method = %call.method, path = call.path);
        let answered = retrying(retries, call.repeat, deadline, || self.attempt(call));
        answered.instrument(span).await
    }

    /// One attempt of a call.
    pub(crate) async fn attempt(&self, call: &Call) -> Result<Answer, Failure> {
        let within = self.0.settings.answer_timeout;
        let mut response = self.send(self.request(call)?, within + call.longer).await?;
        if let Some(address) = address_elsewhere(&response).filter(|_| call.elsewhere) {
            // The address is the right to read what is there. The key is not for its host.
            let request = self.0.http.get(self.url(&address)?);
            response = self.send(request, within).await?;
        }
        receive(&self.0.server, response, within).await
    }

    /// The request of a call.
    pub(crate) fn request(&self, call: &Call) -> Result<RequestBuilder, Error> {
        let mut url = self.url(&call.path)?;
        if !call.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&call.query);
        }
        let mut bearer = self.bearer()?;
        bearer.set_sensitive(true);
        let request = self.0.http.request(call.method.clone(), url);
        let request = request.headers(call.headers.clone()).header(AUTHORIZATION, bearer);
        Ok(match &call.body {
            Some(json) => request.header(CONTENT_TYPE, "application/json").body(json.clone()),
            None => request,
        })
    }

    fn bearer(&self) -> Result<reqwest::header::HeaderValue, Error> {
        let bearer = format!("Bearer {}", self.0.key.expose());
        bearer.try_into().map_err(|_| Error::Content("the API key is no header".into()))
    }

    /// The address of a path, or of an address that is whole by itself. One that would send in the
    /// clear what the server is asked for under TLS is refused.
    pub(crate) fn url(&self, path: &str) -> Result<Url, Error> {
        let server = &self.0.server;
        let text = if path.starts_with('/') { format!("{server}{path}") } else { path.to_owned() };
        let bad = |source| Error::BadAnswer { what: "an address", source };
        let url = Url::parse(&text).map_err(|error| bad(error.into()))?;
        if server.starts_with("https:") && url.scheme() != "https" {
            return Err(bad(format!("expected https, found {}", url.scheme()).into()));
        }
        Ok(url)
    }

    /// Follows a list page by page, up to `limit` rows.
    pub(crate) async fn all_pages<T: DeserializeOwned>(
        &self,
        path: &str,
        query: Vec<(&'static str, String)>,
        limit: usize,
    ) -> Result<Vec<T>, Error> {
        let (mut rows, mut after) = (Vec::new(), None::<String>);
        loop {
            let mut query = query.clone();
            query.extend(after.map(|after| ("after", after)));
            let page: Page<T> = self.call(&Call::get(path).query(query)).await?;
            rows.extend(page.items);
            rows.truncate(limit);
            match page.next {
                Some(next) if rows.len() < limit => after = Some(next),
                _ => return Ok(rows),
            }
        }
    }
}

/// Where an answer leads that is not here.
fn address_elsewhere(response: &Response) -> Option<String> {
    let moved = response.status() == StatusCode::TEMPORARY_REDIRECT;
    let address = response.headers().get(LOCATION).filter(|_| moved)?;
    address.to_str().ok().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_without_tls_is_rejected_where_the_server_has_it() {
        let url = |server: &str, path: &str| {
            let key = format!("zkp_{}", "0".repeat(64));
            Client::builder(key).server(server).build().unwrap().url(path)
        };
        assert_eq!(url("https://a/api/", "/v1").unwrap().as_str(), "https://a/api/v1");
        assert!(url("https://a", "https://bucket/x").is_ok());
        assert!(url("http://127.0.0.1:1", "http://bucket/x").is_ok());
        assert!(url("https://a", "http://bucket/x").is_err());
        assert!(url("https://a", "nowhere").is_err());
    }
}
