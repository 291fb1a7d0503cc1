//! A real `zkpool serve` process.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::command::{zkpool_ok, zkpool_path};

/// How long a server may take to answer, with room for a machine busy with other tests.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// A running server. Dropping it kills it.
#[derive(Debug)]
pub struct Server {
    process: Child,
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

    fn start_at(data: &Path, port: u16, arguments: &[&str]) -> Self {
        let listen = format!("127.0.0.1:{port}");
        let mut process = Command::new(zkpool_path())
            .args(["serve", "--listen", &listen, "--data"])
            .arg(data)
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drain(&mut process);
        let mut server = Self { process, url: format!("http://{listen}") };
        server.wait_until_ready();
        server
    }

    fn wait_until_ready(&mut self) {
        let start = Instant::now();
        while ureq::get(format!("{}/readyz", self.url)).call().is_err() {
            let exit = self.process.try_wait().unwrap();
            assert!(exit.is_none(), "the server ended early: {exit:?}");
            assert!(start.elapsed() < READY_WITHIN, "the server is not ready");
            pause();
        }
    }

    /// Kills the process without a chance to clean up (SIGKILL) and waits until it is gone.
    pub fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Asks the process to end (SIGTERM) and returns how it ended and how long it took.
    pub fn terminate(mut self) -> (std::process::ExitStatus, Duration) {
        let start = Instant::now();
        let pid = self.process.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        (self.process.wait().unwrap(), start.elapsed())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
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
