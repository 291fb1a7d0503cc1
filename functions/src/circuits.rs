//! `/v1/circuits`: immutable versions of circuits, named by their proving keys.
//!
//! A proving key is checked in full once, here. It is stored first and its manifest last, so
//! that a manifest that can be read always has its keys.

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use axum::{Json, Router};
use jiff::civil::Date;
use serde::Deserialize;
use utoipa::IntoParams;
use zkpool_billing::performance::default_from;
use zkpool_jobs::circuits::check_generator;
use zkpool_jobs::keys;
use zkpool_ledger::costs::day_of;
use zkpool_types::api::{CircuitPerformance, CircuitView, Page, RegisterCircuit};
use zkpool_types::{ArtifactRef, CircuitManifest, CircuitRef, ErrorCode, ProjectId, Sha256Digest};

use crate::costs::day;
use crate::endpoints::{Area, Endpoint};
use crate::extract::{JsonBody, PathParam, QueryParams};
use crate::generator::GeneratorFile;
use crate::guard::Caller;
use crate::openapi::{Gives, Registered, Reply, Sketch};
use crate::paging::PageQuery;
use crate::proving_key::{KeyFacts, KeyFile};
use crate::{ApiError, ApiResult, Context};

/// The endpoints of this area.
pub fn router(context: &Context) -> Router {
    area().router(context)
}

pub(crate) fn area() -> Area {
    Area::default()
        .serve(Endpoint::RegisterCircuit, register)
        .serve(Endpoint::ListCircuits, list)
        .serve(Endpoint::ShowCircuit, show)
        .serve(Endpoint::VerificationKey, verification_key)
        .serve(Endpoint::Performance, performance)
}

/// 201 for a new version, 200 for one that is registered already.
async fn register(
    State(context): State<Context>,
    caller: Caller,
    body: JsonBody<RegisterCircuit>,
) -> ApiResult<Registered<CircuitView>> {
    let file = KeyFile::obtain(&context, &caller.project, &body.value.proving_key).await?;
    let circuit = CircuitRef::of_key(&body.value.name, &file.artifact().sha256)
        .map_err(|error| ApiError::invalid_request(format!("at name: {error}")))?;
    let generator = match &body.value.generator {
        Some(source) => Some(GeneratorFile::obtain(&context, &caller.project, source).await?),
        None => None,
    };
    let registration = Registration { caller, circuit, body: body.value, file, generator };
    if let Some(manifest) = registration.known(&context).await? {
        return Ok(Registered { view: view(manifest), created: false });
    }
    let stored = registration.check_and_store(&context).await?;
    Ok(Registered { view: view(stored.manifest), created: stored.created })
}

/// A circuit on its way in.
struct Registration {
    caller: Caller,
    circuit: CircuitRef,
    body: RegisterCircuit,
    file: KeyFile,
    generator: Option<GeneratorFile>,
}

