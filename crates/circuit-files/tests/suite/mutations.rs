//! Mutated files: nothing panics, and what is accepted is written back as it was.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use serde_json::Value;
use zkpool_circuit_files::json::{proof, public, verification_key};

use crate::common::{CURVES, fixture, rewrite, text};
use crate::crafted::Crafted;

/// Mutations of each format over both curves.
const ROUNDS: u64 = 20_000;

struct Mutator(ChaCha8Rng);

impl Mutator {
    fn below(&mut self, limit: usize) -> usize {
        self.0.next_u64() as usize % limit.max(1)
    }

    /// Numbers that have broken parsers before.
    fn telling_number(&mut self) -> u64 {
        const TELLING: [u64; 10] =
            [0, 1, 2, 3, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 1 << 32, u64::MAX - 11, u64::MAX];
        TELLING[self.below(TELLING.len())]
    }

    /// Changes some bytes anywhere.
    fn scribble(&mut self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        let at = self.below(bytes.len());
        match self.below(6) {
            0 => bytes[at] = self.0.next_u32() as u8,
            1 => bytes[at] ^= 1 << self.below(8),
            2 => bytes.truncate(at),
            3 => bytes.insert(at, self.0.next_u32() as u8),
            4 => drop(bytes.drain(at..(at + 1 + self.below(64)).min(bytes.len()))),
            _ => {
                let with = self.telling_number().to_le_bytes();
                let end = (at + [4, 8][self.below(2)]).min(bytes.len());
                bytes[at..end].copy_from_slice(&with[..end - at]);
            }
        }
    }

    /// Changes the container or one field of it.
    fn restructure(&mut self, file: &mut Crafted) {
        let (i, j) = (self.below(file.sections.len()), self.below(file.sections.len()));
        match self.below(7) {
            0 => file.sections.swap(i, j),
            1 => drop(file.sections.remove(i)),
            2 => file.sections.push(file.sections[i].clone()),
            3 => file.sections[i].0 = self.telling_number() as u32,
            4 => file.sections[i].1 = file.sections[j].1.clone(),
            5 => file.trailing.push(0),
            _ => self.overwrite_word(&mut file.sections[i].1),
        }
    }

    /// Overwrites an aligned word near the start of a section, where the counts are.
    fn overwrite_word(&mut self, content: &mut [u8]) {
        let at = self.below(content.len().min(100)) & !3;
        let with = (self.telling_number() as u32).to_le_bytes();
        if let Some(word) = content.get_mut(at..at + 4) {
            word.copy_from_slice(&with);
        }
    }

    fn mutate(&mut self, original: &Crafted) -> Vec<u8> {
        let mut file = original.clone();
        let restructured = self.below(2);
        if restructured == 1 {
            self.restructure(&mut file);
        }
        let mut bytes = file.bytes();
        for _ in restructured..=self.below(3) {
            self.scribble(&mut bytes);
        }
        bytes
    }
}

/// Mutates a fixture of both curves; returns how many mutants were accepted.
fn mutants_accepted(extension: &str) -> u64 {
    let originals = CURVES.map(|curve| Crafted::of(curve, &format!("multiplier.{extension}")));
    let mut accepted = 0;
    for seed in 0..ROUNDS {
        let mut mutator = Mutator(ChaCha8Rng::seed_from_u64(seed));
        let bytes = mutator.mutate(&originals[seed as usize % 2]);
        if let Ok(written) = rewrite(extension, &bytes) {
            assert!(written == bytes, "seed {seed}: accepted and written back differently");
            accepted += 1;
        }
    }
    accepted
}

#[test]
fn mutated_keys_do_not_panic() {
    assert!(mutants_accepted("zkey") < ROUNDS / 2);
}

#[test]
fn mutated_witnesses_do_not_panic() {
    assert!(mutants_accepted("wtns") < ROUNDS);
}

#[test]
fn mutated_constraint_systems_do_not_panic() {
    assert!(mutants_accepted("r1cs") < ROUNDS);
}

/// Mutates a JSON file; what is accepted must be written back with the same meaning.
fn mutate_json(name: &str, rewrite: impl Fn(&[u8]) -> Option<String>) {
    let originals = CURVES.map(|curve| fixture(curve, name));
    for seed in 0..ROUNDS {
        let mut mutator = Mutator(ChaCha8Rng::seed_from_u64(seed));
        let mut bytes = originals[seed as usize % 2].clone();
        for _ in 0..=mutator.below(2) {
            mutator.scribble(&mut bytes);
        }
        if let Some(written) = rewrite(&bytes) {
            let meaning = |text: &[u8]| serde_json::from_slice::<Value>(text).unwrap();
            assert_eq!(meaning(written.as_bytes()), meaning(&bytes), "seed {seed}");
        }
    }
}

#[test]
fn mutated_json_does_not_panic() {
    mutate_json("proof.json", |bytes| proof::write(&proof::read(bytes).ok()?).ok());
    mutate_json("public.json", |bytes| {
        public::write::<ark_bn254::Bn254>(&public::read::<ark_bn254::Bn254>(bytes).ok()?).ok()
    });
    mutate_json("verification_key.json", |bytes| {
        verification_key::write(&verification_key::read(bytes, true).ok()?).ok()
    });
}

#[test]
fn other_white_space_and_field_order_are_read() {
    let original = text("bn128", "proof.json");
    let value: Value = serde_json::from_str(&original).unwrap();
    let read = proof::read(value.to_string().as_bytes()).unwrap();
    assert_eq!(proof::write(&read).unwrap(), original);
}
