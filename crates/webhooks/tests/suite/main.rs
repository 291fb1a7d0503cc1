//! Webhooks over ports in memory, and over HTTP against traps.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "in a test, a panic is the report"
)]

mod deliveries;
mod hostile;
mod lost;
mod registry;
mod world;
