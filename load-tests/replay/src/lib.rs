//! Plays traces of jobs through a model of the queue, the machines and their scaling.
//!
//! [`replay`] runs a [`Trace`] against [`Scaling`], the policies of `infra/scaling.json`, which
//! `infra/gpu.yaml` deploys, on [`Machines`]. What is modelled is what the policies are judged by:
//! metrics come once a minute and a minute late, alarms look at runs of them, machines take
//! minutes to start, have no key at first, are taken away now and then and stay for a while when
//! empty, and a prover that has a job is not ended. The metrics themselves are computed by the
//! code that publishes them. [`bound_ms`] is what the same jobs would have cost at least for
//! whoever knew them beforehand; [`sweep`] varies the policies and [`plot`] draws what comes of it.
//!
//! Where the documentation of Application Auto Scaling leaves something open, the model takes what
//! is worse for the policies: tracking never leaves less than one prover, and a scale-in goes
//! straight to what the latest value asks for.

mod fleet;
mod optimum;
mod plot;
mod report;
mod run;
mod scaler;
mod scaling;
mod sweep;
mod synthetic;
mod trace;

pub use fleet::{Device, Machines};
pub use optimum::bound_ms;
pub use plot::{Axis, Chart, Look, Series, plot};
pub use report::{Figures, Minute, Report};
pub use run::{Policy, replay};
pub use scaling::{Scaling, Sleep, Step, Wake};
pub use sweep::{Tried, candidates, choose, sweep};
pub use synthetic::Dice;
pub use trace::{Arrival, Circuit, Trace, TraceError};

/// Why a trace cannot be played on a fleet.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FleetError {
    /// No kind of machine, or none that ever comes.
    #[error("a fleet has at least one device with a share above zero")]
    NoDevice,
    /// A circuit's time on a device is not known.
    #[error("circuit {circuit} has no proving time above zero on {class}")]
    NoTime {
        /// The circuit's name.
        circuit: String,
        /// The device's class.
        class: String,
    },
}
