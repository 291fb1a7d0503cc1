//! What is struck: a server that does everything, or provers on AWS's stand-ins.

use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;
use zkpool_ports::{Rng, SeededRng};

use super::Strike;
use crate::api::Client;
use crate::command::{succeed, zkpool, zkpool_ok, zkpool_path};
use crate::lambda::Function;
use crate::process::Process;
use crate::proxy::{Fate, Seen};
use crate::records::{Directory, Records};
use crate::server::{Server, create_key, free_port};
use crate::service::Service;
use crate::workspace::rollup;

/// Provers of a deployment on AWS.
const PROVERS: usize = 2;

/// What is struck.
pub trait Deployment: Records {
    /// A client that may do everything in the project `acme`.
    fn client(&self) -> Client;
    /// Registers the rollup circuit and returns its reference.
    fn register(&self) -> String;
    /// Strikes the process that this number falls on.
    fn strike(&mut self, strike: Strike, number: u64);
    /// Has a sweep done, where the deployment does none by itself.
    fn sweep(&self);
    /// Whether the proof of a job verifies, as its requester checks it.
    fn holds(&self, job: &str) -> bool;
    /// What the books say that must not be, where this was charged in all.
    fn differences(&self, charged_nano_usd: u64) -> Vec<String>;
    /// Requests to storage and queue that failed by plan.
    fn failed_requests(&self) -> usize;
}

/// Registers the rollup circuit at this server.
fn register(url: &str, key: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let zkey = folder.path().join("rollup.zkey");
    let (zkey, r1cs) = (zkey.to_str().unwrap(), rollup("rollup_1.r1cs"));
    zkpool_ok(["groth16", "setup", "--development", r1cs.to_str().unwrap(), zkey]);
    let add = ["circuits", "add", "rollup", zkey, "--allow-development-key", "--json"];
    let server = [("ZKPOOL_SERVER", url), ("ZKPOOL_API_KEY", key)];
    let shown = succeed(Command::new(zkpool_path()).args(add).envs(server));
    serde_json::from_str::<Value>(&shown).unwrap()["id"].as_str().unwrap().to_owned()
}

fn verifies(url: &str, key: &str, job: &str) -> bool {
    let server = [("ZKPOOL_SERVER", url), ("ZKPOOL_API_KEY", key)];
    let verified = Command::new(zkpool_path()).args(["verify", job]).envs(server).output();
    verified.unwrap().status.success()
}

/// The report of this month is the sum of the receipts.
fn report_differs(client: &Client, charged_nano_usd: u64) -> Option<String> {
    let report = client.get("/v1/costs").ok();
    let told = report["total_nano_usd"].as_u64();
    (told != Some(charged_nano_usd))
        .then(|| format!("charged {charged_nano_usd} nano-dollars, reported {told:?}"))
}

/// `zkpool serve` on a data directory.
#[derive(Debug)]
pub struct Embedded {
    data: TempDir,
    port: u16,
    key: String,
    server: Option<Server>,
}

