//! A real `zkpool serve` process.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::command::{zkpool_ok, zkpool_path};
use crate::process::Process;

/// How long a server may take to answer, with room for a machine busy with other tests.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// A running server. Dropping it kills it.
#[derive(Debug)]
pub struct Server {
    /// What runs.
    pub process: Process,
    /// `http://127.0.0.1:PORT`.
    pub url: String,
}

impl Server {
    /// Starts a server on a free port over `data` and waits until it answers.
    #[must_use]
    pub fn start(data: &Path) -> Self {
        Self::start_on(data, free_port())
    }

    /// Starts a server with more arguments on a free port over `data` and waits until it answers.
    #[must_use]
    pub fn start_with(data: &Path, arguments: &[&str]) -> Self {
        Self::start_at(data, free_port(), arguments)
    }

    /// Starts a server on this port over `data` and waits until it answers.
    #[must_use]
    pub fn start_on(data: &Path, port: u16) -> Self {
        Self::start_at(data, port, &[])
    }

    /// Starts a server on this port over `data` whose log of this level is appended to a file, and
    /// waits until it answers.
    #[must_use]
    pub fn start_logging(data: &Path, port: u16, level: &str, log: &Path) -> Self {
        let log = File::options().append(true).create(true).open(log).unwrap();
        let listen = format!("127.0.0.1:{port}");
        let mut command = serve(data, &listen);
        let process = command.args(["--log", level]).stderr(log).spawn().unwrap();
        Self::wait_for(Process::of(process), format!("http://{listen}"))
    }

    fn start_at(data: &Path, port: u16, arguments: &[&str]) -> Self {
        let listen = format!("127.0.0.1:{port}");
        let mut command = serve(data, &listen);
        let mut process = command.args(arguments).stderr(Stdio::piped()).spawn().unwrap();
        drain(&mut process);
        Self::wait_for(Process::of(process), format!("http://{listen}"))
    }

    /// Waits until the server that was started as `process` answers at `url`.
    #[must_use]
    pub fn wait_for(process: Process, url: String) -> Self {
        let mut server = Self { process, url };
        server.wait_until_ready();
        server
    }

    fn wait_until_ready(&mut self) {
        let start = Instant::now();
        while ureq::get(format!("{}/readyz", self.url)).call().is_err() {
            let exit = self.process.exited();
            assert!(exit.is_none(), "the server ended early: {exit:?}");
            assert!(start.elapsed() < READY_WITHIN, "the server is not ready");
            pause();
        }
    }

    /// Kills the process without a chance to clean up (SIGKILL) and waits until it is gone.
    pub fn kill(self) {
        self.process.kill();
    }

    /// Asks the process to end (SIGTERM) and returns how it ended and how long it took.
    #[must_use]
    pub fn terminate(self) -> (ExitStatus, Duration) {
        let start = Instant::now();
        self.process.ask_to_stop();
        (self.process.wait(), start.elapsed())
    }
}

fn serve(data: &Path, listen: &str) -> Command {
    let mut command = Command::new(zkpool_path());
    command.args(["serve", "--listen", listen, "--data"]).arg(data).stdout(Stdio::null());
    command
}

/// Repeats what the server logs, so that a failed test shows it, and keeps its pipe from filling.
fn drain(process: &mut Child) {
    let stderr = BufReader::new(process.stderr.take().unwrap());
    std::thread::spawn(move || {
        for line in stderr.lines().map_while(Result::ok) {
            eprintln_line(&line);
        }
    });
}

#[allow(clippy::print_stderr, reason = "the log of a failed test is its report")]
fn eprintln_line(line: &str) {
    eprintln!("serve: {line}");
}

/// A port that was free a moment ago.
#[must_use]
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A short pause between two looks at a process.
#[allow(clippy::disallowed_methods, reason = "the processes under test live in real time")]
pub fn pause() {
    std::thread::sleep(Duration::from_millis(5));
}

/// A fresh key of `project` with these scopes, made by the operator beside the server.
#[must_use]
pub fn create_key(data: &Path, project: &str, scopes: &str) -> String {
    let data = data.to_str().unwrap();
    zkpool_ok(["keys", "create", "--data", data, "--project", project, "--scopes", scopes])
        .trim()
        .to_owned()
}
