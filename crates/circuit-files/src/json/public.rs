//! `public.json`: the public inputs of a proof, outputs of the circuit first.

use super::error::{JsonError, JsonFile};
use super::{decimal, parse, text};
use crate::curve::CircomCurve;

const FILE: JsonFile = JsonFile::Public;

/// Reads public inputs for a curve, which the file does not name.
///
/// # Errors
/// The text is not an array of canonical decimal strings, each below r. Without that bound one
/// statement would have many spellings, of which verifiers that reduce accept all.
pub fn read<E: CircomCurve>(text: &[u8]) -> Result<Vec<E::ScalarField>, JsonError> {
    from_strings::<E>(&parse::<Vec<String>>(FILE, text)?)
}

/// Reads public inputs from their decimal strings.
///
/// # Errors
/// A string is not canonical or not below r.
pub fn from_strings<E: CircomCurve>(inputs: &[String]) -> Result<Vec<E::ScalarField>, JsonError> {
    let read_one = |(index, input): (usize, &String)| {
        let value = decimal::read(E::CURVE, input);
        value.map_err(|rejection| JsonError::new(FILE, format!("[{index}]"), rejection))
    };
    inputs.iter().enumerate().map(read_one).collect()
}

/// The decimal strings of public inputs.
#[must_use]
pub fn to_strings<E: CircomCurve>(inputs: &[E::ScalarField]) -> Vec<String> {
    inputs.iter().map(|input| decimal::write(*input)).collect()
}

/// The text of public inputs, as snarkjs writes it.
///
/// # Errors
/// Serialisation failed, which it does only for want of memory.
pub fn write<E: CircomCurve>(inputs: &[E::ScalarField]) -> Result<String, serde_json::Error> {
    text(&to_strings::<E>(inputs))
}
