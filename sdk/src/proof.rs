//! How a job stands and how it ended.

use std::fmt;

use zkpool_ledger::{PriceBook, ReceiptMismatch, recompute};
use zkpool_types::api::ProofView;
use zkpool_types::{Failure, JobId, JobState, ProofBody, Receipt};

use crate::client::Client;
use crate::error::Error;

/// A proof that holds: it was verified on this machine, unless the feature `verify` is off.
///
/// That a proof verifies says that *its* public inputs hold. Compare [`Proof::public_inputs`] with
/// the statement that you wanted proved before you act on it.
#[derive(Clone, Debug, PartialEq)]
pub struct Proof {
    view: ProofView,
    body: ProofBody,
    receipt: Receipt,
    receipt_check: ReceiptCheck,
}

/// What recomputing a receipt came to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReceiptCheck {
    /// Every line of the charge is what the usage on the receipt comes to.
    Recomputed,
    /// The receipt is of a price book that this client does not have; see
    /// [`ClientBuilder::price_book`](crate::ClientBuilder::price_book).
    OtherPriceBook {
        /// The version of the client's.
        expected: String,
        /// The version on the receipt.
        found: String,
    },
    /// The charge is not what the usage comes to, with the first difference.
    Wrong(String),
}

impl Proof {
    /// The job.
    #[must_use]
    pub const fn id(&self) -> JobId {
        self.view.id
    }

    /// The proof with its proof system and curve; for Groth16 it holds the content of snarkjs's
    /// `proof.json`.
    #[must_use]
    pub const fn body(&self) -> &ProofBody {
        &self.body
    }

    /// Whether it was verified on this machine: always, but without the feature `verify`.
    #[must_use]
    pub const fn is_verified(&self) -> bool {
        cfg!(feature = "verify")
    }

    /// The public inputs in decimal digits, outputs of the circuit first.
    #[must_use]
    pub fn public_inputs(&self) -> &[String] {
        &self.body.public_inputs
    }

    /// What was metered and charged.
    #[must_use]
    pub const fn receipt(&self) -> &Receipt {
        &self.receipt
    }

    /// Whether the charge on the receipt is what its usage comes to. A wrong receipt is no reason
    /// to withhold a proof that holds, but one to write to whoever runs the service.
    #[must_use]
    pub const fn receipt_check(&self) -> &ReceiptCheck {
        &self.receipt_check
    }

    /// The job as the server shows it.
    #[must_use]
    pub const fn view(&self) -> &ProofView {
        &self.view
    }

    /// The arguments of `verifyProof` of the Solidity verifier that snarkjs exports.
    ///
    /// # Errors
    /// The proof is not over BN254, or without the feature `verify`, malformed.
    #[cfg(feature = "verify")]
    pub fn calldata(&self) -> Result<String, Error> {
        use zkpool_circuit_files::{calldata, json};
        let refused = |source: crate::Cause| Error::BadAnswer { what: "the proof", source };
        let proof = json::proof::from_value(&self.body.proof);
        let proof = proof.map_err(|error| refused(error.into()))?;
        calldata::write(&proof, &self.body.public_inputs).map_err(|error| refused(error.into()))
    }
}

/// A job that ended without a proof, at no charge. As an error it says why.
#[derive(Clone, Debug, PartialEq)]
pub struct NotProved {
    view: ProofView,
}

impl NotProved {
    /// The job.
    #[must_use]
    pub const fn id(&self) -> JobId {
        self.view.id
    }

    /// Failed, cancelled or expired.
    #[must_use]
    pub const fn state(&self) -> JobState {
        self.view.state
    }

    /// The reason, where it failed.
    #[must_use]
    pub const fn failure(&self) -> Option<&Failure> {
        self.view.failure.as_ref()
    }

    /// The job as the server shows it.
    #[must_use]
    pub const fn view(&self) -> &ProofView {
        &self.view
    }
}

impl fmt::Display for NotProved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ProofView { id, state, .. } = &self.view;
        match &self.view.failure {
            Some(Failure { code, detail }) => write!(f, "proof {id} {state}: {detail} ({code})"),
            None => write!(f, "proof {id} was asked for and is {state}"),
        }
    }
}

impl std::error::Error for NotProved {}

/// How a job stands.
#[derive(Clone, Debug, PartialEq)]
pub enum Status {
    /// It waits or is being proved.
    Open(Box<ProofView>),
    /// It ended with a proof.
    Proved(Box<Proof>),
    /// It ended without one.
    NotProved(Box<NotProved>),
}

impl Status {
    /// The job as the server shows it.
    #[must_use]
    pub fn view(&self) -> &ProofView {
        match self {
            Self::Open(view) => view,
            Self::Proved(proof) => proof.view(),
            Self::NotProved(ended) => ended.view(),
        }
    }

    /// Whether the job has ended, once and for all.
    #[must_use]
    pub const fn has_ended(&self) -> bool {
        !matches!(self, Self::Open(_))
    }
}

impl Client {
    /// What a view says, once its proof was verified and its receipt recomputed.
    pub(crate) async fn checked_status(&self, view: ProofView) -> Result<Status, Error> {
        if !view.state.is_terminal() {
            return Ok(Status::Open(view.into()));
        }
        if view.state != JobState::Succeeded {
            return Ok(Status::NotProved(NotProved { view }.into()));
        }
        let (Some(body), Some(receipt)) = (view.proof.clone(), view.receipt.clone()) else {
            let source = "a job that succeeded has no proof or no receipt".into();
            return Err(Error::BadAnswer { what: "an answer", source });
        };
        let view = self.verified(view, &body).await?;
        let receipt_check = self.check_receipt(&receipt);
        Ok(Status::Proved(Proof { view, body, receipt, receipt_check }.into()))
    }

    fn check_receipt(&self, receipt: &Receipt) -> ReceiptCheck {
        // A receipt keeps the prices of its day.
        let own = &self.0.price_book;
        let known = PriceBook::of_version(&receipt.price_book).ok().flatten();
        let other = known.filter(|_| own.version() != receipt.price_book);
        match recompute(other.as_ref().unwrap_or(own), receipt) {
            Ok(()) => ReceiptCheck::Recomputed,
            Err(ReceiptMismatch::PriceBook { expected, found }) => {
                ReceiptCheck::OtherPriceBook { expected, found }
            }
            Err(difference) => {
                tracing::warn!(job = %receipt.job, %difference, "a receipt does not recompute");
                ReceiptCheck::Wrong(difference.to_string())
            }
        }
    }
}
