//! `verification_key.json`.

use ark_bls12_381::Bls12_381;
use ark_bn254::Bn254;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::error::{JsonError, JsonFile, JsonRejection};
use super::point::{self, At, G1Text, G2Text};
use super::{PROTOCOL, expect_protocol, parse, shortened, text};
use crate::any::AnyVerifyingKey;
use crate::curve::CircomCurve;
use crate::verification_key::VerifyingKey;

const FILE: JsonFile = JsonFile::VerificationKey;

/// An element of the target group: two times three times two elements of the base field.
type TargetText = [[[String; 2]; 3]; 2];

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyText {
    protocol: String,
    curve: String,
    #[serde(rename = "nPublic")]
    n_public: u64,
    vk_alpha_1: G1Text,
    vk_beta_2: G2Text,
    vk_gamma_2: G2Text,
    vk_delta_2: G2Text,
    vk_alphabeta_12: TargetText,
    #[serde(rename = "IC")]
    ic: Vec<G1Text>,
}

/// Reads a verification key over either curve.
///
/// With `allow_development`, keys of a skipped setup phase are accepted, for which anyone can
/// forge proofs.
///
/// # Errors
/// The text is not a valid Groth16 verification key.
pub fn read(text: &[u8], allow_development: bool) -> Result<AnyVerifyingKey, JsonError> {
    from_text(&parse(FILE, text)?, allow_development)
}

/// Reads a verification key that is already parsed as JSON.
///
/// # Errors
/// The value is not a valid Groth16 verification key.
pub fn from_value(value: &Value, allow_development: bool) -> Result<AnyVerifyingKey, JsonError> {
    let text = KeyText::deserialize(value);
    let text = text.map_err(|error| JsonError::new(FILE, "", error.into()))?;
    from_text(&text, allow_development)
}

fn from_text(text: &KeyText, allow_development: bool) -> Result<AnyVerifyingKey, JsonError> {
    expect_protocol(FILE, &text.protocol)?;
    match text.curve.as_str() {
        Bn254::JSON_NAME => read_key::<Bn254>(text, allow_development).map(Into::into),
        Bls12_381::JSON_NAME => read_key::<Bls12_381>(text, allow_development).map(Into::into),
        other => {
            let expected = "the curve \"bn128\" or \"bls12381\"";
            let rejection = JsonRejection::Curve { expected, found: shortened(other) };
            Err(JsonError::new(FILE, "curve", rejection))
        }
    }
}

fn read_key<E: CircomCurve>(
    text: &KeyText,
    allow_development: bool,
) -> Result<VerifyingKey<E>, JsonError> {
    let at = |field| At { file: FILE, curve: E::CURVE, field };
    let key = VerifyingKey {
        alpha_g1: point::read_finite(at("vk_alpha_1"), &text.vk_alpha_1)?,
        beta_g2: point::read_finite(at("vk_beta_2"), &text.vk_beta_2)?,
        gamma_g2: point::read_finite(at("vk_gamma_2"), &text.vk_gamma_2)?,
        delta_g2: point::read_finite(at("vk_delta_2"), &text.vk_delta_2)?,
        ic: read_ic::<E>(text)?,
    };
    check(&key, text, allow_development)?;
    Ok(key)
}

fn read_ic<E: CircomCurve>(text: &KeyText) -> Result<Vec<E::G1Affine>, JsonError> {
    let (expected, found) = (text.n_public.saturating_add(1), text.ic.len() as u64);
    if expected != found {
        return Err(JsonError::new(FILE, "IC", JsonRejection::IcLength { expected, found }));
    }
    let read_one = |(index, point): (usize, &G1Text)| {
        let field = format!("IC[{index}]");
        point::read_finite(At { file: FILE, curve: E::CURVE, field: &field }, point)
    };
    text.ic.iter().enumerate().map(read_one).collect()
}

fn check<E: CircomCurve>(
    key: &VerifyingKey<E>,
    text: &KeyText,
    allow_development: bool,
) -> Result<(), JsonError> {
    let refuse = |fault| JsonError::new(FILE, "vk_delta_2", JsonRejection::Key(fault));
    match key.skipped_phase().map_err(refuse)? {
        Some(fault) if !allow_development => return Err(refuse(fault)),
        _ => {}
    }
    if alpha_beta(key) != text.vk_alphabeta_12 {
        return Err(JsonError::new(FILE, "vk_alphabeta_12", JsonRejection::AlphaBeta));
    }
    Ok(())
}

/// The pairing of alpha and beta, which snarkjs stores though verifiers can compute it.
fn alpha_beta<E: CircomCurve>(key: &VerifyingKey<E>) -> TargetText {
    let pairing = E::pairing(key.alpha_g1, key.beta_g2);
    let mut parts = point::spell(pairing.0).into_iter();
    let mut target = TargetText::default();
    for slot in target.as_flattened_mut().as_flattened_mut() {
        *slot = parts.next().unwrap_or_default();
    }
    target
}

impl AnyVerifyingKey {
    fn to_text(&self) -> KeyText {
        match self {
            Self::Bn254(key) => to_text(key),
            Self::Bls12_381(key) => to_text(key),
        }
    }
}

fn to_text<E: CircomCurve>(key: &VerifyingKey<E>) -> KeyText {
    let VerifyingKey { alpha_g1, beta_g2, gamma_g2, delta_g2, ic } = key;
    KeyText {
        protocol: PROTOCOL.to_owned(),
        curve: E::JSON_NAME.to_owned(),
        n_public: key.n_public() as u64,
        vk_alpha_1: point::write_g1(alpha_g1),
        vk_beta_2: point::write_g2(beta_g2),
        vk_gamma_2: point::write_g2(gamma_g2),
        vk_delta_2: point::write_g2(delta_g2),
        vk_alphabeta_12: alpha_beta(key),
        ic: ic.iter().map(point::write_g1).collect(),
    }
}

/// The text of a verification key, as `snarkjs zkey export verificationkey` writes it.
///
/// # Errors
/// Serialisation failed, which it does only for want of memory.
pub fn write(key: &AnyVerifyingKey) -> Result<String, serde_json::Error> {
    text(&key.to_text())
}

/// The verification key as a JSON value.
///
/// # Errors
/// Serialisation failed, which it does only for want of memory.
pub fn to_value(key: &AnyVerifyingKey) -> Result<Value, serde_json::Error> {
    serde_json::to_value(key.to_text())
}
