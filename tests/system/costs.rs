//! Costs as finance meets them: the demo's total, receipts, reports and files agree to the
//! nano-dollar, and others' programs read the files.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;
use zkpool_tests::command::{succeed, zkpool, zkpool_ok, zkpool_path};
use zkpool_tests::server::{Server, create_key};
use zkpool_tests::standins::tool;
use zkpool_tests::workspace::root;

/// A server over what a demo left, and a key for its costs.
struct Finance {
    data: TempDir,
    server: Server,
    key: String,
    /// What the demo printed.
    demo: Value,
}

impl Finance {
    fn of_a_demo() -> Self {
        let data = tempfile::tempdir().unwrap();
        let folder = data.path().to_str().unwrap();
        let printed = zkpool_ok(["demo", "--proofs", "2", "--json", "--data", folder]);
        Self::over(data, serde_json::from_str(&printed).unwrap())
    }

    fn over(data: TempDir, demo: Value) -> Self {
        let server = Server::start(data.path());
        let key = create_key(data.path(), "demo", "read,finance");
        Self { server, key, demo, data }
    }

    /// Runs a command against the server.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(zkpool_path());
        command
            .args(arguments)
            .env("ZKPOOL_SERVER", &self.server.url)
            .env("ZKPOOL_API_KEY", &self.key);
        command
    }

    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&succeed(&mut self.command(arguments))).unwrap()
    }

    /// The total of a report, in nano-dollars.
    fn total(&self) -> i64 {
        let report = self.json(&["costs", "--group-by", "circuit", "--format", "json"]);
        let rows = report["rows"].as_array().unwrap();
        let sum: i64 = rows.iter().map(|row| row["charge_nano_usd"].as_i64().unwrap()).sum();
        assert_eq!(report["total_nano_usd"], sum);
        sum
    }

    /// The operator's own command on the data directory.
    fn ledger(&self, arguments: &[&str]) -> String {
        let data = self.data.path().to_str().unwrap();
        zkpool_ok(["ledger"].iter().chain(arguments).chain(&["--data", data]))
    }

    fn file(&self, name: &str) -> PathBuf {
        self.data.path().join(name)
    }

    /// Writes an export of this format.
    fn export(&self, format: &str) -> PathBuf {
        let path = self.file(&format!("export.{format}"));
        let output = path.to_str().unwrap();
        succeed(&mut self.command(&["costs", "--format", format, "--output", output]));
        path
    }

    fn first_job(&self) -> &str {
        self.demo["proofs"][0]["id"].as_str().unwrap()
    }
}

/// Exact dollars as nano-dollars.
fn nano_usd(decimal: &str) -> i64 {
    let (whole, fraction) = decimal.split_once('.').unwrap();
    assert_eq!(fraction.len(), 9, "{decimal}");
    format!("{whole}{fraction}").parse().unwrap()
}

/// What DuckDB sums a column of these files to.
fn duckdb_sum(column: &str, files: &[PathBuf]) -> (u64, i64) {
    let mut command = Command::new(tool("finance/bin/python"));
    command.arg(root().join("tests/finance/sums.py")).arg(column).args(files);
    let told: Value = serde_json::from_str(&succeed(&mut command)).unwrap();
    assert_eq!(told["type"], "DECIMAL(38,9)", "{told}");
    (told["rows"].as_u64().unwrap(), nano_usd(told["sum"].as_str().unwrap()))
}

fn parquet_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            parquet_below(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "parquet") {
            found.push(path);
        }
    }
}

