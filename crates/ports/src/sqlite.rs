//! A queue in one SQLite file, for a machine without a cloud.
//!
//! Any number of processes may use the file at once. Messages survive the death of all of them;
//! what a power loss takes is said at the connection's settings.

mod schema;
mod statements;
#[cfg(test)]
mod tests;
mod time;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::Connection;
use rusqlite::TransactionBehavior::{self, Deferred, Immediate};
use tokio::sync::Notify;

pub use self::schema::QueueOpenError;
use self::time::UnixMs;
use crate::local_queue::{Look, Receipt, check_body, long_poll};
use crate::{Clock, Delivery, Depth, Message, Queue, QueueError, QueuePolicy, ReceiptHandle, lock};

/// How often a waiting receiver looks for messages of other processes. Those of its own process
/// wake it at once, one receiver for a message. A look that finds nothing is one indexed read.
const POLL: Duration = Duration::from_millis(100);

/// A durable [`Queue`] in a SQLite file.
///
/// The group that had the fewest turns is served first, where no more than eight count as saved, and
/// within a group the oldest message. Times in the file are the clock's wall-clock times, because they
/// outlive the process.
pub struct SqliteQueue {
    policy: QueuePolicy,
    changed: Notify,
    file: Arc<QueueFile>,
}

/// The file and the time, which threads that do blocking work share.
struct QueueFile {
    path: PathBuf,
    clock: Arc<dyn Clock>,
    connection: Mutex<Connection>,
}

impl QueueFile {
    /// Works in one transaction. The time is read inside, because the wait for another
    /// process's transaction must not come off a message's visibility.
    fn in_transaction<T>(
        &self,
        behavior: TransactionBehavior,
        work: impl FnOnce(&Connection, UnixMs) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        let mut connection = lock(&self.connection);
        let transaction = connection.transaction_with_behavior(behavior)?;
        let done = work(&transaction, UnixMs::of(self.clock.now()))?;
        transaction.commit()?;
        Ok(done)
    }

    /// When the next message comes due, as of now.
    fn next_due(&self) -> rusqlite::Result<NextDue> {
        let due = statements::next_due(&lock(&self.connection))?;
        let now = UnixMs::of(self.clock.now());
        Ok(due.map_or(NextDue::Never, |due| match due.since(now) {
            Duration::ZERO => NextDue::Now,
            later => NextDue::In(later),
        }))
    }
}

/// When the next message comes due.
#[derive(Clone, Copy, PartialEq, Eq)]
enum NextDue {
    Now,
    In(Duration),
    Never,
}

impl NextDue {
    /// How long a receiver that found nothing sleeps: until the next message comes due, but no
    /// longer than other processes' messages may wait.
    fn nap(self) -> Duration {
        match self {
            Self::In(later) => later.min(POLL),
            // One that was due now went to another receiver.
            Self::Now | Self::Never => POLL,
        }
    }
}

impl SqliteQueue {
    /// Opens the queue in the file `path`, which is created if need be.
    ///
    /// # Errors
    /// The file cannot be opened, is no database, or is another application's or version's.
    pub fn open(
        path: impl AsRef<Path>,
        policy: QueuePolicy,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, QueueOpenError> {
        let path = path.as_ref().to_owned();
        let connection = Mutex::new(schema::open(&path)?);
        let file = Arc::new(QueueFile { path, clock, connection });
        Ok(Self { policy, changed: Notify::new(), file })
    }

    /// Does blocking work in one transaction on a thread made for it.
    async fn run<T: Send + 'static>(
        &self,
        behavior: TransactionBehavior,
        work: impl FnOnce(&Connection, UnixMs) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, QueueError> {
        let file = Arc::clone(&self.file);
        blocking(move || file.in_transaction(behavior, work)).await
    }

    /// Does something with a message that must still be held.
    async fn run_held(
        &self,
        receipt: &ReceiptHandle,
        work: impl FnOnce(&Connection, UnixMs, Receipt) -> rusqlite::Result<usize> + Send + 'static,
    ) -> Result<(), QueueError> {
        let receipt = Receipt::read(receipt)?;
        match self.run(Immediate, move |connection, now| work(connection, now, receipt)).await? {
            0 => Err(QueueError::ReceiptExpired),
            _ => Ok(()),
        }
    }

    async fn look(&self, max: usize, visibility: Duration) -> Result<Look, QueueError> {
        let receives_max = self.policy.receives_max;
        let file = Arc::clone(&self.file);
        let looked = blocking(move || {
            let next_due = file.next_due()?;
            let mut unclaimed = Unclaimed { file, deliveries: Vec::new() };
            // A read went first, so that idle receivers never keep each other from writing.
            if next_due == NextDue::Now {
                unclaimed.deliveries =
                    unclaimed.file.in_transaction(Immediate, |connection, now| {
                        statements::receive(connection, now, visibility, max, receives_max)
                    })?;
            }
            Ok((unclaimed, next_due.nap()))
        });
        let (unclaimed, nap) = looked.await?;
        Ok(Look { deliveries: unclaimed.claim(), again_in: Some(nap) })
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> rusqlite::Result<T> + Send + 'static,
) -> Result<T, QueueError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(QueueError::Queue(Box::new(error))),
        Err(error) => Err(QueueError::Queue(Box::new(error))),
    }
}

