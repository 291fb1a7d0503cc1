//! Webhooks: what a project is told at addresses of its own, as the API shows it and as it is
//! recorded. What is sent follows Standard Webhooks 1.0.0.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::{Builder, Uuid};

use crate::ids::EventId;
use crate::{
    BudgetAlert, BudgetScope, CircuitRef, Failure, InvalidId, JobId, JobState, NanoUsd, ProjectId,
    Secret, Sha256Digest, Timestamp, WebhookId,
};

macro_rules! event_kinds {
    ($($(#[$doc:meta])* $variant:ident = $name:literal;)*) => {
        /// What an event is about.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum EventKind {
            $($(#[$doc])* #[serde(rename = $name)] $variant,)*
        }

        impl EventKind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The kind as it is written.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

event_kinds! {
    /// A job ended with a proof.
    ProofSucceeded = "proof.succeeded";
    /// A job ended without a proof.
    ProofFailed = "proof.failed";
    /// A job was taken back.
    ProofCancelled = "proof.cancelled";
    /// A job was not done in time.
    ProofExpired = "proof.expired";
    /// A share of a budget was reached.
    BudgetAlert = "budget.alert";
    /// Somebody tries out whether a webhook arrives.
    WebhookTest = "webhook.test";
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl EventKind {
    /// The event of a job that ended in this state; none while it has not.
    #[must_use]
    pub const fn of(state: JobState) -> Option<Self> {
        match state {
            JobState::Succeeded => Some(Self::ProofSucceeded),
            JobState::Failed => Some(Self::ProofFailed),
            JobState::Cancelled => Some(Self::ProofCancelled),
            JobState::Expired => Some(Self::ProofExpired),
            _ => None,
        }
    }
}

/// The body of a delivery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct WebhookEvent {
    /// What it is about.
    #[serde(rename = "type")]
    pub kind: EventKind,
    /// When it happened.
    pub timestamp: Timestamp,
    /// What happened.
    pub data: EventData,
}

/// What happened, by the kind of event. It has no proof and nothing of a witness: whoever is told
/// asks for the job with a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(untagged)]
pub enum EventData {
    /// How a job ended.
    Proof(ProofEnded),
    /// A share of a budget was reached.
    Budget(BudgetReached),
    /// Nothing.
    Test(WebhookTested),
}

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ProofEnded {
    /// The job.
    pub id: JobId,
    /// Whose it is.
    pub project: ProjectId,
    /// What was to be proved.
    pub circuit: CircuitRef,
    /// The state it ended in.
    pub state: JobState,
    /// Its labels.
    pub tags: BTreeMap<String, String>,
    /// Why there is no proof.
    pub failure: Option<Failure>,
    /// What it is charged.
    pub charge_nano_usd: NanoUsd,
}

/// A share of a budget was reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct BudgetReached {
    /// Whose budget.
    pub project: ProjectId,
    /// What it bounds.
    pub scope: BudgetScope,
    /// The share of the limit.
    pub percent: u8,
    /// The limit.
    pub limit_nano_usd: NanoUsd,
    /// What was charged and reserved at that time.
    pub committed_nano_usd: NanoUsd,
}

/// A webhook was tried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct WebhookTested {
    /// Which one.
    pub webhook: WebhookId,
}

/// `POST /v1/webhooks`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CreateWebhook {
    /// Where events are sent: an `https` address of a public host.
    pub url: String,
    /// What it is told; everything when empty.
    #[serde(default)]
    pub events: Vec<EventKind>,
}

/// A webhook as the API shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct WebhookView {
    /// Its name.
    pub id: WebhookId,
    /// Where events are sent.
    pub url: String,
    /// What it is told; everything when empty.
    pub events: Vec<EventKind>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When its address said that it is gone for good (status 410). It is told nothing since.
    pub disabled_at: Option<Timestamp>,
}

/// A new webhook, or a new secret of one. The secret is shown this once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct WebhookSecretView {
    /// The webhook.
    #[serde(flatten)]
    pub webhook: WebhookView,
    /// `whsec_` and 32 bytes in base64: what signatures are verified with.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub secret: Secret<String>,
}

