//! Ethereum's end: the contract that verifies the proofs of a circuit, and what it is called with.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;
use zkpool_circuit_files::json::{proof, verification_key};
use zkpool_circuit_files::solidity::SolidityError;
use zkpool_circuit_files::{AnyProof, AnyVerifyingKey, calldata, solidity};
use zkpool_sdk::Status;
use zkpool_types::JobId;

use crate::client::{Client, ServerArgs};
use crate::exit::CliError;
use crate::files;
use crate::output::Report;

/// Which circuit to write a contract for.
#[derive(Args, Debug)]
pub(crate) struct SolidityArgs {
    /// `name@version`, or `name` for the version registered last
    #[arg(required_unless_present = "verification_key")]
    circuit: Option<String>,
    /// A verification key as snarkjs writes it, in place of a registered circuit
    #[arg(long, value_name = "FILE", conflicts_with = "circuit")]
    verification_key: Option<PathBuf>,
    /// Name of the contract
    #[arg(long, value_name = "NAME", default_value = "Groth16Verifier")]
    contract: String,
    /// Where to write it, instead of standard output
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    server: ServerArgs,
}

/// Which proof to call a contract with.
#[derive(Args, Debug)]
pub(crate) struct CalldataArgs {
    /// The proof's id on the server
    #[arg(required_unless_present = "proof")]
    id: Option<JobId>,
    /// A proof as snarkjs writes it, in place of an id
    #[arg(long, value_name = "FILE", conflicts_with = "id", requires = "public")]
    proof: Option<PathBuf>,
    /// The public inputs of that proof
    #[arg(long, value_name = "FILE", requires = "proof")]
    public: Option<PathBuf>,
    #[command(flatten)]
    server: ServerArgs,
}

/// The contract of a circuit.
pub(crate) fn contract(args: &SolidityArgs) -> Result<Report, CliError> {
    let (key, development) = match (&args.verification_key, &args.circuit) {
        (Some(path), _) => (key_of_file(path)?, false),
        (None, Some(circuit)) => key_of_circuit(&Client::new(&args.server)?, circuit)?,
        (None, None) => return Err(CliError::Usage("expected a circuit or a key".into())),
    };
    let source = solidity::verifier(&key, &args.contract, development);
    let source = source.map_err(|error| match error {
        SolidityError::Name(_) => CliError::Usage(error.to_string()),
        error => CliError::bad_document("the verification key", error),
    })?;
    let Some(path) = &args.output else {
        return Report::new(&json!({ "contract": args.contract, "source": source }), source);
    };
    files::write(path, source.as_bytes())?;
    let text = format!("{} is in {}\n", args.contract, path.display());
    Report::new(&json!({ "contract": args.contract, "output": path }), text)
}

fn key_of_file(path: &Path) -> Result<AnyVerifyingKey, CliError> {
    let key = verification_key::read(&files::read_json(path)?, false);
    key.map_err(|error| CliError::bad_file(path, error))
}

/// The verification key of a registered circuit, and whether it is one for development.
fn key_of_circuit(client: &Client, circuit: &str) -> Result<(AnyVerifyingKey, bool), CliError> {
    let (key, development) = client.run(async |sdk| {
        let view = sdk.circuit(circuit).await?;
        Ok((sdk.verification_key(&view.id).await?, view.manifest.development))
    })?;
    let key = verification_key::from_value(&key, development);
    let key = key.map_err(|error| CliError::bad_document("the verification key", error))?;
    Ok((key, development))
}

/// What the contract of its circuit is called with for a proof.
pub(crate) fn call(args: &CalldataArgs) -> Result<Report, CliError> {
    let call = match (args.id, &args.proof, &args.public) {
        (Some(id), ..) => match call_of_job(&Client::new(&args.server)?, id)? {
            Ok(call) => call,
            Err(no_proof) => return Ok(no_proof),
        },
        (None, Some(proof), Some(public)) => call_of_files(proof, public)?,
        _ => return Err(CliError::Usage("expected a proof's id or two files".into())),
    };
    Report::new(&json!({ "calldata": call }), format!("{call}\n"))
}

/// The call of a proof that verified on this machine, or a report that there is none.
fn call_of_job(client: &Client, id: JobId) -> Result<Result<String, Report>, CliError> {
    match client.run(async |sdk| sdk.status(id).await)? {
        Status::Proved(proof) => Ok(Ok(proof.calldata()?)),
        status => {
            let state = status.view().state;
            let text = format!("there is no proof: {id} is {state}\n");
            Ok(Err(Report::new(&json!({ "state": state }), text)?.holds(false)))
        }
    }
}

fn call_of_files(proof: &Path, public: &Path) -> Result<String, CliError> {
    let parsed: AnyProof =
        proof::read(&files::read_json(proof)?).map_err(|error| CliError::bad_file(proof, error))?;
    let inputs: Vec<String> = serde_json::from_slice(&files::read_json(public)?)
        .map_err(|error| CliError::bad_file(public, error))?;
    calldata::write(&parsed, &inputs).map_err(|error| CliError::bad_file(public, error))
}
