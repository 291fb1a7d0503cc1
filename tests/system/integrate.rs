//! What docs/integrate.md prints works, and the description of the API holds for a real server.

use std::fs;
use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tempfile::TempDir;
use zkpool_tests::api::Client;
use zkpool_tests::command::succeed;
use zkpool_tests::server::{Server, create_key};
use zkpool_tests::workspace::{fixture, root};

/// A server with a circuit, and a folder with a witness of it.
struct Service {
    server: Server,
    key: String,
    _data: TempDir,
    folder: TempDir,
}

impl Service {
    fn new() -> Self {
        let (data, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let server = Server::start(data.path());
        let key = create_key(data.path(), "acme", "submit,read,finance,admin");
        let client = Client::new(&server.url, &key);
        assert!(client.register("multiplier", &proving_key()).starts_with("multiplier@"));
        let witness = folder.path().join("multiplier.wtns");
        fs::copy(fixture("bn128", "multiplier.wtns"), witness).unwrap();
        Self { server, key, _data: data, folder }
    }

    /// A command in the folder that finds the service in its environment.
    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.folder.path())
            .env("ZKPOOL_SERVER", &self.server.url)
            .env("ZKPOOL_API_KEY", &self.key);
        command
    }
}

fn proving_key() -> String {
    STANDARD.encode(fs::read(fixture("bn128", "multiplier.zkey")).unwrap())
}

/// The snippets of the page in this language, as one program.
fn snippets(language: &str) -> String {
    let page = fs::read_to_string(root().join("docs/integrate.md")).unwrap();
    let fence = format!("```{language}\n");
    let blocks = page.split(&fence).skip(1).map(|block| block.split("```").next().unwrap());
    let program = blocks.collect::<String>();
    assert!(!program.is_empty(), "docs/integrate.md has no snippet in {language}");
    program
}

fn public_inputs() -> Vec<String> {
    let text = fs::read_to_string(fixture("bn128", "public.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn the_snippet_in_curl_proves_as_printed() {
    let service = Service::new();
    let script = format!("set -euo pipefail\n{}", snippets("sh"));
    let printed = succeed(service.command("timeout").args(["120", "bash", "-c", &script]));
    assert_eq!(printed.trim_end(), public_inputs().join(" "));
}

#[test]
fn the_snippet_in_typescript_is_well_typed_and_proves_as_printed() {
    let service = Service::new();
    let folder = service.folder.path();
    let modules = root().join("tests/typescript/node_modules");
    assert!(modules.exists(), "the TypeScript compiler is missing: tests/run.sh installs it");
    std::os::unix::fs::symlink(&modules, folder.join("node_modules")).unwrap();
    fs::write(folder.join("package.json"), r#"{ "type": "module" }"#).unwrap();
    fs::write(folder.join("prove.ts"), snippets("ts")).unwrap();
    let tool = |name: &str| service.command(Path::new("node_modules/.bin").join(name));
    let document = root().join("docs/openapi.json");
    succeed(tool("openapi-typescript").arg(document).args(["--output", "zkpool.ts"]));
    let strict = ["--strict", "--noEmitOnError", "--skipLibCheck"];
    let for_node = ["--target", "es2022", "--module", "nodenext", "--types", "node"];
    succeed(tool("tsc").args(strict).args(for_node).arg("prove.ts"));
    let printed = succeed(service.command("timeout").args(["120", "node", "prove.js"]));
    assert!(printed.starts_with("succeeded"), "{printed}");
    for input in public_inputs() {
        assert!(printed.contains(&format!("'{input}'")), "{printed}");
    }
}

/// What is tried against a real server by itself: its stream has no end.
const ENDLESS: &str = "projectEvents";

#[test]
fn the_description_of_the_api_holds_for_a_real_server() {
    let service = Service::new();
    let schemathesis = root().join("target/tools/openapi/bin/st");
    assert!(schemathesis.exists(), "schemathesis is missing: tests/run.sh installs it");
    let document = format!("{}/openapi.json", service.server.url);
    let bearer = format!("Authorization: Bearer {}", service.key);
    let report = succeed(
        service
            .command("timeout")
            .args(["300"])
            .arg(schemathesis)
            .args(["run", &document, "--header", &bearer])
            .args(["--exclude-operation-id", ENDLESS])
            // What a schema cannot say is refused all the same, such as budgets that differ in
            // nothing, and pages answer whoever is not signed in with the way to sign in.
            .args(["--exclude-checks", "positive_data_acceptance,negative_data_rejection"])
            .args(["--checks", "all", "--max-examples", "8", "--seed", "1", "--workers", "2"]),
    );
    // It leaves with a failure when a case fails, and must have tried more than a handful.
    let (generated, passed) = cases(&report);
    assert!(generated >= 500, "{report}");
    assert_eq!(generated, passed, "{report}");
}

/// How many cases schemathesis generated and how many passed, from the end of its report.
fn cases(report: &str) -> (u32, u32) {
    let summary = report.split_once("Test cases:").expect("a summary").1;
    let count = |unit: &str| {
        let before = summary.split_once(unit).expect(unit).0;
        before.rsplit([' ', '\n']).next().unwrap().replace(',', "").parse().expect(unit)
    };
    (count(" generated"), count(" passed"))
}
