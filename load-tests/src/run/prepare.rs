//! What must be there before the load: clients, keys and circuits.

use std::collections::BTreeMap;
use std::path::Path;

use tokio::process::Command;
use zkpool_sdk::{Client, NewCircuit};
use zkpool_types::ProjectId;

use super::RunError;
use super::fixtures::{self, MULTIPLIER_KEY, ROLLUP_CONSTRAINTS};
use super::generator::Order;
use super::scenario::{Circuit, Scenario, Source, Stream};
use super::service::{Service, zkpool};

/// A client for each project of a scenario.
pub(super) async fn clients(
    scenario: &Scenario,
    service: &Service,
) -> Result<BTreeMap<ProjectId, Client>, RunError> {
    let mut clients = BTreeMap::new();
    for Stream { project, .. } in &scenario.streams {
        if !clients.contains_key(project) {
            clients.insert(project.clone(), service.client(project).await?);
        }
    }
    Ok(clients)
}

/// What each stream sends, with its circuit registered.
pub(super) async fn orders(
    scenario: &Scenario,
    clients: &BTreeMap<ProjectId, Client>,
) -> Result<Vec<Order>, RunError> {
    let dir = tempfile::tempdir().map_err(RunError::Start)?;
    let mut orders = Vec::new();
    for stream in &scenario.streams {
        let (Some(circuit), Some(client)) =
            (scenario.circuit_of(stream), clients.get(&stream.project))
        else {
            continue;
        };
        let mut references = Vec::new();
        for key in 0..circuit.keys {
            references.push(register(client, circuit, key, dir.path()).await?);
        }
        let (project, client) = (stream.project.clone(), client.clone());
        orders.push(Order { project, client, circuit: circuit.clone(), references });
    }
    if !scenario.cold {
        warm(&orders).await?;
    }
    Ok(orders)
}

/// Has each circuit proven once that can be, so that keys are in memory on both sides.
async fn warm(orders: &[Order]) -> Result<(), RunError> {
    for order in orders.iter().filter(|order| order.circuit.source.is_sound()) {
        for number in 0..order.references.len() {
            order.client.prove(order.request(number)).await?;
        }
    }
    Ok(())
}

/// Registers a circuit with one of its keys. Returns its reference.
async fn register(
    client: &Client,
    circuit: &Circuit,
    key: u32,
    dir: &Path,
) -> Result<String, RunError> {
    let name = fixtures::name(circuit, key);
    let mut new = if circuit.source == Source::Rollup {
        let path = dir.join(format!("{name}.zkey"));
        if !path.exists() {
            set_up(dir, &path).await?;
        }
        NewCircuit::file(name, path).allow_development_key(true)
    } else {
        NewCircuit::groth16(name, MULTIPLIER_KEY.to_vec())
    };
    if let Some(text) = fixtures::generator(circuit.source) {
        new = new.generator(wat::parse_str(text)?);
    }
    Ok(client.register(new).await?.id.to_string())
}

/// Makes a key of the rollup that no other run has.
async fn set_up(dir: &Path, key: &Path) -> Result<(), RunError> {
    let constraints = dir.join("rollup.r1cs");
    if !constraints.exists() {
        std::fs::write(&constraints, ROLLUP_CONSTRAINTS).map_err(RunError::Start)?;
    }
    let mut command = Command::new(zkpool()?);
    command.args(["groth16", "setup", "--development"]).arg(&constraints).arg(key);
    let made = command.output().await.map_err(RunError::Start)?;
    if made.status.success() {
        return Ok(());
    }
    Err(RunError::SetUp(String::from_utf8_lossy(&made.stderr).trim().to_owned()))
}
