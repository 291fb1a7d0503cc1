//! The API as its callers meet it: requests in, responses out, over storage in memory.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed expectation fails its test")]

mod actions;
mod budgets;
mod circuits;
mod costs;
mod dashboard;
mod document;
mod events;
mod harness;
mod http;
mod inputs;
mod keys;
mod log;
mod proofs;
mod quotes;
mod rate_limit;
mod secrets;
mod server;
mod signing;
mod table;
mod timeouts;
mod uploads;