#[test]
fn demo_receipts_report_and_files_agree_to_the_nano_dollar() {
    let finance = Finance::of_a_demo();
    let demo = finance.demo["total_charge_nano_usd"].as_i64().unwrap();
    let listed = finance.json(&["proofs", "list", "--json"]);
    let charge = |view: &Value| view["receipt"]["charge_nano_usd"].as_i64().unwrap();
    let receipts: i64 = listed.as_array().unwrap().iter().map(charge).sum();
    assert_eq!((finance.total(), receipts), (demo, demo));

    assert!(finance.ledger(&["roll-up"]).contains("2 receipts"));
    assert!(finance.ledger(&["audit"]).contains("2 rows compared, 0 differences"));
    assert_eq!(finance.total(), demo);

    let mut partitions = Vec::new();
    parquet_below(finance.data.path(), &mut partitions);
    assert_eq!(duckdb_sum("charge_usd", &partitions), (2, demo));
    let export = finance.export("parquet");
    assert_eq!(duckdb_sum("BilledCost", &[export]).1, demo);
}

#[test]
fn the_printed_total_every_receipt_and_the_cost_report_agree_by_the_command_alone() {
    let data = tempfile::tempdir().unwrap();
    let folder = data.path().to_str().unwrap();
    let printed = zkpool_ok(["demo", "--proofs", "3", "--data", folder]);
    let total = printed.split('$').next_back().unwrap().split_whitespace().next().unwrap();
    let total = nano_usd(total.trim_end_matches(['.', ',']));
    let finance = Finance::over(data, Value::Null);
    let listed = finance.json(&["proofs", "list", "--json"]);
    let mut receipts = 0;
    for proof in listed.as_array().unwrap() {
        let show = ["receipt", "show", proof["id"].as_str().unwrap(), "--format"];
        let view = finance.json(&[&show[..], &["json"]].concat());
        let charge = view["receipt"]["charge_nano_usd"].as_i64().unwrap();
        let csv = succeed(&mut finance.command(&[&show[..], &["csv"]].concat()));
        let amounts = csv.lines().skip(1).map(|line| nano_usd(line.rsplit(',').next().unwrap()));
        assert_eq!(amounts.sum::<i64>(), charge, "{csv}");
        let table = succeed(&mut finance.command(&[&show[..], &["table"]].concat()));
        assert!(table.contains("charge:"), "{table}");
        receipts += charge;
    }
    assert_eq!((receipts, finance.total()), (total, total));
    for row in &listed.as_array().unwrap()[..1] {
        let path = finance.file("receipt.parquet");
        let show = ["receipt", "show", row["id"].as_str().unwrap(), "--format", "parquet"];
        let output = finance.command(&show).output().unwrap();
        assert!(output.status.success());
        fs::write(&path, output.stdout).unwrap();
        let charge = row["receipt"]["charge_nano_usd"].as_i64().unwrap();
        assert_eq!(duckdb_sum("amount_usd", &[path]).1, charge);
    }
}

#[test]
fn whoever_runs_the_service_sees_its_fleet_corrects_charges_and_closes_months_by_the_command() {
    let finance = Finance::of_a_demo();
    let charged = finance.total();
    let operator = create_key(finance.data.path(), "operator", "operator");
    let run = |arguments: &[&str]| {
        let mut command = finance.command(arguments);
        command.env("ZKPOOL_API_KEY", &operator);
        command
    };
    let fleet = succeed(&mut run(&["costs", "--fleet", "--format", "json"]));
    let fleet: Value = serde_json::from_str(&fleet).unwrap();
    assert_eq!(fleet["charge_nano_usd"], charged);
    let rows = fleet["rows"].as_array().unwrap();
    assert!(rows.iter().any(|row| row["part"] == "idle"), "{fleet}");
    let cost: i64 = rows.iter().map(|row| row["cost_nano_usd"].as_i64().unwrap()).sum();
    assert_eq!(fleet["cost_nano_usd"], cost);
    let csv = succeed(&mut run(&["costs", "--fleet", "--format", "csv"]));
    let costs = csv.lines().skip(1).map(|line| nano_usd(line.rsplit(',').next().unwrap()));
    assert_eq!(costs.sum::<i64>(), cost, "{csv}");
    assert!(succeed(&mut run(&["costs", "--fleet"])).contains("idle"));

    let job = finance.first_job();
    let correct = ["costs", "correct", job, "--nano-usd", "-5", "--reason", "agreed"];
    let correct = [&correct[..], &["--project", "demo", "--idempotency-key", "k"]].concat();
    for _ in 0..2 {
        assert!(succeed(&mut run(&correct)).contains("corrected as"));
    }
    assert_eq!(finance.total(), charged - 5);
    let close = ["costs", "close", "2020-01", "--project", "demo"];
    assert!(succeed(&mut run(&close)).contains("demo is closed through 2020-01"));
    let refused = finance.command(&close).output().unwrap();
    assert!(!refused.status.success(), "a project closed a month by itself");
    let text = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(text.contains("operator"), "{text}");
}

