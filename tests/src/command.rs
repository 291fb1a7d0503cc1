//! Running programs to their end.

use std::path::PathBuf;
use std::process::{Command, Output};

use crate::workspace::root;

/// The `zkpool` that was built beside this test, in the same profile.
#[must_use]
pub fn zkpool_path() -> PathBuf {
    built("zkpool")
}

/// A program that was built beside this one, in the same profile.
#[must_use]
pub fn built(name: &str) -> PathBuf {
    let this = std::env::current_exe().unwrap();
    let folder = this.parent().unwrap();
    // Tests lie in target/release/deps, programs in target/release.
    let folder = if folder.ends_with("deps") { folder.parent().unwrap() } else { folder };
    let path = folder.join(name);
    assert!(path.exists(), "{} is missing: build the workspace first", path.display());
    path
}

/// Runs `zkpool` with these arguments.
pub fn zkpool<A: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = A>) -> Output {
    run(Command::new(zkpool_path()).args(arguments))
}

/// Runs `zkpool` and requires success; returns its standard output.
pub fn zkpool_ok<A: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = A>) -> String {
    succeed(Command::new(zkpool_path()).args(arguments))
}

/// Runs snarkjs, the independent implementation installed from `circuits/rollup/package.json`.
pub fn snarkjs<A: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = A>) -> Output {
    let script = root().join("circuits/rollup/node_modules/.bin/snarkjs");
    assert!(script.exists(), "snarkjs is missing: tests/run.sh installs it");
    run(Command::new(script).args(arguments))
}

/// Runs snarkjs and requires success; returns its standard output.
pub fn snarkjs_ok<A: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = A>) -> String {
    checked("snarkjs", &snarkjs(arguments))
}

/// Runs a command and requires success; returns its standard output.
pub fn succeed(command: &mut Command) -> String {
    let name = format!("{command:?}");
    checked(&name, &run(command))
}

fn run(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

fn checked(name: &str, output: &Output) -> String {
    let (stdout, stderr) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{name} ended with {}\n{stdout}\n{stderr}", output.status);
    stdout.into_owned()
}
