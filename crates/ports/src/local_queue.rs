//! What the queues of this crate share: receipts, the body limit and waiting for a message.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use tokio::sync::Notify;

use crate::queue::BODY_BYTES_MAX;
use crate::{Clock, Delivery, Message, QueueError, ReceiptHandle};

/// Turns that a group which lets others go first has saved, at most. A tenant that asks for little is
/// served before one that always asks, also where it asks for a few things at once; and nobody waits
/// for more than so many messages of each group that was silent.
pub(crate) const TURNS_SAVED_MAX: u32 = 8;

/// A receipt: the message's place in its queue and which of its deliveries this was.
///
/// Deliveries are numbered apart from the receive count, which a release takes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Receipt {
    pub(crate) seq: i64,
    pub(crate) delivery: i64,
}

impl Receipt {
    /// Reads a receipt that this crate wrote; any other is as good as an outdated one.
    pub(crate) fn read(handle: &ReceiptHandle) -> Result<Self, QueueError> {
        handle.0.parse().map_err(|NotAReceipt| QueueError::ReceiptExpired)
    }

    pub(crate) fn handle(self) -> ReceiptHandle {
        ReceiptHandle(self.to_string())
    }
}

impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.seq, self.delivery)
    }
}

/// The text is not a receipt of this crate's queues.
pub(crate) struct NotAReceipt;

impl FromStr for Receipt {
    type Err = NotAReceipt;

    fn from_str(text: &str) -> Result<Self, NotAReceipt> {
        let (seq, delivery) = text.split_once('.').ok_or(NotAReceipt)?;
        let number = |digits: &str| digits.parse().map_err(|_| NotAReceipt);
        Ok(Self { seq: number(seq)?, delivery: number(delivery)? })
    }
}

/// Refuses what SQS would refuse, so that nothing works locally that fails there.
pub(crate) fn check_body(message: &Message) -> Result<(), QueueError> {
    match message.body.len() {
        bytes if bytes > BODY_BYTES_MAX => {
            Err(QueueError::BodyTooLarge { bytes, max: BODY_BYTES_MAX })
        }
        _ => Ok(()),
    }
}

/// One look at a queue.
#[derive(Debug, Default)]
pub(crate) struct Look {
    /// What was received.
    pub(crate) deliveries: Vec<Delivery>,
    /// When, at the latest, to look again where nothing was: a hidden message comes due then, or
    /// another process may have sent one.
    pub(crate) again_in: Option<Duration>,
}

/// Looks until a look receives something or `wait` is over, at once after every change.
pub(crate) async fn long_poll<Looking>(
    clock: &dyn Clock,
    changed: &Notify,
    wait: Duration,
    look: impl Fn() -> Looking,
) -> Result<Vec<Delivery>, QueueError>
where
    Looking: Future<Output = Result<Look, QueueError>> + Send,
{
    let end = clock.elapsed().saturating_add(wait);
    loop {
        // Listening begins here, before the look, so that no change falls between the two.
        let change = changed.notified();
        let Look { deliveries, again_in } = look().await?;
        let left = end.saturating_sub(clock.elapsed());
        if !deliveries.is_empty() || left.is_zero() {
            return Ok(deliveries);
        }
        let nap = again_in.map_or(left, |again| again.min(left));
        tokio::select! {
            () = change => (),
            () = clock.sleep(nap) => (),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use futures_util::FutureExt;

    use super::*;
    use crate::VirtualClock;

    #[test]
    fn a_change_during_a_look_is_not_slept_through() {
        let (changed, looks) = (Notify::new(), AtomicU32::new(0));
        let message = Message { id: String::new(), group: String::new(), body: String::new() };
        let delivery = Delivery {
            message,
            receipt: Receipt { seq: 1, delivery: 1 }.handle(),
            receive_count: 1,
        };
        let look = || {
            let deliveries = match looks.fetch_add(1, Ordering::Relaxed) {
                0 => Vec::new(),
                _ => vec![delivery.clone()],
            };
            // A message arrives when the queue was looked through already.
            changed.notify_waiters();
            std::future::ready(Ok(Look { deliveries, again_in: None }))
        };
        let clock = VirtualClock::new();
        let polling = long_poll(&clock, &changed, Duration::from_secs(20), look);
        let received = polling.now_or_never().expect("nobody advances the clock");
        assert_eq!(received.unwrap().len(), 1);
    }

    #[test]
    fn a_receipt_reads_back() {
        let receipt = Receipt { seq: 7, delivery: 2 };
        assert_eq!(Receipt::read(&receipt.handle()).unwrap(), receipt);
    }

    #[test]
    fn a_foreign_receipt_is_rejected() {
        for text in ["", "7", "7.", ".2", "a.b", "7.2.1", "99999999999999999999.1"] {
            let handle = ReceiptHandle(text.to_owned());
            assert!(matches!(Receipt::read(&handle), Err(QueueError::ReceiptExpired)), "{text:?}");
        }
    }
}
