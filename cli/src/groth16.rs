//! Groth16 on this machine: files in, verified results out.

use std::io::BufWriter;
use std::path::{Path, PathBuf};

use clap::Args;
use rand_chacha::ChaCha20Rng;
use zkpool_circuit_files::json::{self, verification_key};
use zkpool_circuit_files::zkey::{self, OpenError, WriteError};
use zkpool_circuit_files::{
    AnyProvingKey, AnyR1cs, AnyVerifyingKey, AnyWitness, GroupChecks, ReadOptions, prepared, wtns,
};
use zkpool_snark::{AnyEngine, AnyProver, AnyVerifier, Cpu, ProveError};
use zkpool_types::ProofBody;

use crate::device::Engine;
use crate::exit::CliError;
use crate::{files, random};

/// Where keys that passed every check are kept in the form in which provers read them, so that a
/// key is checked once, and where compiled shaders are kept.
#[derive(Args, Clone, Debug)]
pub(crate) struct CacheArgs {
    /// Where checked keys and compiled shaders are kept; in your cache directory by default
    #[arg(long, env = "ZKPOOL_CACHE", value_name = "DIR")]
    cache: Option<PathBuf>,
    /// The cache directory of the user (XDG Base Directory Specification)
    #[arg(long, env = "XDG_CACHE_HOME", hide = true)]
    xdg_cache_home: Option<PathBuf>,
    /// The home directory of the user
    #[arg(long, env = "HOME", hide = true)]
    home: Option<PathBuf>,
}

impl CacheArgs {
    /// The directory, where the system has a place for it. A relative XDG path is invalid.
    pub(crate) fn dir(&self) -> Option<PathBuf> {
        let xdg = self.xdg_cache_home.clone().filter(|dir| dir.is_absolute());
        let in_home = || Some(self.home.as_ref()?.join(".cache"));
        self.cache.clone().or_else(|| Some(xdg.or_else(in_home)?.join("zkpool")))
    }

    /// The checked keys.
    fn prepared(&self) -> Option<prepared::Cache> {
        Some(prepared::Cache::new(self.dir()?.join("prepared")))
    }

    /// The directory of compiled shaders.
    pub(crate) fn pipelines(&self) -> Option<PathBuf> {
        Some(self.dir()?.join("pipelines"))
    }
}

/// Opens a proving key. A development key is welcome: what it proves here convinces nobody else
/// by itself, and the caller warns.
pub(crate) fn open_key(path: &Path, cache: &CacheArgs) -> Result<AnyProvingKey, CliError> {
    open_key_from(path, cache.prepared().as_ref())
}

/// [`open_key`], with or without a cache of checked keys.
pub(crate) fn open_key_from(
    path: &Path,
    cache: Option<&prepared::Cache>,
) -> Result<AnyProvingKey, CliError> {
    let options = ReadOptions { allow_development: true, group_checks: GroupChecks::Full };
    match zkey::open(path, &options, cache) {
        Ok(opened) => Ok(opened.key),
        Err(OpenError::Open { path, source }) => Err(CliError::read(&path, source)),
        Err(OpenError::Invalid { path, source }) => Err(CliError::bad_file(&path, source)),
    }
}

/// Reads a witness.
pub(crate) fn read_witness(path: &Path) -> Result<AnyWitness, CliError> {
    let (file, _) = files::open(path)?;
    wtns::read(file).map_err(|error| CliError::bad_file(path, error))
}

/// Makes a development key of a constraint system and writes it.
pub(crate) fn development_setup(circuit: &AnyR1cs, path: &Path) -> Result<(), CliError> {
    let key = zkpool_snark::development_setup(circuit, &mut random::generator()?)
        .map_err(|error| CliError::Setup(error.into()))?;
    files::write_with(path, |file| {
        zkey::write(BufWriter::new(file), &key).map_err(|error| match error {
            WriteError::Io(error) => CliError::write(path, error),
            WriteError::Length { .. } => CliError::internal(error),
        })
    })
}

/// Makes a proof on this device and verifies it.
///
/// # Errors
/// The witness is for another circuit or does not satisfy it, or the device failed.
pub(crate) fn prove(
    engine: &Engine,
    key: AnyProvingKey,
    witness: &AnyWitness,
) -> Result<ProofBody, CliError> {
    let rng = random::generator()?;
    let proven = match engine {
        Engine::Cpu => prove_on(Cpu, key, witness, rng),
        Engine::Gpu(gpu) => prove_on(gpu.clone(), key, witness, rng),
    };
    proven.map_err(|error| match error {
        ProveError::Unsatisfied => CliError::Unsatisfied,
        ProveError::Device(error) => CliError::DeviceFailed(error),
        error => CliError::Proving(error.into()),
    })
}

fn prove_on(
    engine: impl AnyEngine,
    key: AnyProvingKey,
    witness: &AnyWitness,
    mut rng: ChaCha20Rng,
) -> Result<ProofBody, ProveError> {
    AnyProver::new(engine, key)?.prove(witness, &mut rng, &mut ())
}

/// Writes a verification key, as snarkjs writes it.
pub(crate) fn write_verification_key(key: &AnyVerifyingKey, path: &Path) -> Result<(), CliError> {
    let text = verification_key::write(key).map_err(CliError::internal)?;
    files::write(path, text.as_bytes())
}

/// Writes a proof and its public inputs, as snarkjs writes them.
pub(crate) fn write_proof(body: &ProofBody, proof: &Path, public: &Path) -> Result<(), CliError> {
    let parsed = json::proof::from_value(&body.proof)
        .map_err(|error| CliError::bad_document("the proof", error))?;
    let text = json::proof::write(&parsed).map_err(CliError::internal)?;
    files::write_json(public, &body.public_inputs)?;
    files::write(proof, text.as_bytes())
}

/// Verifies three files as snarkjs writes them.
///
/// A verification key of a skipped setup phase is refused: anyone can forge proofs for it.
///
/// # Errors
/// One of them cannot be read or is malformed.
pub(crate) fn verify_files(key: &Path, public: &Path, proof: &Path) -> Result<bool, CliError> {
    let verification_key = verification_key::read(&files::read_json(key)?, false)
        .map_err(|error| CliError::bad_file(key, error))?;
    let parsed_proof = json::proof::read(&files::read_json(proof)?)
        .map_err(|error| CliError::bad_file(proof, error))?;
    let public_inputs: Vec<String> = serde_json::from_slice(&files::read_json(public)?)
        .map_err(|error| CliError::bad_file(public, error))?;
    AnyVerifier::new(verification_key)
        .verify(&public_inputs, &parsed_proof)
        .map_err(|error| CliError::bad_file(public, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache(xdg: Option<&str>, home: Option<&str>) -> CacheArgs {
        let dir = |text: Option<&str>| text.map(PathBuf::from);
        CacheArgs { cache: None, xdg_cache_home: dir(xdg), home: dir(home) }
    }

    #[test]
    fn the_cache_is_where_the_system_says_and_nowhere_if_it_does_not() {
        assert_eq!(cache(Some("/c"), Some("/h")).dir(), Some("/c/zkpool".into()));
        assert_eq!(cache(Some("relative"), Some("/h")).dir(), Some("/h/.cache/zkpool".into()));
        assert_eq!(cache(None, None).dir(), None);
    }
}
