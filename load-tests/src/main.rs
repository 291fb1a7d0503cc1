//! The `zkpool-load` command: loads for the service, sent for real and played through a model of its
//! provers.

mod data;
mod host;
mod replay;
mod run;

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
    /// Send a load to a service, and measure it
    Run(run::Run),
    /// Be the service of a run that measures all but proving
    #[command(hide = true)]
    Host(host::Host),
    /// Play a trace of jobs through a model of the queue, the machines and their scaling
    Replay(replay::Replay),
    /// Play the traces with other values of the policies, and show which to deploy
    Sweep(replay::Sweep),
}

/// Whatever is only told.
type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let shown: Result<String, Failure> = match Cli::parse().command {
        Command::Run(run) => run.run().map_err(Into::into),
        Command::Host(host) => host.run().map_err(Into::into),
        Command::Replay(replay) => replay.run().map_err(Into::into),
        Command::Sweep(sweep) => sweep.run().map_err(Into::into),
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
