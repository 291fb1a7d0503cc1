//! The README's walk-through works as it is printed.

use std::fs;
use std::process::Command;

use zkpool_tests::command::{succeed, zkpool_path};
use zkpool_tests::workspace::root;

/// The shell blocks of the section under this heading, in order, as one script.
fn shell_blocks(text: &str, heading: &str) -> String {
    let section = text.split(heading).nth(1).unwrap_or_else(|| panic!("no section {heading}"));
    let section = section.split("\n## ").next().unwrap();
    section
        .split("```sh\n")
        .skip(1)
        .map(|block| block.split("```").next().unwrap())
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn the_curl_walk_through_works_as_printed() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let sections = ["\n## With curl\n", "\n## On Ethereum\n"];
    let script = sections.map(|heading| shell_blocks(&readme, heading)).join("\n");
    assert!(script.contains("curl"), "the walk-through has no commands");
    let folder = tempfile::tempdir().unwrap();
    // The walk-through stands in a clone and uses the installed command.
    let path = format!(
        "{}:{}",
        zkpool_path().parent().unwrap().display(),
        std::env::var_os("PATH").unwrap().to_str().unwrap()
    );
    let script = format!(
        "set -euo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\nln -s {}/circuits {}/tests .\n{script}",
        root().display(),
        root().display(),
    );
    let printed = succeed(
        // A server that does not start must fail the test, not hold it up.
        Command::new("timeout")
            .args(["120", "bash", "-c", &script])
            .current_dir(folder.path())
            .env("PATH", path),
    );
    assert!(printed.contains("\"succeeded\""), "{printed}");
    assert!(printed.contains("OK"), "{printed}");
    assert!(printed.contains("[\"0x"), "no call of the contract: {printed}");
    let contract = fs::read_to_string(folder.path().join("Multiplier.sol")).unwrap();
    assert!(contract.contains("contract Multiplier {"), "{contract}");
}
