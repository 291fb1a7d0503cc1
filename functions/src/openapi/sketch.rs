//! What one endpoint takes and gives, told by the types of its handler.

use std::any::type_name;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::{RequestBody, RequestBodyBuilder};
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::schema::{Object, ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::{Content, Ref, RefOr, Required};
use utoipa::{IntoParams, ToSchema};
use zkpool_types::ErrorCode;

/// What is known of an endpoint.
#[derive(Default)]
pub(crate) struct Sketch {
    pub(super) takes_path: bool,
    pub(super) parameters: Vec<Parameter>,
    pub(super) body: Option<RequestBody>,
    /// Answers that are no problem, by status.
    pub(super) answers: BTreeMap<u16, Response>,
    /// Codes of the problems that its types bring about.
    pub(super) refusals: BTreeSet<ErrorCode>,
    /// Named schemas that the above refer to.
    pub(super) schemas: BTreeMap<String, RefOr<Schema>>,
}

impl Sketch {
    /// The parameter of the path, whose name stands there.
    pub(crate) fn path(&mut self) {
        self.takes_path = true;
        self.refuses(&[ErrorCode::NotFound]);
    }

    /// The fields of a query.
    pub(crate) fn query<T: IntoParams>(&mut self) {
        self.parameters.extend(T::into_params(|| Some(ParameterIn::Query)));
        self.refuses(&[ErrorCode::InvalidRequest]);
    }

    /// A header of the request.
    pub(crate) fn header(&mut self, name: &str, required: Required, about: &str, schema: Object) {
        let header = ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Header)
            .required(required)
            .description(Some(about))
            .schema(Some(schema));
        self.parameters.push(header.build());
    }

    /// A body of this type under this content type.
    pub(crate) fn body<T: ToSchema>(&mut self, content_type: &str) {
        let content = self.content::<T>();
        self.raw_body(content_type, content);
        self.refuses(&[ErrorCode::InvalidRequest, ErrorCode::UnsupportedMediaType]);
    }

    /// A body that is no text.
    pub(crate) fn binary_body(&mut self) {
        self.raw_body("application/octet-stream", unspecified());
    }

    fn raw_body(&mut self, content_type: &str, content: Content) {
        let body = RequestBodyBuilder::new().required(Some(Required::True));
        self.body = Some(body.content(content_type, content).build());
    }

    /// An answer in JSON.
    pub(crate) fn answers_json<T: ToSchema>(&mut self, status: u16, about: &str) {
        let content = self.content::<T>();
        self.answers_as(status, about, "application/json", content);
    }

    /// An answer in JSON that is described elsewhere.
    pub(crate) fn answers_any_json(&mut self, status: u16, about: &str) {
        self.answers_as(status, about, "application/json", unspecified());
    }

    /// An answer in text of this content type.
    pub(crate) fn answers_text(&mut self, status: u16, about: &str, content_type: &str) {
        let text = ContentBuilder::new().schema(Some(text())).build();
        self.answers_as(status, about, content_type, text);
    }

    /// An answer in bytes of this content type.
    pub(crate) fn answers_bytes(&mut self, status: u16, about: &str, content_type: &str) {
        self.answers_as(status, about, content_type, unspecified());
    }

    /// An answer without a body.
    pub(crate) fn answers_empty(&mut self, status: u16, about: &str) {
        self.answer(status, about, |response| response);
    }

    /// A header of the answer with this status.
    pub(crate) fn answers_header(&mut self, status: u16, name: &str, about: &str) {
        self.answer(status, "", |response| response.header(name, text_header(about)));
    }

    /// A refusal with this status: one more line on it, and the problem as its body.
    pub(super) fn answers_problem(&mut self, status: u16, line: &str, is_page: bool) {
        let problem = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
        self.answers_as(status, "", "application/problem+json", problem);
        if is_page {
            self.answers_text(status, "", "text/html; charset=utf-8");
        }
        if let Some(answer) = self.answers.get_mut(&status) {
            let lines = [answer.description.as_str(), line];
            answer.description = lines.join("\n").trim().to_owned();
        }
    }

    /// A header of the answer with this status that the document's components have.
    pub(super) fn answers_component_header(&mut self, status: u16, name: &str) {
        let header = Ref::new(format!("#/components/headers/{name}"));
        self.answer(status, "", |response| response.header_ref(name, header));
    }

    /// An example of the body.
    pub(super) fn body_example(&mut self, example: &Value) {
        let contents = self.body.iter_mut().flat_map(|body| body.content.values_mut());
        for content in contents {
            set_example(content, example);
        }
    }

    /// An example of the answer with this status and content type.
    pub(super) fn answer_example(&mut self, status: u16, content_type: &str, example: &Value) {
        let answer = self.answers.get_mut(&status);
        if let Some(content) = answer.and_then(|answer| answer.content.get_mut(content_type)) {
            set_example(content, example);
        }
    }

    fn answers_as(&mut self, status: u16, about: &str, content_type: &str, content: Content) {
        self.answer(status, about, |response| response.content(content_type, content));
    }

    /// Adds to the answer with this status, which keeps what was said of it first.
    fn answer(
        &mut self,
        status: u16,
        about: &str,
        add: impl FnOnce(ResponseBuilder) -> ResponseBuilder,
    ) {
        let known = self.answers.remove(&status).map(ResponseBuilder::from);
        let response = known.unwrap_or_else(|| ResponseBuilder::new().description(about));
        self.answers.insert(status, add(response).build());
    }

    /// Problems that come of what the endpoint takes or does.
    pub(crate) fn refuses(&mut self, codes: &[ErrorCode]) {
        self.refusals.extend(codes);
    }

    /// A schema that no answer has as a whole.
    pub(crate) fn mentions<T: ToSchema>(&mut self) {
        self.named::<T>();
    }

    fn content<T: ToSchema>(&mut self) -> Content {
        ContentBuilder::new().schema(Some(self.named::<T>())).build()
    }

    /// A reference to the schema of `T`, which is noted with all that it refers to.
    fn named<T: ToSchema>(&mut self) -> RefOr<Schema> {
        let mut schemas = Vec::new();
        T::schemas(&mut schemas);
        self.schemas.extend(schemas);
        let name = component::<T>();
        self.schemas.insert(name.clone(), T::schema());
        Ref::from_schema_name(name).into()
    }
}

/// The name of a schema: `View`, and `PageOfView` for `Page<View>`.
fn component<T: ToSchema>() -> String {
    let name = T::name();
    let generic = type_name::<T>().split_once('<').map(|(_, inner)| inner.trim_end_matches('>'));
    match generic.and_then(|inner| inner.rsplit("::").next()) {
        Some(inner) => format!("{name}Of{inner}"),
        None => name.into_owned(),
    }
}

/// The schema of any text.
pub(crate) fn text() -> Object {
    ObjectBuilder::new().schema_type(Type::String).build()
}

/// Bytes, or JSON of any shape.
fn unspecified() -> Content {
    let anything = ObjectBuilder::new().schema_type(SchemaType::AnyValue).build();
    ContentBuilder::new().schema(Some(anything)).build()
}

/// A header of an answer.
pub(super) fn text_header(about: &str) -> Header {
    HeaderBuilder::new().schema(Some(text())).description(Some(about)).build()
}

/// The schema of a text that matches this pattern.
pub(crate) fn matching(pattern: &str) -> Object {
    ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern)).build()
}

fn set_example(content: &mut RefOr<Content>, example: &Value) {
    if let RefOr::T(content) = content {
        content.example = Some(example.clone());
    }
}
