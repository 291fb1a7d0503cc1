//! A queue in sorted maps.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Notify;
use zkpool_types::limits::QUEUE_POSITION_MAX;

use crate::local_queue::{Look, Receipt, TURNS_SAVED_MAX, check_body, long_poll};
use crate::{Clock, Delivery, Depth, Message, Queue, QueueError, QueuePolicy, ReceiptHandle, lock};

/// A [`Queue`] that lasts as long as its process.
///
/// The group that had the fewest turns is served first, where no more than eight count as saved, and
/// within a group the oldest message.
pub struct MemoryQueue {
    policy: QueuePolicy,
    clock: Arc<dyn Clock>,
    changed: Notify,
    state: Mutex<State>,
}

impl MemoryQueue {
    /// An empty queue. Time is the clock's measured time, which never goes back.
    #[must_use]
    pub fn new(policy: QueuePolicy, clock: Arc<dyn Clock>) -> Self {
        Self { policy, clock, changed: Notify::new(), state: Mutex::default() }
    }

    /// The state as of now, and the time.
    fn settled(&self) -> (MutexGuard<'_, State>, Duration) {
        let now = self.clock.elapsed();
        let mut state = lock(&self.state);
        state.settle(now, self.policy.receives_max);
        (state, now)
    }

    fn look(&self, max: usize, visibility: Duration) -> Look {
        let (mut state, now) = self.settled();
        let until = now.saturating_add(visibility);
        let deliveries = (0..max).map_while(|_| state.deliver_next(until)).collect();
        let again_in = state.hidden.first().map(|(due, _)| due.saturating_sub(now));
        Look { deliveries, again_in }
    }
}

/// What becomes of a message next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Status {
    /// It can be received, from the time it is due.
    Waiting,
    /// It was received and comes back when it is due.
    Held,
    /// It was received too often.
    Dead,
    /// It is a dead letter that was received.
    DeadHeld,
}

struct Entry {
    message: Message,
    status: Status,
    due: Duration,
    receives: u32,
    deliveries: i64,
}

impl Entry {
    fn deliver(&mut self, seq: i64) -> Delivery {
        self.deliveries += 1;
        Delivery {
            message: self.message.clone(),
            receipt: Receipt { seq, delivery: self.deliveries }.handle(),
            receive_count: self.receives,
        }
    }
}

#[derive(Default)]
struct Group {
    /// Turns that the group had, and those it let pass beyond what can be saved.
    served: u64,
    /// Its messages that are due, oldest first.
    ready: BTreeSet<i64>,
}

/// Every message that is not dead is either in its group's `ready` or in `hidden`.
#[derive(Default)]
struct State {
    sent: i64,
    /// The most of any group.
    served: u64,
    entries: BTreeMap<i64, Entry>,
    by_id: HashMap<String, i64>,
    groups: BTreeMap<String, Group>,
    hidden: BTreeSet<(Duration, i64)>,
    dead: BTreeSet<i64>,
}

impl State {
    /// Moves what has come due to where it belongs.
    fn settle(&mut self, now: Duration, receives_max: u32) {
        while let Some((due, seq)) = self.hidden.first().copied().filter(|(due, _)| *due <= now) {
            self.hidden.remove(&(due, seq));
            let Some(entry) = self.entries.get_mut(&seq) else { continue };
            if entry.receives >= receives_max {
                entry.status = Status::Dead;
                self.dead.insert(seq);
            } else {
                self.groups.entry(entry.message.group.clone()).or_default().ready.insert(seq);
            }
        }
    }

    fn add(&mut self, message: Message, due: Duration) {
        if self.by_id.contains_key(&message.id) {
            return;
        }
        self.sent += 1;
        self.by_id.insert(message.id.clone(), self.sent);
        self.hidden.insert((due, self.sent));
        let entry = Entry { message, status: Status::Waiting, due, receives: 0, deliveries: 0 };
        self.entries.insert(self.sent, entry);
    }

    /// What a group counts as having had, at least.
    fn level(&self) -> u64 {
        self.served.saturating_sub(TURNS_SAVED_MAX.into())
    }

    fn deliver_next(&mut self, until: Duration) -> Option<Delivery> {
        let level = self.level();
        let with_ready = self.groups.values_mut().filter(|group| !group.ready.is_empty());
        let group = with_ready.min_by_key(|group| group.served)?;
        let seq = group.ready.pop_first()?;
        group.served = group.served.max(level) + 1;
        self.served = self.served.max(group.served);
        self.hidden.insert((until, seq));
        let entry = self.entries.get_mut(&seq)?;
        entry.status = Status::Held;
        entry.due = until;
        entry.receives += 1;
        Some(entry.deliver(seq))
    }

    fn deliver_dead(&mut self, now: Duration, until: Duration, max: usize) -> Vec<Delivery> {
        let entries = &mut self.entries;
        let due = self.dead.iter().filter_map(|seq| {
            let entry = entries.get_mut(seq).filter(|entry| entry.due <= now)?;
            entry.status = Status::DeadHeld;
            entry.due = until;
            Some(entry.deliver(*seq))
        });
        due.take(max).collect()
    }

