//! Proofs in files, made by `zkpool` and judged by snarkjs.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::command::{snarkjs, zkpool_ok};

/// The curves as circom and snarkjs call them.
pub const CURVES: [&str; 2] = ["bn128", "bls12-381"];

/// A folder for the files of one test. It is gone when it is dropped.
#[derive(Debug)]
pub struct Folder(TempDir);

impl Folder {
    /// An empty folder.
    #[must_use]
    #[allow(clippy::new_without_default, reason = "it makes something on disk")]
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// The path of a file in it.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

/// Makes a development key of a constraint system.
pub fn development_key(r1cs: &Path, zkey: &Path) {
    zkpool_ok([Path::new("groth16"), Path::new("setup"), Path::new("--development"), r1cs, zkey]);
}

/// Writes the verification key of a proving key.
pub fn export_verification_key(zkey: &Path, verification_key: &Path) {
    let command = [Path::new("groth16"), Path::new("export-verification-key")];
    zkpool_ok(command.into_iter().chain([zkey, verification_key]));
}

/// What snarkjs says of a proof.
#[must_use]
pub fn snarkjs_accepts(verification_key: &Path, public: &Path, proof: &Path) -> bool {
    let arguments = [Path::new("groth16"), Path::new("verify"), verification_key, public, proof];
    let output = snarkjs(arguments);
    output.status.success() && String::from_utf8_lossy(&output.stdout).contains("OK!")
}
