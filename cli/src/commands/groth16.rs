//! `zkpool groth16`: keys, proofs and verification without a server.
//!
//! Files and the order of arguments are those of snarkjs and rapidsnark.

use std::io::Cursor;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;
use zkpool_circuit_files::{AnyWitness, r1cs, wtns};

use super::verify::verdict;
use crate::device::{DeviceArgs, Engine};
use crate::exit::CliError;
use crate::groth16::{self, CacheArgs};
use crate::output::{self, Report};
use crate::progress::Drawing;
use crate::{files, generate};

/// Set up, prove and verify offline, with the files of circom and snarkjs
#[derive(Subcommand, Debug)]
pub(crate) enum Groth16Command {
    /// Make a proving key for development
    ///
    /// Whoever runs a setup alone can forge proofs under its key, so that the key is marked and
    /// refused wherever that is not allowed. For production use the key of a ceremony.
    Setup {
        /// Say that this is what is wanted
        #[arg(long)]
        development: bool,
        /// The constraint system (.r1cs)
        circuit: PathBuf,
        /// Where to write the proving key (.zkey)
        proving_key: PathBuf,
    },
    /// Make a proof and the public inputs it is for
    ///
    /// The proof is verified before anything is written.
    Prove(ProveArgs),
    /// Make a proof from inputs
    ///
    /// The witness is calculated first and is not written.
    #[command(name = "fullprove")]
    FullProve(FullProveArgs),
    /// Verify a proof: prints OK or INVALID
    Verify {
        /// The verification key (JSON)
        verification_key: PathBuf,
        /// The public inputs (JSON)
        public: PathBuf,
        /// The proof (JSON)
        proof: PathBuf,
    },
    /// Write the verification key of a proving key
    ExportVerificationKey {
        /// The proving key (.zkey)
        proving_key: PathBuf,
        /// Where to write the verification key (JSON)
        verification_key: PathBuf,
        #[command(flatten)]
        cache: CacheArgs,
    },
}

/// What a proof is made of, and where it goes.
#[derive(Args, Debug)]
pub(crate) struct ProveArgs {
    /// The proving key (.zkey)
    proving_key: PathBuf,
    /// The witness (.wtns)
    witness: PathBuf,
    /// Where to write the proof (JSON)
    proof: PathBuf,
    /// Where to write the public inputs (JSON)
    public: PathBuf,
    #[command(flatten)]
    device: DeviceArgs,
}

/// What a proof from inputs is made of, and where it goes.
#[derive(Args, Debug)]
pub(crate) struct FullProveArgs {
    /// The inputs (JSON)
    inputs: PathBuf,
    /// The witness generator (the .wasm of circom 2)
    generator: PathBuf,
    /// The proving key (.zkey)
    proving_key: PathBuf,
    /// Where to write the proof (JSON)
    proof: PathBuf,
    /// Where to write the public inputs (JSON)
    public: PathBuf,
    #[command(flatten)]
    device: DeviceArgs,
}

/// Runs the command.
pub(crate) fn run(command: &Groth16Command, drawing: Drawing) -> Result<Report, CliError> {
    match command {
        Groth16Command::Setup { development: false, .. } => Err(CliError::SetupForProduction),
        Groth16Command::Setup { development: true, circuit, proving_key } => {
            setup(circuit, proving_key, drawing)
        }
        Groth16Command::Prove(args) => {
            let ProveArgs { proving_key, witness, proof, public, device } = args;
            let witness = groth16::read_witness(witness)?;
            prove(proving_key, &witness, [proof, public], device, drawing)
        }
        Groth16Command::FullProve(args) => {
            let FullProveArgs { inputs, generator, proving_key, proof, public, device } = args;
            let witness = calculated(generator, inputs, drawing)?;
            prove(proving_key, &witness, [proof, public], device, drawing)
        }
        Groth16Command::Verify { verification_key, public, proof } => {
            verdict(groth16::verify_files(verification_key, public, proof)?)
        }
        Groth16Command::ExportVerificationKey { proving_key, verification_key, cache } => {
            let key = groth16::open_key(proving_key, cache)?;
            groth16::write_verification_key(&key.verifying_key(), verification_key)?;
            written(&[verification_key])
        }
    }
}

fn setup(circuit: &Path, proving_key: &Path, drawing: Drawing) -> Result<Report, CliError> {
    let (file, _) = files::open(circuit)?;
    let constraints = r1cs::read(file).map_err(|error| CliError::bad_file(circuit, error))?;
    let bar = drawing.spinner("setting up a development key");
    groth16::development_setup(&constraints, proving_key)?;
    drop(bar);
    output::warn("this key is for development only: who made it can forge proofs");
    written(&[proving_key])
}

/// The witness of inputs.
fn calculated(generator: &Path, inputs: &Path, drawing: Drawing) -> Result<AnyWitness, CliError> {
    let _bar = drawing.spinner("calculating the witness");
    let file = generate::witness(generator, inputs)?;
    wtns::read(Cursor::new(file.expose())).map_err(|error| CliError::bad_file(generator, error))
}

/// Proves, and writes the proof and its public inputs.
fn prove(
    proving_key: &Path,
    witness: &AnyWitness,
    [proof, public]: [&Path; 2],
    device: &DeviceArgs,
    drawing: Drawing,
) -> Result<Report, CliError> {
    let bar = drawing.spinner("opening the key");
    let key = || groth16::open_key(proving_key, &device.cache);
    let (first_key, engine) = (key()?, device.open()?);
    bar.say(format!("proving on {}", engine.name()));
    let mut proven = groth16::prove(&engine, first_key, witness);
    if proven.as_ref().is_err_and(|error| asks_the_cpu(error, &engine, device)) {
        bar.say("proving on the CPU");
        proven = groth16::prove(&Engine::Cpu, key()?, witness);
        if proven.is_ok() {
            output::warn(&format!("{} failed, the CPU proved instead", engine.name()));
        }
    }
    let body = proven?;
    drop(bar);
    if body.development {
        output::warn("the key is for development only: who made it can forge proofs");
    }
    groth16::write_proof(&body, proof, public)?;
    written(&[proof, public])
}

/// Whether the CPU can say more than a GPU that ended with this error: a proof that does not
/// verify may be the fault of either the witness or the device.
fn asks_the_cpu(error: &CliError, engine: &Engine, wanted: &DeviceArgs) -> bool {
    engine.gpu().is_some()
        && match error {
            CliError::Unsatisfied => true,
            CliError::DeviceFailed(_) => wanted.may_be_the_cpu(),
            _ => false,
        }
}

/// Which files were written.
pub(crate) fn written(paths: &[&Path]) -> Result<Report, CliError> {
    let names: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
    let text = format!("wrote {}\n", names.join(" and "));
    Report::new(&json!({ "written": names }), text)
}
