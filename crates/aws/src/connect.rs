//! Clients from settings.

use std::sync::Arc;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, ConfigLoader, SdkConfig};
use aws_sdk_s3::config::SharedHttpClient;
use aws_sdk_s3::config::interceptors::InterceptorContext;
use aws_sdk_s3::config::retry::{ClassifyRetry, RetryAction};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use zkpool_ports::{Clock, Ids};

use crate::settings::{
    BACKOFF_FIRST, BACKOFF_MAX, CONNECT_TIMEOUT, READ_TIMEOUT, TRIES_MAX, TRY_TIMEOUT,
};
use crate::{S3Blobs, Settings, SqsQueue};

/// Why no client could be made.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Nothing says which region to use.
    #[error("expected a region in AWS_REGION, the profile or the instance's metadata, found none")]
    NoRegion,
}

/// The bucket and the queues.
#[derive(Clone, Debug)]
pub struct Connection {
    /// The bucket.
    pub blobs: S3Blobs,
    /// The queue of jobs and its dead letters.
    pub queue: SqsQueue,
    /// The queue of notices and its dead letters.
    pub notices: SqsQueue,
}

impl Connection {
    /// Makes the clients from what AWS's tools are configured by. No call is made to either
    /// service, so that nothing here says whether they answer.
    ///
    /// # Errors
    /// No region is configured.
    pub async fn open(
        settings: &Settings,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
    ) -> Result<Self, ConnectError> {
        let loader = aws_config::defaults(BehaviorVersion::v2026_01_12());
        Self::over(loader, settings, clock, ids).await
    }

    /// As [`Connection::open`], where some of that is set by the caller. Retries, timeouts and the
    /// HTTP client are this crate's.
    ///
    /// # Errors
    /// No region is configured.
    pub async fn over(
        loader: ConfigLoader,
        settings: &Settings,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
    ) -> Result<Self, ConnectError> {
        let config = sdk_config(loader).await?;
        let s3 = aws_sdk_s3::config::Builder::from(&config)
            .force_path_style(settings.path_style)
            .retry_classifier(ConflictsPass);
        let blobs = S3Blobs::new(aws_sdk_s3::Client::from_conf(s3.build()), settings, ids);
        let sqs = aws_sdk_sqs::Client::new(&config);
        let queue = SqsQueue::new(&sqs, &settings.jobs, Arc::clone(&clock));
        let notices = SqsQueue::new(&sqs, &settings.notices, clock);
        Ok(Self { blobs, queue, notices })
    }
}

pub(crate) async fn sdk_config(loader: ConfigLoader) -> Result<SdkConfig, ConnectError> {
    let config = loader
        .http_client(http_client())
        .retry_config(retries())
        .timeout_config(timeouts())
        .load()
        .await;
    if config.region().is_none() {
        return Err(ConnectError::NoRegion);
    }
    Ok(config)
}

/// Has the SDK repeat what S3 answers with 409 while several write to one key: it does not know yet
/// which of them wins, and asks to be asked again.
#[derive(Debug)]
struct ConflictsPass;

impl ClassifyRetry for ConflictsPass {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        match context.response().map(|response| response.status().as_u16()) {
            Some(409) => RetryAction::transient_error(),
            _ => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "conflicts pass"
    }
}

/// HTTP over rustls with ring, which builds without further tools.
fn http_client() -> SharedHttpClient {
    Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https()
}

fn retries() -> RetryConfig {
    RetryConfig::standard()
        .with_max_attempts(TRIES_MAX)
        .with_initial_backoff(BACKOFF_FIRST)
        .with_max_backoff(BACKOFF_MAX)
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(READ_TIMEOUT)
        .operation_attempt_timeout(TRY_TIMEOUT)
        .build()
}
