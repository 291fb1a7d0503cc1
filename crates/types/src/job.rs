//! The records of a job: what was asked, how far it is, how it ended.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    AgreedPrice, ArtifactRef, AttemptId, CircuitRef, Curve, ErrorCode, JobId, ProjectId,
    ProofSystemKind, Receipt, Sha256Digest, Timestamp, TraceParent,
};

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum JobState {
    /// Accepted and waiting for a prover.
    Queued,
    /// Claimed by a prover; [`Stage`] says how far it is.
    Proving,
    /// Ended with a proof that verifies.
    Succeeded,
    /// Ended without a proof; the failure says why.
    Failed,
    /// Ended because its requester took it back.
    Cancelled,
    /// Ended because its deadline passed first.
    Expired,
}

impl JobState {
    /// Whether the job has ended, once and for all.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        !matches!(self, Self::Queued | Self::Proving)
    }

    /// The state as it is written in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Proving => "proving",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }
}

impl fmt::Display for JobState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How far a prover is with a job, in the order of the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Reading the proving key and the witness.
    Fetching,
    /// Checking the witness and evaluating the constraints on it.
    Witness,
    /// Number-theoretic transforms, and multi-scalar multiplications that go on beside them.
    Ntt,
    /// Multi-scalar multiplications that are left when the transforms have ended.
    Msm,
    /// Verifying the proof before it is published.
    Verifying,
    /// Committing proof and receipt.
    Publishing,
}

impl Stage {
    /// The stage as it is written in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fetching => "fetching",
            Self::Witness => "witness",
            Self::Ntt => "ntt",
            Self::Msm => "msm",
            Self::Verifying => "verifying",
            Self::Publishing => "publishing",
        }
    }
}

/// One delivery of a job to one prover.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Attempt {
    /// Tells this attempt from every other one.
    pub id: AttemptId,
    /// 1 for the first delivery of the message.
    pub number: u32,
}

/// What was asked: the create-once record `request.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobRequest {
    /// The job.
    pub id: JobId,
    /// The tenant.
    pub project: ProjectId,
    /// The circuit to prove.
    pub circuit: CircuitRef,
    /// The witness, or what it is computed from; pinned by digest.
    pub witness: ArtifactRef,
    /// Which of both.
    #[serde(default, skip_serializing_if = "WitnessForm::is_values")]
    pub witness_form: WitnessForm,
    /// Digest of the submitted body, which tells a repeated request from a different one.
    pub body_digest: Sha256Digest,
    /// The requester's labels, for listing and for cost reports.
    pub tags: BTreeMap<String, String>,
    /// When the request was accepted.
    pub accepted_at: Timestamp,
    /// When the requester stops wanting the proof.
    pub deadline: Timestamp,
    /// The price that holds whatever the work takes; none where the charge is what is metered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<AgreedPrice>,
    /// The call that asked, for whoever follows it from process to process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<TraceParent>,
}

/// What a requester sends to have a statement proved. Both are secret and are treated alike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WitnessForm {
    /// The value of every signal: the witness itself.
    #[default]
    Values,
    /// The values of the input signals in JSON; the circuit's generator computes the others.
    Inputs,
}

impl WitnessForm {
    const fn is_values(&self) -> bool {
        matches!(self, Self::Values)
    }
}

/// The message in the queue: which job to look at. The record, never the message, is the truth.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobMessage {
    /// The tenant.
    pub project: ProjectId,
    /// The job.
    pub job: JobId,
}

/// How far the latest attempt is: overwritten as it goes and trusted for display only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The attempt that reported.
    pub attempt: Attempt,
    /// What it is doing.
    pub stage: Stage,
    /// When it began doing so.
    pub at: Timestamp,
}

/// A proof with everything needed to verify it, in the encoding of its proof system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ProofBody {
    /// The proof system.
    pub proof_system: ProofSystemKind,
    /// The curve.
    pub curve: Curve,
    /// The proof; for Groth16 the content of snarkjs's `proof.json`.
    pub proof: serde_json::Value,
    /// Public inputs as decimal strings, outputs of the circuit first.
    pub public_inputs: Vec<String>,
    /// Whether the key came from a development setup, whose maker can forge proofs.
    pub development: bool,
}

/// Why a job ended without a proof.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Failure {
    /// The stable code.
    pub code: ErrorCode,
    /// What was expected and found, without any value of the witness.
    pub detail: String,
}

/// How a job ended: the create-once record `outcome.json`, its only commit point.
///
/// Proof (or failure) and receipt are one write: both appear or neither does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// The job.
    pub job: JobId,
    /// The tenant.
    pub project: ProjectId,
    /// The attempt that ended it; none where no prover did (cancelled, expired, dead letter).
    pub attempt: Option<Attempt>,
    /// A terminal state.
    pub state: JobState,
    /// When it ended.
    pub finished_at: Timestamp,
    /// The proof, in state succeeded.
    pub proof: Option<ProofBody>,
    /// The reason, in state failed.
    pub failure: Option<Failure>,
    /// What was metered and charged.
    pub receipt: Receipt,
}
