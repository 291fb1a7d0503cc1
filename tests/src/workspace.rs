//! Where things are.

use std::path::{Path, PathBuf};

/// The root of the repository.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// A file made by snarkjs for the small multiplier circuit; `curve` is `bn128` or `bls12-381`.
#[must_use]
pub fn fixture(curve: &str, file: &str) -> PathBuf {
    root().join("tests/fixtures").join(curve).join(file)
}

/// A compiled artifact of the rollup circuit.
#[must_use]
pub fn rollup(file: &str) -> PathBuf {
    root().join("circuits/rollup/artifacts").join(file)
}
