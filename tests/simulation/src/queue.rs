//! The queues as one machine sees them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use zkpool_ports::memory::MemoryQueue;
use zkpool_ports::{
    Clock, Delivery, Depth, Message, Queue, QueueError, QueuePolicy, ReceiptHandle,
};
use zkpool_types::limits::{ATTEMPTS_MAX, NOTICE_RECEIVES_MAX};

use crate::laws::Laws;
use crate::machine::{Call, Machine};
use crate::universe::lock;

/// A queue that all machines share, and who watches over it.
#[derive(Debug)]
pub(crate) struct Exchange {
    memory: MemoryQueue,
    /// What its messages are.
    kind: &'static str,
    /// The laws about who holds which job. There are none about notices, which anyone may handle.
    laws: Option<Arc<Laws>>,
    /// Deliveries that somebody else gets as well.
    repeats: Mutex<Vec<Delivery>>,
}

impl Exchange {
    /// The empty queue of jobs on a machine of its own.
    pub(crate) fn of_jobs(clock: Arc<Machine>, laws: &Arc<Laws>) -> Arc<Self> {
        Self::empty("message", ATTEMPTS_MAX, clock, Some(Arc::clone(laws)))
    }

    /// The empty queue of notices on a machine of its own.
    pub(crate) fn of_notices(clock: Arc<Machine>) -> Arc<Self> {
        Self::empty("notice", NOTICE_RECEIVES_MAX, clock, None)
    }

    fn empty(
        kind: &'static str,
        receives_max: u32,
        clock: Arc<Machine>,
        laws: Option<Arc<Laws>>,
    ) -> Arc<Self> {
        let clock: Arc<dyn Clock> = clock;
        let memory = MemoryQueue::new(QueuePolicy { receives_max }, clock);
        Arc::new(Self { memory, kind, laws, repeats: Mutex::default() })
    }

    fn watch(&self, look: impl FnOnce(&Laws)) {
        if let Some(laws) = &self.laws {
            look(laws);
        }
    }
}

/// A queue as one machine sees it.
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
        to: &str,
        done: impl Future<Output = Result<T, QueueError>> + Send,
    ) -> Result<T, QueueError> {
        let failed = |fault| QueueError::Queue(Box::new(fault));
        self.machine.call(Call { verb, kind: self.exchange.kind, to }, done, failed).await
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
            self.exchange.watch(|laws| laws.delivered(&self.machine, delivery));
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
        self.call("send", &to, self.send_somehow(message, delay)).await
    }

    async fn receive(
        &self,
        max: usize,
        visibility: Duration,
        wait: Duration,
    ) -> Result<Vec<Delivery>, QueueError> {
        let done = self.receive_somehow(max, visibility, wait);
        self.call("receive", self.exchange.kind, done).await
    }

    async fn delete(&self, receipt: &ReceiptHandle) -> Result<(), QueueError> {
        let done = async {
            let deleted = self.memory().delete(receipt).await;
            if deleted.is_ok() {
                self.exchange.watch(|laws| laws.message_deleted(receipt));
            }
            deleted
        };
        self.call("delete", &receipt.0, done).await
    }

    async fn extend(
        &self,
        receipt: &ReceiptHandle,
        visibility: Duration,
    ) -> Result<(), QueueError> {
        let done = async {
            let extended = self.memory().extend(receipt, visibility).await;
            if extended.is_ok() {
                self.exchange.watch(|laws| laws.extended(&self.machine, receipt, visibility));
            }
            extended
        };
        let answer = self.call("extend", &receipt.0, done).await;
        self.exchange.watch(|laws| laws.extension_answered(&self.machine, receipt, &answer));
        answer
    }

    async fn release(&self, receipt: &ReceiptHandle) -> Result<(), QueueError> {
        let done = async {
            let released = self.memory().release(receipt).await;
            self.exchange.watch(|laws| laws.released(receipt, released.is_ok()));
            released
        };
        self.call("release", &receipt.0, done).await
    }

    async fn receive_dead(
        &self,
        max: usize,
        visibility: Duration,
    ) -> Result<Vec<Delivery>, QueueError> {
        let done = async {
            let letters = self.memory().receive_dead(max, visibility).await?;
            self.exchange.watch(|laws| letters.iter().for_each(|letter| laws.died(letter)));
            Ok(letters)
        };
        self.call("receive dead", self.exchange.kind, done).await
    }

    async fn delete_dead(&self, receipt: &ReceiptHandle) -> Result<(), QueueError> {
        let done = async {
            let deleted = self.memory().delete_dead(receipt).await;
            if deleted.is_ok() {
                self.exchange.watch(|laws| laws.message_deleted(receipt));
            }
            deleted
        };
        self.call("delete dead", &receipt.0, done).await
    }

    async fn position(&self, id: &str) -> Result<Option<u64>, QueueError> {
        self.call("look for", id, self.memory().position(id)).await
    }

    async fn depth(&self) -> Result<Depth, QueueError> {
        self.call("measure queue of", self.exchange.kind, self.memory().depth()).await
    }
}
