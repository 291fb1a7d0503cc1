//! Where every blob lies. No other place builds a storage key.
//!
//! ```text
//! circuits/{project}/{name}/{version}.json       manifest, create-once
//! artifacts/sha256/{digest}                      proving key, verification key, generator
//! jobs/{project}/{job}/request.json              create-once
//! jobs/{project}/{job}/witness                   witness or inputs, digest pinned in request.json
//! jobs/{project}/{job}/progress.json             cached, display only
//! jobs/{project}/{job}/outcome.json              create-once: the commit point
//! jobs/{project}/{job}/waste/{attempt}.json      create-once: work that ended nothing
//! idempotency/{project}/{digest of key}.json     create-once
//! uploads/{project}/{upload}.json, .bytes        announcement, bytes
//! sweep/{project}.json                           cached: how far the sweeper has looked
//! late/{project}/{job}                           jobs the sweeper must look at again
//! unbilled/{project}/late.{job}, waste.{job}.{attempt}, correction.{job}.{correction}
//!                                                what the roll-up would not find by itself
//! corrections/{project}/{correction}.json        create-once
//! chain/{project}/{number}.json                  create-once: a batch of the roll-up
//! chain-heads/{project}.json                     cached: the batch made last
//! usage/{project}/dt={day}/hour={hour}/{number}.parquet
//!                                                create-once: rows of a batch
//! shifts/{day}/{prover}.json                     cached: how long a prover ran
//! roots/{day}.json                               create-once: the state of all chains
//! reports/{project}/{digest}/{file}              cached: an answer too large to be sent
//! audits/{project}/{number}.json                 what a check of rows against records found
//! api-keys/{digest of key}.json                  key record
//! api-key-names/{project}/{key id}.json          create-once: digest of the key
//! sessions/{session}.json                        a sign-in to the dashboard
//! server/upload-address-secret                   create-once: signs addresses of uploads
//! server/quote-secret                            create-once: signs quotes
//! budgets/{project}.json                         budgets as they were set
//! budget-log/{project}/{month}/{entry}.json      create-once: what is reserved and released
//! performance/{project}/{name}/{version}.json    cached: how the latest proofs went
//! webhooks/{project}/{webhook}.json              an address that is told events
//! webhook-projects/{project}                     mark: the project has or had webhooks
//! webhook-events/{project}/{event}.json          create-once: what is told, and whom
//! webhook-attempts/{project}/{event}.{webhook}.{number}.json
//!                                                create-once: one try of a delivery
//! webhook-due/{project}/{time}.{event}.{webhook}.{number}
//!                                                mark: a try that has not been made
//! published/{project}/{name}/{version}           circuits whose performance anyone may see
//! public/performance.json                        cached: what anyone sees of it
//! ```

use jiff::civil::Date;
use zkpool_ports::BlobKey;
use zkpool_types::webhook::{DeliveryId, DueAttempt};
use zkpool_types::{
    ActionId, AttemptId, CircuitRef, CorrectionId, EventId, JobId, KeyId, ProjectId, SessionId,
    Sha256Digest, UploadId, WebhookId,
};

/// Below this prefix every child is a project with jobs.
pub const JOB_PROJECTS: &str = "jobs/";

/// Below this prefix every child is a project with uploads.
pub const UPLOAD_PROJECTS: &str = "uploads/";

/// Below this prefix every key is a key record.
pub const API_KEYS: &str = "api-keys/";

/// Below this prefix every key is the mark of a published circuit.
pub const PUBLISHED: &str = "published/";

/// Below this prefix every key is the mark of a project that has or had webhooks.
pub const WEBHOOK_PROJECTS: &str = "webhook-projects/";

/// Below this prefix every key is a session.
pub const SESSIONS: &str = "sessions/";

#[expect(
    clippy::expect_used,
    reason = "ids, names and digests are validated on creation, hold only key characters, and \
              the longest key made of them is far below the limit"
)]
fn key(text: String) -> BlobKey {
    BlobKey::new(text).expect("a key of validated segments is valid")
}

