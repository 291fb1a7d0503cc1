//! `zkpool wtns`: witnesses without a server. The order of arguments is that of snarkjs.

use std::path::PathBuf;

use clap::Subcommand;

use super::groth16::written;
use crate::exit::CliError;
use crate::output::Report;
use crate::progress::Drawing;
use crate::{files, generate};

/// Calculate witnesses offline, with the files of circom and snarkjs
#[derive(Subcommand, Debug)]
pub(crate) enum WtnsCommand {
    /// Calculate the witness of inputs
    ///
    /// The generator can do nothing but compute, within limits of instructions, time and memory.
    Calculate {
        /// The witness generator (the .wasm of circom 2)
        generator: PathBuf,
        /// The inputs (JSON)
        inputs: PathBuf,
        /// Where to write the witness (.wtns)
        witness: PathBuf,
    },
}

/// Runs the command.
pub(crate) fn run(command: &WtnsCommand, drawing: Drawing) -> Result<Report, CliError> {
    let WtnsCommand::Calculate { generator, inputs, witness } = command;
    let bar = drawing.spinner("calculating the witness");
    let bytes = generate::witness(generator, inputs)?;
    drop(bar);
    files::write(witness, bytes.expose())?;
    written(&[witness])
}
