//! Changes of JSON: values in place of values, members more or fewer, depth and length.

use std::ops::Range;

use super::Chance;
use super::bytes;

/// Values that have broken something before, as they are written.
const VALUES: &[&str] = &[
    "null",
    "true",
    "0",
    "-0",
    "-1",
    "1.5",
    "1e400",
    "-1e-400",
    "18446744073709551615",
    "18446744073709551616",
    "9223372036854775808",
    "123456789012345678901234567890",
    "\"\"",
    "\"0\"",
    "\"1\"",
    "\"-1\"",
    "\"01\"",
    "\"0x10\"",
    // The primes of the scalar fields of BN254 and BLS12-381, and of the base field of BN254.
    "\"21888242871839275222246405745257275088548364400416034343698204186575808495617\"",
    "\"52435875175126190479447740508185965837690552500527637822603658699938581184513\"",
    "\"21888242871839275222246405745257275088696311157297823662689037894645226208583\"",
    "\"\\u0000\"",
    "\"\\ud800\"",
    "\"\\u202e\"",
    "\"é\"",
    "\"*\"",
    "\"a:b\"",
    "\"../..\"",
    "\"2026-02-30T00:00:00Z\"",
    "\"-009999-01-01T00:00:00+00\"",
    "\"9999-12-31T23:59:60Z\"",
    "\"2026-01-01T00:00:00+14:00\"",
    "\"018f2e7a-0000-7000-8000-000000000001\"",
    "[]",
    "{}",
    "[[]]",
    "{\"base64\":\"\"}",
    "{\"\":{}}",
];

/// Depth at which a value is buried: more than any document has, and more than parsers allow.
const DEPTH_MAX: usize = 300;

/// Most times that a value is repeated.
const REPEATS_MAX: usize = 100;

/// Length of a text that is longer than any limit of one, in bytes.
const LONG_TEXT_BYTES: usize = 5000;

/// Changes values, and now and then bytes.
pub(super) fn change(chance: &mut Chance, base: &[u8], other: &[u8], times: usize) -> Vec<u8> {
    let mut text = base.to_vec();
    for _ in 0..times {
        if chance.once_in(5) {
            bytes::scribble(chance, &mut text, other);
        } else {
            change_value(chance, &mut text, other);
        }
    }
    text
}

fn change_value(chance: &mut Chance, text: &mut Vec<u8>, other: &[u8]) {
    let places = values(text);
    let Some(place) = chance.pick(&places).cloned() else {
        text.splice(.., value(chance));
        return;
    };
    let old = text[place.clone()].to_vec();
    let with = match chance.below(9) {
        0 | 1 => value(chance),
        2 => chance.pick(&places).map(|place| text[place.clone()].to_vec()).unwrap_or_default(),
        3 => chance
            .pick(&values(other))
            .map(|place| other[place.clone()].to_vec())
            .unwrap_or_default(),
        4 => return remove(text, place),
        5 => [&old[..], b",", &old].concat(),
        6 => [&old[..], &[&b","[..], &old].concat().repeat(chance.below(REPEATS_MAX))].concat(),
        7 => [&b"["[..], &old, b"]"].concat(),
        _ => [&b"{\"a\":"[..], &old, b"}"].concat(),
    };
    text.splice(place, with);
}

fn value(chance: &mut Chance) -> Vec<u8> {
    if chance.once_in(20) {
        let depth = chance.below(DEPTH_MAX);
        return ["[".repeat(depth), "]".repeat(depth)].concat().into_bytes();
    }
    if chance.once_in(20) {
        return format!("\"{}\"", "a".repeat(LONG_TEXT_BYTES)).into_bytes();
    }
    chance.pick(VALUES).copied().unwrap_or_default().into()
}

/// Removes a value with the comma behind it or, where there is none, the one before it.
fn remove(text: &mut Vec<u8>, Range { mut start, mut end }: Range<usize>) {
    if text.get(end) == Some(&b',') {
        end += 1;
    } else if start > 0 && text.get(start - 1) == Some(&b',') {
        start -= 1;
    }
    text.drain(start..end);
}

/// Where every value and every name of a member is, as far as the text is JSON.
fn values(text: &[u8]) -> Vec<Range<usize>> {
    let (mut found, mut open, mut at) = (Vec::new(), Vec::new(), 0);
    while let Some(byte) = text.get(at) {
        let rest = &text[at..];
        let length = match byte {
            b'{' | b'[' => {
                open.push(at);
                1
            }
            b'}' | b']' => {
                found.extend(open.pop().map(|start| start..at + 1));
                1
            }
            b'"' => string(rest),
            _ => rest.iter().take_while(|byte| is_plain(**byte)).count(),
        };
        if length > 0 && !b"{}[]".contains(byte) {
            found.push(at..at + length);
        }
        at += length.max(1);
    }
    found
}

/// Bytes of the string that the text begins with, quotes included.
fn string(text: &[u8]) -> usize {
    let mut escaped = false;
    let end = text.iter().skip(1).position(|byte| {
        let is_end = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        is_end
    });
    end.map_or(text.len(), |end| end + 2)
}

/// Whether a byte is part of a number, or of `null`, `true` or `false`.
const fn is_plain(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'+' | b'-' | b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_and_name_is_found() {
        let text = br#"{"a\"b": [1, -2.5e3], "c": null}"#;
        let mut found: Vec<_> = values(text)
            .into_iter()
            .map(|place| std::str::from_utf8(&text[place]).unwrap())
            .collect();
        found.sort_unstable();
        let whole = std::str::from_utf8(text).unwrap();
        assert_eq!(found, ["\"a\\\"b\"", "\"c\"", "-2.5e3", "1", "[1, -2.5e3]", "null", whole]);
    }

    #[test]
    fn what_is_no_json_has_values_all_the_same() {
        assert!(values(b"").is_empty());
        assert_eq!(values(b"\"ab").first(), Some(&(0..3)));
        assert!(values(b"]}{[").is_empty());
    }
}
