//! Inputs of a circuit, the `input.json` of snarkjs: an object from the names of input signals to
//! their values.
//!
//! A value is a whole number: in digits as text, in hexadecimal digits after `0x`, or a JSON number
//! of at most 64 bits, `true` and `false` being 1 and 0. It stands for its residue modulo the prime
//! of the circuit's field, so that `-1` is the largest element, as for snarkjs. A JSON number with
//! a fraction, an exponent or more bits is refused where snarkjs goes on with a rounded one.
//!
//! Arrays of any depth are one list of values, in order. An object is a bus of circom: the signal
//! `y` of the bus `point` is called `point.y`, and that of the second bus of an array
//! `point[1].y`.
//!
//! A short text can stand for much, so that the number of values ([`VALUES_MAX`]), that of names
//! ([`NAMES_MAX`]) and the length of a name ([`NAME_BYTES_MAX`]) are bounded.

mod node;

use std::collections::HashSet;
use std::fmt;

use ark_bls12_381::Bls12_381;
use ark_bn254::Bn254;
use serde::de::DeserializeSeed;
use zkpool_types::Curve;

use self::node::{Allowance, Fault, Node, Reader};
use crate::curve::CircomCurve;
use crate::field::FileField;

pub use self::node::NotAnElement;

/// Longest part of a signal's name that an error shows, in characters.
const SHOWN_CHARS_MAX: usize = 80;

/// JSON values in one text, arrays and objects included: two characters of text are 32 bytes of an
/// element, so that it is this which bounds the memory of a text of many small numbers.
pub const VALUES_MAX: usize = 1 << 20;

/// Names of signals and of parts of buses in one text.
pub const NAMES_MAX: usize = 1 << 17;

/// Length of a signal's whole name. What a bus has in front is repeated in the name of each of its
/// signals.
pub const NAME_BYTES_MAX: usize = 256;

/// The values of every input signal that was given. They are secret, their names are not.
#[derive(Clone, PartialEq, Eq)]
pub struct Inputs {
    signals: Vec<Signal>,
}

/// An input signal.
#[derive(Clone, PartialEq, Eq)]
pub struct Signal {
    name: String,
    values: Vec<Element>,
}

/// An element of the circuit's field: a plain number below its prime, little-endian.
pub type Element = [u8; 32];

/// Why inputs were refused. No text contains a value.
#[derive(Debug, thiserror::Error)]
pub enum InputsError {
    /// The text is not JSON.
    #[error("the inputs are no JSON: {0}")]
    Json(#[source] serde_json::Error),
    /// The text is JSON, but names no signals.
    #[error("expected an object from names of signals to values")]
    NotAnObject,
    /// A signal is given twice.
    #[error("expected the values of signal {signal} once, found them twice")]
    Repeated {
        /// Its name.
        signal: String,
    },
    /// A value stands for no element of the circuit's field.
    #[error("expected a whole number for signal {signal}, found {found}")]
    NotAnElement {
        /// Its name, with the position of the value.
        signal: String,
        /// What stands there instead.
        found: NotAnElement,
    },
    /// There are more values than a circuit takes.
    #[error("expected at most {max} values, found more")]
    Values {
        /// Values, arrays and objects that are read.
        max: usize,
    },
    /// There are more names than a circuit has.
    #[error("expected at most {max} names of signals, found more")]
    Names {
        /// Names that are read.
        max: usize,
    },
    /// The name of a signal is too long.
    #[error("expected names of at most {max} bytes, found {found} in {signal}")]
    Name {
        /// Where it begins.
        signal: String,
        /// Bytes that a name may have.
        max: usize,
        /// Bytes that it has.
        found: usize,
    },
    /// An array has both values and buses.
    #[error("expected either values or objects in the array {signal}, found both")]
    Mixed {
        /// The name of the array.
        signal: String,
    },
}

impl Inputs {
    /// Every signal, in the order of the text.
    #[must_use]
    pub fn signals(&self) -> &[Signal] {
        &self.signals
    }
}

impl Signal {
    /// The full name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// As much of the name as an error shows.
    #[must_use]
    pub fn shown(&self) -> String {
        shown(&self.name)
    }

    /// The values, arrays of arrays laid out in order.
    #[must_use]
    pub fn values(&self) -> &[Element] {
        &self.values
    }
}

impl fmt::Debug for Inputs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.signals).finish()
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} values, redacted", self.shown(), self.values.len())
    }
}

/// Reads the inputs of a circuit over `curve`.
///
/// # Errors
/// The first thing that is wrong with them.
pub fn read(json: &[u8], curve: Curve) -> Result<Inputs, InputsError> {
    match curve {
        Curve::Bn254 => read_over::<Bn254>(json),
        Curve::Bls12_381 => read_over::<Bls12_381>(json),
    }
}

fn read_over<E: CircomCurve>(json: &[u8]) -> Result<Inputs, InputsError> {
    let allowance = Allowance::new();
    let root = parse::<E::ScalarField>(json, &allowance);
    let root = root.map_err(|error| allowance.exceeded().unwrap_or(InputsError::Json(error)))?;
    let Node::Object(entries) = root else { return Err(InputsError::NotAnObject) };
    let mut signals = Vec::new();
    for (name, node) in entries {
        add(bounded(name)?, node, &mut signals)?;
    }
    let mut names = HashSet::new();
    match signals.iter().find(|signal| !names.insert(signal.name.as_str())) {
        Some(signal) => Err(InputsError::Repeated { signal: signal.shown() }),
        None => Ok(Inputs { signals }),
    }
}

fn parse<F: FileField>(json: &[u8], allowance: &Allowance) -> Result<Node, serde_json::Error> {
    let mut text = serde_json::Deserializer::from_slice(json);
    let root = Reader::<F>::new(allowance).deserialize(&mut text)?;
    text.end().map(|()| root)
}

/// Adds every signal below `node`, which is called `name`.
fn add(name: String, node: Node, signals: &mut Vec<Signal>) -> Result<(), InputsError> {
    let values = match node {
        Node::Value(element) => vec![element],
        Node::Values(elements) => elements,
        Node::Fault(Fault { found, indexes }) => {
            let at: String = indexes.iter().rev().map(|index| format!("[{index}]")).collect();
            return Err(InputsError::NotAnElement { signal: shown(&name) + &at, found });
        }
        Node::Mixed => return Err(InputsError::Mixed { signal: shown(&name) }),
        Node::Object(entries) => {
            let mut entries = entries.into_iter();
            return entries.try_for_each(|(part, node)| {
                add(bounded(format!("{name}.{part}"))?, node, signals)
            });
        }
        Node::Buses(nodes) => {
            let mut nodes = nodes.into_iter().enumerate();
            return nodes.try_for_each(|(index, node)| {
                add(bounded(format!("{name}[{index}]"))?, node, signals)
            });
        }
    };
    signals.push(Signal { name, values });
    Ok(())
}

/// A name that is not too long.
fn bounded(name: String) -> Result<String, InputsError> {
    let found = name.len();
    if found <= NAME_BYTES_MAX {
        return Ok(name);
    }
    Err(InputsError::Name { signal: shown(&name), max: NAME_BYTES_MAX, found })
}

/// As much of a name as an error shows.
fn shown(name: &str) -> String {
    name.chars().take(SHOWN_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests;
