//! The commands, one file each.

mod actions;
mod bench;
mod budgets;
mod circuits;
mod costs;
mod demo;
mod devices;
mod groth16;
mod keys;
mod ledger;
mod proofs;
mod prove;
#[cfg(feature = "aws")]
mod prover;
mod quote;
mod receipt;
mod serve;
mod verify;
mod webhooks;
mod wtns;

use clap::Subcommand;

use crate::args::Cli;
use crate::exit::CliError;
use crate::output::Report;
use crate::progress::Drawing;

/// What to do.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    Demo(demo::DemoArgs),
    Serve(serve::ServeArgs),
    #[cfg(feature = "aws")]
    Prover(prover::ProverArgs),
    Devices(devices::DevicesArgs),
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    Actions(actions::ActionsArgs),
    #[command(subcommand)]
    Circuits(circuits::CircuitsCommand),
    Quote(quote::QuoteArgs),
    Prove(prove::ProveArgs),
    #[command(subcommand)]
    Proofs(proofs::ProofsCommand),
    #[command(subcommand)]
    Budgets(budgets::BudgetsCommand),
    Verify(verify::VerifyArgs),
    Costs(costs::CostsArgs),
    #[command(subcommand)]
    Receipt(receipt::ReceiptCommand),
    #[command(subcommand)]
    Ledger(ledger::LedgerCommand),
    #[command(subcommand)]
    Webhooks(webhooks::WebhooksCommand),
    #[command(subcommand)]
    Groth16(groth16::Groth16Command),
    #[command(subcommand)]
    Wtns(wtns::WtnsCommand),
    #[command(subcommand)]
    Bench(bench::BenchCommand),
}

/// Runs the command of these arguments.
pub(crate) fn run(cli: Cli) -> Result<Report, CliError> {
    let drawing = Drawing::unless_json(cli.json);
    match cli.command {
        Command::Demo(args) => demo::run(&args, drawing),
        Command::Serve(args) => serve::run(&args, cli.json),
        #[cfg(feature = "aws")]
        Command::Prover(args) => prover::run(&args, cli.json),
        Command::Devices(args) => devices::run(&args),
        Command::Keys(command) => keys::run(&command),
        Command::Actions(args) => actions::run(&args),
        Command::Circuits(command) => circuits::run(&command, drawing),
        Command::Quote(args) => quote::run(args),
        Command::Prove(args) => prove::run(args, drawing),
        Command::Proofs(command) => proofs::run(&command),
        Command::Budgets(command) => budgets::run(command),
        Command::Verify(args) => verify::run(&args),
        Command::Costs(args) => costs::run(&args),
        Command::Receipt(command) => receipt::run(&command),
        Command::Ledger(command) => ledger::run(&command),
        Command::Webhooks(command) => webhooks::run(command),
        Command::Groth16(command) => groth16::run(&command, drawing),
        Command::Wtns(command) => wtns::run(&command, drawing),
        Command::Bench(command) => bench::run(&command, drawing),
    }
}
