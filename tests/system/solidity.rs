//! Exported contracts on an Ethereum virtual machine, beside those that snarkjs exports.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use num_bigint::BigUint;
use serde_json::{Value, json};
use zkpool_tests::command::{snarkjs_ok, zkpool, zkpool_ok};
use zkpool_tests::groth16::Folder;
use zkpool_tests::workspace::{fixture, root};

/// Modulus of the coordinates of points, and of public inputs (EIP-196).
const P: &str = "30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd47";
const R: &str = "30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001";

/// Words of a proof: two of a, four of b, two of c; public inputs follow.
const INPUTS: usize = 8;

fn contract(folder: &Folder) -> std::path::PathBuf {
    let path = folder.file("Multiplier.sol");
    let key = fixture("bn128", "verification_key.json");
    let arguments = ["circuits", "solidity", "--contract", "Multiplier", "--verification-key"];
    let arguments = arguments.map(Path::new).into_iter().chain([key.as_path()]);
    zkpool_ok(arguments.chain([Path::new("--output"), path.as_path()]));
    path
}

fn calldata() -> String {
    let (proof, public) = (fixture("bn128", "proof.json"), fixture("bn128", "public.json"));
    let arguments = ["proofs", "calldata", "--proof"].map(Path::new).into_iter();
    let files = [proof.as_path(), Path::new("--public"), public.as_path()];
    zkpool_ok(arguments.chain(files)).trim_end().to_owned()
}

/// The numbers of a call in order, each as hexadecimal digits.
fn words(call: &str) -> Vec<String> {
    call.split('"').skip(1).step_by(2).map(|word| word[2..].to_owned()).collect()
}

/// A call of these numbers.
fn call(words: &[String]) -> String {
    let word = |i: usize| format!("\"0x{}\"", words[i]);
    let list = |from: usize, to: usize| (from..to).map(word).collect::<Vec<_>>().join(",");
    let b = format!("[{}],[{}]", list(2, 4), list(4, 6));
    format!("[{}],[{b}],[{}],[{}]", list(0, 2), list(6, 8), list(INPUTS, words.len()))
}

fn number(word: &str) -> BigUint {
    BigUint::parse_bytes(word.as_bytes(), 16).unwrap()
}

/// The sum of two numbers in 32 bytes.
fn plus(left: &str, right: &str) -> String {
    format!("{:064x}", number(left) + number(right))
}

/// A number taken from a modulus.
fn negated(modulus: &str, word: &str) -> String {
    format!("{:064x}", number(modulus) - number(word))
}

/// What each call of a contract returns, and what else the machine says.
fn run(contract: &Path, calls: &[String]) -> Value {
    let mut node = Command::new("node")
        .arg(root().join("tests/evm/call.mjs"))
        .arg(contract)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    node.stdin.take().unwrap().write_all(json!(calls).to_string().as_bytes()).unwrap();
    let output = node.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn values(answer: &Value) -> Vec<&Value> {
    answer["returned"].as_array().unwrap().iter().map(|one| &one["value"]).collect()
}

/// Calls that differ from the right one, and in what.
fn mutations(right: &[String]) -> Vec<(&'static str, String)> {
    let changed = |change: &dyn Fn(&mut Vec<String>)| {
        let mut words = right.to_vec();
        change(&mut words);
        call(&words)
    };
    vec![
        ("a is not on the curve", changed(&|w| w[0] = plus(&w[0], "1"))),
        ("a is negated", changed(&|w| w[1] = negated(P, &w[1]))),
        ("a coordinate of a is not reduced", changed(&|w| w[0] = plus(&w[0], P))),
        ("the parts of a coordinate of b are in the other order", changed(&|w| w.swap(2, 3))),
        ("b is not on the curve", changed(&|w| w[5] = plus(&w[5], "1"))),
        ("c is a", changed(&|w| (w[6], w[7]) = (w[0].clone(), w[1].clone()))),
        ("c is at infinity", changed(&|w| (w[6], w[7]) = ("0".repeat(64), "0".repeat(64)))),
        ("everything is zero", changed(&|w| w.iter_mut().for_each(|word| *word = "0".repeat(64)))),
        ("all bits are set", changed(&|w| w.iter_mut().for_each(|word| *word = "f".repeat(64)))),
        ("an input is one more", changed(&|w| w[INPUTS] = plus(&w[INPUTS], "1"))),
        ("an input is not reduced", changed(&|w| w[INPUTS] = plus(&w[INPUTS], R))),
        ("two inputs are in the other order", changed(&|w| w.swap(INPUTS, INPUTS + 1))),
    ]
}

#[test]
fn our_contract_accepts_our_proof_and_no_other_as_that_of_snarkjs_does() {
    let folder = Folder::new();
    let right = words(&calldata());
    assert_eq!(right.len(), INPUTS + 3);
    let mutations = mutations(&right);
    let mut calls = vec![calldata()];
    calls.extend(mutations.iter().map(|(_, call)| call.clone()));

    let ours = run(&contract(&folder), &calls);
    assert_eq!(ours["complaints"], json!([]), "the compiler complains");
    let returned = values(&ours);
    assert_eq!(returned[0], &json!(true), "the proof is not accepted");
    for ((what, _), value) in mutations.iter().zip(&returned[1..]) {
        assert_eq!(*value, &json!(false), "{what}");
    }

    let theirs = folder.file("snarkjs.sol");
    let zkey = fixture("bn128", "multiplier.zkey");
    snarkjs_ok([
        Path::new("zkey"),
        Path::new("export"),
        Path::new("solidityverifier"),
        &zkey,
        &theirs,
    ]);
    assert_eq!(returned, values(&run(&theirs, &calls)), "snarkjs's contract answers differently");
}

#[test]
fn a_key_over_another_curve_has_no_contract() {
    let refused = zkpool([
        Path::new("circuits"),
        Path::new("solidity"),
        Path::new("--verification-key"),
        &fixture("bls12-381", "verification_key.json"),
    ]);
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("bn128"), "{refused:?}");
}
