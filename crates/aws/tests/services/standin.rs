//! Clients of stand-ins.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use aws_config::{BehaviorVersion, ConfigLoader, Region};
use aws_sdk_s3::config::Credentials;
use zkpool_aws::{Connection, QueueSettings, Settings};
use zkpool_ports::conformance::queue_policy;
use zkpool_ports::{Clock, OsRng, SystemClock, TimeOrderedIds};
use zkpool_tests::standins::{CREDENTIALS, Ministack, REGION};

/// Numbers for buckets and queues.
static NEXT: AtomicU32 = AtomicU32::new(0);

/// A name that no other bucket or queue has.
pub(crate) fn fresh_name() -> String {
    format!("conformance-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Settings of a bucket where there is no queue.
pub(crate) fn bucket(name: &str) -> Settings {
    Settings {
        bucket: name.to_owned(),
        path_style: true,
        kms_key: None,
        jobs: queues(String::new(), String::new()),
        notices: queues(String::new(), String::new()),
    }
}

/// Settings of the queues at these addresses.
pub(crate) fn queues(url: String, dead_letter_url: String) -> QueueSettings {
    QueueSettings { url, dead_letter_url, policy: queue_policy() }
}

/// A client of the stand-in at `url`.
pub(crate) async fn connect(url: &str, settings: &Settings) -> Connection {
    connect_as(CREDENTIALS, url, settings).await
}

/// A client with an access key and its secret.
pub(crate) async fn connect_as(
    (key, secret): (&str, &str),
    url: &str,
    settings: &Settings,
) -> Connection {
    let credentials = Credentials::new(key, secret, None, None, "tests");
    let loader: ConfigLoader = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .region(Region::from_static(REGION))
        .credentials_provider(credentials)
        .endpoint_url(url);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let rng = Arc::new(OsRng::new().unwrap());
    let ids = Arc::new(TimeOrderedIds::new(Arc::clone(&clock), rng));
    Connection::over(loader, settings, clock, ids).await.unwrap()
}

/// A client with a fresh bucket and fresh queues of this ministack.
pub(crate) async fn fresh(ministack: &Ministack) -> Connection {
    let name = fresh_name();
    ministack.create_bucket(&name);
    let created = ministack.create_queues(&name, queue_policy().receives_max);
    let settings = Settings { jobs: queues(created.live, created.dead), ..bucket(&name) };
    connect(&ministack.url, &settings).await
}