impl Registration {
    /// The same key under the same name, if it was accepted before.
    async fn known(&self, context: &Context) -> ApiResult<Option<CircuitManifest>> {
        let circuit = self.circuit.to_string();
        let manifest = match context.circuits().resolve(&self.caller.project, &circuit).await {
            Ok(manifest) => manifest,
            Err(error) if error.code() == ErrorCode::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        refuse_other_key(&manifest, &self.file.artifact().sha256)?;
        let generator = self.generator.as_ref().map(GeneratorFile::artifact);
        check_generator(&manifest, generator.as_ref())?;
        if manifest.development && !self.body.allow_development_key {
            let detail = "expected a key from a ceremony, found one from a development setup";
            return Err(ApiError::new(ErrorCode::DevelopmentKey, detail));
        }
        Ok(Some(manifest))
    }

    async fn check_and_store(self, context: &Context) -> ApiResult<zkpool_jobs::Registered> {
        let Self { caller, circuit, body, file, generator } = self;
        // It is checked in a moment, and the key in minutes.
        let generator = match generator {
            Some(generator) => Some(generator.check_and_store(context).await?),
            None => None,
        };
        let facts = file.check(context, body.allow_development_key).await?;
        let verification_key = store_verification_key(context, &facts).await?;
        file.store(context).await?;
        let proving_key = file.artifact();
        let manifest = CircuitManifest {
            project: caller.project,
            circuit,
            proof_system: body.proof_system,
            curve: facts.curve,
            proving_key,
            verification_key,
            generator,
            domain_size: facts.domain_size,
            variables: facts.variables,
            public_inputs: facts.public_inputs,
            development: facts.development,
            created_at: context.ports().clock.now(),
        };
        Ok(context.circuits().register(manifest).await?)
    }
}

/// A version is 64 bits of a digest. Two keys of one version are made on purpose, and the
/// later one is refused before it is checked.
fn refuse_other_key(manifest: &CircuitManifest, found: &Sha256Digest) -> ApiResult<()> {
    let expected = &manifest.proving_key.sha256;
    if expected == found {
        return Ok(());
    }
    let detail = format!("{}: expected the key {expected}, found {found}", manifest.circuit);
    Err(ApiError::new(ErrorCode::InvalidProvingKey, detail))
}

async fn store_verification_key(context: &Context, facts: &KeyFacts) -> ApiResult<ArtifactRef> {
    let json = &facts.verification_key;
    let artifact = ArtifactRef { sha256: Sha256Digest::of(json), size: json.len() as u64 };
    context.ports().blobs.put_once(&keys::artifact(&artifact.sha256), json.clone()).await?;
    Ok(artifact)
}

/// The circuit of `name` or `name@version` in this project.
pub(crate) async fn resolve(
    context: &Context,
    project: &ProjectId,
    circuit: &str,
) -> ApiResult<CircuitManifest> {
    Ok(context.circuits().resolve(project, circuit).await?)
}

fn view(manifest: CircuitManifest) -> CircuitView {
    CircuitView { id: manifest.circuit.clone(), manifest }
}

async fn list(
    State(context): State<Context>,
    caller: Caller,
    QueryParams(page): QueryParams<PageQuery>,
) -> ApiResult<Json<Page<CircuitView>>> {
    let after = page.after::<CircuitRef>()?;
    let page = context.circuits().list(&caller.project, after.as_ref(), page.limit()?).await?;
    let Page { items, next } = page;
    Ok(Json(Page { items: items.into_iter().map(view).collect(), next }))
}

async fn show(
    State(context): State<Context>,
    caller: Caller,
    PathParam(circuit): PathParam,
) -> ApiResult<Json<CircuitView>> {
    Ok(Json(view(resolve(&context, &caller.project, &circuit).await?)))
}

/// The key exactly as it was stored, so that its digest is the one in the manifest.
async fn verification_key(
    State(context): State<Context>,
    caller: Caller,
    PathParam(circuit): PathParam,
) -> ApiResult<Reply<VerificationKey>> {
    let ArtifactRef { sha256, size } =
        resolve(&context, &caller.project, &circuit).await?.verification_key;
    let json = context.ports().blobs.get(&keys::artifact(&sha256), size).await?;
    Ok(([(header::CONTENT_TYPE, "application/json")], json).into_response().into())
}

/// A verification key as the document has it.
struct VerificationKey;

impl Gives for VerificationKey {
    fn gives(sketch: &mut Sketch) {
        sketch.answers_any_json(200, "The key in snarkjs's JSON.");
    }
}

async fn performance(
    State(context): State<Context>,
    caller: Caller,
    PathParam(circuit): PathParam,
    QueryParams(asked): QueryParams<PerformanceQuery>,
) -> ApiResult<Json<CircuitPerformance>> {
    let days = asked.days(day_of(context.ports().clock.now()))?;
    let circuit = resolve(&context, &caller.project, &circuit).await?.circuit;
    let told = context.performance().over(&caller.project, &[circuit], days).await?;
    told.into_iter().next().map(Json).ok_or_else(|| ApiError::not_found("circuit"))
}

/// The query of a circuit's performance.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct PerformanceQuery {
    /// The first day; without one, the latest thirty.
    #[param(value_type = Option<Date>)]
    from: Option<String>,
    /// The last day; without one, today.
    #[param(value_type = Option<Date>)]
    to: Option<String>,
}

impl PerformanceQuery {
    fn days(&self, today: Date) -> ApiResult<(Date, Date)> {
        let to = self.to.as_deref().map_or(Ok(today), |text| day("to", text))?;
        let from = self.from.as_deref().map(|text| day("from", text)).transpose()?;
        Ok((from.unwrap_or_else(|| default_from(to)), to))
    }
}
