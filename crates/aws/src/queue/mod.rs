//! A standard queue and its dead letters as a [`Queue`].

mod channel;
mod held;
mod message;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName::{
    self, ApproximateNumberOfMessages, ApproximateNumberOfMessagesDelayed,
    ApproximateNumberOfMessagesNotVisible,
};
use zkpool_ports::queue::BODY_BYTES_MAX;
use zkpool_ports::{
    Clock, Delivery, Depth, Message, Queue, QueueError, QueuePolicy, ReceiptHandle,
};

use self::channel::Channel;
use self::message::Letter;
use crate::settings::{DELAY_MAX, LONG_POLL_MAX, SEND_BATCH, SEND_BATCH_BYTES};
use crate::{QueueSettings, ServiceError};

/// A standard queue of SQS with a dead-letter queue. Clones share one client and its receipts.
///
/// Where SQS promises less than the port:
///
/// - It takes a deletion or extension with an outdated receipt for a success. A receipt is held to
///   be good until its visibility runs out by this process's own clock, and only in the process
///   that received it.
/// - It cannot take a delivery back uncounted. [`Queue::release`] sends the message again, with the
///   number of deliveries that count, before it deletes the one that it holds: a crash in between
///   leaves two messages and never none. Such a message is made a dead letter by whoever receives
///   it once too often, others by the queue's redrive policy.
/// - It ends every hold after 12 hours: from then on the receipt is outdated.
/// - Delays above 15 minutes are cut to that, and waits above 20 seconds too. Times are whole
///   seconds, rounded up.
/// - It does not know a message by its id: a second one of the same id is a second message. It
///   tells no positions.
#[derive(Clone)]
pub struct SqsQueue {
    live: Arc<Channel>,
    dead: Arc<Channel>,
    policy: QueuePolicy,
}

impl SqsQueue {
    /// The queues of these settings.
    #[must_use]
    pub fn new(client: &Client, settings: &QueueSettings, clock: Arc<dyn Clock>) -> Self {
        let channel = |url: &str, clock| Arc::new(Channel::new(client.clone(), url, clock));
        Self {
            live: channel(&settings.url, Arc::clone(&clock)),
            dead: channel(&settings.dead_letter_url, clock),
            policy: settings.policy.clone(),
        }
    }

    /// Makes a dead letter of a message that was received once too often.
    async fn bury(&self, receipt: &ReceiptHandle, letter: &Letter) -> Result<(), QueueError> {
        self.dead.send(letter, Duration::ZERO).await?;
        self.live.delete(receipt).await
    }
}

impl fmt::Debug for SqsQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SqsQueue").field(&self.live.url()).finish()
    }
}

#[async_trait]
impl Queue for SqsQueue {
    async fn send(&self, message: Message, delay: Duration) -> Result<(), QueueError> {
        check_body(&message)?;
        self.live.send(&Letter::new(message), delay.min(DELAY_MAX)).await
    }

    async fn send_all(&self, messages: Vec<Message>) -> Vec<Result<(), QueueError>> {
        let mut sent = Vec::with_capacity(messages.len());
        let mut batch = Batch::default();
        for message in messages {
            let checked = check_body(&message);
            if checked.is_err() || !batch.has_room_for(&message) {
                sent.extend(self.live.send_batch(&batch.take()).await);
            }
            match checked {
                Ok(()) => batch.add(message),
                Err(error) => sent.push(Err(error)),
            }
        }
        sent.extend(self.live.send_batch(&batch.take()).await);
        sent
    }

    async fn receive(
        &self,
        max: usize,
        visibility: Duration,
        wait: Duration,
    ) -> Result<Vec<Delivery>, QueueError> {
        let received = self.live.receive(max, visibility, wait.min(LONG_POLL_MAX)).await?;
        let mut deliveries = Vec::with_capacity(received.len());
        for (receipt, letter) in received {
            let receive_count = letter.deliveries();
            if receive_count > self.policy.receives_max {
                if let Err(error) = self.bury(&receipt, &letter).await {
                    tracing::warn!(%error, "a dead letter waits for its next delivery");
                }
            } else {
                deliveries.push(Delivery { message: letter.message, receipt, receive_count });
            }
        }
        Ok(deliveries)
    }

    async fn delete(&self, receipt: &ReceiptHandle) -> Result<(), QueueError> {
        self.live.delete(receipt).await
    }

    async fn extend(
        &self,
        receipt: &ReceiptHandle,
        visibility: Duration,
    ) -> Result<(), QueueError> {
        self.live.extend(receipt, visibility).await
    }

    async fn release(&self, receipt: &ReceiptHandle) -> Result<(), QueueError> {
        let letter = self.live.held(receipt)?;
        self.live.send(&letter.uncounted(), Duration::ZERO).await?;
        self.live.delete(receipt).await
    }

    async fn receive_dead(
        &self,
        max: usize,
        visibility: Duration,
    ) -> Result<Vec<Delivery>, QueueError> {
        let received = self.dead.receive(max, visibility, Duration::ZERO).await?;
        // Whatever is a dead letter was delivered as often as the policy allows.
        let receive_count = self.policy.receives_max;
        let dead = received.into_iter().map(|(receipt, letter)| Delivery {
            message: letter.message,
            receipt,
            receive_count,
        });
        Ok(dead.collect())
    }

    async fn delete_dead(&self, receipt: &ReceiptHandle) -> Result<(), QueueError> {
        self.dead.delete(receipt).await
    }

    async fn position(&self, _: &str) -> Result<Option<u64>, QueueError> {
        Ok(None)
    }

    async fn depth(&self) -> Result<Depth, QueueError> {
        let counts = self.live.attributes(&COUNTS).await?;
        let count = |name| counts.get(&name).and_then(|count| count.parse().ok()).unwrap_or(0);
        Ok(Depth {
            visible: count(ApproximateNumberOfMessages),
            in_flight: count(ApproximateNumberOfMessagesNotVisible),
            delayed: count(ApproximateNumberOfMessagesDelayed),
        })
    }
}

/// Messages for one call.
#[derive(Default)]
struct Batch {
    letters: Vec<Letter>,
    bytes: usize,
}

impl Batch {
    /// Whether one more fits. One always fits into an empty batch.
    fn has_room_for(&self, message: &Message) -> bool {
        self.letters.is_empty()
            || (self.letters.len() < SEND_BATCH
                && self.bytes + message.body.len() <= SEND_BATCH_BYTES)
    }

    fn add(&mut self, message: Message) {
        self.bytes += message.body.len();
        self.letters.push(Letter::new(message));
    }

    /// What is in it, which leaves it empty.
    fn take(&mut self) -> Vec<Letter> {
        std::mem::take(self).letters
    }
}

fn check_body(message: &Message) -> Result<(), QueueError> {
    let bytes = message.body.len();
    if bytes > BODY_BYTES_MAX {
        return Err(QueueError::BodyTooLarge { bytes, max: BODY_BYTES_MAX });
    }
    Ok(())
}

/// What [`Depth`] consists of.
const COUNTS: [QueueAttributeName; 3] = [
    ApproximateNumberOfMessages,
    ApproximateNumberOfMessagesNotVisible,
    ApproximateNumberOfMessagesDelayed,
];

/// The port's form of a failed call.
fn queue_error(error: ServiceError) -> QueueError {
    if error.is_receipt_expired() {
        return QueueError::ReceiptExpired;
    }
    QueueError::Queue(Box::new(error))
}
