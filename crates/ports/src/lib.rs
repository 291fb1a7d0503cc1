//! The outside world as ports: storage, queue, time, ids, randomness and threads.
//!
//! Everything above this crate talks to these traits only, so that the same handlers and the
//! same prover run in memory under a virtual clock, on one laptop's disk, and on AWS. Every
//! implementation passes the same [`conformance`] suite.
//!
//! What the traits promise and what they do not: a [`BlobStore`] can create an object exactly
//! once and is read-after-write consistent; a [`Queue`] may lose, duplicate and reorder
//! messages, and everything above it must hold all the same. [`faulty`] makes them do so.

pub mod blob;
pub mod clock;
pub mod conformance;
pub mod disk;
pub mod faulty;
pub mod ids;
mod local_queue;
pub mod memory;
pub mod queue;
pub mod rng;
pub mod sqlite;
pub mod threads;

use std::sync::{Mutex, MutexGuard, PoisonError};

pub use blob::{
    BlobError, BlobKey, BlobStore, ByteStream, Durability, Expected, PutOnce, SignedRequest, Stored,
};
pub use clock::{Clock, SystemClock, VirtualClock};
pub use ids::{Ids, TimeOrderedIds};
pub use queue::{Delivery, Depth, Message, Queue, QueueError, QueuePolicy, ReceiptHandle};
pub use rng::{NoEntropy, OsRng, Rng, SeededRng};
pub use threads::{BlockingThreads, Panicked, Threads, Work};

/// Locks `mutex` even where another holder panicked: no code of this crate leaves the value
/// behind a lock half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
