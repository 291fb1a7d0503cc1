//! The `zkpool` command: a proof service on one machine, a client for any, and Groth16 offline.
//!
//! A command returns one report, which is printed as text or as JSON; `exit` lists the exit
//! codes. Configuration is read from the arguments and their environment variables, here and
//! nowhere else.

mod args;
#[cfg(feature = "aws")]
mod aws;
mod client;
mod commands;
mod device;
mod embedded;
mod exit;
mod files;
mod format;
mod generate;
mod groth16;
mod money;
mod onchain;
mod output;
mod progress;
mod random;
mod rollup;

use std::process::ExitCode;

use clap::Parser;

use crate::args::Cli;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        // This prints help and version to standard output and mistakes to standard error.
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    args::log_to_stderr(&cli);
    let as_json = cli.json;
    output::finish(as_json, commands::run(cli)).into()
}
