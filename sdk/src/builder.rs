//! Setting up a client.

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Url, redirect, retry};
use rustls::{ClientConfig, RootCertStore};
use zkpool_ledger::PriceBook;
use zkpool_types::Secret;

use crate::client::{Client, Inner};
use crate::error::BuildError;
use crate::retry::Retries;

/// The address that `zkpool serve` listens on when nothing else is said.
pub const SERVER_DEFAULT: &str = "http://127.0.0.1:8080";

/// How long an unused connection is kept, below the 30 s after which servers close it.
const IDLE_MAX: Duration = Duration::from_secs(20);

/// Sets up a [`Client`]. Every setting has a default that suits most callers.
#[derive(Clone, Debug)]
#[must_use]
pub struct ClientBuilder {
    key: Secret<String>,
    server: String,
    settings: Settings,
    price_book: Option<PriceBook>,
    #[cfg(feature = "verify")]
    verification_keys: Vec<(zkpool_types::CircuitRef, serde_json::Value)>,
}

/// What may be set about the calls of a client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) retries: Retries,
    pub(crate) connect_timeout: Duration,
    pub(crate) answer_timeout: Duration,
    pub(crate) deadline: Duration,
    pub(crate) patience: Duration,
    pub(crate) in_flight: usize,
    pub(crate) accept_development: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            retries: Retries::default(),
            connect_timeout: Duration::from_secs(10),
            answer_timeout: Duration::from_secs(30),
            deadline: Duration::from_secs(120),
            patience: Duration::from_secs(24 * 3600),
            in_flight: 8,
            accept_development: false,
        }
    }
}

impl ClientBuilder {
    /// A client with this API key, of the server on this machine unless another is named.
    pub fn new(key: impl Into<String>) -> Self {
        Self {
            key: Secret::new(key.into()),
            server: SERVER_DEFAULT.to_owned(),
            settings: Settings::default(),
            price_book: None,
            #[cfg(feature = "verify")]
            verification_keys: Vec::new(),
        }
    }

    /// The server's address. The default is [`SERVER_DEFAULT`].
    pub fn server(self, url: impl Into<String>) -> Self {
        Self { server: url.into(), ..self }
    }

    /// When a request is sent again. The default is five attempts.
    pub fn retries(self, retries: Retries) -> Self {
        self.set(|settings| settings.retries = retries)
    }

    /// Time for a connection, name resolution included. The default is 10 s.
    pub fn connect_timeout(self, timeout: Duration) -> Self {
        self.set(|settings| settings.connect_timeout = timeout)
    }

    /// Time for the head of an answer, and for each further piece of it. The default is 30 s; what
    /// takes longer on purpose has that time on top.
    pub fn answer_timeout(self, timeout: Duration) -> Self {
        self.set(|settings| settings.answer_timeout = timeout)
    }

    /// Longest time for one call with all its attempts and pauses. The default is 120 s; what takes
    /// longer on purpose has that time on top. An attempt under way is not cut off.
    pub fn deadline(self, deadline: Duration) -> Self {
        self.set(|settings| settings.deadline = deadline)
    }

    /// How long [`Client::wait`] and [`Client::prove`] wait for a proof. The default is a day, after
    /// which a job without a deadline of its own has expired. Outages of the server within that
    /// time are sat out.
    pub fn patience(self, patience: Duration) -> Self {
        self.set(|settings| settings.patience = patience)
    }

    /// Proofs that [`Client::prove_all`] asks for at once unless it is told. The default is 8.
    pub fn in_flight(self, count: usize) -> Self {
        self.set(|settings| settings.in_flight = count.max(1))
    }

    /// Hands out proofs of development keys too. Whoever made such a key can forge them.
    pub fn accept_development_keys(self) -> Self {
        self.set(|settings| settings.accept_development = true)
    }

