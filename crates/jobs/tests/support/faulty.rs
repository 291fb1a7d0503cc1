//! Ports that fail as a seed says, and let others run before every call.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use zkpool_ports::{
    BlobError, BlobKey, BlobStore, ByteStream, Delivery, Depth, Durability, Expected, Message,
    PutOnce, Queue, QueueError, ReceiptHandle, Stored,
};

/// Randomness (splitmix64) and whether faults happen at all.
#[derive(Debug)]
pub struct Fate {
    state: AtomicU64,
    pub faults: AtomicBool,
    /// Calls that may have changed a blob.
    pub writes: AtomicU64,
}

#[derive(PartialEq, Eq)]
enum Fault {
    None,
    Before,
    After,
}

impl Fate {
    pub fn new(seed: u64) -> Self {
        let state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x5851_F42D_4C95_7F2D;
        Self { state: state.into(), faults: true.into(), writes: 0.into() }
    }

    pub fn next(&self) -> u64 {
        let step = 0x9E37_79B9_7F4A_7C15;
        let state = self.state.fetch_add(step, Ordering::Relaxed).wrapping_add(step);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&self, bound: u64) -> u64 {
        self.next() % bound
    }

    pub fn percent(&self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// 8 % of calls fail without effect, 5 % have their effect and report failure.
    async fn fault(&self) -> Fault {
        let mut yielded = false;
        std::future::poll_fn(|_| {
            let ready = std::mem::replace(&mut yielded, true);
            if ready { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        match self.below(100) {
            _ if !self.faults.load(Ordering::Relaxed) => Fault::None,
            0..8 => Fault::Before,
            8..13 => Fault::After,
            _ => Fault::None,
        }
    }
}

fn storage(key: &str) -> BlobError {
    BlobError::Storage { key: key.to_owned(), source: "simulated".into() }
}

#[derive(Debug)]
pub struct FaultyBlobs {
    pub inner: Arc<dyn BlobStore>,
    pub fate: Arc<Fate>,
}

macro_rules! faulty {
    ($self:ident, $changes:literal, $error:expr, $call:expr) => {{
        let fault = $self.fate.fault().await;
        if fault == Fault::Before {
            return Err($error);
        }
        let result = $call.await;
        $self.fate.writes.fetch_add(u64::from($changes), Ordering::Relaxed);
        if fault == Fault::After { Err($error) } else { result }
    }};
}

#[async_trait]
impl BlobStore for FaultyBlobs {
    async fn put_once(&self, key: &BlobKey, body: Bytes) -> Result<PutOnce, BlobError> {
        faulty!(self, true, storage(key.as_str()), self.inner.put_once(key, body))
    }
    async fn put(&self, key: &BlobKey, body: Bytes, to: Durability) -> Result<(), BlobError> {
        faulty!(self, true, storage(key.as_str()), self.inner.put(key, body, to))
    }
    async fn put_stream_once(
        &self,
        key: &BlobKey,
        body: ByteStream,
        expected: Expected,
    ) -> Result<PutOnce, BlobError> {
        faulty!(self, true, storage(key.as_str()), self.inner.put_stream_once(key, body, expected))
    }
    async fn get(&self, key: &BlobKey, size_max: u64) -> Result<Bytes, BlobError> {
        faulty!(self, false, storage(key.as_str()), self.inner.get(key, size_max))
    }
    async fn get_stream(&self, key: &BlobKey) -> Result<(Stored, ByteStream), BlobError> {
        faulty!(self, false, storage(key.as_str()), self.inner.get_stream(key))
    }
    async fn head(&self, key: &BlobKey) -> Result<Option<Stored>, BlobError> {
        faulty!(self, false, storage(key.as_str()), self.inner.head(key))
    }
    async fn copy_once(&self, from: &BlobKey, to: &BlobKey) -> Result<PutOnce, BlobError> {
        faulty!(self, true, storage(to.as_str()), self.inner.copy_once(from, to))
    }
    async fn delete(&self, key: &BlobKey) -> Result<(), BlobError> {
        faulty!(self, true, storage(key.as_str()), self.inner.delete(key))
    }
    async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<BlobKey>, BlobError> {
        faulty!(self, false, storage(prefix), self.inner.list(prefix, after, limit))
    }
    async fn list_children(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, BlobError> {
        faulty!(self, false, storage(prefix), self.inner.list_children(prefix, after, limit))
    }
    fn local_path(&self, key: &BlobKey) -> Option<PathBuf> {
        self.inner.local_path(key)
    }
}

/// Also loses 5 % of messages and sends 10 % twice, as no local queue does.
#[derive(Debug)]
pub struct FaultyQueue {
    pub inner: Arc<dyn Queue>,
    pub fate: Arc<Fate>,
}

fn failed() -> QueueError {
    QueueError::Queue("simulated".into())
}

#[async_trait]
impl Queue for FaultyQueue {
    async fn send(&self, message: Message, delay: Duration) -> Result<(), QueueError> {
        if self.fate.faults.load(Ordering::Relaxed) {
            if self.fate.percent(5) {
                return Ok(());
            }
            if self.fate.percent(10) {
                let id = format!("{}-{}", message.id, self.fate.next());
                self.inner.send(Message { id, ..message.clone() }, delay).await?;
            }
        }
        faulty!(self, false, failed(), self.inner.send(message, delay))
    }
    async fn receive(
        &self,
        max: usize,
        visibility: Duration,
        wait: Duration,
    ) -> Result<Vec<Delivery>, QueueError> {
        faulty!(self, false, failed(), self.inner.receive(max, visibility, wait))
    }
    async fn delete(&self, receipt: &ReceiptHandle) -> Result<(), QueueError> {
        faulty!(self, false, failed(), self.inner.delete(receipt))
    }
    async fn extend(
        &self,
        receipt: &ReceiptHandle,
        visibility: Duration,
    ) -> Result<(), QueueError> {
        faulty!(self, false, failed(), self.inner.extend(receipt, visibility))
    }
    async fn release(&self, receipt: &ReceiptHandle) -> Result<(), QueueError> {
        faulty!(self, false, failed(), self.inner.release(receipt))
    }
    async fn receive_dead(
        &self,
        max: usize,
        visibility: Duration,
    ) -> Result<Vec<Delivery>, QueueError> {
        faulty!(self, false, failed(), self.inner.receive_dead(max, visibility))
    }
    async fn delete_dead(&self, receipt: &ReceiptHandle) -> Result<(), QueueError> {
        faulty!(self, false, failed(), self.inner.delete_dead(receipt))
    }
    async fn position(&self, id: &str) -> Result<Option<u64>, QueueError> {
        faulty!(self, false, failed(), self.inner.position(id))
    }
    async fn depth(&self) -> Result<Depth, QueueError> {
        faulty!(self, false, failed(), self.inner.depth())
    }
}
