//! `zkpool ledger`: the books of a data directory, for whoever runs the service.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;
use zkpool_billing::{BillingError, Costs};
use zkpool_types::{JobId, MakeCorrection, ProjectId};

use crate::embedded::Storage;
use crate::exit::CliError;
use crate::output::Report;

/// Keep the books of a data directory: roll up, check, correct a charge, close a month
///
/// A server does the first two by itself, and closes a month three days after its end. All of
/// this may run beside it.
#[derive(Subcommand, Debug)]
pub(crate) enum LedgerCommand {
    /// Put ended jobs into partitions and chains now
    RollUp {
        #[command(flatten)]
        books: Books,
    },
    /// Compare what was rolled up with the records it came from
    Audit {
        #[command(flatten)]
        books: Books,
    },
    /// Close a month and every month before it: no amount of them changes any more
    Close {
        /// The month, such as 2026-10
        month: String,
        /// The project
        #[arg(long)]
        project: ProjectId,
        #[command(flatten)]
        books: Books,
    },
    /// Add to what a proof was charged, or take from it, as a row of its own
    Correct {
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
        #[command(flatten)]
        books: Books,
    },
}

/// Where the books are.
#[derive(Args, Debug)]
pub(crate) struct Books {
    /// The data directory of a server
    #[arg(long, value_name = "DIR", default_value = "./zkpool-data")]
    data: PathBuf,
}

impl Books {
    fn run<T>(
        &self,
        work: impl AsyncFnOnce(Costs) -> Result<T, BillingError>,
    ) -> Result<T, CliError> {
        let storage = Storage::open(&self.data)?;
        let costs = Costs::new(storage.ports().clone());
        let done = storage.runtime().block_on(work(costs));
        done.map_err(|error| CliError::storage("keep the books", error))
    }
}

/// Runs the command.
pub(crate) fn run(command: &LedgerCommand) -> Result<Report, CliError> {
    match command {
        LedgerCommand::RollUp { books } => {
            let done = books.run(async |costs| costs.roll_up_all().await)?;
            let json = json!({
                "projects": done.projects,
                "receipts": done.receipts,
                "errors": done.errors,
            });
            let text = format!("{} receipts rolled up\n", done.receipts);
            Ok(Report::new(&json, text)?.holds(done.errors == 0))
        }
        LedgerCommand::Audit { books } => audit(books),
        LedgerCommand::Close { month, project, books } => {
            let closed = books.run(async |costs| costs.close(project, month, None).await)?;
            let text = format!("{project} is closed through {closed}\n");
            Report::new(&json!({ "closed_through": closed }), text)
        }
        LedgerCommand::Correct { id, nano_usd, reason, project, books } => {
            let asked = MakeCorrection {
                project: project.clone(),
                job: *id,
                charge_nano_usd: *nano_usd,
                reason: reason.clone(),
            };
            let correction = books.run(async |costs| costs.correct(&asked).await)?;
            Report::new(&correction, format!("corrected as {}\n", correction.id))
        }
    }
}

fn audit(books: &Books) -> Result<Report, CliError> {
    let audits = books.run(async |costs| costs.audit_all().await)?;
    let differences: Vec<_> = audits.iter().flat_map(|audit| &audit.differences).collect();
    let rows: u64 = audits.iter().map(|audit| audit.rows).sum();
    let mut text = format!("{rows} rows compared, {} differences\n", differences.len());
    for difference in &differences {
        text.push_str(difference);
        text.push('\n');
    }
    Ok(Report::new(&audits, text)?.holds(differences.is_empty()))
}
