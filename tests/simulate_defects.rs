//! `simulate-defects`: plants every fault in turn and sees that a law of the simulation breaks.
//!
//! It prints `defects` and `caught` as JSON, with the seed and the law of each, and fails where one
//! survives.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]

use std::process::ExitCode;
use std::sync::Mutex;
use std::thread;

use serde_json::{Map, Value, json};
use zkpool_simulation::{SetupError, Stage, caught, hush_planted_panics};
use zkpool_types::Defect;

/// Seeds under which a fault has to show.
const SEEDS: u64 = 1_000;

fn main() -> ExitCode {
    hush_planted_panics();
    match search() {
        Ok(found) => {
            let defects = Defect::ALL.len();
            let survivors = found.values().filter(|found| found.is_null()).count();
            let report = json!({
                "defects": defects, "caught": defects - survivors, "by": found,
            });
            println!("{}", serde_json::to_string_pretty(&report).unwrap_or_default());
            if survivors == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

/// What each fault breaks, null where it breaks nothing.
fn search() -> Result<Map<String, Value>, SetupError> {
    let stage = Stage::new()?;
    let (left, found) = (Mutex::new(Defect::ALL.iter()), Mutex::new(Map::new()));
    let work = || -> Result<(), SetupError> {
        loop {
            let Some(defect) = left.lock().ok().and_then(|mut left| left.next()) else {
                return Ok(());
            };
            let broken = caught(&stage, *defect, 0..SEEDS)?;
            if let Ok(mut found) = found.lock() {
                found.insert(defect.name().to_owned(), json!(broken));
            }
        }
    };
    let cores = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| match worker.join() {
            Ok(done) => done,
            Err(panic) => std::panic::resume_unwind(panic),
        })
    })?;
    Ok(found.into_inner().unwrap_or_default())
}
