//! Telling projects at addresses of their own: how jobs ended, and which budgets are running out.
//!
//! What is sent follows [Standard Webhooks](https://www.standardwebhooks.com) 1.0.0: a JSON body,
//! an id that stays the same however often it is sent, and a signature.
//!
//! A *notice* is a message that says what happened. It becomes an *event*, a record that is created
//! once and names the *webhooks* that are told. An event for one webhook is a *delivery*, which is
//! tried on a schedule until the address answers with success. Every try leaves a record, and the
//! next one a *mark*, before it is forgotten: messages may be lost, repeated and reordered, and
//! [`Webhooks::sweep`] sends again what the marks say is due. So every event arrives at least once
//! where the address takes it, and may arrive more often, with the same id.
//!
//! An address belongs to whoever wrote it down, so that it is not trusted: see [`address`].

pub mod address;
mod attempt;
mod deliveries;
mod due;
mod error;
mod events;
#[cfg(feature = "http")]
pub mod http;
mod registry;
mod run;
mod schedule;
mod sender;
mod signature;

use std::sync::Arc;

use zkpool_jobs::{Ports, Records};

pub use address::AddressPolicy;
pub use deliveries::DeliveryFilter;
pub use error::WebhookError;
pub use run::SweepReport;
pub use sender::{Answer, Request, SendError, Sender};

/// The webhooks of every project. Clones are cheap.
#[derive(Clone, Debug)]
pub struct Webhooks {
    ports: Ports,
    records: Records,
    policy: AddressPolicy,
}

impl Webhooks {
    /// Webhooks over these ports, at addresses that this policy allows.
    #[must_use]
    pub fn new(ports: Ports, policy: AddressPolicy) -> Self {
        let records = Records::new(Arc::clone(&ports.blobs));
        Self { ports, records, policy }
    }
}
