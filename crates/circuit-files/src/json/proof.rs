//! `proof.json`.

use ark_bls12_381::Bls12_381;
use ark_bn254::Bn254;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::error::{JsonError, JsonFile, JsonRejection};
use super::point::{self, At, G1Text, G2Text};
use super::{PROTOCOL, expect_protocol, parse, shortened, text};
use crate::any::AnyProof;
use crate::curve::CircomCurve;

const FILE: JsonFile = JsonFile::Proof;

/// A Groth16 proof.
///
/// Points are on the curve and in the subgroup. A proof can be changed into another valid one of
/// the same statement, so its bytes must never serve as an identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proof<E: CircomCurve> {
    /// A, in G1.
    pub a: E::G1Affine,
    /// B, in G2.
    pub b: E::G2Affine,
    /// C, in G1.
    pub c: E::G1Affine,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProofText {
    pi_a: G1Text,
    pi_b: G2Text,
    pi_c: G1Text,
    protocol: String,
    #[serde(default = "curve_where_not_written")]
    curve: String,
}

/// rapidsnark proves over this curve only and does not write it down.
fn curve_where_not_written() -> String {
    Bn254::JSON_NAME.to_owned()
}

/// Reads a proof over either curve. One that names no curve is over BN254, as rapidsnark writes it.
///
/// # Errors
/// The text is not a valid Groth16 proof.
pub fn read(text: &[u8]) -> Result<AnyProof, JsonError> {
    from_text(&parse(FILE, text)?)
}

/// Reads a proof that is already parsed as JSON.
///
/// # Errors
/// The value is not a valid Groth16 proof.
pub fn from_value(value: &Value) -> Result<AnyProof, JsonError> {
    let text = ProofText::deserialize(value);
    from_text(&text.map_err(|error| JsonError::new(FILE, "", error.into()))?)
}

fn from_text(text: &ProofText) -> Result<AnyProof, JsonError> {
    expect_protocol(FILE, &text.protocol)?;
    match text.curve.as_str() {
        Bn254::JSON_NAME => read_points::<Bn254>(text).map(Into::into),
        Bls12_381::JSON_NAME => read_points::<Bls12_381>(text).map(Into::into),
        other => {
            let expected = "the curve \"bn128\" or \"bls12381\"";
            let rejection = JsonRejection::Curve { expected, found: shortened(other) };
            Err(JsonError::new(FILE, "curve", rejection))
        }
    }
}

fn read_points<E: CircomCurve>(text: &ProofText) -> Result<Proof<E>, JsonError> {
    let ProofText { pi_a, pi_b, pi_c, protocol: _, curve: _ } = text;
    let at = |field| At { file: FILE, curve: E::CURVE, field };
    Ok(Proof {
        a: point::read(at("pi_a"), pi_a)?,
        b: point::read(at("pi_b"), pi_b)?,
        c: point::read(at("pi_c"), pi_c)?,
    })
}

impl AnyProof {
    fn to_text(&self) -> ProofText {
        match self {
            Self::Bn254(proof) => to_text(proof),
            Self::Bls12_381(proof) => to_text(proof),
        }
    }
}

fn to_text<E: CircomCurve>(proof: &Proof<E>) -> ProofText {
    let Proof { a, b, c } = proof;
    ProofText {
        pi_a: point::write_g1(a),
        pi_b: point::write_g2(b),
        pi_c: point::write_g1(c),
        protocol: PROTOCOL.to_owned(),
        curve: E::JSON_NAME.to_owned(),
    }
}

/// The text of a proof, as snarkjs writes it.
///
/// # Errors
/// Serialisation failed, which it does only for want of memory.
pub fn write(proof: &AnyProof) -> Result<String, serde_json::Error> {
    text(&proof.to_text())
}

/// The proof as a JSON value.
///
/// # Errors
/// Serialisation failed, which it does only for want of memory.
pub fn to_value(proof: &AnyProof) -> Result<Value, serde_json::Error> {
    serde_json::to_value(proof.to_text())
}
