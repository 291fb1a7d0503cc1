//! `zkpool costs close` and `correct`: the books of every project, for whoever runs the service.

use clap::Args;
use zkpool_ports::Rng;
use zkpool_types::{CloseMonth, JobId, MakeCorrection, ProjectId};

use crate::client::{Client, ServerArgs};
use crate::exit::CliError;
use crate::output::Report;
use crate::random;

/// Close a month and every month before it: no amount of them changes any more
///
/// For a key of the project operator, which only storage can make.
#[derive(Args, Debug)]
pub(crate) struct CloseArgs {
    /// The month, such as 2026-10
    month: String,
    /// The project
    #[arg(long)]
    project: ProjectId,
    #[command(flatten)]
    server: ServerArgs,
}

/// Add to what a proof was charged, or take from it, as a row of its own
///
/// For a key of the project operator, which only storage can make.
#[derive(Args, Debug)]
pub(crate) struct CorrectArgs {
    /// The proof's id
    id: JobId,
    /// What to add, in nano-dollars; below zero for a credit
    #[arg(long, value_name = "AMOUNT", allow_hyphen_values = true)]
    nano_usd: i64,
    /// Why
    #[arg(long)]
    reason: String,
    /// The project
    #[arg(long)]
    project: ProjectId,
    /// Makes the same correction once, however often it is sent; by default a fresh one
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) fn close(args: &CloseArgs) -> Result<Report, CliError> {
    let close = CloseMonth { project: args.project.clone(), month: args.month.clone() };
    let client = Client::new(&args.server)?;
    let closed = client.run(async |sdk| sdk.close_month(&close).await)?;
    let text = format!("{} is closed through {}\n", closed.project, closed.closed_through);
    Report::new(&closed, text)
}

pub(super) fn correct(args: &CorrectArgs) -> Result<Report, CliError> {
    let correction = MakeCorrection {
        project: args.project.clone(),
        job: args.id,
        charge_nano_usd: args.nano_usd,
        reason: args.reason.clone(),
    };
    let key = args.idempotency_key.clone().map_or_else(fresh_key, Ok)?;
    let client = Client::new(&args.server)?;
    let made = client.run(async |sdk| sdk.correct(&correction, &key).await)?;
    Report::new(&made, format!("corrected as {}\n", made.id))
}

fn fresh_key() -> Result<String, CliError> {
    let mut bytes = [0; 16];
    random::system_rng()?.fill(&mut bytes);
    Ok(format!("zkpool-{:032x}", u128::from_be_bytes(bytes)))
}
