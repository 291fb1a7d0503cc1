//! `zkpool circuits`: what can be proven.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use zkpool_sdk::NewCircuit;
use zkpool_types::api::CircuitView;

use crate::client::{Client, ServerArgs, artifact};
use crate::exit::CliError;
use crate::onchain::{self, SolidityArgs};
use crate::output::{Report, Table, fields};
use crate::progress::Drawing;

/// Register circuits and look at them
#[derive(Subcommand, Debug)]
pub(crate) enum CircuitsCommand {
    /// Register a proving key; the same key again is the same version
    Add {
        /// Name of the circuit: 1 to 40 of a-z, 0-9 and -
        name: String,
        /// The proving key (a Groth16 .zkey of snarkjs)
        proving_key: PathBuf,
        /// Accept a key whose maker can forge proofs
        #[arg(long)]
        allow_development_key: bool,
        #[command(flatten)]
        server: ServerArgs,
    },
    /// List the circuits of the project
    List {
        #[command(flatten)]
        server: ServerArgs,
    },
    /// Write a contract of Ethereum that verifies proofs of a circuit
    Solidity(SolidityArgs),
    /// Show one circuit
    Show {
        /// `name@version`, or `name` for the version registered last
        circuit: String,
        #[command(flatten)]
        server: ServerArgs,
    },
}

/// Runs the command.
pub(crate) fn run(command: &CircuitsCommand, drawing: Drawing) -> Result<Report, CliError> {
    match command {
        CircuitsCommand::Add { name, proving_key, allow_development_key, server } => {
            let client = Client::new(server)?;
            shown(&add(&client, name, proving_key, *allow_development_key, drawing)?)
        }
        CircuitsCommand::List { server } => {
            listed(&Client::new(server)?.run(async |sdk| sdk.circuits().await)?)
        }
        CircuitsCommand::Solidity(args) => onchain::contract(args),
        CircuitsCommand::Show { circuit, server } => {
            shown(&Client::new(server)?.run(async |sdk| sdk.circuit(circuit).await)?)
        }
    }
}

/// Sends a proving key and registers it under `name`.
fn add(
    client: &Client,
    name: &str,
    proving_key: &Path,
    allow_development_key: bool,
    drawing: Drawing,
) -> Result<CircuitView, CliError> {
    let circuit = NewCircuit::groth16(name, artifact(proving_key, drawing)?)
        .allow_development_key(allow_development_key);
    let _bar = drawing.spinner("the server checks every point of the key");
    client.run(async |sdk| sdk.register(circuit).await)
}

fn listed(circuits: &[CircuitView]) -> Result<Report, CliError> {
    let mut table = Table::new(&["circuit", "curve", "domain", "public inputs", "registered"]);
    for CircuitView { id, manifest } in circuits {
        table.row(vec![
            id.to_string(),
            manifest.curve.to_string(),
            manifest.domain_size.to_string(),
            manifest.public_inputs.to_string(),
            manifest.created_at.to_string(),
        ]);
    }
    Report::new(&circuits, table.render())
}

fn shown(view: &CircuitView) -> Result<Report, CliError> {
    let CircuitView { id, manifest } = view;
    let key = &manifest.proving_key;
    let development = if manifest.development { "yes: its maker can forge proofs" } else { "no" };
    let text = fields(&[
        ("circuit", id.to_string()),
        ("curve", manifest.curve.to_string()),
        ("domain size", manifest.domain_size.to_string()),
        ("variables", manifest.variables.to_string()),
        ("public inputs", manifest.public_inputs.to_string()),
        ("proving key", format!("sha256:{} ({} bytes)", key.sha256, key.size)),
        ("development key", development.to_owned()),
        ("registered", manifest.created_at.to_string()),
    ]);
    Report::new(view, text)
}
