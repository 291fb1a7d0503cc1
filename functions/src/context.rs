//! What every handler works with.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use zkpool_billing::{Budgets, Costs, Performance, Quotes};
use zkpool_jobs::{Circuits, Jobs, Ports, Uploads};
use zkpool_ledger::PriceBook;
use zkpool_ports::{BlockingThreads, Threads};
use zkpool_types::DeviceClass;

use crate::Keys;
use crate::dashboard::Sessions;
use crate::limits::{SIGN_IN_REFUSALS_MAX, VALIDATIONS_MAX_DEFAULT, WITNESS_CHECKS_MAX};
use crate::streams::Streams;
use crate::upload_address::UploadAddresses;

/// The class of device that is quoted for when the settings do not say.
const DEVICE_DEFAULT: &str = "cpu";

/// What may be set about the API.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Put before the paths that responses contain, such as `https://api.example.org`. Empty for
    /// paths that the caller resolves against the address it called (RFC 3986).
    pub public_url: String,
    /// The class of device that most provers have. Circuits that no proof was made of are quoted
    /// for it.
    pub device: DeviceClass,
    /// Proving keys checked at once. Each is held in memory whole; further ones wait.
    pub validations_max: usize,
    /// Cancelled when the server is to stop, so that status requests stop waiting.
    pub draining: CancellationToken,
    /// Where keys and witnesses are checked.
    pub threads: Arc<dyn Threads>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            public_url: String::new(),
            device: DeviceClass::new(DEVICE_DEFAULT),
            validations_max: VALIDATIONS_MAX_DEFAULT,
            draining: CancellationToken::new(),
            threads: Arc::new(BlockingThreads),
        }
    }
}

#[derive(Debug)]
struct Inner {
    ports: Ports,
    jobs: Jobs,
    circuits: Circuits,
    costs: Costs,
    uploads: Uploads,
    upload_addresses: UploadAddresses,
    keys: Keys,
    quotes: Quotes,
    budgets: Budgets,
    performance: Performance,
    sessions: Sessions,
    sign_in_refusals: Semaphore,
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
        let jobs = Jobs::new(ports.clone(), price_book);
        let quotes = Quotes::new(ports.clone(), jobs.clone(), settings.device.clone());
        Self(Arc::new(Inner {
            budgets: Budgets::new(ports.clone(), jobs.clone(), quotes.clone()),
            performance: Performance::new(ports.clone(), jobs.clone()),
            quotes,
            jobs,
            circuits: Circuits::new(ports.clone()),
            costs: Costs::new(ports.clone()),
            uploads: Uploads::new(ports.clone()),
            upload_addresses: UploadAddresses::new(ports.clone()),
            keys: Keys::new(ports.clone()),
            sessions: Sessions::new(ports.clone()),
            sign_in_refusals: Semaphore::new(SIGN_IN_REFUSALS_MAX),
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

    /// Prices before proofs.
    pub(crate) fn quotes(&self) -> &Quotes {
        &self.0.quotes
    }

    /// What projects may spend.
    pub(crate) fn budgets(&self) -> &Budgets {
        &self.0.budgets
    }

    /// How proofs go.
    pub(crate) fn performance(&self) -> &Performance {
        &self.0.performance
    }

    pub(crate) fn ports(&self) -> &Ports {
        &self.0.ports
    }

    pub(crate) fn circuits(&self) -> &Circuits {
        &self.0.circuits
    }

    /// What jobs cost.
    #[must_use]
    pub fn costs(&self) -> &Costs {
        &self.0.costs
    }

    pub(crate) fn uploads(&self) -> &Uploads {
        &self.0.uploads
    }

    pub(crate) fn upload_addresses(&self) -> &UploadAddresses {
        &self.0.upload_addresses
    }

    pub(crate) fn sessions(&self) -> &Sessions {
        &self.0.sessions
    }

    /// One permit for each refused sign-in that may wait for its answer now.
    pub(crate) fn sign_in_refusals(&self) -> &Semaphore {
        &self.0.sign_in_refusals
    }

    /// Whether the service says of itself that it is reached over TLS.
    pub(crate) fn is_https(&self) -> bool {
        self.0.settings.public_url.starts_with("https://")
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

    /// Where work runs that holds a thread.
    pub(crate) fn threads(&self) -> &dyn Threads {
        self.0.settings.threads.as_ref()
    }

    pub(crate) fn draining(&self) -> &CancellationToken {
        &self.0.settings.draining
    }

    /// `path` as responses write it.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.0.settings.public_url.trim_end_matches('/'))
    }
}
