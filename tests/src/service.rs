//! A whole service on AWS's stand-ins.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::api::Client;
use crate::command::{succeed, zkpool_path};
use crate::lambda::{Environment, Function, Functions, HttpApi};
use crate::process::Process;
use crate::proxy::{Fate, Proxy, Seen};
use crate::standins::{AccessKey, Ministack, Queues};
use crate::workspace::fixture;

/// The bucket of every service: each has a stand-in of its own.
pub const BUCKET: &str = "zkpool-blobs";

/// The queue of every service. That of its dead letters ends in `-dead`.
pub const QUEUE: &str = "zkpool-jobs";

/// The queue of notices. That of its dead letters ends in `-dead`.
pub const NOTICES: &str = "zkpool-notices";

/// The cluster of the provers, where they are tasks of a service of ECS.
pub const CLUSTER: &str = "zkpool-gpus";

/// That service.
pub const PROVERS: &str = "zkpool-provers";

/// Deliveries after which the queue gives up on a message.
const RECEIVES_MAX: u32 = 3;

/// Deliveries after which the queue of notices does.
const NOTICE_RECEIVES_MAX: u32 = 100;

/// A service without a prover.
#[derive(Debug)]
pub struct Service {
    /// The stand-in.
    pub aws: Ministack,
    /// The queues of jobs.
    pub queues: Queues,
    /// The queues of notices.
    pub notices: Queues,
    /// The functions behind the API.
    pub functions: Arc<Functions>,
    /// The API.
    pub api: HttpApi,
    /// A key of the project `acme` that may do everything but account for money.
    pub key: String,
    /// What functions and provers reach the stand-in through, where it is not the stand-in itself.
    pub proxy: Option<Proxy>,
    /// Who the functions and provers are, by their names.
    identities: Box<dyn Identities>,
    folder: TempDir,
}

/// Who a function or a prover is to AWS.
pub trait Identities: std::fmt::Debug {
    /// The access key of the function or prover of this name.
    fn access_key(&self, name: &str) -> AccessKey;
}

/// Everyone is the administrator, who may do everything.
#[derive(Debug)]
struct Administrator;

impl Identities for Administrator {
    fn access_key(&self, _: &str) -> AccessKey {
        AccessKey::administrator()
    }
}

impl Service {
    /// Starts a service in which everyone may do everything.
    #[must_use]
    pub fn start() -> Self {
        Self::start_on(Ministack::start(), |_| Box::new(Administrator))
    }

    /// Starts a service on this stand-in, with these identities in it.
    #[must_use]
    pub fn start_on(
        aws: Ministack,
        identities: impl Fn(&Ministack) -> Box<dyn Identities>,
    ) -> Self {
        let identities = identities(&aws);
        Self::assemble(aws, None, identities)
    }

    /// Starts a service whose functions and provers reach the stand-in through a proxy, where
    /// their requests meet the fates of `plan`.
    #[must_use]
    pub fn start_behind(plan: impl Fn(&Seen) -> Fate + Send + Sync + 'static) -> Self {
        let aws = Ministack::start();
        let proxy = Proxy::start(&aws.url, plan);
        Self::assemble(aws, Some(proxy), Box::new(Administrator))
    }

    fn assemble(aws: Ministack, proxy: Option<Proxy>, identities: Box<dyn Identities>) -> Self {
        aws.create_bucket(BUCKET);
        let queues = aws.create_queues(QUEUE, RECEIVES_MAX);
        let notices = aws.create_queues(NOTICES, NOTICE_RECEIVES_MAX);
        let folder = tempfile::tempdir().unwrap();
        let through = proxy.as_ref().map_or(&aws.url, |proxy| &proxy.url);
        let both = [&queues, &notices];
        let of = |name: &str| environment(&aws, through, both, &identities.access_key(name));
        let functions = Arc::new(Functions::start(of, folder.path()));
        let api = HttpApi::start(&functions);
        let administrator = AccessKey::administrator();
        let scopes = "submit,read,finance,admin";
        let key = create_key(&environment(&aws, &aws.url, both, &administrator), "acme", scopes);
        Self { aws, queues, notices, functions, api, key, proxy, identities, folder }
    }

    /// The environment of the function or prover of this name.
    #[must_use]
    pub fn environment(&self, name: &str) -> Environment {
        let through = self.proxy.as_ref().map_or(&self.aws.url, |proxy| &proxy.url);
        let both = [&self.queues, &self.notices];
        environment(&self.aws, through, both, &self.identities.access_key(name))
    }

