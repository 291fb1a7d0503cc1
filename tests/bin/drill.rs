//! `drill`: real processes die, stand still and are stopped at random while they prove.
//!
//! ```text
//! drill [--aws] [--kills N] [--seed N]
//! ```
//!
//! Without `--aws` it strikes `zkpool serve`, with it the provers of a service on stand-ins for S3 and
//! SQS, which fail too. It prints what became of the jobs as JSON, and fails where something became
//! of one that must not.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]

use std::process::ExitCode;

use zkpool_tests::drill::{Aws, Embedded, run};

/// Kills when nothing else is said.
const KILLS_DEFAULT: usize = 200;

struct Task {
    aws: bool,
    kills: usize,
    seed: u64,
}

impl Task {
    fn read(mut arguments: impl Iterator<Item = String>) -> Option<Self> {
        let mut task = Self { aws: false, kills: KILLS_DEFAULT, seed: 0 };
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--aws" => task.aws = true,
                "--kills" => task.kills = arguments.next()?.parse().ok()?,
                "--seed" => task.seed = arguments.next()?.parse().ok()?,
                _ => return None,
            }
        }
        Some(task)
    }
}

fn main() -> ExitCode {
    let Some(Task { aws, kills, seed }) = Task::read(std::env::args().skip(1)) else {
        eprintln!("expected --aws, --kills N or --seed N");
        return ExitCode::from(2);
    };
    let findings =
        if aws { run(Aws::start(seed), seed, kills) } else { run(Embedded::start(), seed, kills) };
    println!("{:#}", findings.json());
    if findings.breaches.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
