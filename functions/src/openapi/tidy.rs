//! The last touch to a document: what its readers need not see of how it was made.

use serde_json::{Map, Value, json};

/// Where named schemas are.
const SCHEMAS: &str = "/components/schemas";

/// Content types of refusals.
const PROBLEM: &str = "application/problem+json";
const PAGE: &str = "text/html; charset=utf-8";

/// Merges what one type takes over from another into one object, writes names as such, and
/// describes once what is the same everywhere.
///
/// A type that takes over the fields of another one is derived as both at once (`allOf`). No value
/// could be both where the other one allows no further fields.
pub(super) fn tidy(mut document: Value) -> Value {
    let schemas = document.pointer(SCHEMAS).cloned().unwrap_or_default();
    if let Some(Value::Object(named)) = document.pointer_mut(SCHEMAS) {
        named.values_mut().for_each(|schema| merge(schema, &schemas));
    }
    plain_names(&mut document);
    share_problems(&mut document);
    document
}

fn merge(schema: &mut Value, schemas: &Value) {
    let Some(Value::Array(parts)) = schema.get("allOf").cloned() else { return };
    let mut merged = Map::new();
    for part in &parts {
        let part = named(part, schemas);
        take_over(&mut merged, "properties", part);
        take_over(&mut merged, "required", part);
    }
    merged.insert("type".to_owned(), "object".into());
    if let Some(about) = schema.get("description") {
        merged.insert("description".to_owned(), about.clone());
    }
    *schema = Value::Object(merged);
}

/// What a reference refers to, or the schema itself.
fn named<'a>(schema: &'a Value, schemas: &'a Value) -> &'a Value {
    let name = schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next());
    name.map_or(schema, |name| &schemas[name])
}

/// Adds the part's fields, or its list of fields that are there always.
fn take_over(merged: &mut Map<String, Value>, name: &str, part: &Value) {
    match (merged.get_mut(name), part.get(name)) {
        (Some(Value::Object(merged)), Some(Value::Object(more))) => merged.extend(more.clone()),
        (Some(Value::Array(merged)), Some(Value::Array(more))) => merged.extend(more.clone()),
        (None, Some(first)) => {
            merged.insert(name.to_owned(), first.clone());
        }
        _ => {}
    }
}

/// Describes once what many operations refuse alike.
fn share_problems(document: &mut Value) {
    let mut shared = Map::new();
    let paths = document["paths"].as_object_mut().into_iter().flat_map(Map::values_mut);
    let operations = paths.filter_map(Value::as_object_mut).flat_map(Map::values_mut);
    let answers = operations.filter_map(|operation| operation["responses"].as_object_mut());
    for answer in answers.flat_map(Map::values_mut) {
        if answer["content"][PROBLEM].is_object() {
            let name = shared_name(answer);
            let reference = json!({ "$ref": format!("#/components/responses/{name}") });
            shared.insert(name, std::mem::replace(answer, reference));
        }
    }
    document["components"]["responses"] = Value::Object(shared);
}

/// The codes that the answer may be about, and whatever else tells it from others about the same.
fn shared_name(answer: &Value) -> String {
    let about = answer["description"].as_str().unwrap_or_default();
    let codes: Vec<_> = about.split('`').skip(1).step_by(2).collect();
    let has = |place: &str, name: &str| !answer[place][name].is_null();
    let of_key = if has("headers", "ratelimit") { ".key" } else { "" };
    let as_page = if has("content", PAGE) { ".page" } else { "" };
    format!("{}{of_key}{as_page}", codes.join("."))
}

/// Comments link to other items of the code, as [`this`]. A description has the name alone.
fn plain_names(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::String(about)) = fields.get_mut("description") {
                *about = about.replace("[`", "`").replace("`]", "`").replace("crate::", "");
            }
            fields.values_mut().for_each(plain_names);
        }
        Value::Array(items) => items.iter_mut().for_each(plain_names),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_type_that_takes_over_a_closed_one_is_one_open_object() {
        let budget = json!({
            "type": "object",
            "required": ["scope"],
            "properties": { "scope": { "type": "string" } },
            "additionalProperties": false,
        });
        let rest = json!({ "required": ["left"], "properties": { "left": { "type": "integer" } } });
        let view = json!({ "allOf": [{ "$ref": "#/components/schemas/Budget" }, rest] });
        let document = json!({ "components": { "schemas": { "Budget": budget, "View": view } } });
        let expected = json!({
            "type": "object",
            "required": ["scope", "left"],
            "properties": { "scope": { "type": "string" }, "left": { "type": "integer" } },
        });
        assert_eq!(tidy(document)["components"]["schemas"]["View"], expected);
    }

    #[test]
    fn what_two_operations_refuse_alike_is_described_once() {
        let answer = json!({
            "description": "`not_found`: There is no such object.",
            "content": { PROBLEM: {} },
        });
        let operation =
            json!({ "responses": { "404": answer, "204": { "description": "Done." } } });
        let methods = json!({ "get": operation, "put": operation });
        let document = tidy(json!({ "components": {}, "paths": { "/a": methods } }));
        assert_eq!(document["components"]["responses"], json!({ "not_found": answer }));
        let answers = &document["paths"]["/a"]["put"]["responses"];
        assert_eq!(answers["404"]["$ref"], "#/components/responses/not_found");
        assert_eq!(answers["204"]["description"], "Done.");
    }

    #[test]
    fn a_link_in_a_comment_is_a_name_in_a_description() {
        let document = tidy(json!({ "components": {}, "description": "[`Stage`] and [crate](x)" }));
        assert_eq!(document["description"], "`Stage` and [crate](x)");
    }
}
