//! Bodies of the HTTP API, version 1. Requests refuse unknown fields.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use crate::budget::{BudgetView, BudgetsView, PutBudgets};
pub use crate::performance::{
    CircuitPerformance, DayPerformance, DevicePerformance, PublicPerformance, PublicationView,
    SetPublication,
};
pub use crate::quote::{CreateQuote, DeviceQuote, QuoteView};
pub use crate::webhook::{
    CreateWebhook, DeliveryView, RemovedWebhook, WebhookSecretView, WebhookView,
};
use crate::{
    Attempt, CircuitManifest, CircuitRef, ErrorCode, Failure, InputsJson, JobId, JobState, KeyId,
    KeyRecord, NanoUsd, ProjectId, ProofBody, ProofSystemKind, Receipt, Scope, Secret,
    Sha256Digest, Stage, Timestamp, UploadId,
};

/// Where an artifact or witness comes from. Exactly one way is given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Source {
    /// The bytes themselves, in standard base64 with padding (RFC 4648).
    Base64(Secret<String>),
    /// A finished upload of this project.
    Upload(UploadId),
}

/// `POST /v1/circuits`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RegisterCircuit {
    /// 1 to 40 of `a-z`, `0-9` and `-`, a letter first.
    #[cfg_attr(feature = "schema", schema(pattern = "^[a-z][a-z0-9-]{0,39}$"))]
    pub name: String,
    /// How proofs of it are made.
    pub proof_system: ProofSystemKind,
    /// The proving key.
    pub proving_key: Source,
    /// What computes witnesses from inputs (a `.wasm` file of circom 2 for Groth16). Without it,
    /// proofs of the circuit are asked for by witness only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generator: Option<Source>,
    /// Accept a key from a development setup, whose maker can forge proofs.
    #[serde(default)]
    pub allow_development_key: bool,
}

/// A registered circuit as the API shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CircuitView {
    /// `name@version`.
    pub id: CircuitRef,
    /// The manifest.
    #[serde(flatten)]
    pub manifest: CircuitManifest,
}

/// `POST /v1/proofs`. The `Idempotency-Key` header goes with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SubmitProof {
    /// `name@version`, or `name` for the version registered last.
    pub circuit: String,
    /// The witness (a `.wtns` file for Groth16). Either it or `inputs` is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub witness: Option<Source>,
    /// The circuit's inputs, from which its generator computes the witness.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inputs: Option<InputsJson>,
    /// Labels for listing and for cost reports.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// When the proof stops being wanted. A day after acceptance when not given.
    #[serde(default)]
    pub deadline: Option<Timestamp>,
    /// The id of a quote for this circuit. Its price is then the charge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quote: Option<String>,
    /// The most that the proof may cost. A submission whose price is higher is refused, and the
    /// charge is the price that was compared: the quote's, or else what a quote would say now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_price_nano_usd: Option<NanoUsd>,
}

/// A proof request as the API shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ProofView {
    /// The job.
    pub id: JobId,
    /// The tenant.
    pub project: ProjectId,
    /// The circuit.
    pub circuit: CircuitRef,
    /// Where it stands.
    pub state: JobState,
    /// How far the prover is, in state proving.
    pub stage: Option<Stage>,
    /// Messages ahead of it, in state queued, where the queue can tell. It counts to 1000: that many,
    /// or more.
    pub queue_position: Option<u64>,
    /// The latest attempt, if a prover claimed it.
    pub attempt: Option<Attempt>,
    /// The requester's labels.
    pub tags: BTreeMap<String, String>,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// When it stops being wanted.
    pub deadline: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// The proof, in state succeeded.
    pub proof: Option<ProofBody>,
    /// The reason, in state failed.
    pub failure: Option<Failure>,
    /// What was metered and charged, once it ended.
    pub receipt: Option<Receipt>,
}

/// What a stream of events says of a proof request: its standing, when it changed.
///
/// Proof and receipt are not in it; whoever hears of an end asks for them by the id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ProofEvent {
    /// The job.
    pub id: JobId,
    /// The circuit.
    pub circuit: CircuitRef,
    /// Where it stands.
    pub state: JobState,
    /// How far the prover is, in state proving.
    pub stage: Option<Stage>,
    /// The latest attempt, if a prover claimed it.
    pub attempt: Option<Attempt>,
    /// The requester's labels.
    pub tags: BTreeMap<String, String>,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// The reason, in state failed.
    pub failure: Option<Failure>,
    /// The charge, once it ended.
    pub charge_nano_usd: Option<NanoUsd>,
}

impl From<ProofView> for ProofEvent {
    fn from(view: ProofView) -> Self {
        let ProofView { id, circuit, state, stage, attempt, tags, accepted_at, .. } = view;
        let ProofView { finished_at, failure, receipt, .. } = view;
        let charge_nano_usd = receipt.map(|receipt| receipt.charge_nano_usd);
        Self {
            id,
            circuit,
            state,
            stage,
            attempt,
            tags,
            accepted_at,
            finished_at,
            failure,
            charge_nano_usd,
        }
    }
}

/// `POST /v1/uploads`: announces bytes that are too large for a JSON body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CreateUpload {
    /// Exact length in bytes.
    #[cfg_attr(feature = "schema", schema(minimum = 1, maximum = 34_359_738_368u64))]
    pub size: u64,
    /// SHA-256 of the bytes. They are refused if they differ.
    pub sha256: Sha256Digest,
}

/// Where to send the bytes: `PUT url`, with no other authentication than the address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct UploadView {
    /// What `Source::Upload` names afterwards.
    pub id: UploadId,
    /// The address. Whoever knows it can send the announced bytes, and only those.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub url: Secret<String>,
    /// Headers that have to be sent with the bytes, for addresses that are not this API's own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// When the address stops working.
    pub expires_at: Timestamp,
}

/// `POST /v1/keys`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CreateKey {
    /// What the key may do; at least one.
    #[cfg_attr(feature = "schema", schema(min_items = 1))]
    pub scopes: Vec<Scope>,
}

/// A fresh key. It is shown this once and cannot be read again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CreatedKey {
    /// The key itself.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub key: Secret<String>,
    /// What is stored of it.
    #[serde(flatten)]
    pub record: KeyRecord,
}

/// `DELETE /v1/keys/{id}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct RevokedKey {
    /// The key that no longer works.
    pub id: KeyId,
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// Pass it as `after` for the next page; absent on the last one.
    pub next: Option<String>,
}

/// An error body (RFC 9457, `application/problem+json`) with a stable code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Problem {
    /// A URI reference that names the kind of problem: `/problems/{code}`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The same text for every occurrence of the code.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What was expected and what was found this time.
    pub detail: String,
    /// The stable code.
    pub code: ErrorCode,
    /// The id of the request in the server's logs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

impl Problem {
    /// The problem of this code, with what is particular to this occurrence.
    #[must_use]
    pub fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("/problems/{code}"),
            title: code.title().to_owned(),
            status: code.status(),
            detail: detail.into(),
            code,
            request_id: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_field_is_rejected_not_ignored() {
        let body = r#"{"circuit":"rollup","witness":{"base64":""},"dead_line":null}"#;
        let error = serde_json::from_str::<SubmitProof>(body).unwrap_err().to_string();
        assert!(error.contains("dead_line"), "{error}");
    }

    #[test]
    fn two_sources_at_once_are_rejected() {
        let body = r#"{"base64":"","upload":"018f2e7a-0000-7000-8000-000000000001"}"#;
        assert!(serde_json::from_str::<Source>(body).is_err());
    }
}
