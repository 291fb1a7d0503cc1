//! The client against servers and networks that fail, stall and lie.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "in a test, a panic is the report"
)]

mod calls;
mod elsewhere;
mod events;
mod many;
mod pool;
mod proofs;
mod server;
mod uploads;