/// The manifest of one circuit version.
#[must_use]
pub fn circuit(project: &ProjectId, circuit: &CircuitRef) -> BlobKey {
    let (name, version) = (circuit.name(), circuit.version());
    key(format!("circuits/{project}/{name}/{version}.json"))
}

/// The prefix of every manifest of a project.
#[must_use]
pub fn circuits(project: &ProjectId) -> String {
    format!("circuits/{project}/")
}

/// The prefix of every version of one circuit. `name` is a validated name.
#[must_use]
pub fn circuit_versions(project: &ProjectId, name: &str) -> String {
    format!("circuits/{project}/{name}/")
}

/// A content-addressed artifact.
#[must_use]
pub fn artifact(digest: &Sha256Digest) -> BlobKey {
    key(format!("artifacts/sha256/{digest}"))
}

/// The prefix below which every child is a job of the project.
#[must_use]
pub fn jobs(project: &ProjectId) -> String {
    format!("{JOB_PROJECTS}{project}/")
}

/// What was asked.
#[must_use]
pub fn request(project: &ProjectId, job: JobId) -> BlobKey {
    key(format!("{JOB_PROJECTS}{project}/{job}/request.json"))
}

/// The witness.
#[must_use]
pub fn witness(project: &ProjectId, job: JobId) -> BlobKey {
    key(format!("{JOB_PROJECTS}{project}/{job}/witness"))
}

/// How far the latest attempt is.
#[must_use]
pub fn progress(project: &ProjectId, job: JobId) -> BlobKey {
    key(format!("{JOB_PROJECTS}{project}/{job}/progress.json"))
}

/// How the job ended.
#[must_use]
pub fn outcome(project: &ProjectId, job: JobId) -> BlobKey {
    key(format!("{JOB_PROJECTS}{project}/{job}/outcome.json"))
}

/// Work of an attempt that did not end its job.
#[must_use]
pub fn waste(project: &ProjectId, job: JobId, attempt: AttemptId) -> BlobKey {
    key(format!("{JOB_PROJECTS}{project}/{job}/waste/{attempt}.json"))
}

/// The job that an idempotency key stands for. The key is hashed: it may hold any character.
#[must_use]
pub fn idempotency(project: &ProjectId, idempotency_key: &str) -> BlobKey {
    idempotency_of(project, &Sha256Digest::of(idempotency_key.as_bytes()))
}

/// The job that the idempotency key of this digest stands for.
#[must_use]
pub fn idempotency_of(project: &ProjectId, digest: &Sha256Digest) -> BlobKey {
    key(format!("idempotency/{project}/{digest}.json"))
}

/// The prefix of every upload of a project.
#[must_use]
pub fn uploads(project: &ProjectId) -> String {
    format!("{UPLOAD_PROJECTS}{project}/")
}

/// The announcement of an upload.
#[must_use]
pub fn upload(project: &ProjectId, upload: UploadId) -> BlobKey {
    key(format!("{UPLOAD_PROJECTS}{project}/{upload}.json"))
}

/// The bytes of an upload.
#[must_use]
pub fn upload_bytes(project: &ProjectId, upload: UploadId) -> BlobKey {
    key(format!("{UPLOAD_PROJECTS}{project}/{upload}.bytes"))
}

/// How far the sweeper has looked.
#[must_use]
pub fn sweep_mark(project: &ProjectId) -> BlobKey {
    key(format!("sweep/{project}.json"))
}

/// The mark of a job that may lie below the sweeper's watermark.
#[must_use]
pub fn late(project: &ProjectId, job: JobId) -> BlobKey {
    key(format!("late/{project}/{job}"))
}

/// The prefix of every such mark of a project.
#[must_use]
pub fn late_jobs(project: &ProjectId) -> String {
    format!("late/{project}/")
}

/// What tells the roll-up of a record that it would not find by itself. `name` begins with `late.`,
/// `waste.` or `correction.`, followed by ids.
#[must_use]
pub fn unbilled(project: &ProjectId, name: &str) -> BlobKey {
    key(format!("unbilled/{project}/{name}"))
}

