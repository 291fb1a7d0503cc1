//! S3 and SQS behind the ports: the only crate that talks to AWS.
//!
//! [`S3Blobs`] is a bucket. Its create-once write is a conditional PUT (`If-None-Match: *`), and
//! every write carries an id of its own as metadata, so that a write that was applied although
//! its answer was lost is told from somebody else's. [`SqsQueue`] is a standard queue with a
//! dead-letter queue. Each message belongs to a message group, so that a project with many jobs
//! does not hold up the others.
//!
//! Both stay within what real services promise and make up in this process for what those do
//! not: SQS takes a deletion with an outdated receipt for a success, never takes a delivery back
//! uncounted, and ends every hold after twelve hours. [`SqsQueue`] says what it does about each.
//!
//! [`EcsService`] counts the provers of a deployment.
//!
//! Where, how long and how often is in [`settings`]. Credentials, region and endpoints come from
//! where AWS's own tools take them (environment, profile, container, instance). An error
//! ([`ServiceError`]) says what the service answered, or that it did not; it names no secret.

mod blobs;
mod connect;
mod ecs;
pub mod environment;
mod error;
mod queue;
pub mod settings;

pub use blobs::S3Blobs;
pub use connect::{ConnectError, Connection};
pub use ecs::{EcsService, Tasks};
pub use environment::EnvironmentError;
pub use error::ServiceError;
pub use queue::SqsQueue;
pub use settings::{QueueSettings, Settings};
