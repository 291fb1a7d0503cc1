//! Tests of the readers and writers over files made by snarkjs.

mod bad_binaries;
mod bad_json;
mod common;
mod crafted;
mod fixtures;
mod mutations;
