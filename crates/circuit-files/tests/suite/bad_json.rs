//! Crafted bad JSON: each is refused for its one reason, in its field.

use ark_bn254::Bn254;
use ark_ff::PrimeField;
use serde_json::{Value, json};
use zkpool_circuit_files::KeyFault;
use zkpool_circuit_files::json::{JsonError, JsonRejection, proof, public, verification_key};

use crate::common::{CURVES, text};
use crate::crafted::outside_subgroup;

/// What is wrong, the change that makes it so, the field blamed and the right rejection.
type Case = (&'static str, fn(&mut Value), &'static str, fn(&JsonRejection) -> bool);

macro_rules! case {
    ($name:expr, $change:expr, $field:expr, $($expected:tt)+) => {
        ($name, $change, $field, |rejection| matches!(rejection, $($expected)+))
    };
}

fn check(file: &str, cases: &[Case], read: impl Fn(&[u8]) -> Result<(), JsonError>) {
    for (name, change, field, expected) in cases {
        let mut value: Value = serde_json::from_str(&text("bn128", file)).unwrap();
        change(&mut value);
        let error = read(value.to_string().as_bytes()).expect_err(name);
        assert!(expected(&error.rejection), "{name}: {error}");
        assert_eq!(error.field, *field, "{name}: {error}");
    }
}

/// The prime of a field in decimal digits.
fn prime<F: PrimeField>() -> String {
    F::MODULUS.to_string()
}

/// A point on the twist outside the subgroup, as snarkjs spells points.
fn foreign() -> Value {
    let point = outside_subgroup::<ark_bn254::g2::Config>();
    let spell = |c: ark_bn254::Fq2| json!([c.c0.to_string(), c.c1.to_string()]);
    json!([spell(point.x), spell(point.y), ["1", "0"]])
}

#[test]
fn bad_proofs_are_rejected() {
    let cases: &[Case] = &[
        case!(
            "plonk",
            |p| p["protocol"] = json!("plonk"),
            "protocol",
            JsonRejection::Protocol { .. }
        ),
        case!(
            "curve unknown",
            |p| p["curve"] = json!("secp256k1"),
            "curve",
            JsonRejection::Curve { .. }
        ),
        case!("other curve", |p| p["curve"] = json!("bls12381"), "pi_a", JsonRejection::NotOnCurve),
        case!("number", |p| p["pi_a"][0] = json!(1), "", JsonRejection::Shape(_)),
        case!("two coordinates", |p| p["pi_a"] = json!(["1", "2"]), "", JsonRejection::Shape(_)),
        case!("G1 in place of G2", |p| p["pi_b"] = p["pi_a"].clone(), "", JsonRejection::Shape(_)),
        case!("unknown field", |p| p["pi_d"] = json!(0), "", JsonRejection::Shape(_)),
        case!(
            "missing field",
            |p| drop(p.as_object_mut().unwrap().remove("pi_c")),
            "",
            JsonRejection::Shape(_)
        ),
        case!("null", |p| *p = Value::Null, "", JsonRejection::Shape(_)),
        case!(
            "sign",
            |p| p["pi_a"][0] = json!("-1"),
            "pi_a[0]",
            JsonRejection::NotCanonical { .. }
        ),
        case!(
            "hexadecimal",
            |p| p["pi_a"][1] = json!("0x1"),
            "pi_a[1]",
            JsonRejection::NotCanonical { .. }
        ),
        case!(
            "leading zero",
            |p| p["pi_b"][0][1] = json!("01"),
            "pi_b[0][1]",
            JsonRejection::NotCanonical { .. }
        ),
        case!("empty", |p| p["pi_c"][0] = json!(""), "pi_c[0]", JsonRejection::NotCanonical { .. }),
        case!(
            "endless",
            |p| p["pi_c"][0] = json!("9".repeat(9999)),
            "pi_c[0]",
            JsonRejection::TooManyDigits { .. }
        ),
        case!(
            "x = q",
            |p| p["pi_a"][0] = json!(prime::<ark_bn254::Fq>()),
            "pi_a[0]",
            JsonRejection::NotReduced { .. }
        ),
        case!("off the curve", |p| p["pi_a"][0] = json!("1"), "pi_a", JsonRejection::NotOnCurve),
        case!("(0, 0)", |p| p["pi_a"] = json!(["0", "0", "1"]), "pi_a", JsonRejection::NotOnCurve),
        case!("z = 2", |p| p["pi_a"][2] = json!("2"), "pi_a", JsonRejection::NotAffine),
        case!("z = 0", |p| p["pi_a"][2] = json!("0"), "pi_a", JsonRejection::NotAffine),
        case!("z = u", |p| p["pi_b"][2] = json!(["0", "1"]), "pi_b", JsonRejection::NotAffine),
        case!(
            "B outside the subgroup",
            |p| p["pi_b"] = foreign(),
            "pi_b",
            JsonRejection::NotInSubgroup
        ),
    ];
    check("proof.json", cases, |text| proof::read(text).map(drop));
}

