//! Plays loads through a model of the queue, the provers and their scaling.
//!
//! [`replay`] runs a list of jobs against [`Scaling`], the policies of `infra/scaling.json`, which
//! `infra/gpu.yaml` deploys. What is modelled is what the policies are judged by: metrics come
//! once a minute and a minute late, alarms look at runs of them, provers take minutes to start,
//! and one that proves is not taken away. The metrics themselves are computed by the code that
//! publishes them.
//!
//! Where the documentation of Application Auto Scaling leaves something open, the model takes what
//! is worse for the policies: tracking never leaves less than one prover, and a scale-in goes
//! straight to what the latest value asks for.

mod fleet;
mod run;
mod scaler;
mod scaling;

pub use run::{Arrival, Minute, Report, replay};
pub use scaling::{Scaling, Sleep, Step, Wake};
