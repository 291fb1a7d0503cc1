//! A whole service in this process: storage on local disk, HTTP on this machine, one prover.
//!
//! The handlers and the prover are the ones that run in a data centre; only the ports differ.
//! A data directory holds `blobs/` and `queue.sqlite` with `notices.sqlite` (the truth), `cache/` (can be deleted)
//! and `lock` (held while a server runs).

mod books;
mod server;
mod storage;
mod webhooks;

#[cfg(feature = "aws")]
pub(crate) use server::asked_to_stop;
pub(crate) use server::{ANY_PORT, Embedded};
#[cfg(feature = "aws")]
pub(crate) use storage::KeyRing;
pub(crate) use storage::Storage;