    /// A client with the service's key.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::new(&self.api.url, &self.key)
    }

    /// A client with a key of whoever runs the service.
    #[must_use]
    pub fn operator(&self) -> Client {
        let administrator = AccessKey::administrator();
        let both = [&self.queues, &self.notices];
        let environment = environment(&self.aws, &self.aws.url, both, &administrator);
        Client::new(&self.api.url, &create_key(&environment, "operator", "operator"))
    }

    /// Registers the multiplier, by the command of a client.
    pub fn register(&self) {
        let key = fixture("bn128", "multiplier.zkey");
        let add = ["circuits", "add", "multiplier", key.to_str().unwrap()];
        let server = [("ZKPOOL_SERVER", &self.api.url), ("ZKPOOL_API_KEY", &self.key)];
        succeed(Command::new(zkpool_path()).args(add).envs(server));
    }

    /// Starts another function of this service.
    #[must_use]
    pub fn start_function(&self, name: &str) -> Function {
        Function::start(name, &self.environment(name), self.folder.path())
    }

    /// Starts a function of this service with the permissions of another one.
    #[must_use]
    pub fn start_function_as(&self, name: &str, role: &str) -> Function {
        Function::start(name, &self.environment(role), self.folder.path())
    }

    /// Starts a function of this service with more in its environment.
    #[must_use]
    pub fn start_function_with(&self, name: &str, more: &[(&str, &str)]) -> Function {
        let mut environment = self.environment(name);
        let more = more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        environment.extend(more);
        Function::start(name, &environment, self.folder.path())
    }

    /// Starts a prover of this service.
    #[must_use]
    pub fn start_prover(&self) -> Prover {
        Prover::start(&self.environment("prover"), self.folder.path())
    }

    /// Messages of a queue that wait, and that are held.
    #[must_use]
    pub fn messages(&self, queue: &str) -> (u64, u64) {
        let names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"];
        let asked = json!({ "QueueUrl": queue, "AttributeNames": names });
        let counts = self.aws.sqs("GetQueueAttributes", &asked)["Attributes"].clone();
        let count = |name: &str| counts[name].as_str().unwrap().parse().unwrap();
        (count(names[0]), count(names[1]))
    }

    /// Whether the bucket has an object of this key.
    #[must_use]
    pub fn has_object(&self, key: &str) -> bool {
        self.aws.has_object(BUCKET, key)
    }
}

/// An environment that leads to the stand-in `through` this address.
fn environment(
    aws: &Ministack,
    through: &str,
    [jobs, notices]: [&Queues; 2],
    as_whom: &AccessKey,
) -> Environment {
    let ours = [
        ("ZKPOOL_BUCKET", BUCKET),
        ("ZKPOOL_QUEUE_URL", &jobs.live),
        ("ZKPOOL_DEAD_LETTER_QUEUE_URL", &jobs.dead),
        ("ZKPOOL_NOTICE_QUEUE_URL", &notices.live),
        ("ZKPOOL_NOTICE_DEAD_LETTER_QUEUE_URL", &notices.dead),
        ("ZKPOOL_S3_PATH_STYLE", "true"),
        ("RUST_LOG", "info"),
    ];
    let ours = ours.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let all = [aws.environment(as_whom), ours.to_vec()].concat();
    all.into_iter().map(|(name, value)| (name, value.replace(&aws.url, through))).collect()
}

/// A key that whoever runs the service makes in the bucket.
fn create_key(environment: &Environment, project: &str, scopes: &str) -> String {
    let create = ["keys", "create", "--aws", "--project", project, "--scopes", scopes];
    let command = &mut Command::new(zkpool_path());
    succeed(command.args(create).envs(environment.iter().cloned())).trim().to_owned()
}

/// A prover in a process of its own. Dropping it kills it.
#[derive(Debug)]
pub struct Prover {
    /// What runs.
    pub process: Process,
    log: PathBuf,
}

impl Prover {
    fn start(environment: &Environment, folder: &Path) -> Self {
        let log = folder.join("prover.log");
        let output = File::options().append(true).create(true).open(&log).unwrap();
        let process = Command::new(zkpool_path())
            .args(["prover", "--device", "cpu", "--log-json", "--cache"])
            .arg(folder.join("cache"))
            .envs(environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .unwrap();
        Self { process: Process::of(process), log }
    }

    /// What every prover of the service has logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }
}

/// The public form of a view's proof and inputs as the offline verifier takes them.
#[must_use]
pub fn proof_files(view: &Value, folder: &Path) -> [PathBuf; 2] {
    let [public, proof] = ["public.json", "proof.json"].map(|name| folder.join(name));
    fs::write(&proof, view["proof"]["proof"].to_string()).unwrap();
    fs::write(&public, view["proof"]["public_inputs"].to_string()).unwrap();
    [public, proof]
}