/// `DELETE /v1/webhooks/{id}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct RemovedWebhook {
    /// The webhook.
    pub id: WebhookId,
}

/// An event for one webhook: `{event}.{webhook}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DeliveryId {
    /// The event.
    pub event: EventId,
    /// The webhook.
    pub webhook: WebhookId,
}

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.event, self.webhook)
    }
}

impl std::str::FromStr for DeliveryId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let expected = || InvalidId::new("a delivery id (two ids with a dot between them)", text);
        let (event, webhook) = text.split_once('.').ok_or_else(expected)?;
        let (event, webhook) = (event.parse(), webhook.parse());
        Ok(Self {
            event: event.map_err(|_| expected())?,
            webhook: webhook.map_err(|_| expected())?,
        })
    }
}

impl TryFrom<String> for DeliveryId {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl From<DeliveryId> for String {
    fn from(id: DeliveryId) -> Self {
        id.to_string()
    }
}

/// Where a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// It is tried, or will be tried again.
    Pending,
    /// The address answered with a status from 200 to 299.
    Delivered,
    /// It is not tried again by itself.
    Failed,
}

impl fmt::Display for DeliveryState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        })
    }
}

/// The text names nothing of the kind.
#[derive(Debug, thiserror::Error)]
#[error("expected one of {expected}, found {found:?}")]
pub struct UnknownName {
    expected: String,
    found: String,
}

impl UnknownName {
    fn new<T: fmt::Display>(expected: &[T], found: &str) -> Self {
        let expected: Vec<_> = expected.iter().map(ToString::to_string).collect();
        Self { expected: expected.join(", "), found: found.chars().take(80).collect() }
    }
}

impl std::str::FromStr for DeliveryState {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        const ALL: [DeliveryState; 3] =
            [DeliveryState::Pending, DeliveryState::Delivered, DeliveryState::Failed];
        let found = ALL.into_iter().find(|state| state.to_string() == text);
        found.ok_or_else(|| UnknownName::new(&ALL, text))
    }
}

impl std::str::FromStr for EventKind {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        let found = Self::ALL.iter().copied().find(|kind| kind.as_str() == text);
        found.ok_or_else(|| UnknownName::new(Self::ALL, text))
    }
}

/// A delivery in the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DeliveryView {
    /// Its name.
    pub id: DeliveryId,
    /// What was to be told.
    pub event: WebhookEvent,
    /// Where it stands.
    pub state: DeliveryState,
    /// What was tried so far.
    pub attempts: Vec<DeliveryAttempt>,
}

/// One try to deliver: create-once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DeliveryAttempt {
    /// When the answer was there, or there was none.
    pub at: Timestamp,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// The status of the answer.
    pub status: Option<u16>,
    /// Why there was no answer. It says nothing of the address's network.
    pub error: Option<String>,
    /// When it is tried again; not by itself where this is none.
    pub next_at: Option<Timestamp>,
}

impl DeliveryAttempt {
    /// Whether the event has arrived.
    #[must_use]
    pub fn is_delivered(&self) -> bool {
        self.status.is_some_and(|status| (200..300).contains(&status))
    }
}

/// What is stored of a webhook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookRecord {
    /// What the API shows of it.
    #[serde(flatten)]
    pub view: WebhookView,
    /// What deliveries are signed with.
    pub secret: Secret<String>,
    /// What they are signed with as well for a while after it was replaced.
    pub replaced: Option<ReplacedSecret>,
}

/// A secret that has a successor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplacedSecret {
    /// The secret.
    pub secret: Secret<String>,
    /// When it stops being used.
    pub until: Timestamp,
}

/// An event and whom it is for: create-once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventRecord {
    /// What is sent.
    pub event: WebhookEvent,
    /// The webhooks that are told.
    pub webhooks: Vec<WebhookId>,
}

/// A message of the queue of notices.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// Whose webhooks are meant.
    pub project: ProjectId,
    /// What is to be done.
    pub what: NoticeOf,
}

/// What a notice asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeOf {
    /// Tell that a job has ended.
    Ended(JobId),
    /// Tell that a share of a budget was reached.
    Budget(BudgetAlert),
    /// Try a delivery.
    Attempt(DueAttempt),
}

