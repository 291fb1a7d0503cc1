//! Circuits: what can be proved.

use std::path::Path;

use serde_json::Value;
use zkpool_types::api::{CircuitPerformance, CircuitView, RegisterCircuit};
use zkpool_types::ids::is_name;
use zkpool_types::{CircuitRef, ProofSystemKind};

use crate::artifact::Artifact;
use crate::client::{Call, Client};
use crate::error::Error;
use crate::retry::Repeat;

/// How much longer than any other call a registration takes: servers check every point of the
/// proving key, for which they allow 600 s.
const REGISTRATION: std::time::Duration = std::time::Duration::from_secs(600);

/// A circuit to register.
#[derive(Debug)]
#[must_use]
pub struct NewCircuit {
    name: String,
    proving_key: Artifact,
    generator: Option<Artifact>,
    allow_development_key: bool,
}

impl NewCircuit {
    /// A Groth16 circuit with its proving key, a `.zkey` file of snarkjs. The name is 1 to 40 of
    /// `a-z`, `0-9` and `-`, a letter first.
    pub fn groth16(name: impl Into<String>, proving_key: impl Into<Artifact>) -> Self {
        let (name, proving_key) = (name.into(), proving_key.into());
        Self { name, proving_key, generator: None, allow_development_key: false }
    }

    /// A Groth16 circuit with the proving key in a file.
    pub fn file(name: impl Into<String>, proving_key: impl AsRef<Path>) -> Self {
        Self::groth16(name, Artifact::file(proving_key))
    }

    /// Adds what computes witnesses from inputs, the `.wasm` file that circom 2 writes for the
    /// circuit. It allows [`ProofRequest::inputs`](crate::ProofRequest::inputs).
    pub fn generator(self, module: impl Into<Artifact>) -> Self {
        Self { generator: Some(module.into()), ..self }
    }

    /// Accepts a key of a development setup, whose maker can forge proofs.
    pub fn allow_development_key(self, allow: bool) -> Self {
        Self { allow_development_key: allow, ..self }
    }
}

impl Client {
    /// Registers a circuit. The same key under the same name is the same version, however often it
    /// is registered.
    ///
    /// # Errors
    /// The proving key or the generator cannot be read or was refused.
    pub async fn register(&self, circuit: NewCircuit) -> Result<CircuitView, Error> {
        let NewCircuit { name, proving_key, generator, allow_development_key } = circuit;
        let proof_system = ProofSystemKind::Groth16;
        let (proving_key, generator) = match generator {
            None => (self.source(proving_key).await?, None),
            Some(generator) => {
                let (key, generator) = self.two_sources(proving_key, generator).await?;
                (key, Some(generator))
            }
        };
        let body =
            RegisterCircuit { name, proof_system, proving_key, generator, allow_development_key };
        let call = Call::post(Repeat::Harmless, "/v1/circuits").longer(REGISTRATION);
        self.call(&call.json(&body)?).await
    }

    /// The circuits of the project.
    ///
    /// # Errors
    /// The request failed.
    pub async fn circuits(&self) -> Result<Vec<CircuitView>, Error> {
        self.all_pages("/v1/circuits", Vec::new(), usize::MAX).await
    }

    /// One circuit, by `name@version`, or by `name` for the version registered last.
    ///
    /// # Errors
    /// There is no such circuit.
    pub async fn circuit(&self, reference: &str) -> Result<CircuitView, Error> {
        self.call(&Call::get(format!("/v1/circuits/{}", segment(reference)?))).await
    }

    /// How proofs of a circuit went on the latest thirty days, by class of device and by day.
    ///
    /// # Errors
    /// There is no such circuit.
    pub async fn performance(&self, reference: &str) -> Result<CircuitPerformance, Error> {
        self.call(&Call::get(format!("/v1/circuits/{}/performance", segment(reference)?))).await
    }

    /// The same over other days in UTC, such as from `2026-11-01` to `2026-11-30`, both included.
    ///
    /// # Errors
    /// There is no such circuit, or the days are more than a year.
    pub async fn performance_over(
        &self,
        reference: &str,
        from: &str,
        to: &str,
    ) -> Result<CircuitPerformance, Error> {
        let path = format!("/v1/circuits/{}/performance", segment(reference)?);
        let days = vec![("from", from.to_owned()), ("to", to.to_owned())];
        self.call(&Call::get(path).query(days)).await
    }

    /// The verification key of a circuit, for Groth16 the content of snarkjs's
    /// `verification_key.json`.
    ///
    /// # Errors
    /// There is no such circuit.
    pub async fn verification_key(&self, circuit: &CircuitRef) -> Result<Value, Error> {
        self.call(&Call::get(format!("/v1/circuits/{circuit}/verification-key"))).await
    }
}

/// A reference as it stands in a path: anything with another meaning there is refused.
fn segment(text: &str) -> Result<&str, Error> {
    if is_name(text) || text.parse::<CircuitRef>().is_ok() {
        Ok(text)
    } else {
        Err(Error::NotACircuit(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_that_would_change_the_path_is_rejected() {
        for bad in ["", "../keys", "a/b", "a?b", "a%2fb"] {
            assert!(segment(bad).is_err(), "{bad:?} was accepted");
        }
        assert_eq!(segment("rollup@0123456789abcdef").unwrap(), "rollup@0123456789abcdef");
    }
}
