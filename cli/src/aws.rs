//! A bucket and queues of AWS in the place of a data directory.

use std::sync::Arc;

use clap::Args;
use tokio::runtime::Runtime;
use zkpool_aws::environment::{
    BUCKET, DEAD_LETTER_QUEUE_URL, KMS_KEY, NOTICE_DEAD_LETTER_QUEUE_URL, NOTICE_QUEUE_URL,
    QUEUE_URL, S3_PATH_STYLE,
};
use zkpool_aws::{Connection, Settings};
use zkpool_functions::{Keys, runtime};
use zkpool_jobs::Ports;
use zkpool_ports::{Clock, Rng, SystemClock, TimeOrderedIds};

use crate::embedded::KeyRing;
use crate::exit::CliError;
use crate::random;

/// Where a service on AWS keeps its data. Credentials and region are those of AWS's own tools.
#[derive(Args, Clone, Debug)]
pub(crate) struct AwsArgs {
    /// The bucket
    #[arg(long, env = BUCKET, value_name = "NAME")]
    bucket: Option<String>,
    /// The queue
    #[arg(long, env = QUEUE_URL, value_name = "URL")]
    queue_url: Option<String>,
    /// The queue of dead letters
    #[arg(long, env = DEAD_LETTER_QUEUE_URL, value_name = "URL")]
    dead_letter_queue_url: Option<String>,
    /// The queue of notices for webhooks
    #[arg(long, env = NOTICE_QUEUE_URL, value_name = "URL")]
    notice_queue_url: Option<String>,
    /// The queue of dead notices
    #[arg(long, env = NOTICE_DEAD_LETTER_QUEUE_URL, value_name = "URL")]
    notice_dead_letter_queue_url: Option<String>,
    /// The KMS key that objects are encrypted with; the bucket's default without one
    #[arg(long, env = KMS_KEY, value_name = "KEY")]
    kms_key: Option<String>,
    /// Whether the bucket is addressed as a path, as services other than AWS's need: true or false
    #[arg(long, env = S3_PATH_STYLE, value_name = "BOOL")]
    path_style: Option<String>,
}

/// An open service.
pub(crate) struct Service {
    runtime: Runtime,
    settings: Settings,
    ports: Ports,
    keys: Keys,
}

impl AwsArgs {
    /// Opens the service. Nothing is asked of it yet.
    ///
    /// # Errors
    /// A setting is missing or malformed, or no region is configured.
    pub(crate) fn open(&self) -> Result<Service, CliError> {
        let settings = Settings::from_environment(|variable| self.value(variable).cloned());
        let settings = settings.map_err(|error| CliError::Usage(error.to_string()))?;
        let runtime = runtime();
        let runtime = runtime.map_err(|error| CliError::storage("start the runtime", error))?;
        let ports = runtime.block_on(ports(&settings))?;
        Ok(Service { runtime, settings, keys: Keys::new(ports.clone()), ports })
    }

    fn value(&self, variable: &str) -> Option<&String> {
        let value = match variable {
            BUCKET => &self.bucket,
            QUEUE_URL => &self.queue_url,
            DEAD_LETTER_QUEUE_URL => &self.dead_letter_queue_url,
            NOTICE_QUEUE_URL => &self.notice_queue_url,
            NOTICE_DEAD_LETTER_QUEUE_URL => &self.notice_dead_letter_queue_url,
            KMS_KEY => &self.kms_key,
            S3_PATH_STYLE => &self.path_style,
            _ => &None,
        };
        value.as_ref()
    }
}

impl Service {
    /// The runtime that the service is used on.
    pub(crate) const fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// The name of the bucket.
    pub(crate) fn bucket(&self) -> &str {
        &self.settings.bucket
    }

    /// The ports of the service.
    pub(crate) const fn ports(&self) -> &Ports {
        &self.ports
    }

    /// The keys in the bucket.
    pub(crate) const fn keys(&self) -> KeyRing<'_> {
        KeyRing { runtime: &self.runtime, keys: &self.keys }
    }

    /// Ends without waiting for threads that compute.
    pub(crate) fn shut_down(self) {
        self.runtime.shutdown_background();
    }
}

async fn ports(settings: &Settings) -> Result<Ports, CliError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let rng: Arc<dyn Rng> = Arc::new(random::system_rng()?);
    let ids = Arc::new(TimeOrderedIds::new(Arc::clone(&clock), Arc::clone(&rng)));
    let connection = Connection::open(settings, Arc::clone(&clock), ids.clone()).await;
    let connection = connection.map_err(|error| CliError::Usage(error.to_string()))?;
    let (blobs, queue) = (Arc::new(connection.blobs), Arc::new(connection.queue));
    let notices = Arc::new(connection.notices);
    Ok(Ports { blobs, queue, notices, clock, ids, rng })
}