impl Embedded {
    /// Starts a server.
    #[must_use]
    pub fn start() -> Self {
        let (data, port) = (tempfile::tempdir().unwrap(), free_port());
        let server = Server::start_on(data.path(), port);
        let key = create_key(data.path(), "acme", "submit,read,finance,admin");
        Self { data, port, key, server: Some(server) }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Records for Embedded {
    fn keys(&self, prefix: &str) -> Vec<String> {
        Directory::of(self.data.path()).keys(prefix)
    }

    fn json(&self, key: &str) -> Value {
        Directory::of(self.data.path()).json(key)
    }
}

impl Deployment for Embedded {
    fn client(&self) -> Client {
        Client::new(&self.url(), &self.key)
    }

    fn register(&self) -> String {
        register(&self.url(), &self.key)
    }

    fn strike(&mut self, strike: Strike, _: u64) {
        let Some(server) = self.server.take() else { return };
        self.server = match struck(server.process, strike) {
            Some(process) => Some(Server { process, url: server.url }),
            None => Some(Server::start_on(self.data.path(), self.port)),
        };
    }

    /// A server sweeps by itself.
    fn sweep(&self) {}

    fn holds(&self, job: &str) -> bool {
        verifies(&self.url(), &self.key, job)
    }

    fn differences(&self, charged_nano_usd: u64) -> Vec<String> {
        let data = self.data.path().to_str().unwrap();
        let mut differences: Vec<_> =
            report_differs(&self.client(), charged_nano_usd).into_iter().collect();
        zkpool_ok(["ledger", "roll-up", "--data", data]);
        let audit = zkpool(["ledger", "audit", "--data", data]);
        if !audit.status.success() {
            differences.push(String::from_utf8_lossy(&audit.stdout).into_owned());
        }
        differences.extend(report_differs(&self.client(), charged_nano_usd));
        differences
    }

    fn failed_requests(&self) -> usize {
        0
    }
}

/// Functions and provers on stand-ins that fail now and then.
#[derive(Debug)]
pub struct Aws {
    service: Service,
    sweeper: Function,
    provers: Vec<Option<Process>>,
}

impl Aws {
    /// Starts a service and its provers. What fails follows from the seed.
    #[must_use]
    pub fn start(seed: u64) -> Self {
        let rng = SeededRng::new(seed ^ 1);
        let service = Service::start_behind(move |seen| weather(seen, &rng));
        let provers = (0..PROVERS).map(|_| Some(service.start_prover().process)).collect();
        let sweeper = service.start_function("sweep");
        Self { service, sweeper, provers }
    }
}

/// One request in seven fails; a third of those had their effect all the same. Messages come twice.
fn weather(seen: &Seen, rng: &SeededRng) -> Fate {
    let mut number = [0];
    rng.fill(&mut number);
    let of_queue = seen.target.is_some();
    let is_send = seen.target.as_deref() == Some("AmazonSQS.SendMessage");
    match number[0] {
        0..25 => Fate::Refused(if of_queue { 500 } else { 503 }, "SlowDown"),
        25..32 => Fate::AppliedButRefused(500, "InternalError"),
        32..38 => Fate::AppliedButUnanswered,
        38..56 if is_send => Fate::AppliedTwice,
        _ => Fate::Passes,
    }
}

impl Records for Aws {
    fn keys(&self, prefix: &str) -> Vec<String> {
        self.service.keys(prefix)
    }

    fn json(&self, key: &str) -> Value {
        Records::json(&self.service, key)
    }
}

impl Deployment for Aws {
    fn client(&self) -> Client {
        self.service.client()
    }

    fn register(&self) -> String {
        register(&self.service.api.url, &self.service.key)
    }

    fn strike(&mut self, strike: Strike, number: u64) {
        let index = usize::try_from(number % PROVERS as u64).unwrap_or_default();
        let Some(process) = self.provers[index].take() else { return };
        let left = struck(process, strike);
        self.provers[index] = left.or_else(|| Some(self.service.start_prover().process));
    }

    /// On AWS it is a schedule that invokes the function.
    fn sweep(&self) {
        let _ = self.sweeper.invoke(&json!({}));
    }

    fn holds(&self, job: &str) -> bool {
        verifies(&self.service.api.url, &self.service.key, job)
    }

    fn differences(&self, charged_nano_usd: u64) -> Vec<String> {
        report_differs(&self.client(), charged_nano_usd).into_iter().collect()
    }

    fn failed_requests(&self) -> usize {
        self.service.proxy.as_ref().map_or(0, |proxy| proxy.failed().len())
    }
}

/// Strikes a process. `None` where it is gone.
fn struck(process: Process, strike: Strike) -> Option<Process> {
    match strike {
        Strike::Kill => process.kill(),
        Strike::Stop(grace) => process.stop_within(grace),
        Strike::Still(time) => {
            process.stand_still(time);
            return Some(process);
        }
    }
    None
}
