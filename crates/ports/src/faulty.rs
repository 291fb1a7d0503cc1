//! Ports that fail as real ones do, by a seed: for tests and simulation.
//!
//! A wrapped call fails before it has an effect, or has its effect and fails all the same, as a
//! call that timed out may have; a message is lost, sent twice, or delivered to two receivers.
//! All wrappers of one run share a [`FaultPlan`]; with a [`SeededRng`](crate::SeededRng) the same
//! calls in the same order fail in the same way.
//!
//! Every wrapped call first yields once to the executor, so that tasks interleave at each of
//! their calls even over ports that never wait.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::watch;

use crate::{
    BlobError, BlobKey, BlobStore, ByteStream, Delivery, Depth, Durability, Expected, Message,
    PutOnce, Queue, QueueError, ReceiptHandle, Rng, SignedRequest, Stored, lock,
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
    /// A message is accepted twice, the second time under an id of its own.
    pub sent_twice_per_mille: u32,
    /// A delivery is repeated, with the same receipt, to a later receiver.
    pub duplicated_per_mille: u32,
}

/// The failure that was asked for.
#[derive(Debug, thiserror::Error)]
#[error("a fault by plan, {0}")]
pub struct PlannedFault(&'static str);

/// What goes wrong in one run, shared by its wrappers and by the test that watches them.
#[derive(Debug)]
pub struct FaultPlan {
    faults: Faults,
    rng: Arc<dyn Rng>,
    healed: AtomicBool,
    blob_writes: AtomicU64,
    stalled: watch::Sender<Option<&'static str>>,
}

impl FaultPlan {
    /// Lets calls go wrong as often as `faults` says, when `rng` says.
    #[must_use]
    pub fn new(faults: Faults, rng: Arc<dyn Rng>) -> Self {
        Self {
            faults,
            rng,
            healed: AtomicBool::new(false),
            blob_writes: AtomicU64::new(0),
            stalled: watch::Sender::new(None),
        }
    }

    /// Lets writes of blobs whose keys end so wait until [`Self::go_on`].
    pub fn stall(&self, ending: &'static str) {
        self.stalled.send_replace(Some(ending));
    }

    /// Lets writes that wait go on.
    pub fn go_on(&self) {
        self.stalled.send_replace(None);
    }

    /// Waits until writes to `key` go on.
    async fn until_it_goes_on(&self, key: &str) {
        let waits = |ending: &Option<&str>| ending.is_some_and(|ending| key.ends_with(ending));
        // The sender lives as long as the plan.
        let _ = self.stalled.subscribe().wait_for(|ending| !waits(ending)).await;
    }

    /// Ends all faults: from here on the wrappers do what the wrapped ports do.
    pub fn heal(&self) {
        self.healed.store(true, Ordering::Relaxed);
    }

    /// Calls so far that may have changed a blob, whether or not they failed.
    ///
    /// A test that checks the store after every step need not look again while this stands still.
    #[must_use]
    pub fn blob_writes(&self) -> u64 {
        self.blob_writes.load(Ordering::Relaxed)
    }

    fn is_healed(&self) -> bool {
        self.healed.load(Ordering::Relaxed)
    }

    fn random(&self) -> u32 {
        let mut random = [0; 4];
        self.rng.fill(&mut random);
        u32::from_le_bytes(random)
    }

    fn roll(&self, per_mille: u32) -> bool {
        // 2^32 is so much more than 1000 that the remainder is as good as uniform.
        !self.is_healed() && self.random() % 1000 < per_mille
    }

    /// Makes the call after others had their turn, and lets it fail if the dice say so.
    async fn around<T, E>(
        &self,
        call: impl Future<Output = Result<T, E>> + Send,
        failure: impl Fn(PlannedFault) -> E + Send,
    ) -> Result<T, E> {
        tokio::task::yield_now().await;
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
    plan: Arc<FaultPlan>,
}

impl FaultyBlobs {
    /// Wraps `inner`.
    #[must_use]
    pub fn new(inner: Arc<dyn BlobStore>, plan: Arc<FaultPlan>) -> Self {
        Self { inner, plan }
    }

    async fn around<T>(
        &self,
        key: &str,
        call: impl Future<Output = Result<T, BlobError>> + Send,
    ) -> Result<T, BlobError> {
        let failure = |fault| BlobError::Storage { key: key.to_owned(), source: Box::new(fault) };
        self.plan.around(call, failure).await
    }

    /// As [`Self::around`], for a call that may change a blob.
    async fn write<T>(
        &self,
        key: &str,
        call: impl Future<Output = Result<T, BlobError>> + Send,
    ) -> Result<T, BlobError> {
        let counted = async {
            self.plan.until_it_goes_on(key).await;
            let done = call.await;
            self.plan.blob_writes.fetch_add(1, Ordering::Relaxed);
            done
        };
        self.around(key, counted).await
    }
}

#[async_trait]
impl BlobStore for FaultyBlobs {
    async fn put_once(&self, key: &BlobKey, body: Bytes) -> Result<PutOnce, BlobError> {
        self.write(key.as_str(), self.inner.put_once(key, body)).await
    }

    async fn put(
        &self,
        key: &BlobKey,
        body: Bytes,
        durability: Durability,
    ) -> Result<(), BlobError> {
        self.write(key.as_str(), self.inner.put(key, body, durability)).await
    }

    async fn put_stream_once(
        &self,
        key: &BlobKey,
        body: ByteStream,
        expected: Expected,
    ) -> Result<PutOnce, BlobError> {
        self.write(key.as_str(), self.inner.put_stream_once(key, body, expected)).await
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
        self.write(to.as_str(), self.inner.copy_once(from, to)).await
    }

    async fn delete(&self, key: &BlobKey) -> Result<(), BlobError> {
        self.write(key.as_str(), self.inner.delete(key)).await
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

    async fn upload_request(
        &self,
        key: &BlobKey,
        expected: Expected,
        lifetime: Duration,
    ) -> Result<Option<SignedRequest>, BlobError> {
        self.around(key.as_str(), self.inner.upload_request(key, expected, lifetime)).await
    }

    async fn download_request(
        &self,
        key: &BlobKey,
        lifetime: Duration,
    ) -> Result<Option<SignedRequest>, BlobError> {
        self.around(key.as_str(), self.inner.download_request(key, lifetime)).await
    }

    fn local_path(&self, key: &BlobKey) -> Option<PathBuf> {
        self.inner.local_path(key)
    }
}

/// A [`Queue`] whose calls fail now and then, and that loses and repeats messages.
#[derive(Debug)]
pub struct FaultyQueue {
    inner: Arc<dyn Queue>,
    plan: Arc<FaultPlan>,
    /// Deliveries that will be repeated.
    repeats: Mutex<Vec<Delivery>>,
}

impl FaultyQueue {
    /// Wraps `inner`.
    #[must_use]
    pub fn new(inner: Arc<dyn Queue>, plan: Arc<FaultPlan>) -> Self {
        Self { inner, plan, repeats: Mutex::default() }
    }

    async fn around<T>(
        &self,
        call: impl Future<Output = Result<T, QueueError>> + Send,
    ) -> Result<T, QueueError> {
        self.plan.around(call, |fault| QueueError::Queue(Box::new(fault))).await
    }

    /// Remembers those of `deliveries` that will be repeated.
    fn remember(&self, deliveries: &[Delivery]) {
        let repeated =
            deliveries.iter().filter(|_| self.plan.roll(self.plan.faults.duplicated_per_mille));
        lock(&self.repeats).extend(repeated.cloned());
    }

    /// Takes a delivery that is due a second time.
    fn repeat(&self) -> Option<Delivery> {
        if self.plan.is_healed() { None } else { lock(&self.repeats).pop() }
    }

    /// Sends `message` now and then twice.
    async fn send_any(&self, message: Message, delay: Duration) -> Result<(), QueueError> {
        if self.plan.roll(self.plan.faults.sent_twice_per_mille) {
            let id = format!("{}-{}", message.id, self.plan.random());
            self.inner.send(Message { id, ..message.clone() }, delay).await?;
        }
        self.inner.send(message, delay).await
    }
}

#[async_trait]
impl Queue for FaultyQueue {
    async fn send(&self, message: Message, delay: Duration) -> Result<(), QueueError> {
        if self.plan.roll(self.plan.faults.lost_per_mille) {
            return Ok(());
        }
        self.around(self.send_any(message, delay)).await
    }

    async fn receive(
        &self,
        max: usize,
        visibility: Duration,
        wait: Duration,
    ) -> Result<Vec<Delivery>, QueueError> {
        if max > 0
            && let Some(repeat) = self.repeat()
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
    use futures_util::FutureExt;

    use super::*;
    use crate::conformance::{self, QueueUnderTest};
    use crate::memory::{MemoryBlobs, MemoryQueue};
    use crate::{SeededRng, VirtualClock};

    fn plan(faults: Faults) -> Arc<FaultPlan> {
        Arc::new(FaultPlan::new(faults, Arc::new(SeededRng::new(1))))
    }

    fn blobs(faults: Faults) -> (Arc<MemoryBlobs>, FaultyBlobs) {
        let inner = Arc::new(MemoryBlobs::new());
        let wrapped = Arc::<MemoryBlobs>::clone(&inner);
        (inner, FaultyBlobs::new(wrapped, plan(faults)))
    }

    fn queue(faults: Faults) -> QueueUnderTest {
        queue_by(plan(faults))
    }

    fn queue_by(plan: Arc<FaultPlan>) -> QueueUnderTest {
        let clock = Arc::new(VirtualClock::new());
        let time = Arc::<VirtualClock>::clone(&clock);
        let inner = Arc::new(MemoryQueue::new(conformance::queue_policy(), time));
        let faulty = FaultyQueue::new(inner, plan);
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
            assert_eq!(faulty.plan.blob_writes(), u64::from(is_there));
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

    #[tokio::test]
    async fn a_message_sent_twice_is_two_messages() {
        let on = queue(Faults { sent_twice_per_mille: 1000, ..Faults::default() });
        on.queue.send(message(), Duration::ZERO).await.unwrap();
        let received = on.queue.receive(3, Duration::MAX, Duration::ZERO).await.unwrap();
        assert_eq!(received.len(), 2);
        for delivery in received {
            on.queue.delete(&delivery.receipt).await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_healed_plan_has_no_faults_left() {
        let always = Faults { duplicated_per_mille: 1000, ..Faults::default() };
        let plan = plan(always);
        let on = queue_by(Arc::clone(&plan));
        on.queue.send(message(), Duration::ZERO).await.unwrap();
        let received = on.queue.receive(1, Duration::MAX, Duration::ZERO).await.unwrap();
        plan.heal();
        assert_eq!(received.len(), 1);
        let again = on.queue.receive(1, Duration::MAX, Duration::ZERO).await.unwrap();
        assert!(again.is_empty());
    }

    #[tokio::test]
    async fn every_call_lets_other_tasks_run_first() {
        let (_, faulty) = blobs(Faults::default());
        let key = BlobKey::new("a").unwrap();
        let mut call = faulty.head(&key);
        assert!((&mut call).now_or_never().is_none());
        assert!(call.await.unwrap().is_none());
    }
}
