//! `mutate`: every kind of input from outside, mutated, and held to the laws.
//!
//! ```text
//! mutate [--count N] [--json] [--only FORMAT or TARGET]   N mutants of each format
//! mutate --seed N --only TARGET                           one of them again
//! ```
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]

use std::process::ExitCode;

use zkpool_fuzz::{Campaign, CorpusError, Report, Row, Target, target, targets};

/// Mutants of each format when nothing else is said.
const COUNT_DEFAULT: u64 = 10_000;

/// What was asked for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Asked {
    count: Option<u64>,
    seed: Option<u64>,
    only: Option<String>,
    json: bool,
}

impl Asked {
    fn read(mut arguments: impl Iterator<Item = String>) -> Option<Self> {
        let mut asked = Self::default();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--count" => asked.count = Some(arguments.next()?.parse().ok()?),
                "--seed" => asked.seed = Some(arguments.next()?.parse().ok()?),
                "--only" => asked.only = Some(arguments.next()?),
                "--json" => asked.json = true,
                _ => return None,
            }
        }
        Some(asked)
    }

    /// Whether a target is one that was asked for.
    fn wants(&self, target: &Target) -> bool {
        let only = self.only.as_deref();
        only.is_none_or(|only| only == target.name || only == target.format.name())
    }
}

fn main() -> ExitCode {
    let Some(asked) = Asked::read(std::env::args().skip(1)) else {
        eprintln!("expected --count N, --seed N, --only NAME or --json");
        return ExitCode::from(2);
    };
    if !targets().any(|target| asked.wants(target)) {
        let names: Vec<_> = targets().map(|target| target.name).collect();
        eprintln!("expected a format or one of {}", names.join(", "));
        return ExitCode::from(2);
    }
    let done = match (asked.seed, asked.only.as_deref().and_then(target)) {
        (Some(seed), Some(target)) => replay(target, seed),
        (Some(_), None) => {
            eprintln!("expected --only TARGET with a seed");
            return ExitCode::from(2);
        }
        (None, _) => run(&asked).map_err(Into::into),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

/// Runs all that is wanted; whether every law was kept.
fn run(asked: &Asked) -> Result<bool, CorpusError> {
    // A panic is in the report, with the seed that repeats it.
    std::panic::set_hook(Box::new(|_| {}));
    let count = asked.count.unwrap_or(COUNT_DEFAULT);
    let mut report = Report::default();
    for target in targets().filter(|target| asked.wants(target)) {
        let sharing = targets().filter(|other| other.format == target.format && asked.wants(other));
        let seeds = count.div_ceil(sharing.count().max(1) as u64);
        report.add(target, Campaign::of(target)?.run(0..seeds));
    }
    if asked.json {
        println!("{}", serde_json::to_string_pretty(&report).unwrap_or_default());
    } else {
        print(&report);
    }
    Ok(report.is_sound())
}

fn print(report: &Report) {
    println!(
        "{:<20}{:>11}{:>10}{:>10}{:>8}{:>8}  most heap of what it may be",
        "", "mutations", "accepted", "refused", "panics", "broken"
    );
    report.targets.iter().for_each(|(name, row)| print_row(name, row));
    println!();
    report.formats.iter().for_each(|(format, row)| print_row(format.name(), row));
    for breached in report.formats.values().flat_map(|row| &row.breaches) {
        println!("{} is broken under seed {}: {}", breached.target, breached.seed, breached.what);
    }
}

fn print_row(name: &str, row: &Row) {
    let Row { mutations, accepted, refused, panics, broken, peak_heap_ratio, .. } = row;
    println!(
        "{name:<20}{mutations:>11}{accepted:>10}{refused:>10}{panics:>8}{broken:>8}  {peak_heap_ratio:.2}"
    );
}

/// Tries one mutant again, with a panic's own report; whether every law was kept.
fn replay(target: &'static Target, seed: u64) -> Result<bool, Box<dyn std::error::Error>> {
    let file = std::env::temp_dir().join(format!("zkpool-fuzz-{}-{seed}", target.name));
    let trial = Campaign::of(target)?.replay(seed, &file)?;
    println!("{} of {} bytes, in {}", target.name, trial.input_bytes, file.display());
    println!("{:?}, {} bytes of heap", trial.end, trial.heap_bytes);
    Ok(trial.breach().is_none())
}
