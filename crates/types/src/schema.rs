//! JSON schemas of what is written as text, and of what a derive cannot see through; every other
//! schema is derived where its type is.

use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, OneOfBuilder, Schema, Type};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

use crate::api::Source;
use crate::webhook::{DeliveryId, EventKind};
use crate::{
    ActionId, AttemptId, BudgetScope, CircuitRef, CorrectionId, Dimension, ErrorCode, InputsJson,
    JobId, KeyId, ProjectId, QuoteId, Sha256Digest, UploadId, WebhookId,
};

/// A lower-case hyphenated UUID.
const UUID: &str = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$";

const BYTES: &str = "The bytes themselves, in standard base64 with padding (RFC 4648).";
const BASE64: &str = "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$";

macro_rules! texts {
    ($($(#[doc = $doc:literal])+ $name:ident = $pattern:expr;)*) => {$(
        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                text(concat!($($doc),+), $pattern)
            }
        }

        impl ToSchema for $name {}
    )*};
}

texts! {
    /// A proof request.
    JobId = UUID;
    /// One delivery of a job to one prover.
    AttemptId = UUID;
    /// The public name of an API key.
    KeyId = UUID;
    /// Something that was asked for with a right beyond proving.
    ActionId = UUID;
    /// An upload.
    UploadId = UUID;
    /// A correction of a charge.
    CorrectionId = UUID;
    /// The id of a quote, as receipts repeat it.
    QuoteId = UUID;
    /// A tenant: 1 to 40 of `a-z`, `0-9` and `-`, a letter first.
    ProjectId = "^[a-z][a-z0-9-]{0,39}$";
    /// One version of a circuit: `name@version`.
    CircuitRef = "^[a-z][a-z0-9-]{0,39}@[0-9a-f]{16}$";
    /// A webhook.
    WebhookId = UUID;
    /// An event for one webhook: `{event}.{webhook}`.
    DeliveryId = r"^[0-9a-f-]{36}\.[0-9a-f-]{36}$";
    /// A SHA-256 digest in lower-case hexadecimal digits.
    Sha256Digest = "^[0-9a-f]{64}$";
    /// What a budget bounds: `*` for everything, or `name:value` for one tag.
    BudgetScope = r"^(\*|[^:]+:[\s\S]+)$";
    /// What costs are grouped by; `tag:NAME` for the value of a tag.
    Dimension = r"^(project|circuit|cost-center|tags|device|day|month|kind|proof|tag:[\s\S]+)$";
}

impl PartialSchema for Source {
    /// A derived one would allow fields beside the one that is given.
    fn schema() -> RefOr<Schema> {
        let bytes = text(BYTES, BASE64);
        let upload = Ref::from_schema_name(UploadId::name());
        let one = |name: &str, schema: RefOr<Schema>| {
            ObjectBuilder::new()
                .property(name, schema)
                .required(name)
                .additional_properties(Some(AdditionalProperties::FreeForm(false)))
        };
        OneOfBuilder::new()
            .item(one("base64", bytes))
            .item(one("upload", upload.into()))
            .description(Some("Where the bytes come from: within the request, or an upload."))
            .into()
    }
}

impl ToSchema for Source {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((UploadId::name().into_owned(), UploadId::schema()));
    }
}

impl PartialSchema for InputsJson {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::Object)
            .additional_properties(Some(AdditionalProperties::FreeForm(true)))
            .description(Some(
                "Values by the names of signals, in the form of snarkjs's input.json.",
            ))
            .into()
    }
}

impl ToSchema for InputsJson {}

impl PartialSchema for ErrorCode {
    fn schema() -> RefOr<Schema> {
        let codes = Self::ALL.iter().map(|code| code.as_str());
        one_of("A stable code. Codes are never renamed or reused.", codes)
    }
}

impl ToSchema for ErrorCode {}

impl PartialSchema for EventKind {
    fn schema() -> RefOr<Schema> {
        one_of("What an event is about.", Self::ALL.iter().map(|kind| kind.as_str()))
    }
}

impl ToSchema for EventKind {}

fn one_of(about: &str, words: impl Iterator<Item = &'static str>) -> RefOr<Schema> {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(about))
        .enum_values(Some(words))
        .into()
}

fn text(description: &str, pattern: &str) -> RefOr<Schema> {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(description.trim()))
        .pattern(Some(pattern))
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_is_one_line_without_blanks_around_it() {
        let schema = serde_json::to_value(JobId::schema()).unwrap();
        assert_eq!(schema["description"], "A proof request.");
        assert_eq!(schema["pattern"], UUID);
    }
}
