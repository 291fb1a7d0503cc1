//! Proofs on demand: an asynchronous client of [ZKPool](https://github.com/zkpool/zkpool).
//!
//! ```no_run
//! use zkpool_sdk::{Client, ProofRequest};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::builder("zkp_...").server("https://pool.example").build()?;
//! let proof = client.prove(ProofRequest::file("rollup", "batch.wtns").tag("batch", "7")).await?;
//! println!("{:?} for {}", proof.public_inputs(), proof.receipt().charge_nano_usd);
//! # Ok(())
//! # }
//! ```
//!
//! # The words
//!
//! A *circuit* is registered once. A [`ProofRequest`] names one and has a *witness*. Made ready to
//! be sent it is a [`Submission`], which becomes one *job* however often it is sent. A job ends once:
//! with a [`Proof`] and a *receipt*, or as [`NotProved`], which costs nothing.
//!
//! # What it takes care of
//!
//! - **One job, one charge.** Every submission has an idempotency key. To be safe from the end of
//!   your own process too, [prepare](Client::prepare) a submission, store it, and then send it: what
//!   you find stored when you start again, you send again. [The sequencer] does this.
//! - **No proof that does not hold.** Every proof is verified on this machine before you get it
//!   (feature `verify`, on by default), under the key that the server names for the circuit or
//!   one that you [pin](ClientBuilder::verification_key). Receipts are recomputed.
//! - **What passes.** Requests that did not get through are sent again, with growing pauses, a part
//!   of chance in them and what the server asks for in `Retry-After`, up to a
//!   [deadline].
//! - **Deliveries of webhooks** are told from forgeries by their signatures (feature `webhooks`).
//! - **Large witnesses** are streamed from a file or a reader to an address that the server signs.
//!
//! # Errors
//!
//! [`Error`] has a variant for each thing that went wrong, and [`ErrorKind`] says what a caller
//! does about it. Only [`ErrorKind::Passing`] calls for sending the same thing again, and by then
//! this crate has done so several times.
//!
//! # The runtime
//!
//! Everything is asynchronous and runs on tokio; nothing blocks a thread of the executor. Futures
//! can be dropped at any point: what was sent stays sent, and a job goes on.
//!
//! Each call is a span of `tracing` (`call`, `wait`, `upload`), and what is sent again is an event of
//! level debug. Neither keys nor witnesses are in them.
//!
//! [The sequencer]: https://github.com/zkpool/zkpool/blob/main/sdk/examples/sequencer
//! [deadline]: ClientBuilder::deadline

/// The README's examples compile.
#[cfg(all(doctest, feature = "verify"))]
#[doc = include_str!("../../README.md")]
struct Readme;

mod artifact;
mod builder;
mod circuits;
mod client;
mod costs;
mod error;
mod events;
mod jobs;
mod keys;
mod proof;
mod prove_all;
mod retry;
mod sse;
mod submission;
mod time;
mod transport;
mod upload;
mod verify;
mod webhooks;

pub use zkpool_ledger::PriceBook;
pub use zkpool_types as types;
pub use zkpool_types::{CircuitRef, ErrorCode, JobId, JobState, Receipt, Sha256Digest};

pub use artifact::{Artifact, Step};
pub use builder::{ClientBuilder, SERVER_DEFAULT};
pub use circuits::NewCircuit;
pub use client::Client;
pub use costs::{CostFile, CostQuery};
pub use error::{BuildError, Cause, Error, ErrorKind};
pub use events::ProjectEvent;
pub use jobs::{JobFilter, Submitted};
pub use proof::{NotProved, Proof, ReceiptCheck, Status};
pub use prove_all::ProveAll;
pub use retry::Retries;
pub use submission::{ProofRequest, Submission, Work};
pub use verify::WrongProof;
pub use webhooks::DeliveryFilter;
#[cfg(feature = "webhooks")]
pub use webhooks::{WebhookVerifier, WrongDelivery};
