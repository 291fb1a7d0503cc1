//! The words of ZKPool as types: ids, states, records, wire messages, money and limits.
//!
//! Every serialisable type of the system that crosses a process boundary lives here, and
//! nothing here does I/O. A *project* is the tenant; a *proof request* and a *job* are the
//! same thing; an *attempt* is one delivery of a job to one prover; an *outcome* is the one
//! terminal record of a job and carries its *receipt*.
//!
//! Parsing is strict: every request body refuses unknown fields, and every id is validated
//! when it is read, so that code behind this crate holds only well-formed values.

pub mod action;
pub mod api;
pub mod budget;
pub mod chain;
pub mod circuit;
pub mod cost;
pub mod defects;
pub mod digest;
pub mod error_code;
pub mod fleet;
pub mod ids;
pub mod inputs;
pub mod job;
pub mod key;
pub mod limits;
pub mod money;
pub mod performance;
pub mod quote;
pub mod receipt;
pub mod record;
#[cfg(feature = "schema")]
mod schema;
pub mod secret;
pub mod session;
pub mod text;
pub mod trace;
pub mod webhook;

pub use action::Action;
pub use budget::{Budget, BudgetAlert, BudgetScope};
pub use circuit::{ArtifactRef, CircuitManifest, CircuitRef, Curve, ProofSystemKind};
pub use cost::{
    CloseMonth, ClosedMonths, Correction, CostKind, CostQuery, CostReport, CostRow, CostSums,
    Dimension, MakeCorrection, UsageRow,
};
pub use defects::Defect;
pub use digest::Sha256Digest;
pub use error_code::ErrorCode;
pub use fleet::Shift;
pub use ids::{
    ActionId, AttemptId, CorrectionId, EventId, InvalidId, JobId, KeyId, ProjectId, QuoteId,
    SessionId, UploadId, WebhookId,
};
pub use inputs::InputsJson;
pub use job::{
    Attempt, Failure, JobMessage, JobRequest, JobState, Outcome, Progress, ProofBody, Stage,
    WitnessForm,
};
pub use key::{ApiKey, KeyRecord, Scope};
pub use money::NanoUsd;
pub use quote::{AgreedPrice, QuoteBasis, Reservation};
pub use receipt::{ChargeLine, DeviceClass, ProvingDevice, QuotedCharge, Receipt, Usage};
pub use record::{IdempotencyRecord, LateMark, SweepMark, Upload, Waste};
pub use secret::Secret;
pub use session::Session;
pub use trace::TraceParent;

/// A point in time with at most nanosecond precision, written as RFC 3339 in UTC.
pub type Timestamp = jiff::Timestamp;