    /// Verifies proofs of this circuit under this key (`verification_key.json` of snarkjs) and not
    /// under the one that the server names, so that the server need not be trusted with it.
    #[cfg(feature = "verify")]
    pub fn verification_key(
        mut self,
        circuit: zkpool_types::CircuitRef,
        key: serde_json::Value,
    ) -> Self {
        self.verification_keys.push((circuit, key));
        self
    }

    /// Recomputes receipts under this price book. The default is the latest one at the time that
    /// this crate was made.
    pub fn price_book(self, book: PriceBook) -> Self {
        Self { price_book: Some(book), ..self }
    }

    /// The client. Nothing is sent yet.
    ///
    /// # Errors
    /// The address, the API key or a verification key is malformed.
    pub fn build(self) -> Result<Client, BuildError> {
        let Self { key, server, settings, price_book, .. } = self;
        let url = address(&server).ok_or_else(|| BuildError::Server(server.clone()))?;
        let inner = Inner {
            http: connections(&url, &settings)?,
            server: server.trim_end_matches('/').to_owned(),
            key: key.expose().trim().parse()?,
            settings,
            price_book: price_book.map_or_else(PriceBook::builtin, Ok)?,
            #[cfg(feature = "verify")]
            verifiers: crate::verify::Verifiers::pinned(self.verification_keys)?,
        };
        Ok(Client(Arc::new(inner)))
    }

    fn set(mut self, set: impl FnOnce(&mut Settings)) -> Self {
        set(&mut self.settings);
        self
    }
}

/// The address of a server, if it is one over HTTP.
fn address(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    (matches!(url.scheme(), "http" | "https") && url.has_host()).then_some(url)
}

fn connections(server: &Url, settings: &Settings) -> Result<reqwest::Client, BuildError> {
    let builder = reqwest::Client::builder()
        .user_agent(concat!("zkpool-sdk/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(settings.connect_timeout)
        .pool_idle_timeout(IDLE_MAX)
        .tcp_nodelay(true)
        // The key must not follow a redirect to another host. Calls that may be led elsewhere say so.
        .redirect(redirect::Policy::none())
        // The calls know which of them may be repeated.
        .retry(retry::never())
        .tls_backend_preconfigured(tls()?);
    // A proxy of the environment cannot reach a server on this machine.
    let builder = if is_loopback(server) { builder.no_proxy() } else { builder };
    builder.build().map_err(|error| BuildError::Connections(error.into()))
}

/// TLS of this crate's own: no provider of the process is needed, and none is installed.
fn tls() -> Result<ClientConfig, BuildError> {
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| BuildError::Connections(error.into()))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

/// Whether an address is of this machine.
fn is_loopback(server: &Url) -> bool {
    let host = server.host_str().unwrap_or_default();
    host == "localhost" || host == "[::1]" || host.starts_with("127.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> String {
        format!("zkp_{}", "07".repeat(32))
    }

    #[test]
    fn only_this_machine_is_loopback() {
        let is_local = |text: &str| is_loopback(&address(text).unwrap());
        for local in ["http://127.0.0.1:8080", "http://localhost:1", "http://[::1]:2"] {
            assert!(is_local(local), "{local}");
        }
        assert!(!is_local("https://pool.example/127.0.0.1"));
    }

    #[test]
    fn what_is_no_address_is_rejected() {
        for server in ["", "pool.example", "ftp://pool.example", "https://"] {
            let built = ClientBuilder::new(key()).server(server).build();
            assert!(matches!(built, Err(BuildError::Server(_))), "{server}");
        }
    }

    #[test]
    fn what_is_no_key_is_rejected_and_not_repeated() {
        let error = ClientBuilder::new("zkp_1234").build().unwrap_err();
        assert!(!error.to_string().contains("1234"));
    }

    #[test]
    fn neither_a_builder_nor_a_client_prints_its_key() {
        let builder = ClientBuilder::new(key());
        assert!(!format!("{builder:?}").contains("0707"));
        assert!(!format!("{:?}", builder.build().unwrap()).contains("0707"));
    }
}