impl NoticeOf {
    /// The id of its message. A queue that knows an id takes no second message of it.
    #[must_use]
    pub fn id(&self, project: &ProjectId) -> String {
        match self {
            Self::Ended(job) => EventId::of_job(*job).to_string(),
            Self::Budget(alert) => EventId::of_alert(project, alert).to_string(),
            // Each mark is worth one message.
            Self::Attempt(DueAttempt { delivery, number, mark }) => {
                format!("{delivery}.{number}.{}", mark.as_millisecond())
            }
        }
    }
}

/// A try of a delivery that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DueAttempt {
    /// Which delivery.
    pub delivery: DeliveryId,
    /// Which try, counted from 1.
    pub number: u32,
    /// The point in time that its mark in storage names.
    pub mark: Timestamp,
}

impl EventId {
    /// The event that a job has ended.
    #[must_use]
    pub fn of_job(job: JobId) -> Self {
        Self::new(job.get())
    }

    /// An id that sorts before those of every event at `at` or later.
    #[must_use]
    pub fn first_at(at: Timestamp) -> Self {
        let ms = u128::try_from(at.as_millisecond()).unwrap_or(0);
        Self::new(Uuid::from_u128(ms << 80))
    }

    /// The event that a share of a budget was reached: the same id for the same alert, sorted by
    /// its time.
    #[must_use]
    pub fn of_alert(project: &ProjectId, alert: &BudgetAlert) -> Self {
        let BudgetAlert { scope, percent, at, .. } = alert;
        let digest = Sha256Digest::of(format!("{project}\n{scope}\n{percent}\n{at}").as_bytes());
        let mut random = [0; 10];
        for (to, from) in random.iter_mut().zip(digest.as_bytes()) {
            *to = *from;
        }
        let ms = u64::try_from(at.as_millisecond()).unwrap_or(0);
        Self::new(Builder::from_unix_timestamp_millis(ms, &random).into_uuid())
    }
}

impl DeliveryView {
    /// The delivery of an event with what was tried so far.
    #[must_use]
    pub fn new(id: DeliveryId, event: WebhookEvent, attempts: Vec<DeliveryAttempt>) -> Self {
        let state = match attempts.last() {
            Some(last) if last.is_delivered() => DeliveryState::Delivered,
            Some(last) if last.next_at.is_none() => DeliveryState::Failed,
            _ => DeliveryState::Pending,
        };
        Self { id, event, state, attempts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JOB: &str = "018f2e7a-0000-7000-8000-000000000001";

    fn alert(percent: u8) -> BudgetAlert {
        BudgetAlert {
            scope: BudgetScope::Project,
            percent,
            limit_nano_usd: NanoUsd::new(100),
            committed_nano_usd: NanoUsd::new(90),
            at: "2026-11-28T12:00:00Z".parse().unwrap(),
        }
    }

    #[test]
    fn a_kind_is_its_json_form() {
        for kind in EventKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
    }

    #[test]
    fn the_same_alert_is_the_same_event() {
        let project: ProjectId = "acme".parse().unwrap();
        let id = |percent| EventId::of_alert(&project, &alert(percent));
        assert_eq!(id(80), id(80));
        assert_ne!(id(80), id(100));
        assert!(id(80).to_string().starts_with("01a"), "{}", id(80));
    }

    #[test]
    fn a_delivery_id_reads_back_as_written() {
        let text = format!("{JOB}.{JOB}");
        assert_eq!(text.parse::<DeliveryId>().unwrap().to_string(), text);
        for bad in ["", JOB, &format!("{JOB}.x"), &format!("{JOB}.{JOB}.1")] {
            assert!(bad.parse::<DeliveryId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn data_reads_back_as_what_it_was() {
        for data in [
            serde_json::json!({ "webhook": JOB }),
            serde_json::json!({
                "project": "acme", "scope": "*", "percent": 80, "limit_nano_usd": 1,
                "committed_nano_usd": 1,
            }),
        ] {
            let read: EventData = serde_json::from_value(data.clone()).unwrap();
            assert_eq!(serde_json::to_value(read).unwrap(), data);
        }
    }
}
