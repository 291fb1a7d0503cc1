//! Stand-ins for AWS, which `tests/run.sh` installs below `target/tools`.
//!
//! ministack answers as S3, SQS, IAM and more; its credentials `test` may do everything and are
//! not checked. s3s-fs answers as S3 over a folder, and checks signatures.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::server::{free_port, pause};
use crate::workspace::root;

/// The region that all stand-ins are in.
pub const REGION: &str = "us-east-1";

/// Access key and secret of the stand-ins' administrator.
pub const CREDENTIALS: (&str, &str) = ("test", "test");

/// How long a stand-in may take to answer, with room for a machine busy with other tests.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// A tool that was installed by `tests/run.sh`.
#[must_use]
pub fn tool(path: &str) -> PathBuf {
    let path = root().join("target/tools").join(path);
    assert!(path.exists(), "{} is missing: tests/run.sh installs it", path.display());
    path
}

/// A process that ends with this value.
#[derive(Debug)]
pub struct Running(Child);

impl Running {
    /// Starts a program whose output is not of interest.
    #[must_use]
    pub fn start(command: &mut Command) -> Self {
        let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Self(quiet.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}")))
    }

    fn wait_until(&mut self, is_ready: impl Fn() -> bool) {
        let start = Instant::now();
        while !is_ready() {
            let exit = self.0.try_wait().unwrap();
            assert!(exit.is_none(), "the stand-in ended early: {exit:?}");
            assert!(start.elapsed() < READY_WITHIN, "the stand-in is not ready");
            pause();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Who calls.
#[derive(Clone, Debug)]
pub struct AccessKey {
    /// The id that requests name.
    pub id: String,
    /// What they are signed with.
    pub secret: String,
}

impl AccessKey {
    /// The stand-ins' administrator, who may do everything.
    #[must_use]
    pub fn administrator() -> Self {
        let (id, secret) = CREDENTIALS;
        Self { id: id.to_owned(), secret: secret.to_owned() }
    }
}

/// Queues of one purpose.
#[derive(Clone, Debug)]
pub struct Queues {
    /// URL of the queue.
    pub live: String,
    /// URL of its dead-letter queue.
    pub dead: String,
}

/// A running ministack. Everything in it is gone when it is dropped.
#[derive(Debug)]
pub struct Ministack {
    _process: Running,
    /// `http://127.0.0.1:PORT`, for every service.
    pub url: String,
}

impl Ministack {
    /// Starts an empty one on a free port.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts one with these environment variables.
    #[must_use]
    pub fn start_with(environment: &[(&str, &str)]) -> Self {
        let port = free_port().to_string();
        let url = format!("http://127.0.0.1:{port}");
        let mut command = Command::new(tool("aws/bin/ministack"));
        command.env("BIND_HOST", "127.0.0.1").env("GATEWAY_PORT", &port);
        // Addresses of queues have to lead back to this process.
        command.env("MINISTACK_HOST", "127.0.0.1").envs(environment.iter().copied());
        let mut process = Running::start(&mut command);
        process.wait_until(|| ureq::get(&url).call().is_ok());
        Self { _process: process, url }
    }

    /// Creates a bucket.
    pub fn create_bucket(&self, name: &str) {
        let request = ureq::put(format!("{}/{name}", self.url));
        request.header("authorization", authorization("s3")).send_empty().unwrap();
    }

    /// Creates a queue that gives up on a message after `receives_max` deliveries, and the queue
    /// of its dead letters.
    #[must_use]
    pub fn create_queues(&self, name: &str, receives_max: u32) -> Queues {
        let dead = self.create_queue(&format!("{name}-dead"), &json!({}));
        let of_dead = json!({ "QueueUrl": dead, "AttributeNames": ["QueueArn"] });
        let arn = self.sqs("GetQueueAttributes", &of_dead)["Attributes"]["QueueArn"].clone();
        let redrive = json!({ "deadLetterTargetArn": arn, "maxReceiveCount": receives_max });
        let live = self.create_queue(name, &json!({ "RedrivePolicy": redrive.to_string() }));
        Queues { live, dead }
    }

    fn create_queue(&self, name: &str, attributes: &Value) -> String {
        let created =
            self.sqs("CreateQueue", &json!({ "QueueName": name, "Attributes": attributes }));
        created["QueueUrl"].as_str().unwrap().to_owned()
    }

    /// Calls an operation of SQS as its administrator.
    #[must_use]
    pub fn sqs(&self, operation: &str, body: &Value) -> Value {
        self.call("sqs", &format!("AmazonSQS.{operation}"), body)
    }

    /// Calls an operation of ECS as its administrator.
    #[must_use]
    pub fn ecs(&self, operation: &str, body: &Value) -> Value {
        self.call("ecs", &format!("AmazonEC2ContainerServiceV20141113.{operation}"), body)
    }

    /// Creates a service of ECS in a new cluster, with as many tasks wanted. The
    /// stand-in starts none, and says that all of them run.
    pub fn create_service(&self, cluster: &str, service: &str, desired: u32) {
        let container = json!({ "name": "prover", "image": "prover" });
        let task = json!({ "family": "prover", "containerDefinitions": [container] });
        let service = json!({
            "cluster": cluster,
            "serviceName": service,
            "taskDefinition": "prover",
            "desiredCount": desired,
        });
        let _ = self.ecs("CreateCluster", &json!({ "clusterName": cluster }));
        let _ = self.ecs("RegisterTaskDefinition", &task);
        let _ = self.ecs("CreateService", &service);
    }

    fn call(&self, service: &str, target: &str, body: &Value) -> Value {
        let request = ureq::post(&self.url)
            .header("authorization", authorization(service))
            .header("x-amz-target", target)
            .content_type("application/x-amz-json-1.0");
        let mut answer = request.send(body.to_string()).unwrap();
        answer.body_mut().read_json().unwrap_or(Value::Null)
    }

    /// The body of a GET from S3, as its administrator.
    #[must_use]
    pub fn get(&self, path_and_query: &str) -> String {
        let request = ureq::get(format!("{}/{path_and_query}", self.url));
        let mut answer = request.header("authorization", authorization("s3")).call().unwrap();
        answer.body_mut().read_to_string().unwrap()
    }

    /// The keys of a bucket below a prefix. There must be fewer than fit on a page of a listing.
    #[must_use]
    pub fn keys(&self, bucket: &str, prefix: &str) -> Vec<String> {
        let mut keys: Vec<String> = Vec::new();
        loop {
            let after = keys.last().map(String::as_str).unwrap_or_default();
            let query = format!("list-type=2&prefix={prefix}&start-after={after}");
            let listing = self.get(&format!("{bucket}?{query}"));
            let found = listing.split("<Key>").skip(1);
            keys.extend(found.map(|rest| rest.split_once('<').unwrap().0.to_owned()));
            if listing.contains("<IsTruncated>false") {
                return keys;
            }
        }
    }

    /// A JSON object of a bucket.
    #[must_use]
    pub fn json(&self, bucket: &str, key: &str) -> Value {
        serde_json::from_str(&self.get(&format!("{bucket}/{key}"))).unwrap()
    }

    /// Writes a JSON object into a bucket.
    pub fn put_json(&self, bucket: &str, key: &str, value: &Value) {
        let request = ureq::put(format!("{}/{bucket}/{key}", self.url));
        request.header("authorization", authorization("s3")).send(value.to_string()).unwrap();
    }

    /// Whether a bucket has an object of this key.
    #[must_use]
    pub fn has_object(&self, bucket: &str, key: &str) -> bool {
        let request = ureq::head(format!("{}/{bucket}/{key}", self.url));
        match request.header("authorization", authorization("s3")).call() {
            Ok(_) => true,
            Err(ureq::Error::StatusCode(404)) => false,
            Err(error) => panic!("{key}: {error}"),
        }
    }

    /// Creates a user who may do what this policy says, and returns its access key.
    #[must_use]
    pub fn create_user(&self, name: &str, policy: &Value) -> AccessKey {
        let policy = policy.to_string();
        let _ = self.iam("CreateUser", &[("UserName", name)]);
        let put = [("UserName", name), ("PolicyName", "tests"), ("PolicyDocument", &policy)];
        let _ = self.iam("PutUserPolicy", &put);
        let created = self.iam("CreateAccessKey", &[("UserName", name)]);
        let element = |name: &str| {
            let (_, rest) = created.split_once(&format!("<{name}>")).unwrap();
            rest.split_once('<').unwrap().0.to_owned()
        };
        AccessKey { id: element("AccessKeyId"), secret: element("SecretAccessKey") }
    }

    /// Calls an operation of IAM as its administrator and returns the answer in XML.
    fn iam(&self, action: &str, parameters: &[(&str, &str)]) -> String {
        let named = [("Action", action), ("Version", "2010-05-08")];
        let request = ureq::post(&self.url).header("authorization", authorization("iam"));
        let mut answer = request.send_form(named.iter().chain(parameters).copied()).unwrap();
        answer.body_mut().read_to_string().unwrap()
    }

    /// The environment in which AWS's clients find this stand-in.
    #[must_use]
    pub fn environment(&self, as_whom: &AccessKey) -> Vec<(String, String)> {
        [
            ("AWS_ENDPOINT_URL", self.url.as_str()),
            ("AWS_ACCESS_KEY_ID", &as_whom.id),
            ("AWS_SECRET_ACCESS_KEY", &as_whom.secret),
            ("AWS_REGION", REGION),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
    }
}

/// Names the service; ministack does not check the administrator's signatures.
fn authorization(service: &str) -> String {
    let (key, _) = CREDENTIALS;
    format!(
        "AWS4-HMAC-SHA256 Credential={key}/20260101/{REGION}/{service}/aws4_request, \
         SignedHeaders=host, Signature=0"
    )
}

/// A running s3s-fs. Everything in it is gone when it is dropped.
#[derive(Debug)]
pub struct S3sFs {
    _process: Running,
    folder: TempDir,
    /// `http://127.0.0.1:PORT`.
    pub url: String,
}

impl S3sFs {
    /// Starts an empty one on a free port.
    #[must_use]
    pub fn start() -> Self {
        let (folder, port) = (tempfile::tempdir().unwrap(), free_port().to_string());
        let (key, secret) = CREDENTIALS;
        let url = format!("http://127.0.0.1:{port}");
        let mut command = Command::new(tool("bin/s3s-fs"));
        command.args(["--access-key", key, "--secret-key", secret]);
        command.args(["--host", "127.0.0.1", "--port", &port]).arg(folder.path());
        let mut process = Running::start(&mut command);
        // Any answer will do: without a signature it is a refusal.
        let is_up = || !matches!(ureq::get(&url).call(), Err(ureq::Error::Io(_)));
        process.wait_until(is_up);
        Self { _process: process, folder, url }
    }

    /// Creates a bucket.
    pub fn create_bucket(&self, name: &str) {
        fs::create_dir(self.folder().join(name)).unwrap();
    }

    /// Where buckets lie.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}
