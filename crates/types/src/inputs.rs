//! Inputs of a circuit on their way to its witness generator.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

/// Inputs of a circuit in JSON, exactly as they were written, so that no number is rounded. They
/// are secret and do not print.
#[derive(Clone)]
pub struct InputsJson(Box<RawValue>);

impl InputsJson {
    /// The inputs in this text.
    ///
    /// # Errors
    /// The text is not JSON. Nothing of it is part of the error.
    pub fn new(text: String) -> Result<Self, serde_json::Error> {
        RawValue::from_string(text).map(Self)
    }

    /// The text itself, for the one place that needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.get()
    }
}

impl PartialEq for InputsJson {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl Eq for InputsJson {}

impl fmt::Debug for InputsJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl Serialize for InputsJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for InputsJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::<RawValue>::deserialize(deserializer).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_digit_is_lost() {
        let text = r#"{"a":123456789012345678901234567890,"b":["1", 2]}"#;
        let inputs: InputsJson = serde_json::from_str(text).unwrap();
        assert_eq!(inputs.expose(), text);
        assert_eq!(serde_json::to_string(&inputs).unwrap(), text);
    }

    #[test]
    fn inputs_do_not_print() {
        let inputs = InputsJson::new(r#"{"a":31337}"#.to_owned()).unwrap();
        assert_eq!(format!("{inputs:?}"), "[redacted]");
        let error = InputsJson::new("{31337".to_owned()).unwrap_err().to_string();
        assert!(!error.contains("31337"), "{error}");
    }
}
