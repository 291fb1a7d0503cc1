//! Fixtures made with snarkjs, and what reads and writes each kind of file.

use std::io::Cursor;
use std::path::PathBuf;

use zkpool_circuit_files::{AnyProvingKey, FileError, GroupChecks, ReadOptions, r1cs, wtns, zkey};

/// The folders of fixtures: one a curve.
pub(crate) const CURVES: [&str; 2] = ["bn128", "bls12-381"];

/// Accepts everything that can be proved with at all.
pub(crate) const LENIENT: ReadOptions =
    ReadOptions { allow_development: true, group_checks: GroupChecks::Full };

pub(crate) fn fixture_path(curve: &str, name: &str) -> PathBuf {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures");
    PathBuf::from(root).join(curve).join(name)
}

pub(crate) fn fixture(curve: &str, name: &str) -> Vec<u8> {
    std::fs::read(fixture_path(curve, name)).unwrap()
}

pub(crate) fn text(curve: &str, name: &str) -> String {
    String::from_utf8(fixture(curve, name)).unwrap()
}

pub(crate) fn read_key(bytes: &[u8], options: &ReadOptions) -> Result<AnyProvingKey, FileError> {
    zkey::read(Cursor::new(bytes), options)
}

pub(crate) fn write_key(key: &AnyProvingKey) -> Vec<u8> {
    let mut bytes = Vec::new();
    zkey::write(&mut bytes, key).unwrap();
    bytes
}

/// Reads a binary file of this extension and writes it back.
pub(crate) fn rewrite(extension: &str, bytes: &[u8]) -> Result<Vec<u8>, FileError> {
    let (mut written, reader) = (Vec::new(), Cursor::new(bytes));
    match extension {
        "zkey" => zkey::write(&mut written, &zkey::read(reader, &LENIENT)?).unwrap(),
        "r1cs" => r1cs::write(&mut written, &r1cs::read(reader)?).unwrap(),
        _ => wtns::write(&mut written, &wtns::read(reader)?).unwrap(),
    }
    Ok(written)
}
