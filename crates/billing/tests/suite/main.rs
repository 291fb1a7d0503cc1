//! Costs over jobs that went every way they can.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "in a test, a panic is the report"
)]

mod audit;
mod fleet;
mod histories;
mod history;
mod months;
mod older;
mod performance;
mod world;
