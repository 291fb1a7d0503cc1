//! `zkpool keys`: who may use a service.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use zkpool_types::api::CreatedKey;
use zkpool_types::{KeyId, KeyRecord, ProjectId, Scope};

#[cfg(feature = "aws")]
use crate::aws::{AwsArgs, Service};
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
    #[arg(long, value_name = "DIR", requires = "project", group = "storage")]
    data: Option<PathBuf>,
    /// Work on the bucket of a service on AWS
    #[cfg(feature = "aws")]
    #[arg(long, requires = "project", group = "storage")]
    aws: bool,
    #[cfg(feature = "aws")]
    #[command(flatten)]
    service: AwsArgs,
    /// The project, in storage; on a server it is the project of the API key
    #[arg(long, requires = "storage")]
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
    Here(Box<Storage>, ProjectId),
    /// A bucket and one project in it.
    #[cfg(feature = "aws")]
    Bucket(Box<Service>, ProjectId),
    /// A server.
    There(Client),
}

impl Place {
    fn open(&self) -> Result<Opened, CliError> {
        #[cfg(feature = "aws")]
        if let (true, Some(project)) = (self.aws, &self.project) {
            return Ok(Opened::Bucket(self.service.open()?.into(), project.clone()));
        }
        match (&self.data, &self.project) {
            (Some(data), Some(project)) => {
                Ok(Opened::Here(Storage::open(data)?.into(), project.clone()))
            }
            _ => Ok(Opened::There(Client::new(&self.server)?)),
        }
    }
}

impl Opened {
    fn create(&self, scopes: &[Scope]) -> Result<CreatedKey, CliError> {
        match self {
            Self::Here(storage, project) => storage.keys().create(project, scopes),
            #[cfg(feature = "aws")]
            Self::Bucket(service, project) => service.keys().create(project, scopes),
            Self::There(client) => client.run(async |sdk| sdk.create_key(scopes).await),
        }
    }

    fn list(&self) -> Result<Vec<KeyRecord>, CliError> {
        match self {
            Self::Here(storage, project) => storage.keys().list(project),
            #[cfg(feature = "aws")]
            Self::Bucket(service, project) => service.keys().list(project),
            Self::There(client) => client.run(async |sdk| sdk.keys().await),
        }
    }

    fn revoke(&self, id: KeyId) -> Result<KeyId, CliError> {
        match self {
            Self::Here(storage, project) => storage.keys().revoke(project, id),
            #[cfg(feature = "aws")]
            Self::Bucket(service, project) => service.keys().revoke(project, id),
            Self::There(client) => {
                client.run(async |sdk| sdk.revoke_key(id).await).map(|revoked| revoked.id)
            }
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
