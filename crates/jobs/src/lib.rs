//! The life cycle of a proof request, from acceptance to its one outcome.
//!
//! A *job* is accepted, waits, is claimed by a prover as an *attempt*, and ends exactly once in
//! an *outcome* that carries proof or failure together with its receipt. The create-once write
//! of the outcome is the only commit point. Around it one order holds: records first, message
//! second, delete last. The queue may lose, repeat and reorder messages; the [`Jobs::sweep`]
//! makes up for it from the records, which are the truth.
//!
//! What may happen is decided by [`decide::decide`], which is pure; the rest of the crate
//! observes the ports, asks it, and carries out the effects it names. The laws that must hold
//! whatever happens are in [`invariants`].
//!
//! Nothing here reads a clock, draws randomness or sleeps but through [`Ports`].
//!
//! Errors say what a caller can do: every one maps to a stable [`zkpool_types::ErrorCode`].

pub mod circuits;
pub mod claim;
pub mod commit;
pub mod decide;
mod effects;
mod endings;
pub mod error;
mod fate;
pub mod invariants;
pub mod keys;
pub mod list;
mod metering;
mod newest;
pub mod notices;
pub mod records;
mod signer;
pub mod submit;
pub mod sweeper;
pub mod unswept;
pub mod uploads;
pub mod view;
pub mod watch;
mod witness;

use std::sync::{Arc, Mutex};

use zkpool_ledger::PriceBook;
use zkpool_ports::{BlobStore, Clock, Ids, Queue, Rng};

pub use circuits::{CircuitError, Circuits, Registered};
pub use claim::{Claim, Held};
pub use commit::Commit;
pub use error::{CommitError, JobError, PortError, SubmitError, UploadError, WitnessError};
pub use list::JobFilter;
pub use metering::expected_usage;
pub use newest::created_at;
pub use records::{Created, Records};
pub use signer::Signer;
pub use submit::{NewJob, Submitted, WitnessSource};
pub use sweeper::SweepReport;
pub use unswept::{Unswept, unswept};
pub use uploads::Uploads;
pub use watch::{Cursor, JobWatch, ProjectWatch};

use endings::Endings;
/// The outside world.
#[derive(Clone, Debug)]
pub struct Ports {
    /// Records, witnesses and artifacts.
    pub blobs: Arc<dyn BlobStore>,
    /// Which job to look at next.
    pub queue: Arc<dyn Queue>,
    /// What webhooks are to be told.
    pub notices: Arc<dyn Queue>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Fresh ids, sorted by time.
    pub ids: Arc<dyn Ids>,
    /// Randomness.
    pub rng: Arc<dyn Rng>,
}

/// The jobs of every project. Clones share one state and are cheap.
#[derive(Clone, Debug)]
pub struct Jobs {
    ports: Ports,
    records: Records,
    price_book: Arc<PriceBook>,
    endings: Endings,
    sweep_after: Arc<Mutex<Option<String>>>,
}

impl Jobs {
    /// Jobs over these ports, charged by this price book.
    #[must_use]
    pub fn new(ports: Ports, price_book: Arc<PriceBook>) -> Self {
        let records = Records::new(Arc::clone(&ports.blobs));
        let endings = Endings::new();
        Self { ports, records, price_book, endings, sweep_after: Arc::default() }
    }

    /// The price book that receipts are made by.
    #[must_use]
    pub fn price_book(&self) -> &PriceBook {
        &self.price_book
    }
}
