//! Many runs, and what they come to.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hasher};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use serde::Serialize;

use crate::{Run, SetupError, Stage};

/// Broken laws that a report names. The others are only counted.
const NAMED_MAX: usize = 20;

/// What many runs come to.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// Runs.
    pub seeds: u64,
    /// Jobs that were asked for.
    pub jobs: u64,
    /// Jobs of which there was a proof.
    pub succeeded: u64,
    /// Events that webhooks took, each once.
    pub told: u64,
    /// Hours that passed in the simulation.
    pub simulated_hours: u64,
    /// Faults by kind.
    pub faults: BTreeMap<&'static str, u64>,
    /// Calls before or after which a process died.
    pub crash_points: usize,
    /// Runs in which a law did not hold.
    pub laws_broken: u64,
    /// The first of them.
    pub broken: Vec<Broken>,
    /// The hash of everything that happened, in hexadecimal digits.
    pub trace_hash: String,
}

/// A run in which a law did not hold.
#[derive(Clone, Debug, Serialize)]
pub struct Broken {
    /// Its seed.
    pub seed: u64,
    /// The law.
    pub law: &'static str,
    /// What was expected and found.
    pub what: String,
}

/// What is added up over runs.
#[derive(Default)]
struct Sums {
    report: Report,
    simulated_s: u64,
    points: BTreeMap<String, u64>,
    hashes: BTreeMap<u64, u64>,
}

impl Sums {
    fn add(&mut self, run: Run) {
        let Run { seed, jobs, succeeded, told, chronicle } = run;
        let report = &mut self.report;
        report.seeds += 1;
        report.jobs += jobs as u64;
        report.succeeded += succeeded as u64;
        report.told += told as u64;
        self.simulated_s += chronicle.elapsed.as_secs();
        for (kind, count) in chronicle.faults {
            *report.faults.entry(kind).or_default() += count;
        }
        for (point, count) in chronicle.crash_points {
            *self.points.entry(point).or_default() += count;
        }
        if let Some(breach) = chronicle.breach {
            report.laws_broken += 1;
            report.broken.push(Broken { seed, law: breach.law, what: breach.what });
        }
        self.hashes.insert(seed, chronicle.hash);
    }

    fn join(&mut self, other: Self) {
        let Self { report, simulated_s, points, hashes } = other;
        self.report.seeds += report.seeds;
        self.report.jobs += report.jobs;
        self.report.succeeded += report.succeeded;
        self.report.told += report.told;
        self.report.laws_broken += report.laws_broken;
        self.report.broken.extend(report.broken);
        self.simulated_s += simulated_s;
        for (kind, count) in report.faults {
            *self.report.faults.entry(kind).or_default() += count;
        }
        for (point, count) in points {
            *self.points.entry(point).or_default() += count;
        }
        self.hashes.extend(hashes);
    }

    fn finish(self) -> Report {
        let mut report = self.report;
        let mut hasher = DefaultHasher::new();
        self.hashes.values().for_each(|hash| hasher.write_u64(*hash));
        report.trace_hash = format!("{:016x}", hasher.finish());
        report.simulated_hours = self.simulated_s / 3600;
        report.crash_points = self.points.len();
        report.broken.sort_by_key(|broken| broken.seed);
        report.broken.truncate(NAMED_MAX);
        report
    }
}

/// The first of these seeds under which a fault that is planted on this thread breaks a law.
///
/// # Errors
/// A run could not be set up.
#[cfg(feature = "defects")]
pub fn caught(
    stage: &Stage,
    defect: zkpool_types::Defect,
    seeds: Range<u64>,
) -> Result<Option<Broken>, SetupError> {
    defect.plant();
    for seed in seeds {
        let run = stage.run(seed, false)?;
        if let Some(breach) = run.chronicle.breach {
            return Ok(Some(Broken { seed, law: breach.law, what: breach.what }));
        }
    }
    Ok(None)
}

/// Runs all these seeds on every core.
///
/// # Errors
/// A run could not be set up.
pub fn run_all(stage: &Stage, seeds: Range<u64>) -> Result<Report, SetupError> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicU64::new(seeds.start);
    let work = || -> Result<Sums, SetupError> {
        let mut sums = Sums::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return Ok(sums);
            }
            sums.add(stage.run(seed, false)?);
        }
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        let mut sums = Sums::default();
        for worker in workers {
            match worker.join() {
                Ok(done) => sums.join(done?),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        Ok(sums.finish())
    })
}
