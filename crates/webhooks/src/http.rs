//! Sending over HTTP, to public addresses only.
//!
//! A host's name is looked up inside the connector, and what it stands for is checked there: between
//! the check and the connection nothing can change, also where a name answers differently each
//! time it is asked for. If one address of a name is not public, none of them is connected to.
//! Redirects are not followed, no proxy is used, and nothing of an answer is read but its head.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Client, redirect, retry};
use rustls::{ClientConfig, RootCertStore};

use crate::address::Refused;
use crate::{AddressPolicy, Answer, Request, SendError, Sender};

/// How long connecting may take, the look-up of the name included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long everything may take until the head of the answer is there. Standard Webhooks recommends
/// 15 to 30 s.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);

/// Connections that are kept for a host: events of a project come in bursts.
const IDLE_PER_HOST_MAX: usize = 2;

/// How long they are kept.
const IDLE_MAX: Duration = Duration::from_secs(20);

/// The error of a client that could not be set up.
#[derive(Debug, thiserror::Error)]
#[error("no HTTP client could be set up")]
pub struct SetupError(#[source] Box<dyn std::error::Error + Send + Sync>);

/// Sends over HTTP.
#[derive(Clone, Debug)]
pub struct HttpSender {
    client: Client,
    policy: AddressPolicy,
}

impl HttpSender {
    /// A sender to what this policy allows.
    ///
    /// # Errors
    /// The client could not be set up.
    pub fn new(policy: AddressPolicy) -> Result<Self, SetupError> {
        Self::resolving(policy, Arc::new(SystemResolver))
    }

    /// A sender that looks names up with this resolver.
    ///
    /// # Errors
    /// The client could not be set up.
    pub fn resolving(policy: AddressPolicy, names: Arc<dyn Resolve>) -> Result<Self, SetupError> {
        let client = Client::builder()
            .user_agent(concat!("zkpool-webhooks/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(ANSWER_TIMEOUT)
            .pool_max_idle_per_host(IDLE_PER_HOST_MAX)
            .pool_idle_timeout(IDLE_MAX)
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .referer(false)
            .no_proxy()
            .https_only(policy == AddressPolicy::Public)
            .dns_resolver(Arc::new(Checked { policy, names }))
            .tls_backend_preconfigured(tls()?)
            .build();
        let client = client.map_err(|error| SetupError(error.into()))?;
        Ok(Self { client, policy })
    }
}

fn tls() -> Result<ClientConfig, SetupError> {
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| SetupError(error.into()))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

#[async_trait]
impl Sender for HttpSender {
    async fn send(&self, request: Request) -> Result<Answer, SendError> {
        let Request { url, headers, body } = request;
        // An address that is a number is never looked up.
        let url = self.policy.check(url.as_str()).map_err(|_| SendError::NotPublic)?;
        let mut post = self.client.post(url).header(CONTENT_TYPE, "application/json").body(body);
        for (name, value) in headers {
            post = post.header(HeaderName::from_static(name), value);
        }
        let answer = post.send().await.map_err(|error| why(&error))?;
        let status = answer.status().as_u16();
        Ok(Answer { status, retry_after: asked_to_wait(answer.headers()) })
    }
}

/// How long an answer asks to be left alone, in seconds. The form with a date is not used by
/// receivers of webhooks, and counts as none.
fn asked_to_wait(headers: &HeaderMap<HeaderValue>) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

fn why(error: &reqwest::Error) -> SendError {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(reason) = source {
        if reason.downcast_ref::<Refused>().is_some() {
            return SendError::NotPublic;
        }
        source = reason.source();
    }
    match error {
        error if error.is_timeout() => SendError::Timeout,
        error if error.is_connect() => SendError::NoConnection,
        _ => SendError::Broken,
    }
}

/// Lets only addresses through that may be connected to.
#[derive(Clone)]
struct Checked {
    policy: AddressPolicy,
    names: Arc<dyn Resolve>,
}

impl Resolve for Checked {
    fn resolve(&self, name: Name) -> Resolving {
        let (policy, found) = (self.policy, self.names.resolve(name));
        Box::pin(async move {
            let found: Vec<SocketAddr> = found.await?.collect();
            for address in &found {
                policy.check_ip(address.ip())?;
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// The resolver of the operating system.
#[derive(Clone, Copy, Debug)]
struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let found: Vec<SocketAddr> = found.collect();
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}
