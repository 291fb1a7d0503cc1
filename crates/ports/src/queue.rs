//! Queues with the semantics of SQS standard queues: at least once, in no promised order.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

/// Longest message body in bytes: the limit that SQS has had for most of its life.
pub const BODY_BYTES_MAX: usize = 256 * 1024;

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Names what the message is about. Where the queue can tell, a message whose id is already
    /// waiting, in flight or a dead letter is not added a second time.
    pub id: String,
    /// Whose message it is: no group starves another.
    pub group: String,
    /// The content, at most [`BODY_BYTES_MAX`].
    pub body: String,
}

/// The right to delete, extend or release one delivery.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ReceiptHandle(pub String);

impl fmt::Debug for ReceiptHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[receipt handle]")
    }
}

/// A message that was received and is now invisible to others for a while.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The message.
    pub message: Message,
    /// The right to it. A later delivery of the same message has another one.
    pub receipt: ReceiptHandle,
    /// 1 on the first delivery.
    pub receive_count: u32,
}

/// How many messages there are, approximately.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    /// Ready to be received.
    pub visible: u64,
    /// Received and not yet deleted.
    pub in_flight: u64,
    /// Not yet due.
    pub delayed: u64,
}

/// When a queue gives up on a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueuePolicy {
    /// Deliveries after which a message that becomes visible once more is a dead letter.
    pub receives_max: u32,
}

/// Why a queue call failed.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// The receipt's delivery timed out and the message was received again, deleted or released.
    #[error("the delivery is no longer held")]
    ReceiptExpired,
    /// The message is larger than any queue takes. It was not sent.
    #[error("a message of {bytes} bytes, at most {max} accepted")]
    BodyTooLarge {
        /// Length of the body in bytes.
        bytes: usize,
        /// [`BODY_BYTES_MAX`].
        max: usize,
    },
    /// The queue failed; the call may or may not have had its effect.
    #[error("the queue failed")]
    Queue(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A queue and its dead letters.
#[async_trait]
pub trait Queue: Send + Sync + fmt::Debug {
    /// Adds a message that becomes visible after `delay`.
    async fn send(&self, message: Message, delay: Duration) -> Result<(), QueueError>;

    /// Adds several messages that are visible at once, and says of each, in order, whether it was
    /// added. For a queue whose calls cost, in fewer calls than messages.
    async fn send_all(&self, messages: Vec<Message>) -> Vec<Result<(), QueueError>> {
        let mut sent = Vec::with_capacity(messages.len());
        for message in messages {
            sent.push(self.send(message, Duration::ZERO).await);
        }
        sent
    }

    /// Receives at most `max` messages and hides them for `visibility`; waits up to `wait` for
    /// the first. A message that was received `receives_max` times already becomes a dead
    /// letter instead.
    ///
    /// Whoever drops the wait gives it up: what would have come of it is hidden for `visibility`
    /// at most.
    async fn receive(
        &self,
        max: usize,
        visibility: Duration,
        wait: Duration,
    ) -> Result<Vec<Delivery>, QueueError>;

    /// Deletes the message.
    async fn delete(&self, receipt: &ReceiptHandle) -> Result<(), QueueError>;

    /// Hides the message for `visibility` from now on.
    async fn extend(&self, receipt: &ReceiptHandle, visibility: Duration)
    -> Result<(), QueueError>;

    /// Hands the message back: it is visible at once and the delivery does not count.
    async fn release(&self, receipt: &ReceiptHandle) -> Result<(), QueueError>;

    /// Receives at most `max` dead letters and hides them for `visibility`.
    async fn receive_dead(
        &self,
        max: usize,
        visibility: Duration,
    ) -> Result<Vec<Delivery>, QueueError>;

    /// Deletes a dead letter.
    async fn delete_dead(&self, receipt: &ReceiptHandle) -> Result<(), QueueError>;

    /// Messages that would be received before the one with this id, where the queue can tell; at
    /// most [`QUEUE_POSITION_MAX`](zkpool_types::limits::QUEUE_POSITION_MAX), also where there are more.
    async fn position(&self, id: &str) -> Result<Option<u64>, QueueError>;

    /// How many messages there are.
    async fn depth(&self) -> Result<Depth, QueueError>;
}
