//! Changes of files in sections: the container, counts, elements, points.
//!
//! Lengths and the number of sections follow what is changed, so that the change itself is what a
//! reader comes upon; but for the changes that announce other ones.

use super::Chance;
use super::bytes::{overwrite, scribble};

/// Lengths of what sections are made of, in bytes: counts; pairs of them; terms of constraints;
/// elements of fields; terms of keys; points in G1 and in G2 of both curves.
const UNITS: [usize; 11] = [4, 8, 12, 32, 36, 44, 48, 64, 96, 128, 192];

/// Bytes from the start of a section among which its counts are.
const COUNTS_BYTES: usize = 100;

/// Most times that a piece of a section is repeated.
const REPEATS_MAX: usize = 64;

/// A file, taken apart.
struct File {
    /// Magic and version.
    head: Vec<u8>,
    sections: Vec<Section>,
    /// A number of sections that is announced in place of the true one.
    count: Option<u32>,
    trailing: Vec<u8>,
}

#[derive(Clone)]
struct Section {
    id: u32,
    content: Vec<u8>,
    /// A length that is announced in place of the true one.
    length: Option<u64>,
}

/// Changes the file, and now and then its bytes.
pub(super) fn change(chance: &mut Chance, base: &[u8], other: &[u8], times: usize) -> Vec<u8> {
    let Some(mut file) = File::of(base) else {
        return super::bytes::change(chance, base, other, times);
    };
    for _ in 0..times {
        file.change(chance);
    }
    let mut bytes = file.bytes();
    if chance.once_in(4) {
        scribble(chance, &mut bytes, other);
    }
    bytes
}

impl File {
    /// The parts of a file, as far as it has the form of one.
    fn of(bytes: &[u8]) -> Option<Self> {
        let (head, mut rest) = bytes.split_at_checked(12)?;
        let mut sections = Vec::new();
        while let Some((header, content)) = rest.split_first_chunk::<12>() {
            let [a, b, c, d, length @ ..] = *header;
            let length = u64::from_le_bytes(length);
            let length = usize::try_from(length).unwrap_or(usize::MAX).min(content.len());
            let (content, after) = content.split_at(length);
            let id = u32::from_le_bytes([a, b, c, d]);
            sections.push(Section { id, content: content.to_vec(), length: None });
            rest = after;
        }
        Some(Self { head: head[..8].to_vec(), sections, count: None, trailing: rest.to_vec() })
    }

    fn bytes(&self) -> Vec<u8> {
        let true_count = u32::try_from(self.sections.len()).unwrap_or(u32::MAX);
        let mut bytes = self.head.clone();
        bytes.extend(self.count.unwrap_or(true_count).to_le_bytes());
        for Section { id, content, length } in &self.sections {
            bytes.extend(id.to_le_bytes());
            bytes.extend(length.unwrap_or(content.len() as u64).to_le_bytes());
            bytes.extend(content);
        }
        bytes.extend(&self.trailing);
        bytes
    }

    /// Changes the container in one case of four, and else what is in a section.
    fn change(&mut self, chance: &mut Chance) {
        let primes = self.primes();
        let at = chance.below(self.sections.len());
        if chance.once_in(4) {
            return self.change_container(chance);
        }
        if let Some(section) = self.sections.get_mut(at) {
            section.change(chance, &primes);
        }
    }

    fn change_container(&mut self, chance: &mut Chance) {
        let Some(one) = self.sections.get(chance.below(self.sections.len())).cloned() else {
            return;
        };
        let (i, j) = (chance.below(self.sections.len()), chance.below(self.sections.len()));
        match chance.below(9) {
            0 => self.sections.swap(i, j),
            1 => drop(self.sections.remove(i)),
            2 => self.sections.insert(i, one),
            3 => self.sections[i].id = u32::try_from(chance.below(14)).unwrap_or_default(),
            4 => self.sections[i].content = one.content,
            5 => self.sections[i].length = Some(chance.number()),
            6 => self.count = Some(u32::try_from(chance.number()).unwrap_or(u32::MAX)),
            7 => self.trailing.push(chance.byte()),
            _ => overwrite(&mut self.head, chance.below(8), &[chance.byte()]),
        }
    }

