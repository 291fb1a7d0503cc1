//! What is asked for, and the form of it that can be sent again.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use zkpool_types::api::SubmitProof;
use zkpool_types::limits::{INLINE_BODY_BYTES_MAX, JSON_BODY_BYTES_MAX};
use zkpool_types::{InputsJson, NanoUsd, Secret, Timestamp};

use crate::artifact::Artifact;
use crate::client::Client;
use crate::error::Error;

/// A proof to ask for: a circuit, a witness or inputs, and what else is to be said about it.
///
/// ```
/// use zkpool_sdk::ProofRequest;
///
/// let request = ProofRequest::new("rollup", vec![1, 2, 3]).tag("batch", "7").idempotency_key("batch-7");
/// let same = ProofRequest::inputs("rollup", r#"{"from": "44", "to": ["8", 9]}"#);
/// ```
#[derive(Debug)]
#[must_use]
pub struct ProofRequest {
    circuit: String,
    statement: Statement,
    tags: BTreeMap<String, String>,
    deadline: Option<Timestamp>,
    quote: Option<String>,
    max_price: Option<NanoUsd>,
    idempotency_key: Option<String>,
}

/// What is to be proved.
#[derive(Debug)]
enum Statement {
    Witness(Artifact),
    Inputs(Secret<String>),
}

impl ProofRequest {
    /// A proof of `circuit` (`name@version`, or `name` for the version registered last) for a
    /// witness, for Groth16 the content of a `.wtns` file.
    pub fn new(circuit: impl Into<String>, witness: impl Into<Artifact>) -> Self {
        Self::of(circuit.into(), Statement::Witness(witness.into()))
    }

    /// A proof of `circuit` for inputs in JSON, from which the circuit's generator computes the
    /// witness; see [`NewCircuit::generator`](crate::NewCircuit::generator).
    ///
    /// The text is the `input.json` of snarkjs: an object from the names of input signals to
    /// numbers, in digits as text or as JSON numbers of at most 64 bits, or to arrays of them.
    pub fn inputs(circuit: impl Into<String>, json: impl Into<String>) -> Self {
        Self::of(circuit.into(), Statement::Inputs(Secret::new(json.into())))
    }

    fn of(circuit: String, statement: Statement) -> Self {
        Self {
            circuit,
            statement,
            tags: BTreeMap::new(),
            deadline: None,
            quote: None,
            max_price: None,
            idempotency_key: None,
        }
    }

    /// A proof for the witness in a file.
    pub fn file(circuit: impl Into<String>, witness: impl AsRef<Path>) -> Self {
        Self::new(circuit, Artifact::file(witness))
    }

    /// Adds a label for lists and cost reports.
    pub fn tag(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.tags.insert(name.into(), value.into());
        self
    }

    /// When the proof stops being wanted: a job that has not ended by then expires, at no charge.
    /// A day after acceptance when not given.
    pub fn deadline(self, deadline: Timestamp) -> Self {
        Self { deadline: Some(deadline), ..self }
    }

    /// Has it charged by a quote of [`Client::quote`], by its id.
    pub fn quote(self, id: impl Into<String>) -> Self {
        Self { quote: Some(id.into()), ..self }
    }

    /// The most that it may cost. It is refused before any work where it would cost more.
    pub fn max_price(self, price: NanoUsd) -> Self {
        Self { max_price: Some(price), ..self }
    }

    /// Makes it the same job as every other request with this key and the same content. 1 to 255
    /// visible ASCII characters; random when not given.
    pub fn idempotency_key(self, key: impl Into<String>) -> Self {
        Self { idempotency_key: Some(key.into()), ..self }
    }
}

/// A proof request that is ready to be sent, any number of times: it becomes one job.
///
/// It has an idempotency key and the bytes of the request as they are sent, also by a later
/// version of this crate. Store it before you send it, in any format of serde, and send what you
/// find stored when you start again: whether an earlier process had sent it makes no difference.
///
/// It contains the witness, or the name of the upload that holds it, so store it where a witness
/// may lie. An upload that was not used lasts an hour; a submission that became a job before is
/// found after that too, and one that did not is refused as
/// [`NotFound`](crate::ErrorKind::NotFound) or [`Refused`](crate::ErrorKind::Refused) and can
/// be prepared again.
///
/// ```
/// # fn stored() -> Result<(), serde_json::Error> {
/// use zkpool_sdk::Submission;
///
/// # let line = r#"{"idempotency_key":"zkpool-00","body":"{}"}"#;
/// let submission: Submission = serde_json::from_str(line)?;
/// assert_eq!(serde_json::to_string(&submission)?, line);
/// # Ok(())
/// # }
/// # stored().unwrap();
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submission {
    pub(crate) idempotency_key: String,
    pub(crate) body: Secret<String>,
}

impl Submission {
    /// The key that makes it one job.
    #[must_use]
    pub fn idempotency_key(&self) -> &str {
        &self.idempotency_key
    }
}

