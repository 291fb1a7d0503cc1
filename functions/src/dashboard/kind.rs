//! Schemas in a few words.

use serde_json::Value;

/// A word of a schema's description, and the schema that it names, if it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Word {
    pub(crate) text: String,
    pub(crate) is_link: bool,
}

/// What a schema allows, in a few words.
pub(crate) type Kind = Vec<Word>;

fn plain(text: impl Into<String>) -> Kind {
    vec![Word { text: text.into(), is_link: false }]
}

/// The words for a schema.
pub(crate) fn kind(schema: &Value) -> Kind {
    if let Some(name) = schema["$ref"].as_str().and_then(|name| name.rsplit('/').next()) {
        return vec![Word { text: name.to_owned(), is_link: true }];
    }
    if let Some(values) = schema["enum"].as_array() {
        return plain(values.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" | "));
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        return any_of(choices);
    }
    if schema["items"].is_object() {
        return [plain("list of"), kind(&schema["items"])].concat();
    }
    if schema["additionalProperties"].is_object() {
        return [plain("object of"), kind(&schema["additionalProperties"])].concat();
    }
    match only_field(schema) {
        Some((name, value)) => [plain(format!("{{ {name}:")), kind(value), plain("}")].concat(),
        None => plain(type_names(schema)),
    }
}

/// The one field of an object that has no other.
fn only_field(schema: &Value) -> Option<(&String, &Value)> {
    let mut fields = schema["properties"].as_object()?.iter();
    match (fields.next(), fields.next()) {
        (Some(field), None) => Some(field),
        _ => None,
    }
}

fn any_of(choices: &[Value]) -> Kind {
    let kinds = choices.iter().map(kind).collect::<Vec<_>>();
    kinds.join(&plain("or")[..])
}

/// The type, or all of them, with the format that narrows it.
fn type_names(schema: &Value) -> String {
    let names = match &schema["type"] {
        Value::String(name) => name.clone(),
        Value::Array(names) => {
            names.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or ")
        }
        _ => "any".to_owned(),
    };
    match schema["format"].as_str() {
        Some(format @ ("date" | "date-time")) => format!("{names}, {format}"),
        _ => names,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn words(schema: &Value) -> String {
        kind(schema).into_iter().map(|word| word.text).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_schema_is_told_in_a_few_words() {
        let reference = json!({ "$ref": "#/components/schemas/Budget" });
        assert_eq!(kind(&reference), [Word { text: "Budget".to_owned(), is_link: true }]);
        assert_eq!(words(&json!({ "type": "array", "items": reference })), "list of Budget");
        assert_eq!(words(&json!({ "oneOf": [{ "type": "null" }, reference] })), "null or Budget");
        assert_eq!(words(&json!({ "type": "string", "enum": ["a", "b"] })), "a | b");
        let time = json!({ "type": ["string", "null"], "format": "date-time" });
        assert_eq!(words(&time), "string or null, date-time");
        let tags = json!({ "type": "object", "additionalProperties": { "type": "string" } });
        assert_eq!(words(&tags), "object of string");
    }
}
