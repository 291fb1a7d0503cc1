//! `zkpool verify`: whether a proof holds, checked on this machine.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use zkpool_sdk::{Error, Status, WrongProof};
use zkpool_types::{JobId, JobState};

use crate::client::{Client, ServerArgs};
use crate::exit::CliError;
use crate::groth16;
use crate::output::Report;

/// Verify a proof on this machine
///
/// Either a proof of a server, under the verification key that its circuit was registered with,
/// or three files as snarkjs writes them.
#[derive(Args, Debug)]
pub(crate) struct VerifyArgs {
    /// The proof's id on the server
    #[arg(required_unless_present = "verification_key")]
    id: Option<JobId>,
    /// The verification key, in place of an id
    #[arg(long, value_name = "FILE", conflicts_with = "id", requires = "public")]
    #[arg(requires = "proof")]
    verification_key: Option<PathBuf>,
    /// The public inputs
    #[arg(long, value_name = "FILE", requires = "verification_key", conflicts_with = "id")]
    public: Option<PathBuf>,
    /// The proof
    #[arg(long, value_name = "FILE", requires = "verification_key", conflicts_with = "id")]
    proof: Option<PathBuf>,
    #[command(flatten)]
    server: ServerArgs,
}

/// Runs the command.
pub(crate) fn run(args: &VerifyArgs) -> Result<Report, CliError> {
    match (args.id, &args.verification_key, &args.public, &args.proof) {
        (Some(id), ..) => of_server(&Client::new(&args.server)?, id),
        (None, Some(key), Some(public), Some(proof)) => {
            verdict(groth16::verify_files(key, public, proof)?)
        }
        _ => Err(CliError::Usage("expected a proof's id or three files".into())),
    }
}

/// Verifies a proof of a server. What the server says about it is not believed.
fn of_server(client: &Client, id: JobId) -> Result<Report, CliError> {
    let looked = client.run(async |sdk| match sdk.status(id).await {
        // The SDK hands out no proof that does not verify; here, that is an answer.
        Err(Error::WrongProof { why: WrongProof::Invalid, .. }) => Ok(None),
        looked => looked.map(Some),
    });
    match looked? {
        Some(Status::Proved(_)) => verdict(true),
        Some(status) => no_proof(id, status.view().state),
        None => verdict(false),
    }
}

/// There is nothing to verify.
fn no_proof(id: JobId, state: JobState) -> Result<Report, CliError> {
    let text = format!("there is no proof: {id} is {state}\n");
    Ok(Report::new(&json!({ "verified": false, "state": state }), text)?.holds(false))
}

/// `OK` or `INVALID`.
pub(crate) fn verdict(verified: bool) -> Result<Report, CliError> {
    let text = if verified { "OK\n" } else { "INVALID\n" };
    Ok(Report::new(&json!({ "verified": verified }), text)?.holds(verified))
}
