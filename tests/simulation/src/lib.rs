//! The whole service in virtual time over ports that fail, by a seed.
//!
//! A run is a *service* on *machines*: servers that answer requesters, provers, sweepers and
//! roll-ups, all of them the product's own code over storage, a queue, clocks and threads of the
//! simulation. For a while the *weather* is bad: calls are slow, fail, or fail after they were
//! done, messages get lost, repeated and overtaken, machines die at any call, stand still, are
//! taken away and have wrong clocks, GPUs compute wrong results. Then it clears up, everything
//! must end, and the books must balance. The *laws* look at every write.
//!
//! A run has one thread, and time passes only when nothing else is left to do. All chance comes
//! from the seed, so that a seed repeats its run to the last event; the hash of all events says
//! so.

mod blobs;
mod cast;
mod intent;
mod laws;
mod machine;
mod queue;
mod receivers;
mod reckoning;
mod report;
mod requester;
mod run;
mod service;
mod toy;
mod universe;
mod uploads;
mod weather;

#[cfg(feature = "defects")]
pub use report::caught;
pub use report::{Broken, Report, run_all};
pub use run::{Run, SetupError, Stage};
pub use toy::hush_planted_panics;
pub use universe::{Breach, Chronicle};
