//! One queue of SQS: the calls, and which receipts are good.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::timeout::TimeoutConfig;
use aws_sdk_sqs::operation::send_message_batch::SendMessageBatchOutput;
use aws_sdk_sqs::types::{
    BatchResultErrorEntry, Message as SqsMessage, MessageSystemAttributeName, QueueAttributeName,
    SendMessageBatchRequestEntry,
};
use zkpool_ports::{Clock, QueueError, ReceiptHandle};

use super::held::Holdings;
use super::message::{ATTRIBUTES, Letter};
use super::queue_error;
use crate::ServiceError;
use crate::settings::{HOLD_MAX, LONG_POLL_TIMEOUT, RECEIVE_BATCH};

/// What was received.
type Received = (ReceiptHandle, Letter);

/// One queue.
pub(super) struct Channel {
    client: Client,
    url: String,
    clock: Arc<dyn Clock>,
    held: Holdings,
}

impl Channel {
    pub(super) fn new(client: Client, url: &str, clock: Arc<dyn Clock>) -> Self {
        Self { client, url: url.to_owned(), clock, held: Holdings::default() }
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) async fn send(&self, letter: &Letter, delay: Duration) -> Result<(), QueueError> {
        let group = &letter.message.group;
        let call = self
            .client
            .send_message()
            .queue_url(&self.url)
            .message_body(&letter.message.body)
            .set_message_attributes(Some(letter.attributes()))
            .set_message_group_id((!group.is_empty()).then(|| group.clone()))
            .delay_seconds(seconds(delay));
        let sent = call.send().await.map_err(|error| ServiceError::of("SendMessage", error));
        sent.map(drop).map_err(queue_error)
    }

    /// Sends up to [`SEND_BATCH`](crate::settings::SEND_BATCH) messages in one call, and says of
    /// each, in order, whether it was sent. SQS may take some of them and refuse others: what it
    /// says is no fault of the sender's is sent once more by itself, as any message is.
    pub(super) async fn send_batch(&self, letters: &[Letter]) -> Vec<Result<(), QueueError>> {
        if letters.is_empty() {
            return Vec::new();
        }
        let answer = match self.call_with(letters).await {
            Ok(answer) => answer,
            Err(error) => return refuse_all(letters.len(), error),
        };
        let mut results = Vec::with_capacity(letters.len());
        for (at, letter) in letters.iter().enumerate() {
            let id = at.to_string();
            let is_taken = answer.successful.iter().any(|entry| entry.id == id);
            let refused = answer.failed.iter().find(|entry| entry.id == id);
            results.push(match refused {
                Some(refused) if refused.sender_fault => Err(refusal(refused)),
                None if is_taken => Ok(()),
                _ => self.send(letter, Duration::ZERO).await,
            });
        }
        results
    }

    /// Sends these messages in one call.
    async fn call_with(&self, letters: &[Letter]) -> Result<SendMessageBatchOutput, ServiceError> {
        let entries = letters.iter().enumerate().map(|(at, letter)| entry(at, letter));
        let entries = entries.collect::<Result<Vec<_>, _>>()?;
        let call = self.client.send_message_batch().queue_url(&self.url);
        let sent = call.set_entries(Some(entries)).send().await;
        sent.map_err(|error| ServiceError::of(SEND_BATCH_CALL, error))
    }

    /// Receives in batches until a batch is not full. Only the first one waits.
    pub(super) async fn receive(
        &self,
        max: usize,
        visibility: Duration,
        wait: Duration,
    ) -> Result<Vec<Received>, QueueError> {
        let visibility = visibility.min(HOLD_MAX);
        let mut received = Vec::new();
        let mut wait = wait;
        while received.len() < max {
            let asked = RECEIVE_BATCH.min(max - received.len());
            let batch = self.receive_batch(asked, visibility, wait).await;
            let batch = match batch {
                // What was received already must not be lost for a later failure.
                Err(error) if received.is_empty() => return Err(error),
                batch => batch.unwrap_or_default(),
            };
            let is_last = batch.len() < asked;
            received.extend(batch);
            if is_last {
                break;
            }
            wait = Duration::ZERO;
        }
        Ok(received)
    }

