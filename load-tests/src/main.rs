//! The `zkpool-load` command: loads for the service, played through a model of its provers.

mod replay;

use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "zkpool-load", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Play a trace of jobs through a model of the queue, the machines and their scaling
    Replay(replay::Replay),
    /// Play the traces with other values of the policies, and show which to deploy
    Sweep(replay::Sweep),
}

fn main() -> ExitCode {
    let shown = match Cli::parse().command {
        Command::Replay(replay) => replay.run(),
        Command::Sweep(sweep) => sweep.run(),
    };
    match shown {
        Ok(text) => print(std::io::stdout(), &text, ExitCode::SUCCESS),
        Err(error) => print(std::io::stderr(), &format!("error: {error}\n"), ExitCode::FAILURE),
    }
}

/// Writes to what may have been closed.
fn print(mut to: impl Write, text: &str, code: ExitCode) -> ExitCode {
    if to.write_all(text.as_bytes()).is_ok() { code } else { ExitCode::FAILURE }
}
