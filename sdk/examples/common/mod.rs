//! A real `zkpool serve` for the examples: started, killed and started again.

#![allow(dead_code, reason = "each example needs a part of it")]

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Time for a server to take requests, with room for a busy machine.
const READY_WITHIN: Duration = Duration::from_secs(120);

/// The `zkpool` command.
#[derive(Clone, Debug)]
pub(crate) struct Zkpool(PathBuf);

impl Zkpool {
    /// The command at this path, or the one built beside this example, which is brought up to date.
    pub(crate) async fn find(path: Option<PathBuf>) -> Result<Self, Failure> {
        if let Some(path) = path {
            return Ok(Self(path));
        }
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--release", "--quiet", "--package", "zkpool", "--bin", "zkpool"]);
        build.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
        succeeded("cargo build", build.status().await?.success())?;
        // target/release/examples/NAME -> target/release/zkpool
        let example = std::env::current_exe()?;
        let folder = example.parent().and_then(Path::parent).ok_or("the example has no folder")?;
        Ok(Self(folder.join("zkpool")))
    }

    /// Runs the command to its end and returns what it printed.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Result<String, Failure> {
        let output = Command::new(&self.0).args(arguments).output().await?;
        let stderr = String::from_utf8_lossy(&output.stderr);
        succeeded(&stderr, output.status.success())?;
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }

    /// A key of `project` that may submit and read.
    pub(crate) async fn create_key(&self, data: &Path, project: &str) -> Result<String, Failure> {
        let data = data.to_str().ok_or("the directory's name is not text")?;
        let scopes = ["--project", project, "--scopes", "submit,read"];
        self.run(&[&["keys", "create", "--data", data], &scopes[..]].concat()).await
    }
}

fn succeeded(what: &str, success: bool) -> Result<(), Failure> {
    if success { Ok(()) } else { Err(format!("a command failed: {what}").into()) }
}

/// A server process. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Server {
    process: Child,
    address: SocketAddr,
}

impl Server {
    /// Starts a server over `data` on a free port.
    pub(crate) async fn start(zkpool: &Zkpool, data: &Path) -> Result<Self, Failure> {
        Self::start_on(zkpool, data, SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await
    }

    async fn start_on(zkpool: &Zkpool, data: &Path, on: SocketAddr) -> Result<Self, Failure> {
        let mut process = Command::new(&zkpool.0)
            .args(["serve", "--json", "--device", "cpu", "--listen", &on.to_string(), "--data"])
            .arg(data)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let stdout = process.stdout.take().ok_or("the server has no output")?;
        let mut lines = BufReader::new(stdout).lines();
        let line = timeout(READY_WITHIN, lines.next_line()).await??;
        let line: Value = serde_json::from_str(&line.ok_or("the server ended early")?)?;
        let url = line["listening"].as_str().ok_or("the server names no address")?;
        let address = url.trim_start_matches("http://").parse()?;
        Ok(Self { process, address })
    }

    /// Kills the process without a chance to clean up (SIGKILL).
    pub(crate) async fn kill(&mut self) -> Result<(), Failure> {
        Ok(self.process.kill().await?)
    }

    /// Starts it again where it was.
    pub(crate) async fn restart(&mut self, zkpool: &Zkpool, data: &Path) -> Result<(), Failure> {
        *self = Self::start_on(zkpool, data, self.address).await?;
        Ok(())
    }

    /// Where it answers.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}
