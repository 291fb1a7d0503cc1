//! The JSON files of snarkjs: verification key, proof and public inputs.
//!
//! Field elements are decimal strings in their one canonical spelling, below their prime. Points
//! are projective with z = 1, or the form that snarkjs gives the point at infinity. Field order
//! and white space are free when reading, unknown and repeated fields are refused, and writing
//! reproduces `JSON.stringify(value, null, 1)` byte for byte.

mod decimal;
mod error;
mod point;
pub mod proof;
pub mod public;
pub mod verification_key;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use error::{JsonError, JsonFile, JsonRejection};

/// The length of a JSON file beyond which it is not parsed, in bytes.
///
/// The largest of them is a verification key, at about 300 bytes a public input.
pub const JSON_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The only protocol there is a reader for.
const PROTOCOL: &str = "groth16";

fn parse<T: DeserializeOwned>(file: JsonFile, text: &[u8]) -> Result<T, JsonError> {
    if text.len() > JSON_BYTES_MAX {
        let rejection = JsonRejection::TooLong { max: JSON_BYTES_MAX, found: text.len() };
        return Err(JsonError::new(file, "", rejection));
    }
    serde_json::from_slice(text).map_err(|error| JsonError::new(file, "", error.into()))
}

/// The text of a value, indented by one space a level as snarkjs does.
fn text(value: &impl Serialize) -> Result<String, serde_json::Error> {
    let mut bytes = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b" ");
    value.serialize(&mut serde_json::Serializer::with_formatter(&mut bytes, formatter))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn expect_protocol(file: JsonFile, found: &str) -> Result<(), JsonError> {
    if found == PROTOCOL {
        return Ok(());
    }
    let rejection = JsonRejection::Protocol { found: shortened(found) };
    Err(JsonError::new(file, "protocol", rejection))
}

/// The beginning of a text from outside, for an error.
fn shortened(text: &str) -> String {
    text.chars().take(40).collect()
}
