//! One suite for every implementation of a port.
//!
//! A check is a small statement about a store or a queue, named after what it demands. An
//! implementation conforms when [`blob_store`], or [`queue`] and where it can
//! [`ordered_queue`], return `Ok` in its tests. Checks get a fresh port each, count whole
//! seconds, and let time pass through a function of the caller's, so that they run in no time
//! under a [`VirtualClock`] and by waiting against a real service.

mod blobs;
mod queue;

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::{BlobError, BlobStore, Queue, QueueError, QueuePolicy, VirtualClock};

/// A port does not do what it must.
#[derive(Debug, thiserror::Error)]
#[error("{check}: {violation}")]
pub struct Nonconformance {
    /// The check that failed.
    pub check: &'static str,
    /// What it found.
    #[source]
    pub violation: Violation,
}

/// What a check found.
#[derive(Debug, thiserror::Error)]
pub enum Violation {
    /// Something was other than demanded.
    #[error("{what}: expected {expected}, found {found}")]
    Differs {
        /// What was compared.
        what: &'static str,
        /// What it should be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// A storage call failed that should have succeeded.
    #[error("a storage call failed: {0:?}")]
    Blob(#[from] BlobError),
    /// A queue call failed that should have succeeded.
    #[error("a queue call failed: {0:?}")]
    Queue(#[from] QueueError),
    /// A stream failed that should have succeeded.
    #[error("a stream failed: {0:?}")]
    Stream(#[from] std::io::Error),
    /// A key of the suite itself was refused.
    #[error(transparent)]
    Key(#[from] crate::blob::InvalidBlobKey),
}

/// Demands that something is as expected.
fn equal<T: Debug + PartialEq>(
    what: &'static str,
    found: &T,
    expected: &T,
) -> Result<(), Violation> {
    if found == expected {
        return Ok(());
    }
    Err(Violation::Differs { what, expected: format!("{expected:?}"), found: format!("{found:?}") })
}

/// Demands that something holds; `found` says what was there instead.
fn holds(what: &'static str, holds: bool, found: &impl Debug) -> Result<(), Violation> {
    if holds {
        return Ok(());
    }
    Err(Violation::Differs { what, expected: "it to hold".to_owned(), found: format!("{found:?}") })
}

type Check<Port> = fn(Port) -> BoxFuture<'static, Result<(), Violation>>;

/// Pairs checks with their names.
macro_rules! suite {
    ($($check:ident,)*) => {
        &[$((stringify!($check), |port| Box::pin($check(port)))),*]
    };
}
use suite;

async fn run<Port>(
    suite: &[(&'static str, Check<Port>)],
    make: impl AsyncFn() -> Port,
) -> Vec<Nonconformance> {
    let mut found = Vec::new();
    for (check, demand) in suite {
        tracing::debug!(check, "conformance");
        let violation = demand(make().await).await.err();
        found.extend(violation.map(|violation| Nonconformance { check, violation }));
    }
    found
}

fn none(found: Vec<Nonconformance>) -> Result<(), Nonconformance> {
    found.into_iter().next().map_or(Ok(()), Err)
}

/// Checks everything that [`BlobStore`] promises. `make` gives an empty store.
///
/// # Errors
/// The first check that fails.
pub async fn blob_store<Store: BlobStore + 'static>(
    make: impl AsyncFn() -> Store,
) -> Result<(), Nonconformance> {
    none(blob_store_failures(make).await)
}

/// Every check of [`blob_store`] that fails: for stores that are known not to conform, so that a
/// test can say in what.
pub async fn blob_store_failures<Store: BlobStore + 'static>(
    make: impl AsyncFn() -> Store,
) -> Vec<Nonconformance> {
    run(blobs::SUITE, async || -> blobs::Store { Arc::new(make().await) as blobs::Store }).await
}

/// A queue and the way to let its time pass.
pub struct QueueUnderTest {
    /// An empty queue that gives up on messages after [`RECEIVES_MAX`] deliveries.
    pub queue: Arc<dyn Queue>,
    /// Advances the queue's clock, or sleeps where that is the world's.
    pub advance: Box<dyn Fn(Duration) -> BoxFuture<'static, ()> + Send + Sync>,
}

/// A queue whose time is `clock`.
#[must_use]
pub fn under_virtual_time(queue: Arc<dyn Queue>, clock: Arc<VirtualClock>) -> QueueUnderTest {
    let advance = move |time| -> BoxFuture<'static, ()> {
        clock.advance(time);
        // Whoever was woken goes first.
        Box::pin(tokio::task::yield_now())
    };
    QueueUnderTest { queue, advance: Box::new(advance) }
}

/// The [`QueuePolicy::receives_max`] of the queues that the suite checks.
pub const RECEIVES_MAX: u32 = 3;

/// The policy of the queues that the suite checks.
#[must_use]
pub const fn queue_policy() -> QueuePolicy {
    QueuePolicy { receives_max: RECEIVES_MAX }
}

/// Checks everything that [`Queue`] promises. `make` gives an empty queue.
///
/// # Errors
/// The first check that fails.
pub async fn queue(make: impl AsyncFn() -> QueueUnderTest) -> Result<(), Nonconformance> {
    none(run(queue::SUITE, make).await)
}

/// Checks what a queue can promise beyond [`queue`] when it sees all its messages at once: no
/// second message of one id, an order between groups, positions and exact counts.
///
/// # Errors
/// The first check that fails.
pub async fn ordered_queue(make: impl AsyncFn() -> QueueUnderTest) -> Result<(), Nonconformance> {
    none(run(queue::ORDERED_SUITE, make).await)
}
