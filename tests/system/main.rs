//! The whole system, as its users meet it: one test binary, real processes, independent peers.

mod architecture;
mod crash;
mod demo;
mod idempotency;
mod readme;
mod snarkjs;