    /// The message of a delivery that is still held.
    fn held(&mut self, receipt: Receipt, status: Status) -> Result<&mut Entry, QueueError> {
        self.entries
            .get_mut(&receipt.seq)
            .filter(|entry| entry.status == status && entry.deliveries == receipt.delivery)
            .ok_or(QueueError::ReceiptExpired)
    }

    /// Makes a held message due at another time and changes what else of it changes then.
    fn reschedule(
        &mut self,
        receipt: Receipt,
        due: Duration,
        change: impl FnOnce(&mut Entry),
    ) -> Result<(), QueueError> {
        let entry = self.held(receipt, Status::Held)?;
        change(entry);
        let before = std::mem::replace(&mut entry.due, due);
        let group = entry.message.group.clone();
        self.leave(receipt.seq, before, &group);
        self.hidden.insert((due, receipt.seq));
        Ok(())
    }

    fn remove(&mut self, receipt: Receipt, status: Status) -> Result<(), QueueError> {
        self.held(receipt, status)?;
        if let Some(entry) = self.entries.remove(&receipt.seq) {
            self.by_id.remove(&entry.message.id);
            self.dead.remove(&receipt.seq);
            self.leave(receipt.seq, entry.due, &entry.message.group);
        }
        Ok(())
    }

    fn leave(&mut self, seq: i64, due: Duration, group: &str) {
        self.hidden.remove(&(due, seq));
        if let Some(group) = self.groups.get_mut(group) {
            group.ready.remove(&seq);
        }
    }

    /// How many messages are received before this one, if groups take turns from now on, at most
    /// [`QUEUE_POSITION_MAX`].
    fn position(&self, id: &str) -> Option<u64> {
        let seq = self.by_id.get(id)?;
        let name = &self.entries.get(seq)?.message.group;
        let group = self.groups.get(name)?;
        group.ready.contains(seq).then_some(())?;
        let rank = group.ready.range(..seq).count();
        let (level, rank) = (self.level(), rank as u64);
        let turn = if rank == 0 { group.served } else { group.served.max(level) + rank };
        let before = self.groups.iter().map(|(other, group)| {
            if other == name || (group.served, other) >= (turn, name) {
                return 0;
            }
            let ties_first = u64::from(other < name);
            let further = (turn + ties_first).saturating_sub(group.served.max(level) + 1);
            (group.ready.len() as u64).min(1 + further)
        });
        Some((rank + before.sum::<u64>()).min(QUEUE_POSITION_MAX))
    }

    fn depth(&self) -> Depth {
        let visible = self.groups.values().map(|group| group.ready.len() as u64).sum();
        let mut depth = Depth { visible, ..Depth::default() };
        for (_, seq) in &self.hidden {
            match self.entries.get(seq) {
                Some(entry) if entry.status == Status::Held => depth.in_flight += 1,
                _ => depth.delayed += 1,
            }
        }
        depth
    }
}

#[async_trait]
impl Queue for MemoryQueue {
    async fn send(&self, message: Message, delay: Duration) -> Result<(), QueueError> {
        check_body(&message)?;
        let due = self.clock.elapsed().saturating_add(delay);
        lock(&self.state).add(message, due);
        self.changed.notify_waiters();
        Ok(())
    }

    async fn receive(
        &self,
        max: usize,
        visibility: Duration,
        wait: Duration,
    ) -> Result<Vec<Delivery>, QueueError> {
        let look = || std::future::ready(Ok(self.look(max, visibility)));
        long_poll(&*self.clock, &self.changed, wait, look).await
    }

    async fn delete(&self, receipt: &ReceiptHandle) -> Result<(), QueueError> {
        lock(&self.state).remove(Receipt::read(receipt)?, Status::Held)
    }

    async fn extend(
        &self,
        receipt: &ReceiptHandle,
        visibility: Duration,
    ) -> Result<(), QueueError> {
        let due = self.clock.elapsed().saturating_add(visibility);
        lock(&self.state).reschedule(Receipt::read(receipt)?, due, |_| ())?;
        self.changed.notify_waiters();
        Ok(())
    }

    async fn release(&self, receipt: &ReceiptHandle) -> Result<(), QueueError> {
        let due = self.clock.elapsed();
        lock(&self.state).reschedule(Receipt::read(receipt)?, due, |entry| {
            entry.status = Status::Waiting;
            entry.receives = entry.receives.saturating_sub(1);
        })?;
        self.changed.notify_waiters();
        Ok(())
    }

    async fn receive_dead(
        &self,
        max: usize,
        visibility: Duration,
    ) -> Result<Vec<Delivery>, QueueError> {
        let (mut state, now) = self.settled();
        Ok(state.deliver_dead(now, now.saturating_add(visibility), max))
    }

    async fn delete_dead(&self, receipt: &ReceiptHandle) -> Result<(), QueueError> {
        lock(&self.state).remove(Receipt::read(receipt)?, Status::DeadHeld)
    }

    async fn position(&self, id: &str) -> Result<Option<u64>, QueueError> {
        Ok(self.settled().0.position(id))
    }

    async fn depth(&self) -> Result<Depth, QueueError> {
        Ok(self.settled().0.depth())
    }
}

impl fmt::Debug for MemoryQueue {
    /// Shows how many messages there are and none of their contents.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemoryQueue({} messages)", lock(&self.state).entries.len())
    }
}
