//! The bucket and the queue against stand-ins of AWS. None of them is AWS: where one of them is
//! known to be wrong, the test says so.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed expectation fails its test")]

mod blobs;
mod ecs;
mod faults;
mod parts;
mod queue;
mod roles;
mod signed;
mod standin;
