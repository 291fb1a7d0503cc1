//! JSON of snarkjs: keys, proofs, public inputs, inputs of circuits.

use ark_bls12_381::Bls12_381;
use ark_bn254::Bn254;
use serde_json::Value;
use zkpool_circuit_files::json::{proof, public, verification_key};
use zkpool_circuit_files::{CircomCurve, inputs};
use zkpool_types::Curve;

use crate::target::{Breach, Format, Held, Meter, Target, Verdict, refused};

pub(crate) const TARGETS: &[Target] = &[
    Target { name: "verification_key", format: Format::Json, read: read_verification_key },
    Target { name: "proof", format: Format::Json, read: read_proof },
    Target { name: "public", format: Format::Json, read: read_public },
    Target { name: "inputs", format: Format::Json, read: read_inputs },
];

fn read_verification_key(input: &[u8], meter: &mut Meter) -> Held {
    match meter.measure(|| verification_key::read(input, true)) {
        Err(error) => refused(&error),
        Ok(key) => accepted_meaning(&verification_key::write(&key).map_err(Breach::new)?, input),
    }
}

/// Proofs may leave their curve out, which is then written.
fn read_proof(input: &[u8], meter: &mut Meter) -> Held {
    let read = match meter.measure(|| proof::read(input)) {
        Err(error) => return refused(&error),
        Ok(read) => read,
    };
    let written = proof::write(&read).map_err(Breach::new)?;
    match accepted_meaning(&written, input) {
        Err(_) if !names_curve(input) => match proof::read(written.as_bytes()) {
            Ok(again) if again == read => Ok(Verdict::Accepted),
            _ => Err(Breach::new("a proof without a curve reads back as another one")),
        },
        held => held,
    }
}

fn names_curve(input: &[u8]) -> bool {
    let value = serde_json::from_slice::<Value>(input).unwrap_or_default();
    value.get("curve").is_some()
}

/// Public inputs say nothing of their curve: whoever reads them knows it.
fn read_public(input: &[u8], meter: &mut Meter) -> Held {
    match (public_of::<Bn254>(input, meter)?, public_of::<Bls12_381>(input, meter)?) {
        // The field of BN254 is the smaller one.
        (Verdict::Accepted, Verdict::Refused) => Err(Breach::new(
            "public inputs below the smaller prime were refused for the larger one",
        )),
        (_, verdict) => Ok(verdict),
    }
}

fn public_of<E: CircomCurve>(input: &[u8], meter: &mut Meter) -> Held {
    match meter.measure(|| public::read::<E>(input)) {
        Err(error) => refused(&error),
        Ok(values) => accepted_meaning(&public::write::<E>(&values).map_err(Breach::new)?, input),
    }
}

/// Inputs have many spellings and are never written, so that nothing is to be compared.
fn read_inputs(input: &[u8], meter: &mut Meter) -> Held {
    let mut read = |curve| match meter.measure(|| inputs::read(input, curve)) {
        Err(error) => refused(&error),
        Ok(_) => Ok(Verdict::Accepted),
    };
    match (read(Curve::Bn254)?, read(Curve::Bls12_381)?) {
        (one, other) if one == other => Ok(one),
        _ => Err(Breach::new("inputs were accepted over one curve and refused over the other")),
    }
}

/// A document that was accepted: white space and the order of members may change, and nothing else.
fn accepted_meaning(written: &str, read: &[u8]) -> Held {
    let read: Value = serde_json::from_slice(read).map_err(Breach::new)?;
    let written: Value = serde_json::from_str(written).map_err(Breach::new)?;
    if written == read {
        return Ok(Verdict::Accepted);
    }
    Err(Breach::new("expected what was accepted to be written back with the same meaning"))
}
