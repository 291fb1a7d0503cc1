//! Checks and runs the witness generators of circom 2: from a circuit's inputs to its witness.
//!
//! A *generator* is a module of WebAssembly that its circuit's owner wrote, and so hostile until
//! shown otherwise. It is interpreted, in a process that holds the witnesses of others, and can do
//! nothing but compute: its four imports report errors to this crate, there is no clock, no
//! randomness and no I/O, and nothing outlives a run. A run is stopped at its [`Limits`].
//!
//! What a run comes to depends on module and inputs alone, up to [`Limits::time`], which catches
//! machines that are slower than the limit of fuel assumes.
//!
//! The witness is the one that snarkjs computes, byte for byte. Errors name the signal or the
//! limit, with what was expected and found, and never show a value; [`GenerateError::code`] is what
//! a job fails with.

mod error;
mod generator;
mod host;
mod interface;
mod limits;
mod session;

#[cfg(test)]
mod tests;

pub use error::{Exception, GenerateError};
pub use generator::Generator;
pub use host::Place;
pub use interface::{ModuleError, Signature, check};
pub use limits::Limits;
