//! The whole system, as its users meet it: one test binary, real processes, independent peers.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "in a test, a panic is the report"
)]

mod architecture;
mod aws;
mod aws_crash;
mod aws_faults;
mod aws_metrics;
mod aws_roles;
mod bench;
mod canary;
mod costs;
mod crash;
mod dashboard;
mod demo;
mod disk_full;
mod drill;
mod gpu;
mod idempotency;
mod infra;
mod inputs;
mod integrate;
mod load;
mod quotes;
mod readme;
mod sdk;
mod snarkjs;
mod solidity;
mod threats;
mod webhooks;
