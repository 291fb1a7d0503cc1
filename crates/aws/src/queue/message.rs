//! A message in SQS's form.

use std::collections::HashMap;

use aws_sdk_sqs::types::{
    Message as SqsMessage, MessageAttributeValue, MessageSystemAttributeName,
};
use zkpool_ports::Message;

/// The attribute that holds a message's id.
const ID: &str = "zkpool-id";

/// The attribute that holds how many deliveries of earlier copies of a message count.
const DELIVERIES_BEFORE: &str = "zkpool-deliveries-before";

/// The attributes that this crate reads.
pub(super) const ATTRIBUTES: [&str; 2] = [ID, DELIVERIES_BEFORE];

/// A message and how often it was delivered.
#[derive(Clone, Debug)]
pub(super) struct Letter {
    pub(super) message: Message,
    /// Deliveries of earlier copies.
    before: u32,
    /// Deliveries of this copy.
    now: u32,
}

impl Letter {
    /// A message that was never delivered.
    pub(super) const fn new(message: Message) -> Self {
        Self { message, before: 0, now: 0 }
    }

    /// What SQS handed out. A message of another sender has SQS's id and no group.
    pub(super) fn read(received: SqsMessage) -> Self {
        let text = |name| received.message_attributes.as_ref()?.get(name)?.string_value();
        let system = |name| received.attributes.as_ref()?.get(&name);
        let id = text(ID).or(received.message_id.as_deref()).unwrap_or_default().to_owned();
        let group = system(MessageSystemAttributeName::MessageGroupId).cloned().unwrap_or_default();
        let now = system(MessageSystemAttributeName::ApproximateReceiveCount);
        let now = now.and_then(|count| count.parse().ok()).unwrap_or(1);
        let before = text(DELIVERIES_BEFORE).and_then(|count| count.parse().ok()).unwrap_or(0);
        let body = received.body.unwrap_or_default();
        Self { message: Message { id, group, body }, before, now }
    }

    /// Deliveries that count, this one included.
    pub(super) const fn deliveries(&self) -> u32 {
        self.before.saturating_add(self.now)
    }

    /// The message without the delivery that is held.
    pub(super) fn uncounted(&self) -> Self {
        Self { before: self.deliveries().saturating_sub(1), now: 0, ..self.clone() }
    }

    /// The attributes to send the message with.
    pub(super) fn attributes(&self) -> HashMap<String, MessageAttributeValue> {
        let before = self.deliveries().to_string();
        [(ID, "String", &self.message.id), (DELIVERIES_BEFORE, "Number", &before)]
            .into_iter()
            .filter_map(|(name, kind, value)| Some((name.to_owned(), attribute(kind, value)?)))
            .collect()
    }
}

/// `None` cannot happen: the one thing that is checked, a missing type, is given.
fn attribute(kind: &str, value: &str) -> Option<MessageAttributeValue> {
    MessageAttributeValue::builder().data_type(kind).string_value(value).build().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivered(before: u32, now: u32) -> Letter {
        let message = Message { id: "1".to_owned(), group: "p".to_owned(), body: String::new() };
        Letter { message, before, now }
    }

    #[test]
    fn a_released_delivery_does_not_count_and_earlier_ones_do() {
        assert_eq!(delivered(0, 1).uncounted().deliveries(), 0);
        assert_eq!(delivered(1, 2).uncounted().deliveries(), 2);
    }

    #[test]
    fn a_message_of_another_sender_is_read_by_its_own_id() {
        let foreign = SqsMessage::builder().message_id("m").body("b").build();
        let read = Letter::read(foreign);
        assert_eq!((read.message.id.as_str(), read.deliveries()), ("m", 1));
    }
}
