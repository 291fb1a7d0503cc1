//! Storage and a queue in memory, for tests and simulation.

mod blobs;
mod queue;

pub use blobs::MemoryBlobs;
pub use queue::MemoryQueue;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::VirtualClock;
    use crate::conformance::{self, QueueUnderTest};

    async fn queue_under_test() -> QueueUnderTest {
        let clock = Arc::new(VirtualClock::new());
        let queue =
            MemoryQueue::new(conformance::queue_policy(), Arc::<VirtualClock>::clone(&clock));
        conformance::under_virtual_time(Arc::new(queue), clock)
    }

    #[tokio::test]
    async fn the_store_conforms() {
        conformance::blob_store(async || MemoryBlobs::new()).await.unwrap();
    }

    #[tokio::test]
    async fn the_queue_conforms() {
        conformance::queue(queue_under_test).await.unwrap();
        conformance::ordered_queue(queue_under_test).await.unwrap();
    }
}
