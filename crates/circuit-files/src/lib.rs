//! Readers and writers for the files of circom and snarkjs.
//!
//! | file | module | holds |
//! |---|---|---|
//! | `.r1cs` | [`r1cs`] | a constraint system |
//! | `.wtns` | [`wtns`] | a witness |
//! | `.zkey` | [`zkey`] | a Groth16 proving key |
//! | `input.json` | [`inputs`] | the inputs of a circuit |
//! | `verification_key.json`, `proof.json`, `public.json` | [`json`] | what a verifier needs |
//!
//! [`solidity`] writes a verification key as a contract of Ethereum, and [`calldata`] a proof as the
//! arguments of its function.
//!
//! Files come from customers, so everything is checked while it is read, and code behind this
//! crate holds only valid values: field elements are reduced, indexes are in range, points are on
//! the curve and in the subgroup of prime order, and the elements of a key agree with each other.
//! A file that fails a check is refused with the one [`Rejection`] that says what was expected and
//! what was found, with section and byte offset. Nothing panics, and nothing is allocated from a
//! count before the count was checked against the size of the file.
//!
//! What was accepted is written back byte for byte.
//!
//! The only I/O is on the readers and paths that are passed in. What is remembered between runs is
//! in the directory of a [`prepared::Cache`]: keys that passed every check, in the form in which
//! provers read them.

mod any;
mod binary;
pub mod calldata;
mod coefficients;
pub mod curve;
mod error;
mod field;
pub mod inputs;
pub mod json;
mod point;
mod points;
pub mod prepared;
pub mod r1cs;
pub mod scalar;
mod shared;
pub mod solidity;
mod sparse;
mod subgroup;
mod verification_key;
pub mod wtns;
pub mod zkey;

pub use any::{AnyProof, AnyProvingKey, AnyR1cs, AnyVerifyingKey, AnyWitness};
pub use coefficients::{Coefficients, CoefficientsBuilder, CoefficientsView, Row};
pub use curve::CircomCurve;
pub use error::{FileError, FileKind, KeyFault, Rejection};
pub use field::{Coordinate, FileField};
pub use inputs::{Inputs, InputsError};
pub use json::proof::Proof;
pub use point::{FilePoint, PointFault};
pub use points::Points;
pub use r1cs::R1cs;
pub use sparse::{SparseRows, Term};
pub use verification_key::VerifyingKey;
pub use wtns::Witness;
pub use zkey::{GroupChecks, ProvingKey, ReadOptions};
