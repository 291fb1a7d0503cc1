//! Changes of bytes, whatever they mean.

use super::Chance;

/// Longest piece that is cut out or repeated, in bytes.
const PIECE_BYTES_MAX: usize = 256;

/// Most times that a piece is repeated.
const REPEATS_MAX: usize = 64;

/// Changes anything anywhere, some times.
pub(super) fn change(chance: &mut Chance, base: &[u8], other: &[u8], times: usize) -> Vec<u8> {
    let mut bytes = base.to_vec();
    for _ in 0..times {
        scribble(chance, &mut bytes, other);
    }
    bytes
}

/// Makes one change. Some of it may come from another input.
pub(super) fn scribble(chance: &mut Chance, bytes: &mut Vec<u8>, other: &[u8]) {
    let at = chance.below(bytes.len() + 1);
    let piece = chance.piece(bytes.len(), PIECE_BYTES_MAX);
    match chance.below(8) {
        0 => bytes.truncate(at),
        1 => bytes.insert(at, chance.byte()),
        2 => drop(bytes.drain(piece)),
        3 => repeat(chance, bytes, piece),
        4 => splice(chance, bytes, at, other),
        5 => overwrite(bytes, at, &[chance.byte()]),
        6 => {
            let flipped = bytes.get(at).map(|byte| byte ^ (1 << chance.below(8)));
            overwrite(bytes, at, &flipped.map(|byte| [byte]).unwrap_or_default());
        }
        _ => overwrite_number(chance, bytes, at),
    }
}

/// Writes bytes over those from `at` on, as far as there are any.
pub(super) fn overwrite(bytes: &mut [u8], at: usize, with: &[u8]) {
    let old = bytes.get_mut(at..).unwrap_or_default();
    old.iter_mut().zip(with).for_each(|(old, new)| *old = *new);
}

fn overwrite_number(chance: &mut Chance, bytes: &mut [u8], at: usize) {
    let number = chance.number().to_le_bytes();
    overwrite(bytes, at, &number[..[1, 4, 8][chance.below(3)]]);
}

fn repeat(chance: &mut Chance, bytes: &mut Vec<u8>, piece: std::ops::Range<usize>) {
    let again = bytes[piece.clone()].repeat(chance.below(REPEATS_MAX));
    bytes.splice(piece.end..piece.end, again);
}

fn splice(chance: &mut Chance, bytes: &mut Vec<u8>, at: usize, other: &[u8]) {
    let piece = chance.piece(other.len(), PIECE_BYTES_MAX);
    bytes.splice(at..at, other[piece].iter().copied());
}
