//! Ports that fail as real ones do, by a seed: for tests and simulation.
//!
//! A wrapped call fails before it has an effect, or has its effect and fails all the same, as a
//! call that timed out may have; a message is lost, or delivered to two receivers. With a
//! [`SeededRng`](crate::SeededRng) the same calls in the same order fail in the same way.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::{
    BlobError, BlobKey, BlobStore, ByteStream, Delivery, Depth, Durability, Expected, Message,
    PutOnce, Queue, QueueError, ReceiptHandle, Rng, Stored, lock,
};

/// How often calls go wrong, each in thousandths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// The call fails and has no effect.
    pub refused_per_mille: u32,
    /// The call has its effect and fails.
    pub applied_but_failed_per_mille: u32,
    /// A message that was accepted is never delivered.
    pub lost_per_mille: u32,
    /// A delivery is repeated, with the same receipt, to a later receiver.
    pub duplicated_per_mille: u32,
}

/// The failure that was asked for.
#[derive(Debug, thiserror::Error)]
#[error("a fault by plan, {0}")]
pub struct PlannedFault(&'static str);

#[derive(Debug)]
struct Dice {
    faults: Faults,
    rng: Arc<dyn Rng>,
}

impl Dice {
    fn roll(&self, per_mille: u32) -> bool {
        let mut random = [0; 4];
        self.rng.fill(&mut random);
        // 2^32 is so much more than 1000 that the remainder is as good as uniform.
        u32::from_le_bytes(random) % 1000 < per_mille
    }

    /// Makes the call, and lets it fail if the dice say so.
    async fn around<T, E>(
        &self,
        call: impl Future<Output = Result<T, E>> + Send,
        failure: impl Fn(PlannedFault) -> E + Send,
    ) -> Result<T, E> {
        if self.roll(self.faults.refused_per_mille) {
            return Err(failure(PlannedFault("before the call")));
        }
        let done = call.await?;
        if self.roll(self.faults.applied_but_failed_per_mille) {
            return Err(failure(PlannedFault("after the call")));
        }
        Ok(done)
    }
}

/// A [`BlobStore`] whose calls fail now and then.
#[derive(Debug)]
pub struct FaultyBlobs {
    inner: Arc<dyn BlobStore>,
    dice: Dice,
}

impl FaultyBlobs {
    /// Wraps `inner`.
    #[must_use]
    pub fn new(inner: Arc<dyn BlobStore>, faults: Faults, rng: Arc<dyn Rng>) -> Self {
        Self { inner, dice: Dice { faults, rng } }
    }

    async fn around<T>(
        &self,
        key: &str,
        call: impl Future<Output = Result<T, BlobError>> + Send,
    ) -> Result<T, BlobError> {
        let failure = |fault| BlobError::Storage { key: key.to_owned(), source: Box::new(fault) };
        self.dice.around(call, failure).await
    }
}

#[async_trait]
impl BlobStore for FaultyBlobs {
    async fn put_once(&self, key: &BlobKey, body: Bytes) -> Result<PutOnce, BlobError> {
        self.around(key.as_str(), self.inner.put_once(key, body)).await
    }

    async fn put(
        &self,
        key: &BlobKey,
        body: Bytes,
        durability: Durability,
    ) -> Result<(), BlobError> {
        self.around(key.as_str(), self.inner.put(key, body, durability)).await
    }

    async fn put_stream_once(
        &self,
        key: &BlobKey,
        body: ByteStream,
        expected: Expected,
    ) -> Result<PutOnce, BlobError> {
        self.around(key.as_str(), self.inner.put_stream_once(key, body, expected)).await
    }

    async fn get(&self, key: &BlobKey, size_max: u64) -> Result<Bytes, BlobError> {
        self.around(key.as_str(), self.inner.get(key, size_max)).await
    }

    async fn get_stream(&self, key: &BlobKey) -> Result<(Stored, ByteStream), BlobError> {
        self.around(key.as_str(), self.inner.get_stream(key)).await
    }

    async fn head(&self, key: &BlobKey) -> Result<Option<Stored>, BlobError> {
        self.around(key.as_str(), self.inner.head(key)).await
    }

    async fn copy_once(&self, from: &BlobKey, to: &BlobKey) -> Result<PutOnce, BlobError> {
        self.around(to.as_str(), self.inner.copy_once(from, to)).await
    }

    async fn delete(&self, key: &BlobKey) -> Result<(), BlobError> {
        self.around(key.as_str(), self.inner.delete(key)).await
    }

    async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<BlobKey>, BlobError> {
        self.around(prefix, self.inner.list(prefix, after, limit)).await
    }

    async fn list_children(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, BlobError> {
        self.around(prefix, self.inner.list_children(prefix, after, limit)).await
    }

    fn local_path(&self, key: &BlobKey) -> Option<PathBuf> {
        self.inner.local_path(key)
    }
}

/// A [`Queue`] whose calls fail now and then, and that loses and repeats messages.
#[derive(Debug)]
pub struct FaultyQueue {
    inner: Arc<dyn Queue>,
    dice: Dice,
    /// Deliveries that will be repeated.
    repeats: Mutex<Vec<Delivery>>,
}

impl FaultyQueue {
    /// Wraps `inner`.
    #[must_use]
    pub fn new(inner: Arc<dyn Queue>, faults: Faults, rng: Arc<dyn Rng>) -> Self {
        Self { inner, dice: Dice { faults, rng }, repeats: Mutex::default() }
    }

    async fn around<T>(
        &self,
        call: impl Future<Output = Result<T, QueueError>> + Send,
    ) -> Result<T, QueueError> {
        self.dice.around(call, |fault| QueueError::Queue(Box::new(fault))).await
    }

    /// Remembers those of `deliveries` that will be repeated.
    fn remember(&self, deliveries: &[Delivery]) {
        let repeated =
            deliveries.iter().filter(|_| self.dice.roll(self.dice.faults.duplicated_per_mille));
        lock(&self.repeats).extend(repeated.cloned());
    }
}

#[async_trait]
impl Queue for FaultyQueue {
    async fn send(&self, message: Message, delay: Duration) -> Result<(), QueueError> {
        if self.dice.roll(self.dice.faults.lost_per_mille) {
            return Ok(());
        }
        self.around(self.inner.send(message, delay)).await
    }

    async fn receive(
        &self,
        max: usize,
        visibility: Duration,
        wait: Duration,
    ) -> Result<Vec<Delivery>, QueueError> {
        if max > 0
            && let Some(repeat) = lock(&self.repeats).pop()
        {
            return Ok(vec![repeat]);
        }
        let deliveries = self.around(self.inner.receive(max, visibility, wait)).await?;
        self.remember(&deliveries);
        Ok(deliveries)
    }

    async fn delete(&self, receipt: &ReceiptHandle) -> Result<(), QueueError> {
        self.around(self.inner.delete(receipt)).await
    }

    async fn extend(
        &self,
        receipt: &ReceiptHandle,
        visibility: Duration,
    ) -> Result<(), QueueError> {
        self.around(self.inner.extend(receipt, visibility)).await
    }

    async fn release(&self, receipt: &ReceiptHandle) -> Result<(), QueueError> {
        self.around(self.inner.release(receipt)).await
    }

    async fn receive_dead(
        &self,
        max: usize,
        visibility: Duration,
    ) -> Result<Vec<Delivery>, QueueError> {
        self.around(self.inner.receive_dead(max, visibility)).await
    }

    async fn delete_dead(&self, receipt: &ReceiptHandle) -> Result<(), QueueError> {
        self.around(self.inner.delete_dead(receipt)).await
    }

    async fn position(&self, id: &str) -> Result<Option<u64>, QueueError> {
        self.around(self.inner.position(id)).await
    }

    async fn depth(&self) -> Result<Depth, QueueError> {
        self.around(self.inner.depth()).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{self, QueueUnderTest};
    use crate::memory::{MemoryBlobs, MemoryQueue};
    use crate::{SeededRng, VirtualClock};

    fn blobs(faults: Faults) -> (Arc<MemoryBlobs>, FaultyBlobs) {
        let inner = Arc::new(MemoryBlobs::new());
        let wrapped = Arc::<MemoryBlobs>::clone(&inner);
        (inner, FaultyBlobs::new(wrapped, faults, Arc::new(SeededRng::new(1))))
    }

    fn queue(faults: Faults) -> QueueUnderTest {
        let clock = Arc::new(VirtualClock::new());
        let time = Arc::<VirtualClock>::clone(&clock);
        let inner = Arc::new(MemoryQueue::new(conformance::queue_policy(), time));
        let faulty = FaultyQueue::new(inner, faults, Arc::new(SeededRng::new(1)));
        conformance::under_virtual_time(Arc::new(faulty), clock)
    }

    fn message() -> Message {
        Message { id: "1".to_owned(), group: "p".to_owned(), body: String::new() }
    }

    #[tokio::test]
    async fn without_faults_the_wrappers_conform() {
        conformance::blob_store(async || blobs(Faults::default()).1).await.unwrap();
        conformance::queue(async || queue(Faults::default())).await.unwrap();
        conformance::ordered_queue(async || queue(Faults::default())).await.unwrap();
    }

    #[tokio::test]
    async fn a_refused_write_has_no_effect_and_an_applied_one_has() {
        let key = BlobKey::new("a").unwrap();
        let refused = Faults { refused_per_mille: 1000, ..Faults::default() };
        let applied = Faults { applied_but_failed_per_mille: 1000, ..Faults::default() };
        for (faults, is_there) in [(refused, false), (applied, true)] {
            let (inner, faulty) = blobs(faults);
            faulty.put_once(&key, Bytes::new()).await.unwrap_err();
            assert_eq!(inner.head(&key).await.unwrap().is_some(), is_there);
        }
    }

    #[tokio::test]
    async fn a_seed_repeats_its_faults_at_about_the_rate_asked_for() {
        let key = BlobKey::new("a").unwrap();
        let faults = Faults { refused_per_mille: 200, ..Faults::default() };
        let mut runs = Vec::new();
        for _ in 0..2 {
            let (_, faulty) = blobs(faults);
            let mut failed = Vec::new();
            for _ in 0..1000 {
                failed.push(faulty.head(&key).await.is_err());
            }
            runs.push(failed);
        }
        assert_eq!(runs[0], runs[1]);
        let failures = runs[0].iter().filter(|failed| **failed).count();
        assert!((150..250).contains(&failures), "{failures} of 1000");
    }

    #[tokio::test]
    async fn a_lost_message_is_accepted_and_never_delivered() {
        let on = queue(Faults { lost_per_mille: 1000, ..Faults::default() });
        on.queue.send(message(), Duration::ZERO).await.unwrap();
        assert_eq!(on.queue.depth().await.unwrap(), Depth::default());
    }

    #[tokio::test]
    async fn a_duplicated_delivery_reaches_a_second_receiver_once() {
        let on = queue(Faults { duplicated_per_mille: 1000, ..Faults::default() });
        on.queue.send(message(), Duration::ZERO).await.unwrap();
        let mut received = Vec::new();
        for _ in 0..3 {
            received.extend(on.queue.receive(1, Duration::MAX, Duration::ZERO).await.unwrap());
        }
        assert_eq!(received.len(), 2);
        on.queue.delete(&received[1].receipt).await.unwrap();
        let late = on.queue.delete(&received[0].receipt).await;
        assert!(matches!(late, Err(QueueError::ReceiptExpired)));
    }
}