#[test]
fn the_validator_of_focus_accepts_the_export() {
    let finance = Finance::of_a_demo();
    let correct = ["correct", finance.first_job(), "--nano-usd", "-5", "--reason", "agreed"];
    finance.ledger(&[&correct[..], &["--project", "demo"]].concat());
    let csv = finance.export("csv");
    let mut command = Command::new(tool("finance/bin/focus-validator"));
    command.args(["--block-download", "--validate-version", "1.2", "--show-violations"]);
    command.arg("--data-file").arg(&csv);
    // It looks for its rules below the folder it runs in.
    let printed = succeed(command.current_dir(site_packages()));
    let failed: Vec<_> = printed.lines().filter(|line| line.contains(": FAIL ")).collect();
    let passed = printed.lines().filter(|line| line.contains(": PASS ")).count();
    // Of the two rules "must be null without an invoice" and "must not be null with one" it holds
    // every row to both; the rule made of them, which takes either, passes.
    let [contradiction] = failed[..] else { panic!("{failed:#?}") };
    assert!(contradiction.contains("InvoiceId-C-004-C"), "{contradiction}");
    assert!(printed.contains("InvoiceId-C-003-C: PASS"), "{printed}");
    assert!(passed > 100, "only {passed} rules passed:\n{printed}");
}

fn site_packages() -> PathBuf {
    let print =
        "import focus_validator, pathlib; print(pathlib.Path(focus_validator.__file__).parents[1])";
    let path = succeed(Command::new(tool("finance/bin/python")).args(["-c", print]));
    PathBuf::from(path.trim())
}

#[test]
fn a_receipt_is_verified_offline_and_a_changed_line_is_named() {
    let finance = Finance::of_a_demo();
    finance.ledger(&["roll-up"]);
    let view = finance.json(&["receipt", "show", finance.first_job(), "--json"]);
    assert_eq!(view["receipt"]["charge_nano_usd"], finance.demo["proofs"][0]["charge_nano_usd"]);
    let file = finance.file("receipt.json");
    fs::write(&file, view.to_string()).unwrap();
    let verify = |file: &Path| zkpool([Path::new("receipt"), Path::new("verify"), file]);
    assert_eq!(verify(&file).status.code(), Some(0));
    let chain = finance.file("chain.json");
    fs::write(&chain, finance.json(&["receipt", "chain", "--json"]).to_string()).unwrap();
    assert_eq!(verify(&chain).status.code(), Some(0));

    let changes: [(&str, Value, &str); 4] = [
        ("/receipt/lines/0/amount_nano_usd", 1.into(), "line device"),
        ("/receipt/charge_nano_usd", 1.into(), "charge of"),
        ("/receipt/price_book", "2020-01-01".into(), "price book"),
        ("/receipt/witness_retention", "for ever".into(), "link"),
    ];
    for (pointer, value, named) in changes {
        let mut changed = view.clone();
        *changed.pointer_mut(pointer).unwrap() = value;
        fs::write(&file, changed.to_string()).unwrap();
        let output = verify(&file);
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(1), "{pointer}: {printed}");
        assert!(printed.contains(named), "{pointer}: {printed}");
    }
}