/// What can be proved: a request, or a submission that was prepared from one.
#[derive(Debug)]
pub enum Work {
    /// To be prepared and sent.
    Request(ProofRequest),
    /// To be sent.
    Submission(Submission),
}

impl From<ProofRequest> for Work {
    fn from(request: ProofRequest) -> Self {
        Self::Request(request)
    }
}

impl From<Submission> for Work {
    fn from(submission: Submission) -> Self {
        Self::Submission(submission)
    }
}

impl Client {
    /// Makes a request ready to be sent. A witness that does not fit into the request is uploaded
    /// for it; otherwise nothing is sent yet.
    ///
    /// # Errors
    /// The witness cannot be read or uploaded, or inputs are no JSON or too long for a request.
    pub async fn prepare(&self, request: ProofRequest) -> Result<Submission, Error> {
        let ProofRequest { circuit, statement, tags, deadline, quote, max_price, idempotency_key } =
            request;
        let idempotency_key = idempotency_key.map_or_else(random_key, Ok)?;
        let (witness, inputs) = match statement {
            Statement::Witness(witness) => (Some(self.source(witness).await?), None),
            Statement::Inputs(json) => (None, Some(checked(json)?)),
        };
        let max_price_nano_usd = max_price;
        let body =
            SubmitProof { circuit, witness, inputs, tags, deadline, quote, max_price_nano_usd };
        let body =
            serde_json::to_string(&body).map_err(|error| Error::Content(error.to_string()))?;
        Ok(Submission { idempotency_key, body: Secret::new(body) })
    }

    /// The submission of this work.
    pub(crate) async fn ready(&self, work: Work) -> Result<Submission, Error> {
        match work {
            Work::Request(request) => self.prepare(request).await,
            Work::Submission(submission) => Ok(submission),
        }
    }
}

/// Longest inputs in bytes: what a request has room for beside them.
const INPUTS_BYTES_MAX: usize = INLINE_BODY_BYTES_MAX - JSON_BODY_BYTES_MAX;

fn checked(json: Secret<String>) -> Result<InputsJson, Error> {
    let found = json.expose().len();
    if found > INPUTS_BYTES_MAX {
        let max = INPUTS_BYTES_MAX;
        let why = format!(
            "expected inputs of at most {max} bytes, found {found}: send the witness instead"
        );
        return Err(Error::Content(why));
    }
    let inputs = InputsJson::new(json.into_inner());
    inputs.map_err(|error| Error::Content(format!("expected inputs in JSON: {error}")))
}

/// An idempotency key that no other request has.
fn random_key() -> Result<String, Error> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|_| Error::NoEntropy)?;
    Ok(format!("zkpool-{:032x}", u128::from_be_bytes(random)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client() -> Client {
        Client::builder(format!("zkp_{}", "0".repeat(64))).build().unwrap()
    }

    #[tokio::test]
    async fn two_requests_do_not_share_a_key() {
        let client = client();
        let prepared = async || client.prepare(ProofRequest::new("a", vec![1])).await.unwrap();
        assert_ne!(prepared().await.idempotency_key, prepared().await.idempotency_key);
    }

    #[tokio::test]
    async fn a_submission_that_was_stored_is_the_same_request() {
        let request = ProofRequest::new("rollup", vec![1]).tag("b", "2").idempotency_key("k");
        let submission = client().prepare(request).await.unwrap();
        let stored = serde_json::to_string(&submission).unwrap();
        assert_eq!(serde_json::from_str::<Submission>(&stored).unwrap(), submission);
        let body: SubmitProof = serde_json::from_str(submission.body.expose()).unwrap();
        assert_eq!((body.circuit.as_str(), body.tags["b"].as_str()), ("rollup", "2"));
    }

    #[tokio::test]
    async fn inputs_are_sent_exactly_as_they_were_given() {
        let json = r#"{"a": 123456789012345678901234567890}"#;
        let submission = client().prepare(ProofRequest::inputs("rollup", json)).await.unwrap();
        assert!(submission.body.expose().contains(json), "{}", submission.body.expose());
        let request = ProofRequest::inputs("rollup", r#"{"a": CANARY"#);
        assert!(!format!("{request:?}").contains("CANARY"));
        let error = client().prepare(request).await.unwrap_err();
        assert!(!error.to_string().contains("CANARY"), "{error}");
        let long = format!("\"{}\"", "1".repeat(INPUTS_BYTES_MAX));
        let error = client().prepare(ProofRequest::inputs("rollup", long)).await.unwrap_err();
        assert!(error.to_string().contains("send the witness"), "{error}");
    }

    #[tokio::test]
    async fn a_submission_does_not_print_its_witness() {
        let request = ProofRequest::new("rollup", b"canary".as_slice());
        let printed = format!("{:?}", client().prepare(request).await.unwrap());
        assert!(printed.contains("zkpool-") && !printed.contains("Y2FuYXJ5"), "{printed}");
    }
}