#[test]
fn bad_verification_keys_are_rejected() {
    let cases: &[Case] = &[
        case!(
            "plonk",
            |k| k["protocol"] = json!("plonk"),
            "protocol",
            JsonRejection::Protocol { .. }
        ),
        case!(
            "other curve",
            |k| k["curve"] = json!("bls12-381"),
            "curve",
            JsonRejection::Curve { .. }
        ),
        case!(
            "too many inputs",
            |k| k["nPublic"] = json!(4),
            "IC",
            JsonRejection::IcLength { expected: 5, found: 4 }
        ),
        case!(
            "2^64 - 1 inputs",
            |k| k["nPublic"] = json!(u64::MAX),
            "IC",
            JsonRejection::IcLength { .. }
        ),
        case!("no IC", |k| k["IC"] = json!([]), "IC", JsonRejection::IcLength { .. }),
        case!(
            "alpha at infinity",
            |k| k["vk_alpha_1"] = json!(["0", "1", "0"]),
            "vk_alpha_1",
            JsonRejection::AtInfinity
        ),
        case!(
            "gamma at infinity",
            |k| k["vk_gamma_2"] = json!([["0", "0"], ["1", "0"], ["0", "0"]]),
            "vk_gamma_2",
            JsonRejection::AtInfinity
        ),
        case!(
            "IC at infinity",
            |k| k["IC"][2] = json!(["0", "1", "0"]),
            "IC[2]",
            JsonRejection::AtInfinity
        ),
        case!(
            "IC off the curve",
            |k| k["IC"][1][0] = json!("7"),
            "IC[1]",
            JsonRejection::NotOnCurve
        ),
        case!(
            "delta outside the subgroup",
            |k| k["vk_delta_2"] = foreign(),
            "vk_delta_2",
            JsonRejection::NotInSubgroup
        ),
        case!(
            "gamma is delta",
            |k| k["vk_gamma_2"] = k["vk_delta_2"].clone(),
            "vk_delta_2",
            JsonRejection::Key(KeyFault::GammaEqualsDelta)
        ),
        case!(
            "phase 2 skipped",
            |k| k["vk_delta_2"] = k["vk_gamma_2"].clone(),
            "vk_delta_2",
            JsonRejection::Key(KeyFault::DeltaIsGenerator)
        ),
        case!(
            "beta is the generator",
            |k| k["vk_beta_2"] = k["vk_gamma_2"].clone(),
            "vk_delta_2",
            JsonRejection::Key(KeyFault::PowersOfTauSkipped)
        ),
        case!(
            "another pairing",
            |k| k["vk_alphabeta_12"][0][0][0] = json!("1"),
            "vk_alphabeta_12",
            JsonRejection::AlphaBeta
        ),
        case!(
            "pairing + q",
            |k| k["vk_alphabeta_12"][1][2][1] = json!(prime::<ark_bn254::Fq>()),
            "vk_alphabeta_12",
            JsonRejection::AlphaBeta
        ),
    ];
    check("verification_key.json", cases, |text| verification_key::read(text, false).map(drop));
}

#[test]
fn bad_public_inputs_are_rejected() {
    let cases: &[Case] = &[
        case!("object", |p| *p = json!({}), "", JsonRejection::Shape(_)),
        case!("number", |p| p[0] = json!(33), "", JsonRejection::Shape(_)),
        case!(
            "r",
            |p| p[1] = json!(prime::<ark_bn254::Fr>()),
            "[1]",
            JsonRejection::NotReduced { .. }
        ),
        case!(
            "2^256",
            |p| p[1] = json!(format!("1{}", "0".repeat(77))),
            "[1]",
            JsonRejection::TooManyDigits { .. }
        ),
        case!("plus sign", |p| p[0] = json!("+33"), "[0]", JsonRejection::NotCanonical { .. }),
        case!("leading zero", |p| p[0] = json!("033"), "[0]", JsonRejection::NotCanonical { .. }),
        case!("white space", |p| p[2] = json!("7 "), "[2]", JsonRejection::NotCanonical { .. }),
    ];
    check("public.json", cases, |text| public::read::<Bn254>(text).map(drop));
}

#[test]
fn a_repeated_field_is_rejected() {
    let text = text("bn128", "proof.json");
    let doubled = text.replacen('{', "{\"protocol\": \"groth16\",", 1);
    let error = proof::read(doubled.as_bytes()).unwrap_err();
    assert!(matches!(error.rejection, JsonRejection::Shape(_)), "{error}");
}

#[test]
fn every_truncation_is_rejected() {
    for curve in CURVES {
        let (proof, key) = (text(curve, "proof.json"), text(curve, "verification_key.json"));
        for length in 0..proof.len() {
            assert!(proof::read(&proof.as_bytes()[..length]).is_err(), "{length}");
        }
        for length in 0..key.len() {
            assert!(verification_key::read(&key.as_bytes()[..length], true).is_err(), "{length}");
        }
    }
}

#[test]
fn the_point_at_infinity_is_written_back() {
    let mut value: Value = serde_json::from_str(&text("bn128", "proof.json")).unwrap();
    value["pi_b"] = json!([["0", "0"], ["1", "0"], ["0", "0"]]);
    value["pi_c"] = json!(["0", "1", "0"]);
    let read = proof::from_value(&value).unwrap();
    assert_eq!(proof::to_value(&read).unwrap(), value);
}

#[test]
fn other_white_space_and_field_order_are_read() {
    let original = text("bn128", "proof.json");
    let value: Value = serde_json::from_str(&original).unwrap();
    let read = proof::read(value.to_string().as_bytes()).unwrap();
    assert_eq!(proof::write(&read).unwrap(), original);
}

#[test]
fn a_long_name_that_is_unknown_is_not_repeated_as_a_whole() {
    let text = format!(r#"{{"{}":1}}"#, "long".repeat(10_000));
    let error = proof::read(text.as_bytes()).unwrap_err().to_string();
    assert!(error.contains("unknown field `longlong") && error.contains("line 1"), "{error}");
    assert!(error.chars().count() < 400, "{error}");
}