    /// The primes that headers state, each behind its length in bytes.
    fn primes(&self) -> Vec<Vec<u8>> {
        let prime_at = |content: &[u8], at: usize| {
            let length =
                content.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))?;
            let length = usize::try_from(length).ok().filter(|length| [32, 48].contains(length))?;
            Some(content.get(at + 4..at + 4 + length)?.to_vec())
        };
        let in_section = |section: &Section| {
            let first = prime_at(&section.content, 0);
            let behind = first.as_ref().map_or(0, |first| first.len() + 4);
            [first, prime_at(&section.content, behind)]
        };
        self.sections.iter().flat_map(in_section).flatten().collect()
    }
}

impl Section {
    fn change(&mut self, chance: &mut Chance, primes: &[Vec<u8>]) {
        let unit = chance.pick(&UNITS).copied().unwrap_or(1);
        let (from, to) = (self.unit_at(chance, unit), self.unit_at(chance, unit));
        let old = self.content.get(from..from + unit).unwrap_or_default().to_vec();
        match chance.below(8) {
            0 => self.content.truncate(from),
            1 => drop(self.content.drain(from..(from + unit).min(self.content.len()))),
            2 => {
                let again = old.repeat(chance.below(REPEATS_MAX));
                self.content.splice(from..from, again);
            }
            3 => overwrite(&mut self.content, to, &old),
            4 => {
                let new = self.content.get(to..to + unit).unwrap_or_default().to_vec();
                overwrite(&mut self.content, to, &old);
                overwrite(&mut self.content, from, &new);
            }
            5 => overwrite(&mut self.content, to, &element(chance, unit, primes)),
            _ => self.overwrite_count(chance),
        }
    }

    /// Where a unit begins, counted from the beginning or from the end.
    fn unit_at(&self, chance: &mut Chance, unit: usize) -> usize {
        let units = self.content.len() / unit;
        let offset = if chance.once_in(2) { 0 } else { self.content.len() % unit };
        offset + unit * chance.below(units)
    }

    fn overwrite_count(&mut self, chance: &mut Chance) {
        let at = chance.below(self.content.len().min(COUNTS_BYTES)) & !3;
        let number = chance.number().to_le_bytes();
        overwrite(&mut self.content, at, &number[..[4, 8][chance.below(2)]]);
    }
}

/// An element that is none, or a special one: 0, 1, a prime and its neighbours, the largest number.
fn element(chance: &mut Chance, length: usize, primes: &[Vec<u8>]) -> Vec<u8> {
    let mut element = chance.pick(primes).cloned().unwrap_or_default();
    element.resize(length, 0);
    match chance.below(6) {
        0 => element.fill(0),
        1 => {
            element.fill(0);
            element[0] = 1;
        }
        2 => element.fill(0xff),
        // Primes are odd.
        3 => element[0] = element[0].wrapping_sub(1),
        4 => element[0] = element[0].wrapping_add(1),
        _ => {}
    }
    element
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &[u8] = include_bytes!("../../../fixtures/bn128/multiplier.zkey");

    #[test]
    fn a_file_that_was_taken_apart_is_put_together_again() {
        let file = File::of(KEY).unwrap();
        assert_eq!((file.sections.len(), file.trailing.len()), (10, 0));
        assert_eq!(file.bytes(), KEY);
        assert_eq!(File::of(&KEY[..500]).unwrap().bytes()[..4], KEY[..4]);
    }

    #[test]
    fn the_primes_of_a_key_are_found() {
        let primes = File::of(KEY).unwrap().primes();
        assert_eq!(primes.iter().map(Vec::len).collect::<Vec<_>>(), [32, 32]);
        assert!(primes[0] != primes[1]);
    }
}
