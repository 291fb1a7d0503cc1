//! `zkpool actions`: who did what in a project.

use clap::Args;
use zkpool_types::Action;

use crate::client::{Client, ServerArgs};
use crate::exit::CliError;
use crate::output::{Report, Table};

/// List who changed keys, webhooks, budgets or books, and what was answered
#[derive(Args, Debug)]
pub(crate) struct ActionsArgs {
    #[command(flatten)]
    server: ServerArgs,
}

/// Runs the command.
pub(crate) fn run(args: &ActionsArgs) -> Result<Report, CliError> {
    let actions = Client::new(&args.server)?.run(async |sdk| sdk.actions().await)?;
    let mut table = Table::new(&["asked", "key", "operation", "subject", "status"]);
    for action in &actions {
        table.row(row(action));
    }
    Report::new(&actions, table.render())
}

fn row(action: &Action) -> Vec<String> {
    vec![
        action.asked_at.to_string(),
        action.key.to_string(),
        action.operation.clone(),
        action.subject.clone().unwrap_or_default(),
        action.status.map_or_else(|| "unknown".to_owned(), |status| status.to_string()),
    ]
}
