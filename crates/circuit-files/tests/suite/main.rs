//! Tests of the readers and writers over files made by snarkjs.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a test that cannot go on fails, and sizes of fixtures are small"
)]

mod bad_circuits;
mod bad_json;
mod bad_keys;
mod cases;
mod common;
mod crafted;
mod fixtures;
