//! The command line as a whole.

use clap::Parser;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

use crate::commands::Command;
use crate::exit;

/// Zero-knowledge proofs on demand
///
/// `zkpool demo` proves a batch of rollup transfers on this machine in one step. `zkpool serve`
/// keeps such a service running, and the other commands talk to it or to a remote one.
#[derive(Parser, Debug)]
#[command(name = "zkpool", version, after_help = exit::HELP, max_term_width = 100)]
pub(crate) struct Cli {
    /// What to do
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Print one JSON value instead of text
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// What to log to standard error, such as `debug` or `zkpool_worker=debug,warn`
    #[arg(long, global = true, env = "RUST_LOG", value_name = "FILTER", default_value = "warn")]
    #[arg(value_parser = log_filter)]
    log: String,
    /// Log lines as JSON
    #[arg(long, global = true)]
    log_json: bool,
}

/// Checks a log filter.
fn log_filter(text: &str) -> Result<String, ParseError> {
    EnvFilter::builder().parse(text).map(|_| text.to_owned())
}

/// Sends what the program logs to standard error.
pub(crate) fn log_to_stderr(cli: &Cli) {
    let filter = EnvFilter::builder().parse_lossy(&cli.log);
    let logs = tracing_subscriber::fmt().with_writer(std::io::stderr).with_env_filter(filter);
    if cli.log_json { logs.json().init() } else { logs.init() }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use clap::error::ErrorKind;

    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split(' '))
    }

    #[test]
    fn the_grammar_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_documented_command_line_is_accepted() {
        for line in [
            "zkpool demo",
            "zkpool demo --proofs 3 --data d --json",
            "zkpool serve --data d --listen 127.0.0.1:0",
            "zkpool serve --requests-per-minute 600",
            "zkpool keys create --data d --project acme --scopes submit,read",
            "zkpool keys create --scopes read",
            "zkpool keys list",
            "zkpool keys revoke 018f2e7a-0000-7000-8000-000000000001",
            "zkpool actions --json",
            "zkpool circuits add rollup k.zkey --allow-development-key",
            "zkpool circuits list",
            "zkpool circuits show rollup",
            "zkpool prove rollup w.wtns --proof p --public q --tag a=b --idempotency-key k",
            "zkpool prove rollup w.wtns --quote q --max-price 0.05",
            "zkpool quote rollup --count 100 --deadline 2026-12-01T00:00:00Z --format csv",
            "zkpool budgets show --format json",
            "zkpool budgets set * --limit 100 --alert 50 --alert 80 --hard-stop",
            "zkpool budgets set team:red --limit 12.50",
            "zkpool budgets remove team:red",
            "zkpool proofs list --circuit rollup --state queued --tag a=b",
            "zkpool proofs show 018f2e7a-0000-7000-8000-000000000001",
            "zkpool proofs cancel 018f2e7a-0000-7000-8000-000000000001",
            "zkpool verify 018f2e7a-0000-7000-8000-000000000001",
            "zkpool verify --verification-key v --public p --proof q",
            "zkpool costs --from 2026-11-01 --to 2026-11-30 --group-by circuit --format json",
            "zkpool costs --group-by cost-center,tag:team --format csv --output f.csv",
            "zkpool receipt show 018f2e7a-0000-7000-8000-000000000001",
            "zkpool receipt verify receipt.json",
            "zkpool receipt chain --json",
            "zkpool ledger roll-up --data d",
            "zkpool ledger audit --data d",
            "zkpool ledger close 2026-10 --project acme --data d",
            "zkpool ledger correct 018f2e7a-0000-7000-8000-000000000001 --nano-usd -5 --reason r --project acme --data d",
            "zkpool groth16 setup --development c.r1cs k.zkey",
            "zkpool groth16 prove k.zkey w.wtns proof.json public.json",
            "zkpool groth16 verify vk.json public.json proof.json",
            "zkpool groth16 export-verification-key k.zkey vk.json",
            "zkpool bench service --proofs 3",
            "zkpool devices",
            "zkpool demo --device gpu",
            "zkpool serve --device gpu:1 --cache c",
            "zkpool groth16 prove k.zkey w.wtns proof.json public.json --device cpu",
            "zkpool bench prove k.zkey w.wtns --runs 3",
            "zkpool bench prove --curve bn254 --log-size 16 --device gpu --window-bits 12",
            "zkpool bench ntt --what transform --log-size 16 --no-cpu-single-thread",
            "zkpool bench prove --log-size 18 --no-cpu-single-thread",
            "zkpool bench field --device gpu --arithmetic narrow --json",
            "zkpool bench msm --curve bls12-381 --group g2 --log-size 12 --device gpu",
            "zkpool bench msm --log-size 24 --no-cpu-single-thread --table-gib 4 --seed 7",
            "zkpool bench msm --log-size 8 --distribution witness-like --arithmetic narrow",
            "zkpool bench ntt --curve bn254 --log-size 20 --runs 3",
        ] {
            assert!(parse(line).is_ok(), "{line}: {:?}", parse(line).err());
        }
    }

    #[cfg(feature = "aws")]
    #[test]
    fn a_service_on_aws_is_named_in_the_place_of_a_data_directory() {
        for line in [
            "zkpool prover --bucket b --queue-url q --dead-letter-queue-url d --device cpu",
            "zkpool keys create --aws --project acme --scopes submit,read",
            "zkpool keys list --aws --project acme --bucket b",
        ] {
            assert!(parse(line).is_ok(), "{line}: {:?}", parse(line).err());
        }
        for line in [
            "zkpool keys create --aws --scopes read",
            "zkpool keys create --aws --data d --project acme --scopes read",
        ] {
            assert!(parse(line).is_err(), "{line} was accepted");
        }
    }

    #[test]
    fn command_lines_that_contradict_themselves_are_rejected() {
        for line in [
            "zkpool",
            "zkpool keys create --scopes root",
            "zkpool keys create --data d --scopes read",
            "zkpool keys create --project acme --scopes read",
            "zkpool verify",
            "zkpool verify --verification-key v",
            "zkpool verify 018f2e7a-0000-7000-8000-000000000001 --proof p",
            "zkpool prove rollup w.wtns --tag nothing",
            "zkpool costs --group-by week",
            "zkpool costs --format xls",
            "zkpool receipt verify",
            "zkpool budgets set red --limit 1",
            "zkpool budgets set * --limit 1.0000000001",
            "zkpool budgets set * --limit 1 --alert 101",
            "zkpool quote rollup --format xls",
            "zkpool demo --proofs 0",
            "zkpool serve --requests-per-minute 0",
            "zkpool proofs show latest",
            "zkpool demo --log [",
            "zkpool demo --device cuda",
            "zkpool groth16 verify vk.json public.json proof.json --device cpu",
            "zkpool bench msm",
            "zkpool bench msm --log-size 31",
            "zkpool bench msm --log-size 8 --distribution even",
            "zkpool bench ntt --log-size 8 --runs 0",
            "zkpool bench prove",
            "zkpool bench prove k.zkey",
            "zkpool bench prove k.zkey w.wtns --log-size 8",
        ] {
            assert!(parse(line).is_err(), "{line} was accepted");
        }
    }

    #[test]
    fn help_lists_the_exit_codes() {
        let help = parse("zkpool --help").unwrap_err();
        assert_eq!(help.kind(), ErrorKind::DisplayHelp);
        assert!(help.to_string().contains("Exit codes:"));
    }
}
