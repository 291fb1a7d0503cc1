//! Many mutants of a target, and what became of them.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::ops::Range;
use std::path::Path;

use serde::Serialize;

use crate::corpus::{Corpus, CorpusError};
use crate::mutate::mutant;
use crate::target::{End, Format, Target, Trial, Verdict};

/// Breaches of a target that a report describes; further ones are counted.
const BREACHES_SHOWN_MAX: usize = 10;

/// A target with its corpus, ready for any seed.
#[derive(Clone, Debug)]
pub struct Campaign {
    target: &'static Target,
    corpus: Corpus,
}

/// What became of the mutants of a target, or of all targets of a format.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Row {
    /// Inputs that were made and read.
    pub mutations: u64,
    /// Those that were accepted.
    pub accepted: u64,
    /// Those that were refused.
    pub refused: u64,
    /// Those at which something panicked.
    pub panics: u64,
    /// Those that broke another law.
    pub broken: u64,
    /// The most heap that one took, as a share of what it might take.
    pub peak_heap_ratio: f64,
    /// The first breaches.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub breaches: Vec<Breached>,
}

/// A mutant that broke a law.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Breached {
    /// The target.
    pub target: &'static str,
    /// What made it of the corpus.
    pub seed: u64,
    /// What broke.
    pub what: String,
}

impl Row {
    /// Whether every law was kept.
    #[must_use]
    pub const fn is_sound(&self) -> bool {
        self.panics == 0 && self.broken == 0
    }

    fn note(&mut self, target: &'static str, seed: u64, trial: &Trial) {
        self.mutations += 1;
        self.peak_heap_ratio = self.peak_heap_ratio.max(trial.heap_ratio());
        match trial.end {
            End::Held(Verdict::Accepted) => self.accepted += 1,
            End::Held(Verdict::Refused) => self.refused += 1,
            End::Panicked(_) => self.panics += 1,
            End::Broken(_) => self.broken += 1,
        }
        if let Some(what) = trial.breach()
            && self.breaches.len() < BREACHES_SHOWN_MAX
        {
            self.breaches.push(Breached { target, seed, what });
        }
    }

    fn add(&mut self, other: &Self) {
        let Self { mutations, accepted, refused, panics, broken, peak_heap_ratio, breaches } =
            other;
        self.mutations += mutations;
        self.accepted += accepted;
        self.refused += refused;
        self.panics += panics;
        self.broken += broken;
        self.peak_heap_ratio = self.peak_heap_ratio.max(*peak_heap_ratio);
        self.breaches.extend_from_slice(breaches);
    }
}

/// What became of all mutants.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Report {
    /// By format.
    pub formats: BTreeMap<Format, Row>,
    /// By target.
    pub targets: BTreeMap<&'static str, Row>,
}

impl Report {
    /// Adds a target.
    pub fn add(&mut self, target: &Target, row: Row) {
        self.formats.entry(target.format).or_default().add(&row);
        self.targets.insert(target.name, row);
    }

    /// Whether every law was kept.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.formats.values().all(Row::is_sound)
    }
}

impl Campaign {
    /// The campaign of a target with what is kept of it.
    ///
    /// # Errors
    /// Nothing is kept of it.
    pub fn of(target: &'static Target) -> Result<Self, CorpusError> {
        let corpus = Corpus::of(target)?;
        // What is made once in a process is no heap of the first mutant.
        corpus.inputs.iter().for_each(|(_, input)| drop(target.try_on(input)));
        Ok(Self { target, corpus })
    }

    /// Tries the mutants of these seeds.
    #[must_use]
    pub fn run(&self, seeds: Range<u64>) -> Row {
        let mut row = Row::default();
        for seed in seeds {
            let trial = self.target.try_on(&mutant(self.target, &self.corpus, seed));
            row.note(self.target.name, seed, &trial);
        }
        row
    }

    /// Tries the mutant of one seed and writes it to a file, for a debugger.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn replay(&self, seed: u64, file: &Path) -> io::Result<Trial> {
        let mutant = mutant(self.target, &self.corpus, seed);
        fs::write(file, &mutant)?;
        Ok(self.target.try_on(&mutant))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::Breach;

    static SOUND: Target =
        Target { name: "scope", format: Format::Text, read: |_, _| Ok(Verdict::Accepted) };
    static FRAGILE: Target = Target {
        name: "scope",
        format: Format::Text,
        read: |input, _| match input.len() % 3 {
            0 => panic!("a third"),
            1 => Err(Breach::new("another third")),
            _ => Ok(Verdict::Refused),
        },
    };

    #[test]
    fn every_mutant_is_counted_once_and_breaches_are_named() {
        let row = Campaign::of(&FRAGILE).unwrap().run(0..100);
        assert_eq!(row.mutations, 100);
        assert_eq!(row.accepted + row.refused + row.panics + row.broken, 100);
        assert!(row.panics > 0 && row.broken > 0 && row.refused > 0 && !row.is_sound());
        assert_eq!(row.breaches.len(), BREACHES_SHOWN_MAX);
        let first = &row.breaches[0];
        let again = Campaign::of(&FRAGILE).unwrap().run(first.seed..first.seed + 1);
        assert_eq!(again.breaches[0], *first);
    }

    #[test]
    fn a_report_adds_up_the_targets_of_a_format() {
        let mut report = Report::default();
        report.add(&SOUND, Campaign::of(&SOUND).unwrap().run(0..10));
        assert!(report.is_sound());
        report.add(&FRAGILE, Campaign::of(&FRAGILE).unwrap().run(0..10));
        assert_eq!(report.formats[&Format::Text].mutations, 20);
        assert!(!report.is_sound());
    }
}
