//! `zkpool costs`: what proofs cost, what the fleet cost, and the months that are closed.

mod books;
mod fleet;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;
use zkpool_ledger::costs::decimal_usd;
use zkpool_sdk::{CostFile, CostQuery};
use zkpool_types::{CostReport, CostRow, CostSums, Dimension};

use crate::client::{Client, ServerArgs};
use crate::exit::CliError;
use crate::files;
use crate::format::Format;
use crate::output::{Report, Table};

/// Report what proofs cost
///
/// Rows sum exactly to receipts. CSV and Parquet have the columns of the FinOps FOCUS
/// specification; without --group-by they have a row for each day, circuit, device and set of tags.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct CostsArgs {
    #[command(subcommand)]
    command: Option<CostsCommand>,
    #[command(flatten)]
    report: ReportArgs,
}

/// What else to do about costs.
#[derive(Subcommand, Debug)]
enum CostsCommand {
    Close(books::CloseArgs),
    Correct(books::CorrectArgs),
}

/// What to report.
#[derive(Args, Debug)]
struct ReportArgs {
    /// First day in UTC, such as 2026-11-01; without it, the first of this month
    #[arg(long, value_name = "DAY")]
    from: Option<String>,
    /// Last day in UTC, included; without it, today
    #[arg(long, value_name = "DAY")]
    to: Option<String>,
    /// What makes a row: project, circuit, tag:NAME, cost-center, tags, device, day, month, kind, proof
    #[arg(long, value_name = "DIMENSIONS", value_delimiter = ',')]
    group_by: Vec<Dimension>,
    /// What provers cost beside what was charged for them, with what was idle (a key of the project
    /// operator)
    #[arg(long, conflicts_with = "group_by")]
    fleet: bool,
    /// How to print it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Write to this file instead
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    server: ServerArgs,
}

/// Runs the command.
pub(crate) fn run(args: &CostsArgs) -> Result<Report, CliError> {
    match &args.command {
        None => report(&args.report),
        Some(CostsCommand::Close(args)) => books::close(args),
        Some(CostsCommand::Correct(args)) => books::correct(args),
    }
}

fn report(args: &ReportArgs) -> Result<Report, CliError> {
    let printed = if args.fleet { fleet::report(args)? } else { costs(args)? };
    match &args.output {
        None => Ok(printed),
        Some(path) => {
            files::write(path, printed.body())?;
            Report::new(&json!({ "written": path }), format!("written to {}\n", path.display()))
        }
    }
}

fn costs(args: &ReportArgs) -> Result<Report, CliError> {
    let client = Client::new(&args.server)?;
    let ReportArgs { from, to, group_by, .. } = args;
    let query = CostQuery { from: from.clone(), to: to.clone(), group_by: group_by.clone() };
    let report = || client.run(async |sdk| sdk.costs(&query).await);
    let file = |file| client.run(async |sdk| sdk.costs_file(&query, file).await);
    match args.format {
        Format::Table => table(&report()?),
        Format::Json => {
            let report = report()?;
            let text = serde_json::to_string_pretty(&report).map_err(CliError::internal)?;
            Report::new(&report, format!("{text}\n"))
        }
        Format::Csv => Ok(Report::bytes(file(CostFile::Csv)?.into())),
        Format::Parquet => Ok(Report::bytes(file(CostFile::Parquet)?.into())),
    }
}

fn table(report: &CostReport) -> Result<Report, CliError> {
    let mut headings: Vec<_> = report.group_by.iter().map(ToString::to_string).collect();
    let figures = ["proofs", "failed", "device s", "charge USD", "waste USD"];
    headings.extend(figures.map(str::to_owned));
    let mut table = Table::new(&headings.iter().map(String::as_str).collect::<Vec<_>>());
    for row in &report.rows {
        table.row(cells(row, &report.group_by));
    }
    let total = decimal_usd(report.total_nano_usd);
    let (from, to) = (report.from, report.to);
    let text = format!("{}{total} USD from {from} to {to}\n", table.render());
    Report::new(report, text)
}

fn cells(row: &CostRow, by: &[Dimension]) -> Vec<String> {
    let group = by.iter().map(|dimension| row.group.get(dimension).cloned().flatten());
    let mut cells: Vec<_> = group.map(Option::unwrap_or_default).collect();
    let CostSums { proofs, failures, charge_nano_usd, waste_nano_usd, usage, .. } = row.sums;
    let ms = usage.device_us / 1000;
    cells.extend([
        proofs.to_string(),
        failures.to_string(),
        format!("{}.{:03}", ms / 1000, ms % 1000),
        decimal_usd(charge_nano_usd),
        decimal_usd(waste_nano_usd),
    ]);
    cells
}