/// Deliveries on their way to the receiver, who may have stopped waiting: then they go back to
/// the queue at once and do not count.
struct Unclaimed {
    file: Arc<QueueFile>,
    deliveries: Vec<Delivery>,
}

impl Unclaimed {
    fn claim(mut self) -> Vec<Delivery> {
        std::mem::take(&mut self.deliveries)
    }

    fn hand_back(&self) -> rusqlite::Result<()> {
        self.file.in_transaction(Immediate, |connection, now| {
            for delivery in &self.deliveries {
                if let Ok(receipt) = Receipt::read(&delivery.receipt) {
                    statements::release(connection, now, receipt)?;
                }
            }
            Ok(())
        })
    }
}

impl Drop for Unclaimed {
    fn drop(&mut self) {
        if self.deliveries.is_empty() {
            return;
        }
        if let Err(error) = self.hand_back() {
            tracing::warn!(%error, "deliveries nobody waits for stay hidden until they time out");
        }
    }
}

#[async_trait]
impl Queue for SqliteQueue {
    async fn send(&self, message: Message, delay: Duration) -> Result<(), QueueError> {
        check_body(&message)?;
        self.run(Immediate, move |connection, now| {
            statements::add(connection, &message, now.after(delay))
        })
        .await?;
        self.changed.notify_one();
        Ok(())
    }

    async fn receive(
        &self,
        max: usize,
        visibility: Duration,
        wait: Duration,
    ) -> Result<Vec<Delivery>, QueueError> {
        let look = || self.look(max, visibility);
        long_poll(&*self.file.clock, &self.changed, wait, look).await
    }

    async fn delete(&self, receipt: &ReceiptHandle) -> Result<(), QueueError> {
        self.run_held(receipt, |connection, _, receipt| {
            statements::delete(connection, receipt, false)
        })
        .await
    }

    async fn extend(
        &self,
        receipt: &ReceiptHandle,
        visibility: Duration,
    ) -> Result<(), QueueError> {
        self.run_held(receipt, move |connection, now, receipt| {
            statements::extend(connection, now.after(visibility), receipt)
        })
        .await?;
        self.changed.notify_one();
        Ok(())
    }

    async fn release(&self, receipt: &ReceiptHandle) -> Result<(), QueueError> {
        self.run_held(receipt, statements::release).await?;
        self.changed.notify_one();
        Ok(())
    }

    async fn receive_dead(
        &self,
        max: usize,
        visibility: Duration,
    ) -> Result<Vec<Delivery>, QueueError> {
        let receives_max = self.policy.receives_max;
        self.run(Immediate, move |connection, now| {
            statements::receive_dead(connection, now, visibility, max, receives_max)
        })
        .await
    }

    async fn delete_dead(&self, receipt: &ReceiptHandle) -> Result<(), QueueError> {
        self.run_held(receipt, |connection, _, receipt| {
            statements::delete(connection, receipt, true)
        })
        .await
    }

    async fn position(&self, id: &str) -> Result<Option<u64>, QueueError> {
        let (id, receives_max) = (id.to_owned(), self.policy.receives_max);
        self.run(Deferred, move |connection, now| {
            statements::position(connection, now, &id, receives_max)
        })
        .await
    }

    async fn depth(&self) -> Result<Depth, QueueError> {
        let receives_max = self.policy.receives_max;
        self.run(Deferred, move |connection, now| statements::depth(connection, now, receives_max))
            .await
    }
}

impl fmt::Debug for SqliteQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SqliteQueue").field(&self.file.path).finish()
    }
}
