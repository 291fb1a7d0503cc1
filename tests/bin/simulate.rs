//! `simulate`: the whole service under faults, in virtual time, by seeds.
//!
//! ```text
//! simulate [--seeds N] [--json]   runs seeds 0 to N - 1
//! simulate --seed N               replays one and prints what happens
//! simulate --defects              plants faults in the product and sees that a law breaks
//! ```
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]

use std::process::{Command, ExitCode};

use zkpool_simulation::{Report, SetupError, Stage, hush_planted_panics, run_all};

/// Seeds that are run when nothing else is said.
const SEEDS_DEFAULT: u64 = 1_000;

/// What was asked for.
enum Task {
    Run { seeds: u64, json: bool },
    Replay(u64),
    Defects,
}

impl Task {
    fn read(arguments: impl Iterator<Item = String>) -> Option<Self> {
        let arguments: Vec<String> = arguments.collect();
        let number = |text: &String| text.parse().ok();
        match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            [] => Some(Self::Run { seeds: SEEDS_DEFAULT, json: false }),
            ["--json"] => Some(Self::Run { seeds: SEEDS_DEFAULT, json: true }),
            ["--seeds", _] => Some(Self::Run { seeds: number(&arguments[1])?, json: false }),
            ["--seeds", _, "--json"] => {
                Some(Self::Run { seeds: number(&arguments[1])?, json: true })
            }
            ["--seed", _] => Some(Self::Replay(number(&arguments[1])?)),
            ["--defects"] => Some(Self::Defects),
            _ => None,
        }
    }
}

fn main() -> ExitCode {
    let Some(task) = Task::read(std::env::args().skip(1)) else {
        eprintln!("expected --seeds N, --json, --seed N or --defects");
        return ExitCode::from(2);
    };
    hush_planted_panics();
    let done = match task {
        Task::Run { seeds, json } => run(seeds, json),
        Task::Replay(seed) => replay(seed),
        Task::Defects => return defects(),
    };
    done.unwrap_or_else(|error| {
        eprintln!("{error}");
        ExitCode::from(2)
    })
}

fn run(seeds: u64, json: bool) -> Result<ExitCode, SetupError> {
    let report = run_all(&Stage::new()?, 0..seeds)?;
    if json {
        println!("{}", serde_json::to_string_pretty(&report).unwrap_or_default());
    } else {
        print(&report);
    }
    Ok(verdict(report.laws_broken == 0))
}

fn print(report: &Report) {
    let Report { seeds, jobs, succeeded, told, simulated_hours, crash_points, .. } = report;
    println!("{seeds} seeds, {simulated_hours} simulated hours");
    println!("{jobs} jobs, {succeeded} proofs, {told} events told");
    for (kind, count) in &report.faults {
        println!("{count:>10}  {kind}");
    }
    println!("processes died at {crash_points} different calls");
    for broken in &report.broken {
        println!("{} is broken under seed {}: {}", broken.law, broken.seed, broken.what);
    }
    println!("laws broken: {}, trace hash {}", report.laws_broken, report.trace_hash);
}

fn replay(seed: u64) -> Result<ExitCode, SetupError> {
    let run = Stage::new()?.run(seed, true)?;
    run.chronicle.lines.iter().for_each(|line| println!("{line}"));
    println!("seed {seed}: {} jobs, trace hash {:016x}", run.jobs, run.chronicle.hash);
    if let Some(breach) = &run.chronicle.breach {
        println!("{} is broken: {}", breach.law, breach.what);
    }
    Ok(verdict(run.chronicle.breach.is_none()))
}

/// Faults can be planted only in a build of their own, which is made here: nothing else is ever
/// built with them.
fn defects() -> ExitCode {
    let build = ["test", "--quiet", "--release", "--package", "zkpool-tests"];
    let planted = ["--features", "defects", "--test", "simulate-defects"];
    match Command::new("cargo").args(build).args(planted).status() {
        Ok(status) => verdict(status.success()),
        Err(error) => {
            eprintln!("expected cargo to build the planted faults, found {error}");
            ExitCode::from(2)
        }
    }
}

fn verdict(good: bool) -> ExitCode {
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
