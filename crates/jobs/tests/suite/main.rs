//! Tests of the life cycle of jobs over ports in memory, on disk and failing, in virtual time.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::cast_possible_truncation,
    reason = "a test binary: a panic is its way to fail"
)]

mod abandoned;
mod durability;
mod registry;
mod scenarios;
mod simulation;
mod support;
mod watching;
