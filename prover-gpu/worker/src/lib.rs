//! The prover: claims jobs, proves them, verifies its own proofs and publishes them.
//!
//! A [`Worker`] is a pipeline: while one job is *proving* on the [`Device`], the next one is claimed
//! and *fetched* (its proving key and its witness), and the outcome of the one before is
//! *published*, so that the device waits for storage on neither side. All are *held*: a heartbeat
//! keeps their messages invisible to other provers, and a hold that is lost, because the job was
//! cancelled or given to somebody else, makes the work on it stop. A task of its own *sweeps* for lost
//! messages and dead letters.
//!
//! Where inputs were submitted in place of a witness, the circuit's generator computes the witness
//! first, interpreted and within limits: see `zkpool-witness`.
//!
//! An attempt ends in one of four ways. It *succeeds* with a proof that this worker verified on
//! the CPU, whatever device made it. It *fails* for good where every other attempt would fail
//! the same way, as with a witness that does not satisfy its circuit. It is *retried* where
//! another attempt may do better: storage that does not answer, a panic. It is *handed back*,
//! uncounted, when the worker is asked to stop.
//!
//! A worker that is started and stopped with others of its kind makes the keys ready that are asked
//! for before its first claim, tells who asks how it is ([`serve_health`]), and asks its keeper not
//! to be the one that is stopped while it holds a job ([`Protection`]).
//!
//! Nothing here decides what is committed: that is `zkpool-jobs`, whose fence refuses an attempt
//! that no longer holds its job. Nothing here logs a value of a witness.

mod attempt;
mod class;
mod device;
mod devices;
mod evidence;
mod fetch;
mod generators;
mod health;
mod hold;
mod keys;
mod meter;
mod protection;
mod settings;
mod shift;
mod spot;
mod warm;
mod worker;

#[cfg(test)]
mod tests;

pub use class::class_of;
pub use device::{Blinding, Device, EngineDevice, PreparedKey, cpu, gpu};
pub use fetch::FetchError;
pub use generators::GeneratorError;
pub use health::{Phase, ask_health, serve_health};
pub use keys::{KeyCache, KeyError};
pub use meter::Meter;
pub use protection::{EcsAgent, LASTS, Protection, ProtectionError};
pub use settings::Settings;
pub use spot::{METADATA, SpotNotice};
pub use worker::{Worker, WorkerError};
