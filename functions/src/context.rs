//! What every handler works with.

use std::num::NonZeroU32;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use zkpool_billing::{Budgets, Costs, Performance, Quotes};
use zkpool_jobs::{Circuits, Jobs, Ports, Uploads};
use zkpool_ledger::PriceBook;
use zkpool_ports::{BlockingThreads, Threads};
use zkpool_types::{DeviceClass, ProjectId};
use zkpool_webhooks::{AddressPolicy, Webhooks};

use crate::dashboard::Sessions;
use crate::limits::{
    REQUESTS_PER_MINUTE_DEFAULT, SIGN_IN_REFUSALS_MAX, VALIDATIONS_MAX_DEFAULT, WITNESS_CHECKS_MAX,
};
use crate::rate_limit::RateLimits;
use crate::streams::Streams;
use crate::upload_address::UploadAddresses;
use crate::{ApiResult, Keys};

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
    /// Which addresses webhooks may be at.
    pub webhook_addresses: AddressPolicy,
    /// Proving keys checked at once. Each is held in memory whole; further ones wait.
    pub validations_max: usize,
    /// Requests that one key may send in a minute, and at once. Each process counts by itself.
    pub requests_per_minute: NonZeroU32,
    /// Longest answer in bytes, where something before this process bounds that. A report that is
    /// longer is answered with the address of a copy in storage.
    pub answer_bytes_max: Option<usize>,
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
            webhook_addresses: AddressPolicy::Public,
            validations_max: VALIDATIONS_MAX_DEFAULT,
            requests_per_minute: REQUESTS_PER_MINUTE_DEFAULT,
            answer_bytes_max: None,
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
    webhooks: Webhooks,
    rate_limits: RateLimits,
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
            webhooks: Webhooks::new(ports.clone(), settings.webhook_addresses),
            rate_limits: RateLimits::new(settings.requests_per_minute, ports.clock.clone()),
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

    /// Whom projects have told.
    #[must_use]
    pub fn webhooks(&self) -> &Webhooks {
        &self.0.webhooks
    }

    /// Sends again what webhooks were to be told and were not.
    pub async fn sweep_webhooks(&self) -> zkpool_webhooks::SweepReport {
        let projects = self.webhooks().projects().await;
        let mut report = self.webhooks().sweep(projects.as_deref().unwrap_or_default()).await;
        match projects {
            Ok(projects) => {
                for project in projects {
                    if let Err(error) = self.make_up_alerts(&project).await {
                        tracing::warn!(%project, ?error, "alerts are left to the next sweep");
                        report.errors += 1;
                    }
                }
            }
            Err(error) => {
                tracing::warn!(%error, "webhooks are left to the next sweep");
                report.errors += 1;
            }
        }
        report
    }

    async fn make_up_alerts(&self, project: &ProjectId) -> ApiResult<()> {
        for alert in self.budgets().alerts(project).await? {
            self.webhooks().make_up_alert(project, alert).await?;
        }
        Ok(())
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

    /// How many requests each key may send.
    pub(crate) fn rate_limits(&self) -> &RateLimits {
        &self.0.rate_limits
    }

    /// Longest answer, if there is a bound.
    pub(crate) fn answer_bytes_max(&self) -> Option<usize> {
        self.0.settings.answer_bytes_max
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
