//! From an input that is kept to one that nobody has thought of: the same one for the same seed.
//!
//! Each format has a mutator that knows how its inputs are built, so that a change gets past the
//! checks in front: lengths and counts are put right unless it is they that are changed.

mod bytes;
mod json;
mod sections;
mod tokens;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use crate::corpus::Corpus;
use crate::requests::split;
use crate::target::{Format, Target};

/// Most changes of one input.
const CHANGES_MAX: usize = 3;

/// Longest input that is made, in bytes: several times the largest that is kept.
const MUTANT_BYTES_MAX: usize = 64 * 1024;

/// Numbers that have broken parsers before.
const NUMBERS: [u64; 12] = [
    0,
    1,
    2,
    3,
    28,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    1 << 32,
    1 << 61,
    u64::MAX - 11,
    u64::MAX,
];

/// What a seed decides.
struct Chance(ChaCha8Rng);

impl Chance {
    fn of(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// A number below `limit`, or 0 where there is none.
    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.0.next_u64() % limit.max(1) as u64).unwrap_or_default()
    }

    /// Whether something happens that happens once in `times`.
    fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    fn byte(&mut self) -> u8 {
        self.0.next_u32().to_le_bytes()[0]
    }

    fn number(&mut self) -> u64 {
        NUMBERS[self.below(NUMBERS.len())]
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        of.get(self.below(of.len()))
    }

    /// Where a piece of at most `max` bytes begins and ends among `length`.
    fn piece(&mut self, length: usize, max: usize) -> std::ops::Range<usize> {
        let start = self.below(length + 1);
        start..(start + self.below(max + 1)).min(length)
    }
}

/// The input that this seed makes of a corpus.
#[must_use]
pub fn mutant(target: &Target, corpus: &Corpus, seed: u64) -> Vec<u8> {
    let mut chance = Chance::of(seed);
    let (Some(base), Some(other)) = (kept(&mut chance, corpus), kept(&mut chance, corpus)) else {
        return Vec::new();
    };
    let changes = 1 + chance.below(CHANGES_MAX);
    let mut mutant = match target.format {
        Format::Zkey | Format::Wtns | Format::R1cs => {
            sections::change(&mut chance, base, other, changes)
        }
        Format::Json => json::change(&mut chance, base, other, changes),
        Format::Request => request(&mut chance, base, other, changes),
        Format::Text => tokens::change(&mut chance, base, changes),
        Format::Wasm => bytes::change(&mut chance, base, other, changes),
    };
    mutant.truncate(MUTANT_BYTES_MAX);
    mutant
}

fn kept<'a>(chance: &mut Chance, corpus: &'a Corpus) -> Option<&'a [u8]> {
    chance.pick(&corpus.inputs).map(|(_, input)| input.as_slice())
}

/// Changes the head of a request, its body or both.
fn request(chance: &mut Chance, base: &[u8], other: &[u8], changes: usize) -> Vec<u8> {
    let ((head, body), (_, other)) = (split(base), split(other));
    let changed = chance.below(3);
    let head = if changed == 1 { head.to_vec() } else { tokens::change(chance, head, changes) };
    let body =
        if changed == 0 { body.to_vec() } else { json::change(chance, body, other, changes) };
    [&head[..], b"\n\n", &body].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::targets;

    #[test]
    fn a_seed_makes_the_same_input_again_and_seeds_make_different_ones() {
        for target in targets() {
            let corpus = Corpus::of(target).unwrap();
            let make = |seed| mutant(target, &corpus, seed);
            assert_eq!(make(7), make(7), "{}", target.name);
            let different = (0..100).map(make).collect::<std::collections::BTreeSet<_>>().len();
            assert!(different > 50, "{}: {different} of 100 differ", target.name);
        }
    }
}
