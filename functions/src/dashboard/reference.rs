//! The description of the API as a page: every operation with an example, and every schema.

use std::sync::LazyLock;

use askama::Template;
use bytes::Bytes;
use serde_json::{Map, Value};

use crate::dashboard::kind::{Kind, kind};
use crate::dashboard::page::{Frame, SamePage};
use crate::dashboard::prose::{Prose, paragraphs, prose};
use crate::openapi;

#[derive(Template)]
#[template(path = "reference.html")]
struct ReferencePage {
    frame: Frame,
    about: Vec<Prose>,
    groups: Vec<Group>,
    schemas: Vec<SchemaView>,
}

/// Operations of one tag.
struct Group {
    name: String,
    operations: Vec<OperationView>,
}

struct OperationView {
    id: String,
    method: String,
    path: String,
    summary: Prose,
    /// Who may call it, in words.
    who: String,
    fields: Vec<FieldRow>,
    answers: Vec<AnswerRow>,
    request: String,
    answer: Option<String>,
}

/// A parameter, a body, or a field of a schema.
struct FieldRow {
    name: String,
    place: String,
    kind: Kind,
    is_required: bool,
    about: Prose,
}

struct AnswerRow {
    status: String,
    kind: Kind,
    about: Vec<Prose>,
}

/// A schema that has a name.
struct SchemaView {
    name: String,
    about: Vec<Prose>,
    kind: Kind,
    fields: Vec<FieldRow>,
}

/// The page, laid out once.
static PAGE: LazyLock<askama::Result<Bytes>> = LazyLock::new(|| {
    let document = openapi::document();
    let schemas = object(&document["components"]["schemas"]);
    let page = ReferencePage {
        frame: Frame::public(),
        about: paragraphs(text(&document["info"]["description"])),
        groups: groups(document),
        schemas: schemas.map(|(name, schema)| schema_view(name, schema)).collect(),
    };
    page.render().map(Bytes::from)
});

pub(crate) async fn page() -> SamePage {
    SamePage(&PAGE)
}

/// The fields of an object; none of what is none.
fn object(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The operations that programs call, by tag, in the order of their paths.
fn groups(document: &'static Value) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for (path, methods) in object(&document["paths"]) {
        for (method, operation) in object(methods) {
            let tag = text(&operation["tags"][0]);
            let view = operation_view(path, method, operation);
            match groups.iter_mut().find(|group| group.name == tag) {
                Some(group) => group.operations.push(view),
                None => groups.push(Group { name: tag.to_owned(), operations: vec![view] }),
            }
        }
    }
    groups.retain(|group| group.name != openapi::PAGES);
    groups
}

fn operation_view(path: &str, method: &str, operation: &'static Value) -> OperationView {
    let parameters = list(&operation["parameters"]).map(parameter_row);
    let bodies = object(&operation["requestBody"]["content"]).map(body_row);
    let answers = || {
        object(&operation["responses"]).map(|(status, answer)| (status, openapi::resolved(answer)))
    };
    OperationView {
        id: text(&operation["operationId"]).to_owned(),
        method: method.to_uppercase(),
        path: path.to_owned(),
        summary: prose(text(&operation["summary"])),
        who: who(&operation["security"][0]),
        fields: parameters.chain(bodies).collect(),
        request: super::curl::command(path, method, operation),
        answer: answers().find_map(|(_, answer)| answer_example(answer)),
        answers: answers().map(|(status, answer)| answer_row(status, answer)).collect(),
    }
}

fn who(security: &Value) -> String {
    let scope = |(_, scopes): (&String, &Value)| text(&scopes[0]).to_owned();
    match object(security).next().map(scope) {
        Some(scope) => format!("a key with the scope {scope}"),
        None => "anyone".to_owned(),
    }
}

fn parameter_row(parameter: &Value) -> FieldRow {
    FieldRow {
        name: text(&parameter["name"]).to_owned(),
        place: text(&parameter["in"]).to_owned(),
        kind: kind(&parameter["schema"]),
        is_required: parameter["required"] == true,
        about: prose(text(&parameter["description"])),
    }
}

fn body_row((content_type, content): (&String, &Value)) -> FieldRow {
    FieldRow {
        name: content_type.clone(),
        place: "body".to_owned(),
        kind: kind(&content["schema"]),
        is_required: true,
        about: Prose::new(),
    }
}

fn answer_row(status: &str, answer: &Value) -> AnswerRow {
    let content = object(&answer["content"]).next();
    AnswerRow {
        status: status.to_owned(),
        kind: content.map(|(_, content)| kind(&content["schema"])).unwrap_or_default(),
        about: paragraphs(text(&answer["description"])),
    }
}

/// The example of an answer as it is printed.
fn answer_example(answer: &Value) -> Option<String> {
    let example = object(&answer["content"]).find_map(|(_, content)| content.get("example"))?;
    match example {
        Value::String(text) => Some(text.clone()),
        example => serde_json::to_string_pretty(example).ok(),
    }
}

fn schema_view(name: &str, schema: &Value) -> SchemaView {
    let required: Vec<_> = list(&schema["required"]).map(text).collect();
    let field = |(name, schema): (&String, &Value)| FieldRow {
        name: name.clone(),
        place: String::new(),
        kind: kind(schema),
        is_required: required.contains(&name.as_str()),
        about: prose(&text(&schema["description"]).replace('\n', " ")),
    };
    let fields: Vec<_> = object(&schema["properties"]).map(field).collect();
    SchemaView {
        name: name.to_owned(),
        about: paragraphs(text(&schema["description"])),
        kind: if fields.is_empty() { kind(schema) } else { Kind::new() },
        fields,
    }
}
