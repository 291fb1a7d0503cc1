use super::*;

fn inputs(json: &str) -> Inputs {
    read(json.as_bytes(), Curve::Bn254).unwrap()
}

fn refusal(json: &str) -> String {
    read(json.as_bytes(), Curve::Bn254).unwrap_err().to_string()
}

/// The one signal's values as small numbers.
fn small(json: &str) -> Vec<u64> {
    let inputs = inputs(json);
    let [signal] = inputs.signals() else { panic!("expected one signal, found {inputs:?}") };
    let low = |element: &Element| {
        assert!(element[8..].iter().all(|byte| *byte == 0), "not small");
        u64::from_le_bytes(*element.first_chunk().unwrap())
    };
    signal.values().iter().map(low).collect()
}

fn names(json: &str) -> Vec<String> {
    inputs(json).signals().iter().map(|signal| signal.name().to_owned()).collect()
}

#[test]
fn numbers_are_texts_or_json_numbers() {
    assert_eq!(small(r#"{"a": "3"}"#), [3]);
    assert_eq!(small(r#"{"a": 3}"#), [3]);
    assert_eq!(small(r#"{"a": "0x1F"}"#), [31]);
    assert_eq!(small(r#"{"a": [true, false]}"#), [1, 0]);
    assert_eq!(small(r#"{"a": 18446744073709551615}"#), [u64::MAX]);
    assert_eq!(small(r#"{"a": "00000000000000000000000000000000000012"}"#), [12]);
}

#[test]
fn nested_arrays_are_one_list_in_order() {
    assert_eq!(small(r#"{"a": [[1, "2"], [3, [4]], []]}"#), [1, 2, 3, 4]);
}

#[test]
fn numbers_below_zero_and_from_the_prime_on_are_reduced_as_snarkjs_does() {
    let prime = "21888242871839275222246405745257275088548364400416034343698204186575808495617";
    assert_eq!(small(&format!(r#"{{"a": ["{prime}", "-{prime}"]}}"#)), [0, 0]);
    let largest = "21888242871839275222246405745257275088548364400416034343698204186575808495616";
    let same = inputs(&format!(r#"{{"a": ["{largest}", "-1", -1]}}"#));
    let values = same.signals()[0].values();
    assert!(values.iter().all(|value| *value == values[0]));
    let other = read(br#"{"a": "-1"}"#, Curve::Bls12_381).unwrap();
    assert_ne!(other.signals()[0].values()[0], values[0]);
}

#[test]
fn hexadecimal_digits_are_the_same_number() {
    let both = inputs(
        r#"{"a": ["0x30644e72e131a029b85045b68181585d2833e84879b9709143e1f593efffffff",
                  "21888242871839275222246405745257275088548364400416034343698204186575808495615"]}"#,
    );
    let values = both.signals()[0].values();
    assert_eq!(values[0], values[1]);
}

#[test]
fn buses_have_the_names_that_circom_gives_them() {
    assert_eq!(names(r#"{"p": {"x": 1, "y": [2, 3]}, "z": 4}"#), ["p.x", "p.y", "z"]);
    assert_eq!(names(r#"{"p": [{"x": 1}, {"x": 2}]}"#), ["p[0].x", "p[1].x"]);
    assert_eq!(names(r#"{"p": [[{"x": 1}], [{"x": 2}]]}"#), ["p[0][0].x", "p[1][0].x"]);
}

#[test]
fn a_value_that_is_no_number_is_rejected_with_its_place_and_without_itself() {
    for (value, found) in [
        ("null", NotAnElement::Null),
        ("31337.5", NotAnElement::Inexact),
        ("31337e1", NotAnElement::Inexact),
        ("31337000000000000000000", NotAnElement::Inexact),
        ("\"\"", NotAnElement::Text),
        ("\"-\"", NotAnElement::Text),
        ("\"0x\"", NotAnElement::Text),
        ("\"31337.5\"", NotAnElement::Text),
        ("\"31337 \"", NotAnElement::Text),
        ("\"-0x31337\"", NotAnElement::Text),
    ] {
        let refusal = refusal(&format!(r#"{{"b": 1, "a": [[1], [2, {value}]]}}"#));
        let expected = format!("expected a whole number for signal a[1][1], found {found}");
        assert_eq!(refusal, expected);
        assert!(!refusal.contains("31337"));
    }
    let long = "1".repeat(2000);
    assert!(refusal(&format!(r#"{{"a": "{long}"}}"#)).contains("characters"));
}

#[test]
fn what_names_no_signals_or_one_twice_is_rejected() {
    assert_eq!(refusal("[1]"), InputsError::NotAnObject.to_string());
    assert!(refusal(r#"{"a": 1, "a": 2}"#).contains("signal a once"));
    assert!(refusal(r#"{"p.x": 1, "p": {"x": 2}}"#).contains("signal p.x once"));
    assert!(refusal(r#"{"p": [1, {"x": 2}]}"#).contains("in the array p"));
    assert!(refusal(r#"{"a": 31337"#).contains("no JSON"));
    assert!(!refusal(r#"{"a": 31337x}"#).contains("31337"));
}

#[test]
fn depth_is_bounded() {
    assert!(refusal(&format!(r#"{{"a": {}"#, "[".repeat(100_000))).contains("no JSON"));
}

#[test]
fn a_long_name_that_buses_would_repeat_is_rejected() {
    let name = "n".repeat(NAME_BYTES_MAX - 2);
    assert_eq!(names(&format!(r#"{{"{name}": {{"x": 1}}}}"#)).len(), 1);
    for parts in [r#"{"x": 1, "yy": 2}"#, r#"[{"": 1}]"#] {
        let refusal = refusal(&format!(r#"{{"{name}": {parts}}}"#));
        let expected = "expected names of at most 256 bytes, found 257 in n";
        assert!(refusal.starts_with(expected) && refusal.len() < 200, "{refusal}");
    }
    assert!(refusal(&format!(r#"{{"{name}nnn": 1}}"#)).contains("at most 256 bytes"));
}

#[test]
fn more_values_or_names_than_a_circuit_takes_are_rejected() {
    // The outer object and the array count as well.
    let values = |count: usize| format!(r#"{{"a": [0{}]}}"#, ",0".repeat(count - 1));
    assert_eq!(small(&values(VALUES_MAX - 2)).len(), VALUES_MAX - 2);
    let many = refusal(&values(VALUES_MAX - 1));
    assert_eq!(many, InputsError::Values { max: VALUES_MAX }.to_string());
    assert_eq!(refusal(&values(2 * VALUES_MAX)), many);
    let objects = refusal(&format!(r#"{{"a": [{{}}{}]}}"#, ",{}".repeat(VALUES_MAX)));
    assert_eq!(objects, many);
    let names: String = (0..=NAMES_MAX).map(|name| format!(r#","{name}":0"#)).collect();
    let names = refusal(&format!("{{{}}}", &names[1..]));
    assert_eq!(names, InputsError::Names { max: NAMES_MAX }.to_string());
}

#[test]
fn inputs_do_not_print() {
    assert_eq!(format!("{:?}", inputs(r#"{"a": [31337]}"#)), "[a: 1 values, redacted]");
}
