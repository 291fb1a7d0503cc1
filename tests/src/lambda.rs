//! Functions as Lambda runs them, and the HTTP API before them.
//!
//! Each function is the built program under AWS's own Runtime Interface Emulator, which
//! `tests/run.sh` installs. The API is a server of this process that makes an event of format 2.0
//! out of each request, as API Gateway does.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::command::{built, succeed};
use crate::server::{free_port, pause};
use crate::standins::tool;

/// How long a function may take to answer, with room for a machine busy with other tests.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// What belongs to an environment.
pub type Environment = Vec<(String, String)>;

/// A function under the emulator. Dropping it ends both.
#[derive(Debug)]
pub struct Function {
    emulator: Child,
    url: String,
    log: PathBuf,
}

impl Function {
    /// Starts a function with this environment. Its log goes to `logs`.
    #[must_use]
    pub fn start(name: &str, environment: &Environment, logs: &Path) -> Self {
        let (port, runtime) = (free_port(), free_port());
        let log = logs.join(format!("{name}.log"));
        let output = File::create(&log).unwrap();
        let emulator = Command::new(emulator())
            .args(["--runtime-interface-emulator-address", &format!("127.0.0.1:{port}")])
            .args(["--runtime-api-address", &format!("127.0.0.1:{runtime}")])
            .arg(built(name))
            .arg(name)
            .env("AWS_LAMBDA_FUNCTION_NAME", name)
            .env("AWS_LAMBDA_FUNCTION_TIMEOUT", ANSWER_WITHIN.as_secs().to_string())
            .envs(environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .unwrap();
        let url = format!("http://127.0.0.1:{port}/2015-03-31/functions/function/invocations");
        let function = Self { emulator, url, log };
        function.wait_until_listening(port);
        function
    }

    fn wait_until_listening(&self, port: u16) {
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(start.elapsed() < ANSWER_WITHIN, "the emulator does not listen");
            pause();
        }
    }

    /// Sends one event and returns what the function answered, or what Lambda says of a function
    /// that failed.
    #[must_use]
    pub fn invoke(&self, event: &Value) -> Value {
        let config = ureq::Agent::config_builder().http_status_as_error(false);
        let agent = config.timeout_global(Some(ANSWER_WITHIN)).build().new_agent();
        let mut answer = agent.post(&self.url).send_json(event).unwrap();
        answer.body_mut().read_json().unwrap_or(Value::Null)
    }

    /// Kills the function without a chance to clean up, as Lambda does with one whose machine is
    /// gone. Whoever waits for its answer gets none.
    pub fn kill(&self) {
        let emulator = self.emulator.id().to_string();
        let children = succeed(Command::new("pgrep").args(["--parent", &emulator]));
        succeed(Command::new("kill").arg("-KILL").args(children.split_whitespace()));
    }

    /// What the function has logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        // The function ends when it can no longer reach its emulator.
        let _ = self.emulator.kill();
        let _ = self.emulator.wait();
    }
}

fn emulator() -> PathBuf {
    let processor = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };
    tool(&format!("sam/samcli/local/rapid/aws-lambda-rie-{processor}"))
}

/// The functions of the API.
#[derive(Debug)]
pub struct Functions {
    /// Takes proof requests.
    pub submit: Function,
    /// Shows them.
    pub status: Function,
    /// Registers circuits and has the keys.
    pub circuits: Function,
    /// Has quotes and budgets.
    pub pricing: Function,
    /// Pages for people.
    pub dashboard: Function,
    /// Costs, receipts and their chain.
    pub reports: Function,
}

impl Functions {
    /// Starts all of them, each in its own environment.
    #[must_use]
    pub fn start(environment: impl Fn(&str) -> Environment, logs: &Path) -> Self {
        let start = |name| Function::start(name, &environment(name), logs);
        Self {
            submit: start("submit"),
            status: start("status"),
            circuits: start("circuits"),
            pricing: start("pricing"),
            dashboard: start("dashboard"),
            reports: start("reports"),
        }
    }

