//! A witness generator on its way in: obtained, checked without being run, stored under its digest.

use bytes::Bytes;
use zkpool_jobs::keys;
use zkpool_ports::BlobKey;
use zkpool_types::api::Source;
use zkpool_types::limits::GENERATOR_BYTES_MAX;
use zkpool_types::{ArtifactRef, ErrorCode, ProjectId, Sha256Digest};
use zkpool_witness::ModuleError;

use crate::proving_key::decode;
use crate::{ApiError, ApiResult, Context, blocking};

/// Where a witness generator lies before it is accepted.
pub(crate) enum GeneratorFile {
    /// In memory: it came within the request.
    Inline(Bytes),
    /// In storage: it came as an upload.
    Uploaded(BlobKey, ArtifactRef),
}

impl GeneratorFile {
    /// The generator that a request names.
    pub(crate) async fn obtain(
        context: &Context,
        project: &ProjectId,
        source: &Source,
    ) -> ApiResult<Self> {
        match source {
            Source::Base64(text) => Ok(Self::Inline(decode("generator", text)?)),
            Source::Upload(id) => {
                let (key, artifact) = context.uploads().artifact(project, *id).await?;
                Ok(Self::Uploaded(key, artifact))
            }
        }
    }

    /// Digest and size.
    pub(crate) fn artifact(&self) -> ArtifactRef {
        match self {
            Self::Inline(bytes) => {
                ArtifactRef { sha256: Sha256Digest::of(bytes), size: bytes.len() as u64 }
            }
            Self::Uploaded(_, artifact) => *artifact,
        }
    }

    /// Checks that it is a generator, and makes it readable under its digest.
    pub(crate) async fn check_and_store(&self, context: &Context) -> ApiResult<ArtifactRef> {
        let artifact = self.artifact();
        // Few of them are held in memory at once.
        let place = context.witness_checks().acquire().await;
        let _place = place.map_err(|error| ApiError::internal(&error))?;
        let module = self.read(context).await?;
        let checked = module.clone();
        let check = move || zkpool_witness::check(&checked).map_err(|error| refused(&error));
        blocking::run(context, check).await?;
        context.ports().blobs.put_once(&keys::artifact(&artifact.sha256), module).await?;
        Ok(artifact)
    }

    async fn read(&self, context: &Context) -> ApiResult<Bytes> {
        let max = GENERATOR_BYTES_MAX;
        match self {
            Self::Inline(bytes) => Ok(bytes.clone()),
            Self::Uploaded(_, ArtifactRef { size: found, .. }) if *found > max => {
                Err(refused(&ModuleError::Size { max, found: *found }))
            }
            Self::Uploaded(key, _) => Ok(context.ports().blobs.get(key, max).await?),
        }
    }
}

fn refused(error: &ModuleError) -> ApiError {
    ApiError::new(ErrorCode::InvalidGenerator, error.to_string())
}
