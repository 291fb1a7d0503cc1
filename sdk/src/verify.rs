//! Whether a proof holds, found out on this machine.

use zkpool_types::ProofBody;
use zkpool_types::api::ProofView;

use crate::client::Client;
use crate::error::{Cause, Error};

#[cfg(feature = "verify")]
pub(crate) use keys::Verifiers;

/// Why a proof of the server is not handed out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WrongProof {
    /// It does not verify under the circuit's verification key and its own public inputs.
    #[error("it does not verify")]
    Invalid,
    /// It is of a development key, whose maker can forge proofs, and the client was not told to
    /// accept those.
    #[error("it is of a development key, whose maker can forge proofs")]
    Development,
    /// The proof, its public inputs or the verification key are malformed.
    #[error("it cannot be verified: {0}")]
    Malformed(#[source] Cause),
}

impl Client {
    /// The view of a job with a proof, if that holds.
    pub(crate) async fn verified(
        &self,
        view: ProofView,
        body: &ProofBody,
    ) -> Result<ProofView, Error> {
        let job = view.id;
        if body.development && !self.0.settings.accept_development {
            return Err(Error::WrongProof { job, why: WrongProof::Development });
        }
        self.checked(&view, body.clone()).await?;
        Ok(view)
    }

    #[cfg(feature = "verify")]
    async fn checked(&self, view: &ProofView, body: ProofBody) -> Result<(), Error> {
        let verifier = self.0.verifiers.get(self, &view.circuit).await?;
        // Some milliseconds of arithmetic, and more with many public inputs.
        let verdict = tokio::task::spawn_blocking(move || verifier.verify_body(&body)).await;
        let why = match verdict {
            Ok(Ok(true)) => return Ok(()),
            Ok(Ok(false)) => WrongProof::Invalid,
            Ok(Err(error)) => WrongProof::Malformed(error.into()),
            Err(error) => WrongProof::Malformed(error.into()),
        };
        Err(Error::WrongProof { job: view.id, why })
    }

    #[cfg(not(feature = "verify"))]
    async fn checked(&self, _: &ProofView, _: ProofBody) -> Result<(), Error> {
        Ok(())
    }
}

#[cfg(feature = "verify")]
mod keys {
    use std::collections::HashMap;
    use std::sync::{Arc, Mutex, PoisonError};

    use serde_json::Value;
    use tokio::sync::OnceCell;
    use zkpool_circuit_files::json::verification_key;
    use zkpool_snark::AnyVerifier;
    use zkpool_types::CircuitRef;

    use crate::client::Client;
    use crate::error::{BuildError, Cause, Error};

    /// Keys of the server that are kept. Versions of a circuit come and go over the life of a
    /// client; what is asked for again is fetched again.
    const FETCHED_MAX: usize = 64;

    type Fetched = Arc<OnceCell<Arc<AnyVerifier>>>;

    /// The verification keys that are known: those that the caller pinned, and those of the server
    /// that were asked for, each fetched once however many proofs wait for it.
    #[derive(Debug)]
    pub(crate) struct Verifiers {
        pinned: HashMap<CircuitRef, Arc<AnyVerifier>>,
        fetched: Mutex<HashMap<CircuitRef, Fetched>>,
    }

    impl Verifiers {
        pub(crate) fn pinned(keys: Vec<(CircuitRef, Value)>) -> Result<Self, BuildError> {
            let parse = |(circuit, key): (CircuitRef, Value)| match verifier(&key) {
                Ok(verifier) => Ok((circuit, verifier)),
                Err(error) => Err(BuildError::VerificationKey {
                    circuit: circuit.to_string(),
                    source: error.into(),
                }),
            };
            let pinned = keys.into_iter().map(parse).collect::<Result<_, _>>()?;
            Ok(Self { pinned, fetched: Mutex::default() })
        }

        /// The key of a circuit, ready to verify.
        pub(crate) async fn get(
            &self,
            client: &Client,
            circuit: &CircuitRef,
        ) -> Result<Arc<AnyVerifier>, Error> {
            if let Some(pinned) = self.pinned.get(circuit) {
                return Ok(Arc::clone(pinned));
            }
            let fetched = self.fetched(circuit);
            let (client, circuit) = (client.clone(), circuit.clone());
            // The task goes on by itself. A caller that waits in a stream may not be polled for a
            // while, and must not hold up those who wait for the same key.
            let fetching = tokio::spawn(async move {
                fetched.get_or_try_init(|| fetch(&client, &circuit)).await.cloned()
            });
            fetching.await.unwrap_or_else(|ended| Err(bad_key(ended)))
        }

        fn fetched(&self, circuit: &CircuitRef) -> Fetched {
            let mut fetched = self.fetched.lock().unwrap_or_else(PoisonError::into_inner);
            if fetched.len() >= FETCHED_MAX && !fetched.contains_key(circuit) {
                fetched.clear();
            }
            Arc::clone(fetched.entry(circuit.clone()).or_default())
        }
    }

    async fn fetch(client: &Client, circuit: &CircuitRef) -> Result<Arc<AnyVerifier>, Error> {
        let key = client.verification_key(circuit).await?;
        verifier(&key).map_err(bad_key)
    }

    fn bad_key(source: impl Into<Cause>) -> Error {
        Error::BadAnswer { what: "the verification key", source: source.into() }
    }

    /// A key ready to verify. Whether a development key is good enough is decided by each proof.
    fn verifier(key: &Value) -> Result<Arc<AnyVerifier>, zkpool_circuit_files::json::JsonError> {
        verification_key::from_value(key, true).map(|key| Arc::new(AnyVerifier::new(key)))
    }
}
