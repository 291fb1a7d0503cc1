//! Changes of text made of words with separators between them: ids, addresses, heads of requests.

use std::ops::Range;

use super::Chance;
use super::bytes;

/// What stands between words.
const SEPARATORS: &[u8] = b"/?&=:;., @-_\n\r";

/// Words that have broken something before.
const WORDS: &[&str] = &[
    "",
    "0",
    "-1",
    "1e9",
    "18446744073709551616",
    "..",
    "%2e%2e%2f",
    "%00",
    "%zz",
    "*",
    "é",
    "\u{202e}",
    "null",
    "true",
    "018f2e7a-0000-7000-8000-000000000001",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "2026-02-30",
    "9999-12-31T23:59:60Z",
    "-009999-01-01",
    "127.0.0.1",
    "0x7f000001",
    "[::ffff:127.0.0.1]",
    "limit",
    "after",
    "wait",
    "gzip",
];

/// A word that is longer than any limit of a name, in bytes.
const LONG_WORD_BYTES: usize = 5000;

/// Changes words, and now and then bytes.
pub(super) fn change(chance: &mut Chance, base: &[u8], times: usize) -> Vec<u8> {
    let mut text = base.to_vec();
    for _ in 0..times {
        if chance.once_in(4) {
            bytes::scribble(chance, &mut text, &[]);
        } else {
            change_word(chance, &mut text);
        }
    }
    text
}

fn change_word(chance: &mut Chance, text: &mut Vec<u8>) {
    let words = words(text);
    let (Some(one), Some(other)) = (chance.pick(&words).cloned(), chance.pick(&words).cloned())
    else {
        text.extend_from_slice(word(chance).as_bytes());
        return;
    };
    let with = match chance.below(6) {
        0 => Vec::new(),
        1 => text[other].to_vec(),
        2 => [&text[one.clone()], &text[other]].concat(),
        3 => text[one.clone()].to_ascii_uppercase(),
        4 => [&text[one.clone()], word(chance).as_bytes()].concat(),
        _ => word(chance).into_bytes(),
    };
    text.splice(one, with);
}

fn word(chance: &mut Chance) -> String {
    if chance.once_in(WORDS.len()) {
        return "a".repeat(LONG_WORD_BYTES);
    }
    chance.pick(WORDS).copied().unwrap_or_default().to_owned()
}

/// Where the words of a text are, with the separators among them.
fn words(text: &[u8]) -> Vec<Range<usize>> {
    let mut start = 0;
    let of = |piece: &[u8]| {
        start += piece.len();
        start - piece.len()..start
    };
    text.chunk_by(|one, next| !SEPARATORS.contains(one) && !SEPARATORS.contains(next))
        .map(of)
        .collect()
}
