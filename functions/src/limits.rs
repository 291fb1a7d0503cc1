//! Limits of the HTTP surface itself. What a body may hold is in [`zkpool_types::limits`].

use std::num::NonZeroU32;
use std::time::Duration;

/// A request that only reads or writes records.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);

/// A request about budgets. The first one of a month adds up what was spent before it.
pub const BUDGET_TIMEOUT: Duration = Duration::from_secs(28);

/// A submission, whose body of at most 6 MB may come over a slow line.
pub const SUBMIT_TIMEOUT: Duration = Duration::from_secs(60);

/// A status request: the longest `wait` (25 s) and the reads around it, below the 29 s at which
/// API gateways give up.
pub const WAIT_TIMEOUT: Duration = Duration::from_secs(28);

/// A cost report, which reads a partition for each hour: below the 29 s of API gateways.
pub const REPORT_TIMEOUT: Duration = Duration::from_secs(28);

/// A registration, which checks every point of a proving key for its curve and subgroup. The
/// check costs about 20 µs a point, so that 600 s cover keys of several million points.
pub const REGISTER_TIMEOUT: Duration = Duration::from_secs(600);

/// One upload as a whole: the lifetime of its address, within which it has to arrive anyway.
pub const UPLOAD_TIMEOUT: Duration =
    Duration::from_secs(zkpool_types::limits::UPLOAD_LIFETIME_S.unsigned_abs());

/// Time without a byte after which an upload is given up. The whole may take as long as the
/// address lives, so that a slow line is no reason to fail.
pub const UPLOAD_IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// One answer of storage or queue to the readiness check.
pub const READINESS_TIMEOUT: Duration = Duration::from_secs(5);

/// Time in which a connection has to send the next request's head. It also ends idle connections.
pub const HEADER_READ_TIMEOUT: Duration = Duration::from_secs(30);

/// Time that requests in flight get when the server is asked to stop.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(20);

/// Connections served at once. A further one waits in the listener's backlog.
pub const CONNECTIONS_MAX: usize = 1024;

/// Streams of events open at once, far below the connections there are.
pub const EVENT_STREAMS_MAX: usize = CONNECTIONS_MAX / 4;

/// Streams of events of one project open at once.
pub const EVENT_STREAMS_OF_PROJECT_MAX: usize = EVENT_STREAMS_MAX / 8;

/// Time without an event after which a comment is sent, well below the 60 s after which proxies
/// take a connection for dead.
pub const EVENT_HEARTBEAT: Duration = Duration::from_secs(15);

/// Longest life of a stream of events. A key that was revoked listens no longer than that.
pub const EVENT_STREAM_MAX: Duration = Duration::from_secs(900);

/// Proving keys checked at once when the settings do not say. Each is held in memory whole.
pub const VALIDATIONS_MAX_DEFAULT: usize = 2;

/// How long a sign-in to the dashboard lasts.
pub const SESSION_LIFETIME: Duration = Duration::from_secs(60 * 60);

/// Sessions that have ended by themselves and that one sign-in removes.
pub const SESSIONS_DROPPED_MAX: usize = 16;

/// How long a refused sign-in waits for its answer.
pub const SIGN_IN_REFUSED_AFTER: Duration = Duration::from_secs(1);

/// Refused sign-ins that wait at once. A further one is told so and does not wait. Keys that are
/// right are let in all the while: their holders are locked out by nobody.
pub const SIGN_IN_REFUSALS_MAX: usize = 16;

/// The time that limits of requests count by.
pub const RATE_WINDOW: Duration = Duration::from_secs(60);

/// Requests of one key in [`RATE_WINDOW`], and at once, when the settings do not say: far above
/// what a client does that waits for its proofs, far below what one machine answers.
pub const REQUESTS_PER_MINUTE_DEFAULT: NonZeroU32 = NonZeroU32::new(6000).unwrap();

/// Keys whose requests are counted at once: some megabytes.
pub const RATED_KEYS_MAX: usize = 1 << 16;

/// Bytes of a stored key record, session or upload secret, far above any that is written.
pub const RECORD_BYTES_MAX: u64 = 16 * 1024;

/// Characters of a problem's detail. It may quote the request, of which there can be megabytes.
pub const DETAIL_CHARS_MAX: usize = 500;

/// Length of an `x-request-id` that is taken over from the caller.
pub const REQUEST_ID_BYTES_MAX: usize = 64;

/// Largest uploaded witness that is checked value by value before it is accepted: one of 2^20
/// values. It is held in memory twice, as bytes and as field elements.
pub const WITNESS_CHECK_BYTES_MAX: u64 = 33 * 1024 * 1024;

/// Uploaded witnesses checked value by value at once. Registrations do not hold them up.
pub const WITNESS_CHECKS_MAX: usize = 4;
