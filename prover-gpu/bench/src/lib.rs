//! Measurements of what a proof is made of, on a device and on the CPU in the same run.
//!
//! [`field`] measures field multiplications, [`msm`] one multi-scalar multiplication, [`ntt`] one
//! transform or the quotient of one proof, and [`prove`] whole proofs. Every measurement also
//! checks its results: those of a multiplication against a closed form, those of transforms
//! against the CPU's, proofs by verifying them. A report whose results do not match says so; what
//! was measured then means nothing.
//!
//! Inputs are made from a seed, so that a run can be repeated. They are no secrets, and nothing
//! here is for proofs that leave the machine.

mod chain;
mod error;
mod field;
mod instance;
mod msm;
mod ntt;
mod peer;
mod prove;
mod quotient;
mod subject;
mod times;
mod transform;
mod turn;

pub use chain::{LOG_SIZE_MAX, chain};
pub use error::BenchError;
pub use field::{Compiled, FieldRate, FieldReport, field};
pub use instance::Distribution;
pub use msm::{Group, MsmOptions, MsmReport, msm};
pub use ntt::{NttOptions, NttReport, Transforms, ntt};
pub use peer::{PeerCommand, PeerFault};
pub use prove::{ProveOptions, ProveReport, ProverTimes, prove};
pub use times::{Stages, Times};
pub use turn::Beside;
