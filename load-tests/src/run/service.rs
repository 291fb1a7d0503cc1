//! The service under load: one of this machine, started for the run, or one that runs elsewhere.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;
use zkpool_functions::Keys;
use zkpool_jobs::Ports;
use zkpool_sdk::{Client, Retries};
use zkpool_types::{ProjectId, Scope, Secret};

use super::RunError;
use super::scenario::Repeats;
use super::vitals::{self, Vitals};
use crate::data;

/// How long a service of this machine may take to listen.
const LISTENS_WITHIN: Duration = Duration::from_secs(60);

/// How long a proof is waited for, once all were sent.
const PATIENCE: Duration = Duration::from_secs(600);

/// What one key may send to a service that was started for the run: all there is.
const REQUESTS_PER_MINUTE: &str = "4294967295";

/// A service.
#[derive(Debug)]
pub(crate) enum Service {
    /// On this machine, for this run.
    Here(Box<Here>),
    /// Somewhere, reached with this key.
    Elsewhere {
        /// Its address.
        url: String,
        /// A key that may submit and read.
        key: Secret<String>,
    },
}

/// A process with a data directory of its own. Both go with this.
#[derive(Debug)]
pub(crate) struct Here {
    url: String,
    process: Child,
    ports: Ports,
    data: TempDir,
}

/// The line that a service writes when it listens.
#[derive(Deserialize)]
struct Listening {
    listening: String,
}

impl Service {
    /// Starts a service: `zkpool serve`, or one that repeats its proofs.
    pub(crate) async fn start(repeats: Option<Repeats>) -> Result<Self, RunError> {
        let data = tempfile::tempdir().map_err(RunError::Start)?;
        let ports = data::ports(data.path())?;
        let mut command = match repeats {
            None => serve(data.path())?,
            Some(repeats) => host(data.path(), repeats)?,
        };
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(RunError::Start)?;
        let url = listening(&mut process).await.map_err(RunError::Start)?;
        Ok(Self::Here(Box::new(Here { url, process, ports, data })))
    }

    /// A client of this project. Nothing is sent twice, so that whatever fails is seen.
    pub(crate) async fn client(&self, project: &ProjectId) -> Result<Client, RunError> {
        let (url, key) = match self {
            Self::Elsewhere { url, key } => (url.clone(), key.expose().clone()),
            Self::Here(here) => (here.url.clone(), here.key(project).await?),
        };
        let once = Retries { attempts_max: 1, ..Retries::default() };
        let client = Client::builder(key).server(url).retries(once).patience(PATIENCE);
        Ok(client.accept_development_keys().build()?)
    }

    /// What it takes of this machine, where it is on it.
    pub(crate) async fn vitals(&self) -> Option<Vitals> {
        let Self::Here(here) = self else { return None };
        vitals::look(here.process.id()?, &here.ports.queue).await.ok()
    }

    /// What it keeps on this machine's disk, in MB of 10^6 bytes.
    pub(crate) fn disk_mb(&self) -> Option<f64> {
        let Self::Here(here) = self else { return None };
        Some(megabytes(vitals::disk_bytes(here.data.path())))
    }
}

impl Here {
    async fn key(&self, project: &ProjectId) -> Result<String, RunError> {
        let scopes = [Scope::Submit, Scope::Read];
        let created = Keys::new(self.ports.clone()).create(project, &scopes).await;
        let (key, _) = created.map_err(|error| RunError::Key(error.code()))?;
        Ok(key.expose().to_owned())
    }
}

#[expect(clippy::cast_precision_loss, reason = "a disk has less than 2^52 bytes")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// The product, beside this command where it was built.
fn serve(data: &Path) -> Result<Command, RunError> {
    let mut command = Command::new(zkpool()?);
    command.args(["serve", "--json", "--log", "warn", "--device", "cpu"]);
    command.args(["--listen", "127.0.0.1:0", "--requests-per-minute", REQUESTS_PER_MINUTE]);
    command.arg("--data").arg(data);
    Ok(command)
}

/// This command, as a host.
fn host(data: &Path, repeats: Repeats) -> Result<Command, RunError> {
    let Repeats { workers, pace_ms } = repeats;
    let mut command = Command::new(std::env::current_exe().map_err(RunError::Start)?);
    command.args(["host", "--workers", &workers.to_string(), "--pace-ms", &pace_ms.to_string()]);
    command.arg("--data").arg(data);
    Ok(command)
}

/// The `zkpool` command that was built beside this one.
pub(super) fn zkpool() -> Result<PathBuf, RunError> {
    let path = std::env::current_exe().map_err(RunError::Start)?.with_file_name("zkpool");
    if path.exists() { Ok(path) } else { Err(RunError::NotBuilt(path)) }
}

async fn listening(process: &mut Child) -> io::Result<String> {
    let ended = || io::Error::other("it ended before it listened");
    let stdout = process.stdout.take().ok_or_else(ended)?;
    let mut lines = BufReader::new(stdout).lines();
    let line = timeout(LISTENS_WITHIN, lines.next_line()).await??.ok_or_else(ended)?;
    // Nothing else is written there, so that nobody has to read on.
    let line: Listening = serde_json::from_str(&line)?;
    Ok(line.listening)
}
