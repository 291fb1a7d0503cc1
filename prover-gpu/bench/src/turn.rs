//! Multiplications of the same by several engines, libraries and programs, in turn.

use std::time::Duration;

use ark_ec::{CurveGroup, VariableBaseMSM};
use rayon::ThreadPoolBuilder;
use serde::Serialize;
use zkpool_circuit_files::{FileField, FilePoint};
use zkpool_snark::engine::Msm;

use crate::error::BenchError;
use crate::instance::Instance;
use crate::peer::{self, Peer, PeerCommand};
use crate::times::{Times, timed};

/// How long another library or program took for the same.
#[derive(Debug, Serialize)]
pub struct Beside {
    /// What it is called.
    pub name: String,
    /// Its threads, where we choose them.
    pub threads: Option<usize>,
    /// Its times.
    #[serde(flatten)]
    pub times: Times,
    /// Its median over the device's.
    pub times_ours: f64,
}

/// One multiplication.
struct Run {
    took: Duration,
    /// The part of that for handing scalars over.
    scalars: Duration,
    /// Whether the product is the one that the closed form gives.
    matches: bool,
}

/// Someone who multiplies whenever it is their turn, and how that went so far.
pub(crate) struct Turn<'a> {
    name: String,
    threads: Option<usize>,
    multiply: Box<dyn FnMut() -> Result<Run, BenchError> + 'a>,
    runs: Vec<Run>,
}

impl<'a> Turn<'a> {
    fn new(name: &str, multiply: impl FnMut() -> Result<Run, BenchError> + 'a) -> Self {
        let (name, multiply) = (name.to_owned(), Box::new(multiply));
        Self { name, threads: None, multiply, runs: Vec::new() }
    }

    /// An engine of ours over bases that rest on it.
    pub(crate) fn engine<G: CurveGroup, N: Msm<G>>(
        engine: &'a N,
        bases: &'a N::Bases,
        instance: &'a Instance<G>,
    ) -> Self {
        Self::new("ours", || {
            let (scalars, handed_over) = timed(|| engine.scalars(&instance.scalars))?;
            let (product, multiplied) = timed(|| engine.msm(bases, &scalars))?;
            let matches = product == instance.product;
            Ok(Run { took: handed_over + multiplied, scalars: handed_over, matches })
        })
    }

    /// Arkworks with so many threads.
    pub(crate) fn arkworks<G: CurveGroup + VariableBaseMSM>(
        threads: usize,
        instance: &'a Instance<G>,
    ) -> Result<Self, BenchError> {
        let pool = ThreadPoolBuilder::new().num_threads(threads).build()?;
        let turn = Self::new("arkworks", move || {
            let multiply =
                || Ok::<_, BenchError>(G::msm_unchecked(&instance.points, &instance.scalars));
            let (product, took) = timed(|| pool.install(multiply))?;
            let matches = product == instance.product;
            Ok(Run { took, scalars: Duration::ZERO, matches })
        });
        Ok(Self { threads: Some(threads), ..turn })
    }

    /// Other programs, which have read the instance when this returns.
    pub(crate) fn peers<G>(
        commands: &[PeerCommand],
        instance: &Instance<G>,
    ) -> Result<Vec<Self>, BenchError>
    where
        G: CurveGroup<Affine: FilePoint, ScalarField: FileField>,
    {
        if commands.is_empty() {
            return Ok(Vec::new());
        }
        let folder = tempfile::tempdir().map_err(BenchError::PeerFiles)?;
        peer::write(instance, folder.path()).map_err(BenchError::PeerFiles)?;
        let expected = peer::printed(instance.product);
        let start = |command: &PeerCommand| {
            let (mut peer, expected) = (Peer::start(command, folder.path())?, expected.clone());
            Ok(Self::new(&command.name, move || {
                let took = peer.multiply(&expected)?;
                Ok(Run { took, scalars: Duration::ZERO, matches: true })
            }))
        };
        commands.iter().map(start).collect()
    }

    /// How long the runs took.
    pub(crate) fn times(&self) -> Times {
        Times::of(&self.runs.iter().map(|run| run.took).collect::<Vec<_>>())
    }

    /// How long handing scalars over took in the runs.
    pub(crate) fn scalars(&self) -> Times {
        Times::of(&self.runs.iter().map(|run| run.scalars).collect::<Vec<_>>())
    }

    /// Whether all products were right.
    pub(crate) fn matches(&self) -> bool {
        self.runs.iter().all(|run| run.matches)
    }

    /// The report of the runs beside a median of ours.
    pub(crate) fn beside(&self, ours_ms: f64) -> Beside {
        let (name, times) = (self.name.clone(), self.times());
        Beside { name, threads: self.threads, times, times_ours: times.median_ms / ours_ms }
    }
}

/// Lets each multiply once, and forgets that.
pub(crate) fn warm_up(turns: &mut [&mut Turn<'_>]) -> Result<(), BenchError> {
    alternate(turns, 1)?;
    turns.iter_mut().for_each(|turn| turn.runs.clear());
    Ok(())
}

/// Lets all multiply in turn, so many rounds.
pub(crate) fn alternate(turns: &mut [&mut Turn<'_>], rounds: u32) -> Result<(), BenchError> {
    for _ in 0..rounds {
        for turn in &mut *turns {
            let run = (turn.multiply)()?;
            turn.runs.push(run);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use ark_bn254::G1Projective;
    use zkpool_snark::Cpu;

    use super::*;
    use crate::instance::Distribution;

    /// Whether our engine and arkworks both say that the products match.
    fn match_after(change: impl FnOnce(&mut Instance<G1Projective>)) -> [bool; 2] {
        let mut instance = Instance::new(64, Distribution::Random, 1);
        change(&mut instance);
        let bases = Cpu.bases(instance.points.as_slice().into(), 0).unwrap();
        let mut ours = Turn::engine(&Cpu, &bases, &instance);
        let mut arkworks = Turn::arkworks(1, &instance).unwrap();
        alternate(&mut [&mut ours, &mut arkworks], 1).unwrap();
        [ours.matches(), arkworks.matches()]
    }

    #[test]
    fn a_wrong_product_is_no_match() {
        assert_eq!(match_after(|_| ()), [true, true]);
        assert_eq!(match_after(|instance| instance.product += instance.points[0]), [false, false]);
    }

    #[test]
    fn all_multiply_in_turn_and_the_first_round_does_not_count() {
        let order = std::cell::RefCell::new(String::new());
        let turn = |name: &'static str| {
            Turn::new(name, || {
                order.borrow_mut().push_str(name);
                Ok(Run { took: Duration::ZERO, scalars: Duration::ZERO, matches: true })
            })
        };
        let (mut a, mut b) = (turn("a"), turn("b"));
        warm_up(&mut [&mut a, &mut b]).unwrap();
        alternate(&mut [&mut a, &mut b], 2).unwrap();
        assert_eq!(*order.borrow(), "ababab");
        assert_eq!((a.runs.len(), b.runs.len()), (2, 2));
    }
}