    /// The function that a route leads to.
    fn of(&self, method: &str, path: &str) -> &Function {
        match (method, path) {
            ("GET", path) if path.starts_with("/v1/proofs/") && path.ends_with("/receipt") => {
                &self.reports
            }
            (_, path)
                if ["/v1/costs", "/v1/chain", "/v1/roots/"].iter().any(|p| path.starts_with(p)) =>
            {
                &self.reports
            }
            ("POST", path) if path.starts_with("/v1/proofs") => &self.submit,
            (_, path) if path.starts_with("/v1/uploads") => &self.submit,
            (_, path) if path.starts_with("/v1/quotes") || path.starts_with("/v1/budgets") => {
                &self.pricing
            }
            (_, path) if path.starts_with("/v1/performance") || path.ends_with("/publication") => {
                &self.pricing
            }
            (_, path)
                if ["/v1/circuits", "/v1/keys", "/v1/webhooks"]
                    .iter()
                    .any(|area| path.starts_with(area)) =>
            {
                &self.circuits
            }
            (_, path)
                if path.starts_with("/dashboard")
                    || path.starts_with("/assets")
                    || path == "/performance" =>
            {
                &self.dashboard
            }
            _ => &self.status,
        }
    }
}

/// The HTTP API. It serves as long as its functions run.
#[derive(Debug)]
pub struct HttpApi {
    /// `http://127.0.0.1:PORT`.
    pub url: String,
}

impl HttpApi {
    /// Serves these functions. They end when their owner drops them.
    #[must_use]
    pub fn start(functions: &Arc<Functions>) -> Self {
        let functions = Arc::downgrade(functions);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            // One after another: the emulator handles one event at a time too.
            for stream in listener.incoming().map_while(Result::ok) {
                let Some(functions) = functions.upgrade() else { return };
                serve(stream, &functions);
            }
        });
        Self { url }
    }
}

/// A request as it came.
struct Request {
    method: String,
    path: String,
    query: String,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

fn serve(mut stream: TcpStream, functions: &Functions) {
    let Some(request) = read(&stream) else { return };
    let function = functions.of(&request.method, &request.path);
    let answer = function.invoke(&event(&request));
    let _ = stream.write_all(&response(&answer));
}

/// Reads a request. A connection that was opened and not used has none.
fn read(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        // The empty line that ends them has no colon.
        let Some((name, value)) = line.split_once(':') else { break };
        headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Request { method, path: path.to_owned(), query: query.to_owned(), headers, body })
}

/// The event that API Gateway makes of a request.
fn event(request: &Request) -> Value {
    let Request { method, path, query, headers, body } = request;
    let mut headers = headers.clone();
    let cookies = headers.remove("cookie").unwrap_or_default();
    let cookies: Vec<&str> = cookies.split("; ").filter(|cookie| !cookie.is_empty()).collect();
    let text = std::str::from_utf8(body).ok();
    json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers,
        "cookies": cookies,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "api-id",
            "domainName": "api-id.execute-api.us-east-1.amazonaws.com",
            "domainPrefix": "api-id",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": "tests",
            },
            "requestId": "request-id",
            "routeKey": "$default",
            "stage": "$default",
            "time": "12/Mar/2026:19:03:58 +0000",
            "timeEpoch": 1_773_342_238_000_i64,
        },
        "body": text.map_or_else(|| STANDARD.encode(body), str::to_owned),
        "isBase64Encoded": text.is_none(),
    })
}

/// The response that API Gateway makes of an answer.
fn response(answer: &Value) -> Vec<u8> {
    let status = answer["statusCode"].as_u64().unwrap_or(502);
    let text = answer["body"].as_str().unwrap_or_default();
    let body = match answer["isBase64Encoded"].as_bool() {
        Some(true) => STANDARD.decode(text).unwrap(),
        _ => text.as_bytes().to_vec(),
    };
    let mut head = format!("HTTP/1.1 {status} -\r\nconnection: close\r\n");
    for (name, value) in answer["headers"].as_object().into_iter().flatten() {
        if name != "content-length" {
            head.push_str(&format!("{name}: {}\r\n", value.as_str().unwrap_or_default()));
        }
    }
    for cookie in answer["cookies"].as_array().into_iter().flatten() {
        head.push_str(&format!("set-cookie: {}\r\n", cookie.as_str().unwrap_or_default()));
    }
    head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
    [head.into_bytes(), body].concat()
}
