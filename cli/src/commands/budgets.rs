//! `zkpool budgets`: what a project may spend in a month.

use clap::{Args, Subcommand};
use zkpool_types::api::{BudgetView, BudgetsView, PutBudgets};
use zkpool_types::{Budget, BudgetScope, NanoUsd};

use crate::client::{Client, ServerArgs};
use crate::exit::CliError;
use crate::format::Format;
use crate::money::{plain, usd};
use crate::output::{Report, Table};

/// Show and set what the project may spend in a calendar month
#[derive(Subcommand, Debug)]
pub(crate) enum BudgetsCommand {
    /// Show the budgets and where they stand
    Show {
        #[command(flatten)]
        to: Place,
    },
    /// Set one budget and keep the others
    Set {
        /// What counts: `*` for everything, or `NAME:VALUE` for jobs with this tag
        scope: BudgetScope,
        /// Dollars a month
        #[arg(long, value_name = "USD", value_parser = usd)]
        limit: NanoUsd,
        /// A share of the limit, in percent, that raises an alert; may be repeated
        #[arg(long = "alert", value_name = "PERCENT")]
        #[arg(value_parser = clap::value_parser!(u8).range(1..=100))]
        alerts: Vec<u8>,
        /// Refuse submissions beyond the limit
        #[arg(long)]
        hard_stop: bool,
        #[command(flatten)]
        to: Place,
    },
    /// Remove one budget and keep the others
    Remove {
        /// `*` or `NAME:VALUE`
        scope: BudgetScope,
        #[command(flatten)]
        to: Place,
    },
}

/// Where the budgets are, and how to print them.
#[derive(Args, Debug)]
pub(crate) struct Place {
    /// How to print them
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    server: ServerArgs,
}

/// Runs the command.
pub(crate) fn run(command: BudgetsCommand) -> Result<Report, CliError> {
    match command {
        BudgetsCommand::Show { to } => {
            shown(&to, &Client::new(&to.server)?.run(async |sdk| sdk.budgets().await)?)
        }
        BudgetsCommand::Set { scope, limit, alerts, hard_stop, to } => {
            let set = Budget { scope, limit_nano_usd: limit, alerts_percent: alerts, hard_stop };
            change(&to, |budgets| match budgets.iter_mut().find(|old| old.scope == set.scope) {
                Some(old) => *old = set,
                None => budgets.push(set),
            })
        }
        BudgetsCommand::Remove { scope, to } => {
            change(&to, |budgets| budgets.retain(|budget| budget.scope != scope))
        }
    }
}

/// Reads the budgets, changes them and sets them all.
fn change(to: &Place, change: impl FnOnce(&mut Vec<Budget>)) -> Result<Report, CliError> {
    let client = Client::new(&to.server)?;
    let views = client.run(async |sdk| sdk.budgets().await)?.budgets;
    let mut budgets: Vec<Budget> = views.into_iter().map(|view| view.budget).collect();
    change(&mut budgets);
    let set = PutBudgets { budgets };
    shown(to, &client.run(async |sdk| sdk.set_budgets(&set).await)?)
}

fn shown(to: &Place, view: &BudgetsView) -> Result<Report, CliError> {
    to.format.report(view, || table(view), || rows(view))
}

fn table(view: &BudgetsView) -> String {
    let headings = ["scope", "limit", "committed", "reserved", "remaining", "hard stop", "alerts"];
    let mut table = Table::new(&headings);
    for row in &view.budgets {
        table.row(vec![
            row.budget.scope.to_string(),
            row.budget.limit_nano_usd.to_string(),
            row.committed_nano_usd.to_string(),
            row.reserved_nano_usd.to_string(),
            row.remaining_nano_usd.to_string(),
            if row.budget.hard_stop { "yes" } else { "no" }.to_owned(),
            alerts(row),
        ]);
    }
    format!("month: {}\n{}", view.month, table.render())
}

/// Every alert of a budget, those that were raised with an exclamation mark.
fn alerts(view: &BudgetView) -> String {
    let raised = |percent: &u8| view.alerts.iter().any(|alert| alert.percent == *percent);
    let mark = |percent: &u8| if raised(percent) { "!" } else { "" };
    let shares = view.budget.alerts_percent.iter();
    shares.map(|percent| format!("{percent}%{}", mark(percent))).collect::<Vec<_>>().join(" ")
}

fn rows(view: &BudgetsView) -> Vec<Vec<String>> {
    let headings = [
        "month",
        "scope",
        "limit_usd",
        "committed_usd",
        "reserved_usd",
        "remaining_usd",
        "hard_stop",
        "alerts_raised_percent",
    ];
    let mut rows = vec![headings.map(str::to_owned).to_vec()];
    rows.extend(view.budgets.iter().map(|row| {
        let raised = row.alerts.iter().map(|alert| alert.percent.to_string());
        vec![
            view.month.clone(),
            row.budget.scope.to_string(),
            plain(row.budget.limit_nano_usd),
            plain(row.committed_nano_usd),
            plain(row.reserved_nano_usd),
            plain(row.remaining_nano_usd),
            row.budget.hard_stop.to_string(),
            raised.collect::<Vec<_>>().join(" "),
        ]
    }));
    rows
}
