//! The tree of a JSON text whose leaves are field elements.

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::{Element, InputsError, NAMES_MAX, VALUES_MAX};
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

/// A JSON value. Arrays of values are laid out while they are read, so that a short text of many
/// values is no tree of them in memory.
pub(super) enum Node {
    /// A value.
    Value(Element),
    /// The values of an array and of the arrays in it.
    Values(Vec<Element>),
    /// A value that is none.
    Fault(Fault),
    /// An array of objects, or of arrays of them.
    Buses(Vec<Node>),
    /// An array of both values and objects.
    Mixed,
    /// An object.
    Object(Vec<(String, Node)>),
}

/// A value that is none, and its position: the innermost index first.
pub(super) struct Fault {
    pub(super) found: NotAnElement,
    pub(super) indexes: Vec<usize>,
}

/// What may still be read of a text, and one more: a short one can stand for much.
pub(super) struct Allowance {
    values: Cell<usize>,
    names: Cell<usize>,
}

impl Allowance {
    pub(super) const fn new() -> Self {
        Self { values: Cell::new(VALUES_MAX + 1), names: Cell::new(NAMES_MAX + 1) }
    }

    /// The first limit that the text went beyond.
    pub(super) const fn exceeded(&self) -> Option<InputsError> {
        match (self.values.get(), self.names.get()) {
            (0, _) => Some(InputsError::Values { max: VALUES_MAX }),
            (_, 0) => Some(InputsError::Names { max: NAMES_MAX }),
            _ => None,
        }
    }

    fn spend<E: de::Error>(of: &Cell<usize>) -> Result<(), E> {
        of.set(of.get().saturating_sub(1));
        if of.get() == 0 { Err(E::custom("the inputs are too many")) } else { Ok(()) }
    }
}

/// Reads the JSON text of a node, within an allowance.
pub(super) struct Reader<'a, F> {
    allowance: &'a Allowance,
    field: PhantomData<F>,
}

impl<F> Clone for Reader<'_, F> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<F> Copy for Reader<'_, F> {}

impl<'a, F: FileField> Reader<'a, F> {
    pub(super) const fn new(allowance: &'a Allowance) -> Self {
        Self { allowance, field: PhantomData }
    }

    fn element(value: F) -> Node {
        let mut element = Element::default();
        value.write_plain(&mut element);
        Node::Value(element)
    }
}

impl<'de, F: FileField> DeserializeSeed<'de> for Reader<'_, F> {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        Allowance::spend(&self.allowance.values)?;
        deserializer.deserialize_any(self)
    }
}

impl<'de, F: FileField> Visitor<'de> for Reader<'_, F> {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("values of signals")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Self::element(F::from(value)))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Self::element(F::from(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        let magnitude = F::from(value.unsigned_abs());
        Ok(Self::element(if value < 0 { -magnitude } else { magnitude }))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Node, E> {
        Ok(fault(NotAnElement::Inexact))
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(fault(NotAnElement::Null))
    }

    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        Ok(number(text).map_or_else(fault, Self::element))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let (mut array, mut index) = (Array::default(), 0);
        while let Some(node) = items.next_element_seed(self)? {
            array.push(index, node);
            index += 1;
        }
        Ok(array.finish())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut entries = Vec::new();
        while let Some(name) = items.next_key()? {
            Allowance::spend(&self.allowance.names)?;
            entries.push((name, items.next_value_seed(self)?));
        }
        Ok(Node::Object(entries))
    }
}

fn fault(found: NotAnElement) -> Node {
    Node::Fault(Fault { found, indexes: Vec::new() })
}

/// An array, as far as it was read.
#[derive(Default)]
struct Array {
    values: Vec<Element>,
    buses: Vec<Node>,
    has_values: bool,
    fault: Option<Fault>,
}

impl Array {
    fn push(&mut self, index: usize, node: Node) {
        match node {
            Node::Object(_) | Node::Buses(_) | Node::Mixed => self.buses.push(node),
            Node::Value(element) => {
                self.has_values = true;
                self.values.push(element);
            }
            Node::Values(elements) => {
                self.has_values = true;
                self.values.extend(elements);
            }
            Node::Fault(Fault { found, mut indexes }) => {
                self.has_values = true;
                indexes.push(index);
                self.fault.get_or_insert(Fault { found, indexes });
            }
        }
    }

    fn finish(self) -> Node {
        match self {
            Self { has_values: true, buses, .. } if !buses.is_empty() => Node::Mixed,
            Self { fault: Some(fault), .. } => Node::Fault(fault),
            Self { buses, .. } if !buses.is_empty() => Node::Buses(buses),
            Self { values, .. } => Node::Values(values),
        }
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
