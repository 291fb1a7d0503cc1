//! `zkpool proofs`: what was asked for and how it stands.

use clap::{Args, Subcommand};
use zkpool_sdk::JobFilter;
use zkpool_types::api::ProofView;
use zkpool_types::limits::{PAGE_ROWS_DEFAULT, QUEUE_POSITION_MAX};
use zkpool_types::{JobId, JobState, Receipt};

use crate::client::{Client, ServerArgs};
use crate::exit::CliError;
use crate::onchain::{self, CalldataArgs};
use crate::output::{Report, Table, fields};

/// List, show and cancel proofs
#[derive(Subcommand, Debug)]
pub(crate) enum ProofsCommand {
    /// List the latest proofs
    List(ListArgs),
    /// Show one proof and its receipt
    Show {
        /// The proof's id
        id: JobId,
        #[command(flatten)]
        server: ServerArgs,
    },
    /// Write what the contract of its circuit is called with for a proof
    Calldata(CalldataArgs),
    /// Take a proof request back
    Cancel {
        /// The proof's id
        id: JobId,
        #[command(flatten)]
        server: ServerArgs,
    },
}

/// Which proofs to list.
#[derive(Args, Debug)]
pub(crate) struct ListArgs {
    /// Only of this circuit
    #[arg(long)]
    circuit: Option<String>,
    /// Only in this state
    #[arg(long, value_parser = state)]
    state: Option<JobState>,
    /// Only with this tag
    #[arg(long, value_name = "NAME=VALUE", value_parser = super::prove::tag)]
    tag: Option<(String, String)>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = PAGE_ROWS_DEFAULT)]
    limit: usize,
    #[command(flatten)]
    server: ServerArgs,
}

/// Reads a state by its name.
fn state(text: &str) -> Result<JobState, String> {
    use JobState::{Cancelled, Expired, Failed, Proving, Queued, Succeeded};
    let all = [Queued, Proving, Succeeded, Failed, Cancelled, Expired];
    all.into_iter().find(|state| state.name() == text).ok_or_else(|| {
        let names = all.map(JobState::name).join(", ");
        format!("expected one of {names}")
    })
}

/// Runs the command.
pub(crate) fn run(command: &ProofsCommand) -> Result<Report, CliError> {
    match command {
        ProofsCommand::List(args) => {
            let filter = JobFilter {
                circuit: args.circuit.clone(),
                state: args.state,
                tag: args.tag.clone(),
            };
            let client = Client::new(&args.server)?;
            listed(&client.run(async |sdk| sdk.jobs(&filter, args.limit).await)?)
        }
        ProofsCommand::Show { id, server } => {
            // Showing a proof that failed is no failure of showing it.
            let status = Client::new(server)?.run(async |sdk| sdk.status(*id).await)?;
            shown(status.view()).map(|report| report.holds(true))
        }
        ProofsCommand::Calldata(args) => onchain::call(args),
        ProofsCommand::Cancel { id, server } => {
            let view = Client::new(server)?.run(async |sdk| sdk.cancel(*id).await)?;
            shown(&view).map(|report| report.holds(true))
        }
    }
}

fn listed(views: &[ProofView]) -> Result<Report, CliError> {
    let mut table = Table::new(&["id", "circuit", "state", "accepted", "charge"]);
    for view in views {
        table.row(vec![
            view.id.to_string(),
            view.circuit.to_string(),
            standing(view),
            view.accepted_at.to_string(),
            view.receipt.as_ref().map_or_else(String::new, |r| r.charge_nano_usd.to_string()),
        ]);
    }
    Report::new(&views, table.render())
}

/// One proof in full. The report holds if the proof was made.
pub(crate) fn shown(view: &ProofView) -> Result<Report, CliError> {
    let mut pairs = vec![
        ("id", view.id.to_string()),
        ("circuit", view.circuit.to_string()),
        ("state", standing(view)),
        ("accepted", view.accepted_at.to_string()),
        ("deadline", view.deadline.to_string()),
    ];
    pairs.extend(view.finished_at.map(|at| ("finished", at.to_string())));
    pairs.extend(view.failure.as_ref().map(|f| ("failure", format!("{} ({})", f.detail, f.code))));
    pairs.extend(view.proof.as_ref().map(|p| ("public inputs", p.public_inputs.join(", "))));
    if let Some(receipt) = &view.receipt {
        let ms = receipt.usage.device_us / 1000;
        pairs.push(("device", format!("{}, {ms} ms", device(receipt))));
        pairs.push(("charge", receipt.charge_nano_usd.to_string()));
        if let Some(quoted) = &receipt.quoted {
            pairs.push(("quoted", quoted.price_nano_usd.to_string()));
            pairs.push(("metered", quoted.metered_nano_usd.to_string()));
        }
    }
    Ok(Report::new(view, fields(&pairs))?.holds(view.state == JobState::Succeeded))
}

/// What a device calls itself and the class that it is charged as.
pub(crate) fn device(receipt: &Receipt) -> String {
    match (&receipt.device, &receipt.device_name) {
        (None, _) => "none".to_owned(),
        (Some(class), None) => class.to_string(),
        (Some(class), Some(name)) => format!("{name} ({class})"),
    }
}

/// State and stage in one word or two.
pub(crate) fn standing(view: &ProofView) -> String {
    match (view.state, view.stage, view.queue_position) {
        (JobState::Proving, Some(stage), _) => format!("proving: {}", stage_name(stage)),
        (JobState::Queued, _, Some(ahead)) if ahead >= QUEUE_POSITION_MAX => {
            format!("queued: {ahead} or more ahead")
        }
        (JobState::Queued, _, Some(ahead)) => format!("queued: {ahead} ahead"),
        (state, _, _) => state.to_string(),
    }
}

/// A stage in a word for people.
fn stage_name(stage: zkpool_types::Stage) -> &'static str {
    use zkpool_types::Stage::{Fetching, Msm, Ntt, Publishing, Verifying, Witness};
    match stage {
        Fetching => "fetching",
        Witness => "witness",
        Ntt => "transforms",
        Msm => "multiplications",
        Verifying => "verifying",
        Publishing => "publishing",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_can_be_asked_for_by_its_name() {
        assert_eq!(state("expired").unwrap(), JobState::Expired);
        assert!(state("done").unwrap_err().contains("succeeded"));
    }
}
