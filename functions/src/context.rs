//! What every handler works with.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use zkpool_jobs::{Circuits, Jobs, Ports, Uploads};
use zkpool_ledger::PriceBook;

use crate::Keys;
use crate::limits::{VALIDATIONS_MAX_DEFAULT, WITNESS_CHECKS_MAX};
use crate::streams::Streams;
use crate::upload_address::UploadAddresses;

/// What may be set about the API.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Put before the paths that responses contain, such as `https://api.example.org`. Empty for
    /// paths that the caller resolves against the address it called (RFC 3986).
    pub public_url: String,
    /// Proving keys checked at once. Each is held in memory whole; further ones wait.
    pub validations_max: usize,
    /// Cancelled when the server is to stop, so that status requests stop waiting.
    pub draining: CancellationToken,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            public_url: String::new(),
            validations_max: VALIDATIONS_MAX_DEFAULT,
            draining: CancellationToken::new(),
        }
    }
}

#[derive(Debug)]
struct Inner {
    ports: Ports,
    jobs: Jobs,
    circuits: Circuits,
    uploads: Uploads,
    upload_addresses: UploadAddresses,
    keys: Keys,
    validations: Arc<Semaphore>,
    witness_checks: Semaphore,
    streams: Streams,
    settings: Settings,
}

/// The state of the API. Clones share it.
#[derive(Clone, Debug)]
pub struct Context(Arc<Inner>);

impl Context {
    /// The API over these ports.
    #[must_use]
    pub fn new(ports: Ports, price_book: Arc<PriceBook>, settings: Settings) -> Self {
        Self(Arc::new(Inner {
            jobs: Jobs::new(ports.clone(), price_book),
            circuits: Circuits::new(ports.clone()),
            uploads: Uploads::new(ports.clone()),
            upload_addresses: UploadAddresses::new(ports.clone()),
            keys: Keys::new(ports.clone()),
            validations: Arc::new(Semaphore::new(settings.validations_max.max(1))),
            witness_checks: Semaphore::new(WITNESS_CHECKS_MAX),
            streams: Streams::default(),
            ports,
            settings,
        }))
    }

    /// The job life cycle.
    #[must_use]
    pub fn jobs(&self) -> &Jobs {
        &self.0.jobs
    }

    /// The API keys.
    #[must_use]
    pub fn keys(&self) -> &Keys {
        &self.0.keys
    }

    pub(crate) fn ports(&self) -> &Ports {
        &self.0.ports
    }

    pub(crate) fn circuits(&self) -> &Circuits {
        &self.0.circuits
    }

    pub(crate) fn uploads(&self) -> &Uploads {
        &self.0.uploads
    }

    pub(crate) fn upload_addresses(&self) -> &UploadAddresses {
        &self.0.upload_addresses
    }

    /// One permit for each proving key that may be checked now.
    pub(crate) fn validations(&self) -> &Arc<Semaphore> {
        &self.0.validations
    }

    /// One permit for each uploaded witness that may be held in memory now.
    pub(crate) fn witness_checks(&self) -> &Semaphore {
        &self.0.witness_checks
    }

    /// The streams of events that are open.
    pub(crate) fn streams(&self) -> &Streams {
        &self.0.streams
    }

    pub(crate) fn draining(&self) -> &CancellationToken {
        &self.0.settings.draining
    }

    /// `path` as responses write it.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.0.settings.public_url.trim_end_matches('/'))
    }
}
