//! `zkpool keys`: who may use a service.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use zkpool_types::api::{CreateKey, CreatedKey};
use zkpool_types::{KeyId, KeyRecord, ProjectId, Scope};

use crate::client::{Client, ServerArgs};
use crate::embedded::Storage;
use crate::exit::CliError;
use crate::output::{Report, Table};

/// Create, list and revoke API keys
#[derive(Subcommand, Debug)]
pub(crate) enum KeysCommand {
    /// Create a key and print it: it is shown this once
    Create {
        /// What the key may do
        #[arg(long, value_delimiter = ',', required = true, value_name = "SCOPES")]
        scopes: Vec<Scope>,
        #[command(flatten)]
        place: Place,
    },
    /// List the keys of a project
    List {
        #[command(flatten)]
        place: Place,
    },
    /// Revoke a key, at once and for good
    Revoke {
        /// The key's id, as `keys list` shows it
        id: KeyId,
        #[command(flatten)]
        place: Place,
    },
}

/// Where the keys are: in a data directory on this machine, or behind a server.
#[derive(Args, Debug)]
pub(crate) struct Place {
    /// Work on this data directory, beside a running server or without one
    #[arg(long, value_name = "DIR", requires = "project")]
    data: Option<PathBuf>,
    /// The project, with --data; on a server it is the project of the API key
    #[arg(long, requires = "data")]
    project: Option<ProjectId>,
    #[command(flatten)]
    server: ServerArgs,
}

/// Runs the command.
pub(crate) fn run(command: &KeysCommand) -> Result<Report, CliError> {
    match command {
        KeysCommand::Create { scopes, place } => created(&place.open()?.create(scopes)?),
        KeysCommand::List { place } => listed(&place.open()?.list()?),
        KeysCommand::Revoke { id, place } => revoked(*id, &place.open()?),
    }
}

/// A place that is open.
enum Opened {
    /// A data directory and one project in it.
    Here(Storage, ProjectId),
    /// A server.
    There(Client),
}

impl Place {
    fn open(&self) -> Result<Opened, CliError> {
        match (&self.data, &self.project) {
            (Some(data), Some(project)) => Ok(Opened::Here(Storage::open(data)?, project.clone())),
            _ => Ok(Opened::There(Client::new(&self.server)?)),
        }
    }
}

impl Opened {
    fn create(&self, scopes: &[Scope]) -> Result<CreatedKey, CliError> {
        match self {
            Self::Here(storage, project) => storage.create_key(project, scopes),
            Self::There(client) => client.create_key(&CreateKey { scopes: scopes.to_vec() }),
        }
    }

    fn list(&self) -> Result<Vec<KeyRecord>, CliError> {
        match self {
            Self::Here(storage, project) => storage.keys(project),
            Self::There(client) => client.keys(),
        }
    }

    fn revoke(&self, id: KeyId) -> Result<KeyId, CliError> {
        match self {
            Self::Here(storage, project) => storage.revoke_key(project, id),
            Self::There(client) => client.revoke_key(id).map(|revoked| revoked.id),
        }
    }
}

/// The text is the key alone, so that `KEY=$(zkpool keys create ...)` works.
fn created(created: &CreatedKey) -> Result<Report, CliError> {
    Report::new(created, format!("{}\n", created.key.expose()))
}

fn listed(records: &[KeyRecord]) -> Result<Report, CliError> {
    let mut table = Table::new(&["id", "project", "scopes", "created", "revoked"]);
    for record in records {
        let scopes: Vec<_> = record.scopes.iter().map(|scope| scope.name()).collect();
        table.row(vec![
            record.id.to_string(),
            record.project.to_string(),
            scopes.join(","),
            record.created_at.to_string(),
            record.revoked_at.map_or_else(|| "no".into(), |at| at.to_string()),
        ]);
    }
    Report::new(&records, table.render())
}

fn revoked(id: KeyId, place: &Opened) -> Result<Report, CliError> {
    let id = place.revoke(id)?;
    Report::new(&serde_json::json!({ "id": id }), format!("{id} is revoked\n"))
}
