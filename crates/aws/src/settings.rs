//! What may be set, and every time, size and count of this crate with its reason.

use std::time::Duration;

use zkpool_ports::QueuePolicy;

/// Where blobs and messages are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Name of the bucket.
    pub bucket: String,
    /// Address the bucket as a path instead of a host name, as services other than AWS's need.
    pub path_style: bool,
    /// Id, ARN or alias of the KMS key that objects are encrypted with; the bucket's own default
    /// where there is none.
    pub kms_key: Option<String>,
    /// The queue of jobs.
    pub jobs: QueueSettings,
    /// The queue of notices for webhooks.
    pub notices: QueueSettings,
}

/// Where the messages of one queue are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueSettings {
    /// URL of the queue.
    pub url: String,
    /// URL of its dead-letter queue.
    pub dead_letter_url: String,
    /// When the queue gives up on a message. Its redrive policy (`maxReceiveCount`) has to say
    /// the same.
    pub policy: QueuePolicy,
}

/// Tries of one call, the first included: with the pauses below about three seconds of outage are
/// bridged. What lasts longer is the caller's matter.
pub const TRIES_MAX: u32 = 5;

/// Longest pause before the first repetition. Pauses are random below a bound that doubles, so
/// that callers that failed together do not return together.
pub const BACKOFF_FIRST: Duration = Duration::from_millis(100);

/// Longest pause before any repetition.
pub const BACKOFF_MAX: Duration = Duration::from_secs(2);

/// Time to connect: within a region a connection takes some milliseconds, and a lost packet is
/// sent again after one second.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Time from a request to the first byte of its answer, but for long polls.
pub const READ_TIMEOUT: Duration = Duration::from_secs(15);

/// Time of one try up to the head of the answer: a part of [`PART_BYTES`] at 2 Mbit/s. The body of
/// an answer is not under this limit; the SDK gives up on one that stalls.
pub const TRY_TIMEOUT: Duration = Duration::from_secs(40);

/// Size from which an object is sent in parts. Below it one request carries it whole.
pub const MULTIPART_THRESHOLD_BYTES: u64 = PART_BYTES;

/// Size of a part, but for the last one. S3 accepts 5 MiB and more; each part in flight is held in
/// memory.
pub const PART_BYTES: u64 = 8 * 1024 * 1024;

/// Parts of one object (S3's limit). Parts of an object that would have more are larger.
pub const PARTS_MAX: u64 = 10_000;

/// Parts of one object that are sent at once.
pub const PARTS_IN_FLIGHT: usize = 4;

/// Bytes that S3 copies in one request (its limit for a part).
pub const COPY_PART_BYTES: u64 = 5 * 1024 * 1024 * 1024;

/// Largest object that one signed PUT can carry (S3's limit).
pub const SIGNED_PUT_BYTES_MAX: u64 = 5 * 1024 * 1024 * 1024;

/// Keys on one page of a listing (S3's limit).
pub const LIST_PAGE: usize = 1000;

/// Times that a broken download is taken up again where it broke.
pub const RESUMES_MAX: u32 = 5;

/// Messages of one receive call (SQS's limit).
pub const RECEIVE_BATCH: usize = 10;

/// Messages of one sending call (SQS's limit).
pub const SEND_BATCH: usize = 10;

/// Bytes of all bodies of one sending call: SQS's limit for most of its life, less room for the
/// attributes of [`SEND_BATCH`] messages. One message may be larger by itself.
pub const SEND_BATCH_BYTES: usize = 248 * 1024;

/// Longest wait of one receive call (SQS's limit).
pub const LONG_POLL_MAX: Duration = Duration::from_secs(20);

/// Time of one try of a receive call: its wait, and what any other call has.
pub const LONG_POLL_TIMEOUT: Duration = LONG_POLL_MAX.saturating_add(READ_TIMEOUT);

/// Longest delay of a message (SQS's limit). A longer one is cut to this.
pub const DELAY_MAX: Duration = Duration::from_secs(15 * 60);

/// How long a delivery can be held in all: SQS ends every hold 12 hours after the receipt, and
/// refuses an extension beyond. A minute is kept for the way of both calls.
pub const HOLD_MAX: Duration = Duration::from_secs(12 * 3600 - 60);
