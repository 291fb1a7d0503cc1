//! Circuits: immutable, content-addressed versions under a name of their project.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ids::{InvalidId, is_name};
use crate::{ProjectId, Sha256Digest, Timestamp};

/// A pairing-friendly curve that proofs are made over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum Curve {
    /// BN254, called `bn128` by circom and snarkjs and alt_bn128 by Ethereum (EIP-196).
    #[serde(rename = "bn128")]
    Bn254,
    /// BLS12-381.
    #[serde(rename = "bls12-381")]
    Bls12_381,
}

impl Curve {
    /// The name that the command lines of circom and snarkjs know it by.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bn254 => "bn128",
            Self::Bls12_381 => "bls12-381",
        }
    }
}

impl fmt::Display for Curve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A proof system that provers of the pool can run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum ProofSystemKind {
    /// Groth16 (eprint 2016/260) with keys in the layout of snarkjs.
    Groth16,
}

/// A blob named by what it contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ArtifactRef {
    /// SHA-256 of the content.
    pub sha256: Sha256Digest,
    /// Length of the content in bytes.
    pub size: u64,
}

/// One version of a circuit, written `name@version`.
///
/// The version is the first 16 hexadecimal digits of the proving key's digest, so that the same
/// key registered twice is the same version.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CircuitRef {
    name: String,
    version: String,
}

impl CircuitRef {
    /// The version of circuit `name` that has this proving key.
    ///
    /// # Errors
    /// The name is not 1 to 40 of `a-z`, `0-9` and `-`, beginning with a letter.
    pub fn of_key(name: &str, proving_key: &Sha256Digest) -> Result<Self, InvalidId> {
        if !is_name(name) {
            return Err(InvalidId::new(
                "a circuit name (1 to 40 of a-z, 0-9 and -, a letter first)",
                name,
            ));
        }
        Ok(Self { name: name.to_owned(), version: proving_key.short() })
    }

    /// The circuit's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The circuit's version: 16 hexadecimal digits.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }
}

impl FromStr for CircuitRef {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let is_version = |version: &str| {
            version.len() == 16
                && version.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        };
        match text.split_once('@') {
            Some((name, version)) if is_name(name) && is_version(version) => {
                Ok(Self { name: name.to_owned(), version: version.to_owned() })
            }
            _ => Err(InvalidId::new("a circuit reference (name@16 hexadecimal digits)", text)),
        }
    }
}

impl TryFrom<String> for CircuitRef {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl From<CircuitRef> for String {
    fn from(circuit: CircuitRef) -> Self {
        circuit.to_string()
    }
}

impl fmt::Display for CircuitRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.version)
    }
}

impl fmt::Debug for CircuitRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// What a registered circuit is: the create-once record of one version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CircuitManifest {
    /// The tenant that registered it.
    pub project: ProjectId,
    /// Name and version.
    pub circuit: CircuitRef,
    /// How proofs of it are made.
    pub proof_system: ProofSystemKind,
    /// The curve of its keys.
    pub curve: Curve,
    /// The proving key (a `.zkey` file for Groth16).
    pub proving_key: ArtifactRef,
    /// The verification key (snarkjs JSON for Groth16), derived from the proving key.
    pub verification_key: ArtifactRef,
    /// What computes witnesses from inputs (a `.wasm` file of circom 2 for Groth16), where the
    /// circuit was registered with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generator: Option<ArtifactRef>,
    /// Size of the evaluation domain, a power of two at least the number of constraints.
    pub domain_size: u64,
    /// Length of a witness, the constant 1 included.
    pub variables: u64,
    /// Number of public inputs, outputs of the circuit included.
    pub public_inputs: u64,
    /// Whether the key came from a development setup, whose maker can forge proofs.
    pub development: bool,
    /// When it was first registered.
    pub created_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_reads_back_as_written() {
        let circuit = CircuitRef::of_key("rollup", &Sha256Digest::of(b"key")).unwrap();
        assert_eq!(circuit.to_string().parse::<CircuitRef>().unwrap(), circuit);
    }

    #[test]
    fn references_that_are_not_names_are_rejected() {
        for bad in ["rollup", "rollup@", "rollup@12", "../x@0123456789abcdef", "@0123456789abcdef"]
        {
            assert!(bad.parse::<CircuitRef>().is_err(), "{bad:?} was accepted");
        }
    }
}