/// The prefix of every such mark of a project.
#[must_use]
pub fn unbilled_marks(project: &ProjectId) -> String {
    format!("unbilled/{project}/")
}

/// A correction of a charge.
#[must_use]
pub fn correction(project: &ProjectId, id: CorrectionId) -> BlobKey {
    key(format!("corrections/{project}/{id}.json"))
}

/// A batch of the roll-up. Numbers have ten digits, so that they sort.
#[must_use]
pub fn batch(project: &ProjectId, number: u64) -> BlobKey {
    key(format!("chain/{project}/{number:010}.json"))
}

/// The batch that was made last.
#[must_use]
pub fn batch_hint(project: &ProjectId) -> BlobKey {
    key(format!("chain-heads/{project}.json"))
}

/// The prefix of every partition of a project.
#[must_use]
pub fn partitions(project: &ProjectId) -> String {
    format!("usage/{project}/")
}

/// The rows of one batch that count in one hour of a day.
#[must_use]
pub fn partition(project: &ProjectId, day: Date, hour: i8, batch: u64) -> BlobKey {
    key(format!("usage/{project}/dt={day}/hour={hour:02}/{batch:010}.parquet"))
}

/// The prefix of the notes of every prover that ran on a day.
#[must_use]
pub fn shifts(day: Date) -> String {
    format!("shifts/{day}/")
}

/// How long a prover ran on a day. Its name is the id of its process.
#[must_use]
pub fn shift(day: Date, prover: AttemptId) -> BlobKey {
    key(format!("shifts/{day}/{prover}.json"))
}

/// The published state of all chains at the end of a day.
#[must_use]
pub fn daily_root(day: Date) -> BlobKey {
    key(format!("roots/{day}.json"))
}

/// A report that was too large to be sent. `file` is a name that the service gave it.
#[must_use]
pub fn report(project: &ProjectId, sha256: &Sha256Digest, file: &str) -> BlobKey {
    key(format!("reports/{project}/{sha256}/{file}"))
}

/// What a check of rows against records found, up to this batch.
#[must_use]
pub fn audit(project: &ProjectId, batch: u64) -> BlobKey {
    key(format!("audits/{project}/{batch:010}.json"))
}

/// The prefix of every check of a project.
#[must_use]
pub fn audits(project: &ProjectId) -> String {
    format!("audits/{project}/")
}

/// What is stored of an API key.
#[must_use]
pub fn api_key(digest: &Sha256Digest) -> BlobKey {
    key(format!("{API_KEYS}{digest}.json"))
}

/// The prefix of what was asked for with a right beyond proving.
#[must_use]
pub fn actions(project: &ProjectId) -> String {
    format!("actions/{project}/")
}

/// One action.
#[must_use]
pub fn action(project: &ProjectId, id: ActionId) -> BlobKey {
    key(format!("actions/{project}/{id}.json"))
}

/// The prefix below which the names of a project's API keys are.
#[must_use]
pub fn api_key_names(project: &ProjectId) -> String {
    format!("api-key-names/{project}/")
}

/// Which API key has this public name.
#[must_use]
pub fn api_key_name(project: &ProjectId, id: KeyId) -> BlobKey {
    key(format!("api-key-names/{project}/{id}.json"))
}

/// What is stored of a sign-in to the dashboard.
#[must_use]
pub fn session(id: SessionId) -> BlobKey {
    key(format!("{SESSIONS}{id}.json"))
}

/// What addresses of uploads are signed with.
#[must_use]
pub fn upload_address_secret() -> BlobKey {
    key("server/upload-address-secret".to_owned())
}

/// What quotes are signed with.
#[must_use]
pub fn quote_secret() -> BlobKey {
    key("server/quote-secret".to_owned())
}

/// The budgets of a project.
#[must_use]
pub fn budgets(project: &ProjectId) -> BlobKey {
    key(format!("budgets/{project}.json"))
}

/// One entry of a project's budget log. `month` is a month such as `2026-11`.
#[must_use]
pub fn budget_entry(project: &ProjectId, month: Date, entry: u64) -> BlobKey {
    let (year, month) = (month.year(), month.month());
    key(format!("budget-log/{project}/{year:04}-{month:02}/{entry:012}.json"))
}

