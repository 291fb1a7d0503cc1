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

mod node;

use std::collections::HashSet;
use std::fmt;

use ark_bls12_381::Bls12_381;
use ark_bn254::Bn254;
use zkpool_types::Curve;

use self::node::{Leaf, Node};
use crate::curve::CircomCurve;
use crate::field::FileField;

pub use self::node::NotAnElement;

/// Longest part of a signal's name that an error shows, in characters.
const SHOWN_CHARS_MAX: usize = 80;

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
    let root: Node<E::ScalarField> = serde_json::from_slice(json).map_err(InputsError::Json)?;
    let Node::Object(entries) = root else { return Err(InputsError::NotAnObject) };
    let mut signals = Vec::new();
    for (name, node) in entries {
        add(name, node, &mut signals)?;
    }
    let mut names = HashSet::new();
    match signals.iter().find(|signal| !names.insert(signal.name.as_str())) {
        Some(signal) => Err(InputsError::Repeated { signal: signal.shown() }),
        None => Ok(Inputs { signals }),
    }
}

/// Adds every signal below `node`, which is called `name`.
fn add<F: FileField>(
    name: String,
    node: Node<F>,
    signals: &mut Vec<Signal>,
) -> Result<(), InputsError> {
    match node {
        Node::Object(entries) => {
            for (part, node) in entries {
                add(format!("{name}.{part}"), node, signals)?;
            }
        }
        Node::List(nodes) if nodes.iter().any(Node::has_object) => {
            for (index, node) in nodes.into_iter().enumerate() {
                if !node.has_object() {
                    return Err(InputsError::Mixed { signal: shown(&name) });
                }
                add(format!("{name}[{index}]"), node, signals)?;
            }
        }
        values => {
            let mut elements = Vec::new();
            append(&values, &mut elements).map_err(|fault| fault.of(&name))?;
            signals.push(Signal { name, values: elements });
        }
    }
    Ok(())
}

/// A value that is none, and its position: the innermost index first.
struct Fault {
    found: NotAnElement,
    indexes: Vec<usize>,
}

impl Fault {
    /// The error of the signal of this name.
    fn of(self, name: &str) -> InputsError {
        let indexes: String = self.indexes.iter().rev().map(|index| format!("[{index}]")).collect();
        InputsError::NotAnElement { signal: shown(name) + &indexes, found: self.found }
    }
}

/// Appends every value below `node`.
fn append<F: FileField>(node: &Node<F>, elements: &mut Vec<Element>) -> Result<(), Fault> {
    match node {
        Node::Leaf(Leaf::Value(value)) => {
            let mut element = Element::default();
            value.write_plain(&mut element);
            elements.push(element);
        }
        Node::Leaf(Leaf::Fault(found)) => {
            return Err(Fault { found: *found, indexes: Vec::new() });
        }
        Node::List(nodes) => {
            for (index, node) in nodes.iter().enumerate() {
                append(node, elements).map_err(|mut fault| {
                    fault.indexes.push(index);
                    fault
                })?;
            }
        }
        // Lists with objects are taken apart by their caller.
        Node::Object(_) => {}
    }
    Ok(())
}

/// As much of a name as an error shows.
fn shown(name: &str) -> String {
    name.chars().take(SHOWN_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests;
