//! The queue as one machine sees it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use zkpool_ports::memory::MemoryQueue;
use zkpool_ports::{
    Clock, Delivery, Depth, Message, Queue, QueueError, QueuePolicy, ReceiptHandle,
};
use zkpool_types::limits::ATTEMPTS_MAX;

use crate::laws::Laws;
use crate::machine::{Call, Machine};
use crate::universe::lock;

/// The queue that all machines share, and who watches over it.
#[derive(Debug)]
pub(crate) struct Exchange {
    memory: MemoryQueue,
    laws: Arc<Laws>,
    /// Deliveries that somebody else gets as well.
    repeats: Mutex<Vec<Delivery>>,
}

impl Exchange {
    /// An empty queue on a machine of its own.
    pub(crate) fn new(clock: Arc<Machine>, laws: &Arc<Laws>) -> Arc<Self> {
        let clock: Arc<dyn Clock> = clock;
        let memory = MemoryQueue::new(QueuePolicy { receives_max: ATTEMPTS_MAX }, clock);
        Arc::new(Self { memory, laws: Arc::clone(laws), repeats: Mutex::default() })
    }
}

/// The queue as one machine sees it.
#[derive(Debug)]
pub(crate) struct MachineQueue {
    machine: Arc<Machine>,
    exchange: Arc<Exchange>,
}

impl MachineQueue {
    pub(crate) fn new(machine: &Arc<Machine>, exchange: &Arc<Exchange>) -> Arc<Self> {
        Arc::new(Self { machine: Arc::clone(machine), exchange: Arc::clone(exchange) })
    }

    async fn call<T>(
        &self,
        verb: &'static str,
        kind: &'static str,
        to: &str,
        done: impl Future<Output = Result<T, QueueError>> + Send,
    ) -> Result<T, QueueError> {
        let failed = |fault| QueueError::Queue(Box::new(fault));
        self.machine.call(Call { verb, kind, to }, done, failed).await
    }

    fn memory(&self) -> &MemoryQueue {
        &self.exchange.memory
    }

    fn happens(&self, per_mille: u32, fault: &'static str) -> bool {
        let happens = self.machine.universe.happens(per_mille);
        if happens {
            self.machine.universe.count(fault);
            self.machine.universe.note(format_args!("{}: {fault}", self.machine.name));
        }
        happens
    }

    /// Sends a message as it goes: lost, twice, late.
    async fn send_somehow(&self, message: Message, delay: Duration) -> Result<(), QueueError> {
        let (weather, universe) = (self.machine.weather(), &self.machine.universe);
        if self.happens(weather.lost, "lost message") {
            return Ok(());
        }
        let late = if self.happens(weather.overtaken, "overtaken message") {
            universe.between_ms(0, 60_000)
        } else {
            Duration::ZERO
        };
        if self.happens(weather.sent_twice, "message sent twice") {
            let id = format!("{}-{}", message.id, universe.below(u64::MAX));
            self.memory().send(Message { id, ..message.clone() }, delay).await?;
        }
        self.memory().send(message, delay + late).await
    }

    /// A delivery that somebody else has got before.
    fn repeat(&self) -> Option<Delivery> {
        if self.machine.weather().repeated == 0 {
            return None;
        }
        lock(&self.exchange.repeats).pop()
    }

    async fn receive_somehow(
        &self,
        max: usize,
        visibility: Duration,
        wait: Duration,
    ) -> Result<Vec<Delivery>, QueueError> {
        let received = match self.repeat() {
            Some(repeat) => vec![repeat],
            None => self.memory().receive(max, visibility, wait).await?,
        };
        for delivery in &received {
            self.exchange.laws.delivered(&self.machine, delivery);
            if self.happens(self.machine.weather().repeated, "delivery repeated") {
                lock(&self.exchange.repeats).push(delivery.clone());
            }
        }
        Ok(received)
    }
}

#[async_trait]
impl Queue for MachineQueue {
    async fn send(&self, message: Message, delay: Duration) -> Result<(), QueueError> {
        let to = message.id.clone();
        self.call("send", "message", &to, self.send_somehow(message, delay)).await
    }

    async fn receive(
        &self,
        max: usize,
        visibility: Duration,
        wait: Duration,
    ) -> Result<Vec<Delivery>, QueueError> {
        let done = self.receive_somehow(max, visibility, wait);
        self.call("receive", "message", "message", done).await
    }

    async fn delete(&self, receipt: &ReceiptHandle) -> Result<(), QueueError> {
        let done = async {
            let deleted = self.memory().delete(receipt).await;
            if deleted.is_ok() {
                self.exchange.laws.message_deleted(receipt);
            }
            deleted
        };
        self.call("delete", "message", &receipt.0, done).await
    }

    async fn extend(
        &self,
        receipt: &ReceiptHandle,
        visibility: Duration,
    ) -> Result<(), QueueError> {
        let done = async {
            let extended = self.memory().extend(receipt, visibility).await;
            if extended.is_ok() {
                self.exchange.laws.extended(&self.machine, receipt, visibility);
            }
            extended
        };
        let answer = self.call("extend", "message", &receipt.0, done).await;
        self.exchange.laws.extension_answered(&self.machine, receipt, &answer);
        answer
    }

    async fn release(&self, receipt: &ReceiptHandle) -> Result<(), QueueError> {
        let done = async {
            let released = self.memory().release(receipt).await;
            self.exchange.laws.released(receipt, released.is_ok());
            released
        };
        self.call("release", "message", &receipt.0, done).await
    }

    async fn receive_dead(
        &self,
        max: usize,
        visibility: Duration,
    ) -> Result<Vec<Delivery>, QueueError> {
        let done = async {
            let letters = self.memory().receive_dead(max, visibility).await?;
            letters.iter().for_each(|letter| self.exchange.laws.died(letter));
            Ok(letters)
        };
        self.call("receive", "dead letter", "dead letters", done).await
    }

    async fn delete_dead(&self, receipt: &ReceiptHandle) -> Result<(), QueueError> {
        let done = async {
            let deleted = self.memory().delete_dead(receipt).await;
            if deleted.is_ok() {
                self.exchange.laws.message_deleted(receipt);
            }
            deleted
        };
        self.call("delete", "dead letter", &receipt.0, done).await
    }

    async fn position(&self, id: &str) -> Result<Option<u64>, QueueError> {
        self.call("look for", "message", id, self.memory().position(id)).await
    }

    async fn depth(&self) -> Result<Depth, QueueError> {
        self.call("measure", "queue", "queue", self.memory().depth()).await
    }
}
