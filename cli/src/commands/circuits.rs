//! `zkpool circuits`: what can be proven.

use std::path::PathBuf;

use clap::Subcommand;
use zkpool_sdk::NewCircuit;
use zkpool_types::ArtifactRef;
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
    #[command(visible_alias = "register")]
    Add {
        /// Name of the circuit: 1 to 40 of a-z, 0-9 and -
        name: String,
        /// The proving key (a Groth16 .zkey of snarkjs)
        proving_key: PathBuf,
        /// What computes witnesses from inputs (the .wasm of circom 2)
        #[arg(long, value_name = "FILE")]
        generator: Option<PathBuf>,
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
        CircuitsCommand::Add { name, proving_key, generator, allow_development_key, server } => {
            let client = Client::new(server)?;
            let mut circuit = NewCircuit::groth16(name, artifact(proving_key, drawing)?)
                .allow_development_key(*allow_development_key);
            if let Some(module) = generator {
                circuit = circuit.generator(artifact(module, drawing)?);
            }
            shown(&add(&client, circuit, drawing)?)
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

/// Sends a circuit's files and registers it.
fn add(client: &Client, circuit: NewCircuit, drawing: Drawing) -> Result<CircuitView, CliError> {
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
    let named = |file: &ArtifactRef| format!("sha256:{} ({} bytes)", file.sha256, file.size);
    let generator =
        manifest.generator.as_ref().map_or("none: proofs by witness only".into(), named);
    let development = if manifest.development { "yes: its maker can forge proofs" } else { "no" };
    let text = fields(&[
        ("circuit", id.to_string()),
        ("curve", manifest.curve.to_string()),
        ("domain size", manifest.domain_size.to_string()),
        ("variables", manifest.variables.to_string()),
        ("public inputs", manifest.public_inputs.to_string()),
        ("proving key", named(&manifest.proving_key)),
        ("witness generator", generator),
        ("development key", development.to_owned()),
        ("registered", manifest.created_at.to_string()),
    ]);
    Report::new(view, text)
}
