//! Proof systems over multi-scalar multiplication and number-theoretic transform engines.
//!
//! A proof system ([`ProofSystem`]) says which sums and transforms make a proof; an engine
//! ([`Engine`]) computes them on some device. [`Groth16`] is the proof system, over BN254 and
//! BLS12-381, with keys, witnesses and proofs in the conventions of snarkjs; [`Cpu`] is the
//! engine that uses all cores. Callers that learn the curve at run time start from
//! [`AnyProver`], [`AnyVerifier`] and [`development_setup`].
//!
//! A key is *prepared* once, which hands its points to the engine and computes the tables of its
//! domain, and then shared by any number of proofs. A key file has no matrix C, so whether a
//! witness satisfies the circuit shows in whether its proof verifies:
//! [`ProofSystem::prove_checked`] verifies every proof before it returns it.
//!
//! This crate does no I/O, reads no clock and has no randomness of its own. Randomness comes in
//! as a parameter, and an [`Observer`] is told of each stage.

mod any;
pub mod cpu;
pub mod engine;
mod error;
pub mod groth16;
mod observer;
mod proof_system;

pub use any::{AnyEngine, AnyProver, AnyVerifier, Prover, development_setup};
pub use cpu::Cpu;
pub use engine::{DeviceError, Engine};
pub use error::{ProveError, SetupError, VerifyError};
pub use groth16::Groth16;
pub use observer::Observer;
pub use proof_system::ProofSystem;
