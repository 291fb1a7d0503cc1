//! The harness of the end-to-end tests: the built command, real servers and real peers.
//!
//! Everything here may panic: it runs in tests only, where a panic is the report.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod api;
pub mod command;
pub mod drill;
pub mod groth16;
pub mod lambda;
pub mod process;
pub mod proxy;
pub mod records;
pub mod roles;
pub mod server;
pub mod service;
pub mod standins;
pub mod templates;
pub mod workspace;
