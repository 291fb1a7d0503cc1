//! The tree of a JSON text whose leaves are field elements.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::field::FileField;

/// Longest text of a number, in characters. Both fields have elements of at most 77 digits.
const NUMBER_CHARS_MAX: usize = 1024;

/// Digits that are read at once: 10^18 and 16^15 are below 2^64.
const DECIMAL_DIGITS: usize = 18;
const HEXADECIMAL_DIGITS: usize = 15;

/// What stands in place of a whole number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotAnElement {
    /// The JSON value `null`.
    Null,
    /// A JSON number with a fraction, an exponent, or more bits than JSON numbers keep.
    Inexact,
    /// A text that is no number.
    Text,
    /// A text that is longer than any number needs to be.
    Long,
}

impl fmt::Display for NotAnElement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Inexact => f.write_str(
                "a number with a fraction, an exponent or more than 64 bits; \
                 write large numbers as text",
            ),
            Self::Text => f.write_str("a text that is no number"),
            Self::Long => write!(f, "a text of more than {NUMBER_CHARS_MAX} characters"),
        }
    }
}

/// A JSON value.
pub(super) enum Node<F> {
    Leaf(Leaf<F>),
    List(Vec<Node<F>>),
    Object(Vec<(String, Node<F>)>),
}

/// A JSON value without parts.
pub(super) enum Leaf<F> {
    Value(F),
    Fault(NotAnElement),
}

impl<F> Node<F> {
    /// Whether it is an object or has one.
    pub(super) fn has_object(&self) -> bool {
        match self {
            Self::Leaf(_) => false,
            Self::Object(_) => true,
            Self::List(nodes) => nodes.iter().any(Self::has_object),
        }
    }
}

impl<'de, F: FileField> Deserialize<'de> for Node<F> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor(PhantomData))
    }
}

struct NodeVisitor<F>(PhantomData<F>);

impl<'de, F: FileField> Visitor<'de> for NodeVisitor<F> {
    type Value = Node<F>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("values of signals")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node<F>, E> {
        Ok(Node::Leaf(Leaf::Value(F::from(value))))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node<F>, E> {
        Ok(Node::Leaf(Leaf::Value(F::from(value))))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node<F>, E> {
        let magnitude = F::from(value.unsigned_abs());
        Ok(Node::Leaf(Leaf::Value(if value < 0 { -magnitude } else { magnitude })))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Node<F>, E> {
        Ok(Node::Leaf(Leaf::Fault(NotAnElement::Inexact)))
    }

    fn visit_unit<E>(self) -> Result<Node<F>, E> {
        Ok(Node::Leaf(Leaf::Fault(NotAnElement::Null)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Node<F>, E> {
        Ok(Node::Leaf(number(text).map_or_else(Leaf::Fault, Leaf::Value)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node<F>, A::Error> {
        let mut nodes = Vec::new();
        while let Some(node) = items.next_element()? {
            nodes.push(node);
        }
        Ok(Node::List(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut items: A) -> Result<Node<F>, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = items.next_entry()? {
            entries.push(entry);
        }
        Ok(Node::Object(entries))
    }
}

/// The residue of a whole number in digits.
fn number<F: FileField>(text: &str) -> Result<F, NotAnElement> {
    if text.len() > NUMBER_CHARS_MAX {
        return Err(NotAnElement::Long);
    }
    if let Some(digits) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        return digits_of(digits, 16, HEXADECIMAL_DIGITS).ok_or(NotAnElement::Text);
    }
    let residue = match text.strip_prefix('-') {
        Some(digits) => digits_of::<F>(digits, 10, DECIMAL_DIGITS).map(|magnitude| -magnitude),
        None => digits_of(text, 10, DECIMAL_DIGITS),
    };
    residue.ok_or(NotAnElement::Text)
}

/// The residue of at least one digit of this base; none where a character is no digit.
fn digits_of<F: FileField>(digits: &str, base: u32, at_once: usize) -> Option<F> {
    if digits.is_empty() || !digits.bytes().all(|digit| char::from(digit).is_digit(base)) {
        return None;
    }
    digits.as_bytes().chunks(at_once).try_fold(F::zero(), |sum, chunk| {
        let chunk = std::str::from_utf8(chunk).ok()?;
        let scale = u64::from(base).pow(u32::try_from(chunk.len()).ok()?);
        Some(sum * F::from(scale) + F::from(u64::from_str_radix(chunk, base).ok()?))
    })
}
