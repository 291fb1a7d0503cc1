//! Every limit of the system, as a constant with its unit and the reason for its size.

/// Length of a project or circuit name.
pub const NAME_BYTES_MAX: usize = 40;

/// Length of an `Idempotency-Key` header.
pub const IDEMPOTENCY_KEY_BYTES_MAX: usize = 255;

/// Body of any request that carries no artifact.
pub const JSON_BODY_BYTES_MAX: usize = 64 * 1024;

/// Body of `POST /v1/proofs` and `POST /v1/circuits`, which may carry an artifact in base64.
///
/// Lambda accepts 6 MB (6,291,456 bytes) a request, and the same handlers run there; what is
/// larger goes through an upload.
pub const INLINE_BODY_BYTES_MAX: usize = 6_000_000;

/// One upload: the witness or proving key of a circuit of 2^24 constraints and more.
pub const UPLOAD_BYTES_MAX: u64 = 32 * 1024 * 1024 * 1024;

/// The witness generator of a circuit: those of circuits of a million constraints have some 10 MB.
pub const GENERATOR_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Memory that a witness generator may have, in bytes. Circom reserves what its signals take, 40
/// bytes for each and more for what is computed on the way.
pub const GENERATOR_MEMORY_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// How long an upload address stays valid, in seconds.
pub const UPLOAD_LIFETIME_S: i64 = 3600;

/// Tags on one proof request.
pub const TAGS_MAX: usize = 16;

/// Length of a tag's name and of its value.
pub const TAG_BYTES_MAX: usize = 128;

/// How long a quote may be submitted, in seconds.
pub const QUOTE_LIFETIME_S: i64 = 3600;

/// Proofs that one quote adds up.
pub const QUOTE_COUNT_MAX: u64 = 1_000_000_000;

/// Budgets of one project. Each is part of every entry of its budget log.
pub const BUDGETS_MAX: usize = 16;

/// Alerts of one budget.
pub const BUDGET_ALERTS_MAX: usize = 4;

/// Webhooks of one project.
pub const WEBHOOKS_MAX: usize = 16;

/// Length of a webhook's address.
pub const WEBHOOK_URL_BYTES_MAX: usize = 2048;

/// Tries of one delivery, those that were asked for included.
pub const DELIVERY_ATTEMPTS_MAX: u32 = 100;

/// Proofs below which a row is not published: the 95th percentile of fewer is one proof's own time.
pub const PUBLIC_SAMPLES_MIN: u64 = 20;

/// Rows on one page of a list.
pub const PAGE_ROWS_MAX: usize = 200;

/// Rows on one page of a list when the request does not say.
pub const PAGE_ROWS_DEFAULT: usize = 50;

/// Longest `wait` of a status request in seconds, below the 29 s at which API gateways give up.
pub const WAIT_S_MAX: u64 = 25;

/// Deadline of a job when the request names none, in seconds after acceptance.
pub const DEADLINE_S_DEFAULT: i64 = 24 * 3600;

/// Latest deadline of a job, in seconds after acceptance. It bounds what the sweeper looks at.
pub const DEADLINE_S_MAX: i64 = 7 * 24 * 3600;

/// Deliveries of one job before it is a dead letter.
pub const ATTEMPTS_MAX: u32 = 3;

/// Deliveries of one notice before it is a dead letter: notices fail where storage does, so that
/// this bounds an outage that they outlive.
pub const NOTICE_RECEIVES_MAX: u32 = 100;

/// How long a claimed job stays invisible to other provers without a heartbeat, in seconds.
pub const VISIBILITY_S: u64 = 30;

/// How long a message stays invisible that was handed to a prover which may have stopped waiting
/// for one, in seconds. Whoever did wait extends it at once.
pub const CLAIM_VISIBILITY_S: u64 = 5;

/// Time between heartbeats of a claimed job, in seconds: two may be lost before it is redelivered.
pub const HEARTBEAT_S: u64 = VISIBILITY_S / 3;

/// Time between sweeps for lost messages, expired deadlines and dead letters, in seconds.
pub const SWEEP_S: u64 = 30;

/// Messages ahead of a job that are counted; of a longer way no more is said. What is shown of each
/// of many jobs that wait must not cost the more, the more of them wait.
pub const QUEUE_POSITION_MAX: u64 = 1000;

/// How far a machine's clock may be off either way, in seconds.
pub const CLOCK_SKEW_MAX_S: i64 = 600;

/// Age of a job's id, in seconds, below which ids are not yet in order: an older one may still
/// appear. It was made by a clock that is behind, its age is told by one that is ahead, and its
/// submission may have taken minutes.
pub const ID_DISORDER_S: i64 = 2 * CLOCK_SKEW_MAX_S + 300;

/// Age at which an accepted job without an outcome is enqueued again, in seconds.
///
/// A healthy message is redelivered within one visibility timeout, so a record this old whose
/// message is still alive is rare, and a second message costs one claim, never a second charge.
pub const REENQUEUE_AFTER_S: i64 = 4 * VISIBILITY_S as i64;