/// The mark of a project that has or had webhooks.
#[must_use]
pub fn webhook_project(project: &ProjectId) -> BlobKey {
    key(format!("{WEBHOOK_PROJECTS}{project}"))
}

/// What is stored of a webhook.
#[must_use]
pub fn webhook(project: &ProjectId, id: WebhookId) -> BlobKey {
    key(format!("webhooks/{project}/{id}.json"))
}

/// The prefix of every webhook of a project.
#[must_use]
pub fn webhooks(project: &ProjectId) -> String {
    format!("webhooks/{project}/")
}

/// What webhooks are told, and which.
#[must_use]
pub fn webhook_event(project: &ProjectId, event: EventId) -> BlobKey {
    key(format!("webhook-events/{project}/{event}.json"))
}

/// The prefix of every event of a project.
#[must_use]
pub fn webhook_events(project: &ProjectId) -> String {
    format!("webhook-events/{project}/")
}

/// One try of a delivery. Numbers have three digits, so that they sort.
#[must_use]
pub fn webhook_attempt(project: &ProjectId, delivery: DeliveryId, number: u32) -> BlobKey {
    key(format!("webhook-attempts/{project}/{delivery}.{number:03}.json"))
}

/// The prefix of every try of a delivery.
#[must_use]
pub fn webhook_attempts(project: &ProjectId, delivery: DeliveryId) -> String {
    format!("webhook-attempts/{project}/{delivery}.")
}

/// The mark of a try that has not been made. Times have thirteen digits, so that they sort.
#[must_use]
pub fn webhook_due(project: &ProjectId, due: &DueAttempt) -> BlobKey {
    let DueAttempt { delivery, number, mark } = due;
    let ms = mark.as_millisecond().max(0);
    key(format!("webhook-due/{project}/{ms:013}.{delivery}.{number:03}"))
}

/// The prefix of every such mark of a project.
#[must_use]
pub fn webhook_due_marks(project: &ProjectId) -> String {
    format!("webhook-due/{project}/")
}

/// How the latest proofs of a circuit went.
#[must_use]
pub fn performance(project: &ProjectId, circuit: &CircuitRef) -> BlobKey {
    let (name, version) = (circuit.name(), circuit.version());
    key(format!("performance/{project}/{name}/{version}.json"))
}

/// The mark of a circuit whose performance anyone may see.
#[must_use]
pub fn published(project: &ProjectId, circuit: &CircuitRef) -> BlobKey {
    let (name, version) = (circuit.name(), circuit.version());
    key(format!("{PUBLISHED}{project}/{name}/{version}"))
}

/// What anyone sees of published circuits.
#[must_use]
pub fn public_performance() -> BlobKey {
    key("public/performance.json".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "018f2e7a-0000-7000-8000-000000000001";

    #[test]
    fn the_layout_is_the_documented_one() {
        let project = "rollup".parse().unwrap();
        let job = ID.parse().unwrap();
        assert_eq!(outcome(&project, job).as_str(), format!("jobs/rollup/{ID}/outcome.json"));
        let circuit_ref = "transfer@0123456789abcdef".parse().unwrap();
        let expected = "circuits/rollup/transfer/0123456789abcdef.json";
        assert_eq!(circuit(&project, &circuit_ref).as_str(), expected);
    }

    #[test]
    fn the_longest_names_still_make_a_key() {
        let name = "a".repeat(zkpool_types::limits::NAME_BYTES_MAX);
        let project: ProjectId = name.parse().unwrap();
        let circuit_ref = format!("{name}@0123456789abcdef").parse().unwrap();
        let longest = [
            circuit(&project, &circuit_ref),
            waste(&project, ID.parse().unwrap(), ID.parse().unwrap()),
            idempotency(&project, &"../".repeat(80)),
            upload_bytes(&project, ID.parse().unwrap()),
        ];
        assert!(longest.iter().all(|key| key.as_str().len() < 256));
    }
}