    async fn receive_batch(
        &self,
        max: usize,
        visibility: Duration,
        wait: Duration,
    ) -> Result<Vec<Received>, QueueError> {
        let patience = TimeoutConfig::builder()
            .read_timeout(LONG_POLL_TIMEOUT)
            .operation_attempt_timeout(LONG_POLL_TIMEOUT)
            .build();
        let call = self
            .client
            .receive_message()
            .queue_url(&self.url)
            .max_number_of_messages(i32::try_from(max).unwrap_or(i32::MAX))
            .visibility_timeout(seconds(visibility))
            .wait_time_seconds(seconds(wait))
            .message_system_attribute_names(MessageSystemAttributeName::MessageGroupId)
            .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount)
            .set_message_attribute_names(Some(ATTRIBUTES.map(str::to_owned).to_vec()))
            .customize()
            .config_override(aws_sdk_sqs::config::Config::builder().timeout_config(patience));
        let answer = call.send().await.map_err(|error| ServiceError::of("ReceiveMessage", error));
        let messages = answer.map_err(queue_error)?.messages.unwrap_or_default();
        Ok(messages.into_iter().filter_map(|message| self.hold(message, visibility)).collect())
    }

    /// Notes a delivery. One without a receipt is nobody's and comes back by itself.
    fn hold(&self, mut message: SqsMessage, visibility: Duration) -> Option<Received> {
        let receipt = message.receipt_handle.take()?;
        let letter = Letter::read(message);
        self.held.add(&receipt, letter.clone(), self.clock.elapsed(), visibility);
        Some((ReceiptHandle(receipt), letter))
    }

    /// The message of a receipt that is good.
    pub(super) fn held(&self, receipt: &ReceiptHandle) -> Result<Letter, QueueError> {
        self.held.get(&receipt.0, self.clock.elapsed()).ok_or(QueueError::ReceiptExpired)
    }

    pub(super) async fn delete(&self, receipt: &ReceiptHandle) -> Result<(), QueueError> {
        self.held(receipt)?;
        let call = self.client.delete_message().queue_url(&self.url).receipt_handle(&receipt.0);
        let deleted = call.send().await.map_err(|e| ServiceError::of("DeleteMessage", e));
        self.ended(receipt, deleted.map(drop).map_err(queue_error))
    }

    pub(super) async fn extend(
        &self,
        receipt: &ReceiptHandle,
        visibility: Duration,
    ) -> Result<(), QueueError> {
        let now = self.clock.elapsed();
        let extensible = self.held.extensible(&receipt.0, now, visibility);
        let visibility = extensible.ok_or(QueueError::ReceiptExpired)?;
        let call = self
            .client
            .change_message_visibility()
            .queue_url(&self.url)
            .receipt_handle(&receipt.0)
            .visibility_timeout(seconds(visibility));
        let extended =
            call.send().await.map_err(|e| ServiceError::of("ChangeMessageVisibility", e));
        match extended.map_err(queue_error) {
            Ok(_) => {
                self.held.extend(&receipt.0, now, visibility);
                Ok(())
            }
            Err(error) => self.ended(receipt, Err(error)),
        }
    }

    /// Forgets a receipt that is used up or turned out not to be good.
    fn ended(
        &self,
        receipt: &ReceiptHandle,
        result: Result<(), QueueError>,
    ) -> Result<(), QueueError> {
        if matches!(result, Ok(()) | Err(QueueError::ReceiptExpired)) {
            self.held.remove(&receipt.0);
        }
        result
    }

    pub(super) async fn attributes(
        &self,
        names: &[QueueAttributeName],
    ) -> Result<HashMap<QueueAttributeName, String>, QueueError> {
        let call = self
            .client
            .get_queue_attributes()
            .queue_url(&self.url)
            .set_attribute_names(Some(names.to_vec()));
        let answer = call.send().await.map_err(|e| ServiceError::of("GetQueueAttributes", e));
        Ok(answer.map_err(queue_error)?.attributes.unwrap_or_default())
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Channel").field(&self.url).finish()
    }
}

/// The operation that sends several messages, as errors name it.
const SEND_BATCH_CALL: &str = "SendMessageBatch";

/// One message of a batch, under the name of its place in it.
fn entry(at: usize, letter: &Letter) -> Result<SendMessageBatchRequestEntry, ServiceError> {
    let group = &letter.message.group;
    let entry = SendMessageBatchRequestEntry::builder()
        .id(at.to_string())
        .message_body(&letter.message.body)
        .set_message_attributes(Some(letter.attributes()))
        .set_message_group_id((!group.is_empty()).then(|| group.clone()));
    let unanswered = |source| ServiceError::Unanswered { operation: SEND_BATCH_CALL, source };
    entry.build().map_err(|error| unanswered(Box::new(error)))
}

/// One error for each message of a call that failed as a whole.
fn refuse_all(count: usize, error: ServiceError) -> Vec<Result<(), QueueError>> {
    let error = Arc::new(error);
    let again = || Err(QueueError::Queue(Box::new(Arc::clone(&error))));
    std::iter::repeat_with(again).take(count).collect()
}

/// What SQS says of one message of a batch that it does not take.
fn refusal(entry: &BatchResultErrorEntry) -> QueueError {
    queue_error(ServiceError::Refused {
        operation: SEND_BATCH_CALL,
        status: 200,
        code: entry.code.clone(),
        request_id: "of the batch".to_owned(),
    })
}

/// Whole seconds, rounded up, so that nothing comes earlier than asked.
fn seconds(time: Duration) -> i32 {
    let rounded = time.as_secs().saturating_add(u64::from(time.subsec_nanos() > 0));
    i32::try_from(rounded).unwrap_or(i32::MAX)
}
