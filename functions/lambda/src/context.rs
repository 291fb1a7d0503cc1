//! What handlers work with, from the environment.

use std::sync::Arc;

use zkpool_aws::{ConnectError, Connection, EnvironmentError, Settings};
use zkpool_functions::Context;
use zkpool_jobs::Ports;
use zkpool_ledger::PriceBook;
use zkpool_ledger::price_book::PriceBookError;
use zkpool_ports::{Clock, NoEntropy, OsRng, Rng, SystemClock, TimeOrderedIds};
use zkpool_types::DeviceClass;

/// Put before the paths in responses, such as `https://api.example.org`. Optional: without it
/// they are relative to the address that was called.
const PUBLIC_URL: &str = "ZKPOOL_PUBLIC_URL";

/// The class of device that most provers have, for quotes of circuits that no proof was made of.
/// Optional: without it they are for the CPU.
const DEVICE_CLASS: &str = "ZKPOOL_DEVICE_CLASS";

/// Longest answer in bytes. Lambda takes 6 MiB, in which an answer is a string of JSON: text may
/// double in it, and bytes grow by a third.
const ANSWER_BYTES_MAX: usize = 3_000_000;

/// Why a function cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The environment is incomplete.
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    /// No client could be made.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// There is no randomness for ids and keys.
    #[error(transparent)]
    NoEntropy(#[from] NoEntropy),
    /// The price book that was built in does not hold together.
    #[error(transparent)]
    PriceBook(#[from] PriceBookError),
}

/// The context of this process.
pub(crate) async fn from_environment() -> Result<Context, StartError> {
    let settings = Settings::from_environment(variable)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let rng: Arc<dyn Rng> = Arc::new(OsRng::new()?);
    let ids = Arc::new(TimeOrderedIds::new(Arc::clone(&clock), Arc::clone(&rng)));
    let connection = Connection::open(&settings, Arc::clone(&clock), ids.clone()).await?;
    let (blobs, queue) = (Arc::new(connection.blobs), Arc::new(connection.queue));
    let notices = Arc::new(connection.notices);
    let ports = Ports { blobs, queue, notices, clock, ids, rng };
    let public_url = variable(PUBLIC_URL).unwrap_or_default();
    let answer_bytes_max = Some(ANSWER_BYTES_MAX);
    let mut settings =
        zkpool_functions::Settings { public_url, answer_bytes_max, ..Default::default() };
    if let Some(class) = variable(DEVICE_CLASS).filter(|class| !class.is_empty()) {
        settings.device = DeviceClass::new(&class);
    }
    Ok(Context::new(ports, Arc::new(PriceBook::builtin()?), settings))
}

/// A variable of the environment. What is not Unicode names nothing here.
#[expect(clippy::disallowed_methods, reason = "a function has no command line")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
