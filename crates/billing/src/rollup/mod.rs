//! The roll-up: from records of ended jobs to chains and partitions.
//!
//! A project's *batches* are numbered, create-once records. Each adds receipts to the project's
//! chain and says which jobs are in it; whoever writes number n + 1 has read number n, so that no
//! receipt is added twice and none is left out, however many roll-ups run at once and wherever
//! one of them stops. Partitions follow from batches, and are written again where they are missing.
//!
//! A month is closed by a batch too: what ends later counts when it is rolled up.

mod close;
mod log;
mod partitions;
mod pending;
mod roots;
mod run;
mod unbilled;

pub use close::MonthError;
pub use run::RollupReport;

pub(crate) use log::Log;
pub(crate) use pending::Standing;
