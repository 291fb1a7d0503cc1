//! How much work waits for each prover, which the number of provers follows.
//!
//! Once a minute [`measure`] asks the queue for its depth, the records for the jobs of the last
//! minutes and the time of a proof, and the fleet for its provers; [`backlog`] turns these into the few numbers that scaling
//! policies and alarms look at; [`document`] writes them as a log line that CloudWatch reads as
//! metrics, so that whoever publishes them needs no right but to its own log.
//!
//! The words: a prover is *wanted* once the scaling
//! asked for it, and *running* once it has started. The *target* is the work in seconds that one
//! prover may have before it.

mod backlog;
mod document;
mod measure;

pub use backlog::{Backlog, Fleet, LATELY, Observed, backlog};
pub use document::document;
pub use measure::{COUNTED_MAX, FleetError, MeasureError, Provers, measure};
