//! A proving key on its way in: obtained, checked in full, stored under its digest.

use std::fs::File;
use std::io::{Cursor, Read, Seek};
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::io::{AsyncSeekExt, AsyncWriteExt};
use zkpool_circuit_files::zkey::{self, GroupChecks, ReadOptions};
use zkpool_circuit_files::{AnyProvingKey, FileError, Rejection, json};
use zkpool_jobs::keys;
use zkpool_ports::BlobKey;
use zkpool_types::api::Source;
use zkpool_types::{ArtifactRef, Curve, ErrorCode, ProjectId, Secret, Sha256Digest};

use crate::{ApiError, ApiResult, Context, blocking};

/// Where a proving key lies before it is accepted.
pub(crate) enum KeyFile {
    /// In memory: it came within the request.
    Inline(Bytes),
    /// In storage: it came as an upload. Its bytes have the digest, and nobody can change them.
    Uploaded(BlobKey, ArtifactRef),
}

/// What a checked proving key says about its circuit.
pub(crate) struct KeyFacts {
    pub(crate) curve: Curve,
    pub(crate) domain_size: u64,
    pub(crate) variables: u64,
    pub(crate) public_inputs: u64,
    pub(crate) development: bool,
    /// The verification key as snarkjs writes it.
    pub(crate) verification_key: Bytes,
}

impl KeyFile {
    /// The key that a request names.
    pub(crate) async fn obtain(
        context: &Context,
        project: &ProjectId,
        source: &Source,
    ) -> ApiResult<Self> {
        match source {
            Source::Base64(text) => Ok(Self::Inline(decode("proving_key", text)?)),
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

    /// Checks every section, every point and their relations.
    ///
    /// A bounded number of checks runs at once. A check that its request has given up on keeps
    /// its place until it is done, since nothing can interrupt it.
    pub(crate) async fn check(&self, context: &Context, development: bool) -> ApiResult<KeyFacts> {
        let place = Arc::clone(context.validations())
            .acquire_owned()
            .await
            .map_err(|error| ApiError::internal(&error))?;
        let bytes = self.open(context).await?;
        let check = move || {
            let facts = read_facts(bytes, development);
            drop(place);
            facts
        };
        blocking::run(context, check).await
    }

    async fn open(&self, context: &Context) -> ApiResult<KeyReader> {
        match self {
            Self::Inline(bytes) => Ok(KeyReader::Memory(Cursor::new(bytes.clone()))),
            Self::Uploaded(key, _) => match context.ports().blobs.local_path(key) {
                Some(path) => File::open(path).map(KeyReader::File).map_err(unreadable),
                None => copy_to_temporary_file(context, key).await.map(KeyReader::File),
            },
        }
    }

    /// Makes the key readable under its digest.
    pub(crate) async fn store(&self, context: &Context) -> ApiResult<()> {
        let blobs = &context.ports().blobs;
        let to = keys::artifact(&self.artifact().sha256);
        match self {
            Self::Inline(bytes) => blobs.put_once(&to, bytes.clone()).await?,
            Self::Uploaded(from, _) => blobs.copy_once(from, &to).await?,
        };
        Ok(())
    }
}

/// The bytes of base64, or a problem that names the field and nothing of its content.
pub(crate) fn decode(field: &str, text: &Secret<String>) -> ApiResult<Bytes> {
    let bytes = BASE64_STANDARD.decode(text.expose()).map_err(|_| {
        ApiError::invalid_request(format!("at {field}.base64: expected base64 with padding"))
    })?;
    Ok(bytes.into())
}

/// A proving key that can be read now.
enum KeyReader {
    Memory(Cursor<Bytes>),
    File(File),
}

/// A file without a name: it is gone when it is closed, whatever happens.
async fn copy_to_temporary_file(context: &Context, key: &BlobKey) -> ApiResult<File> {
    let mut file = tokio::fs::File::from_std(tempfile::tempfile().map_err(unreadable)?);
    let (_, mut chunks) = context.ports().blobs.get_stream(key).await?;
    while let Some(chunk) = chunks.next().await {
        file.write_all(&chunk.map_err(unreadable)?).await.map_err(unreadable)?;
    }
    file.flush().await.map_err(unreadable)?;
    file.rewind().await.map_err(unreadable)?;
    Ok(file.into_std().await)
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err takes")]
fn unreadable(error: std::io::Error) -> ApiError {
    ApiError::unavailable(&error)
}

fn read_facts(bytes: KeyReader, development: bool) -> ApiResult<KeyFacts> {
    match bytes {
        KeyReader::Memory(bytes) => facts(&read_key(bytes, development)?),
        KeyReader::File(file) => facts(&read_key(file, development)?),
    }
}

fn read_key<R: Read + Seek>(bytes: R, allow_development: bool) -> ApiResult<AnyProvingKey> {
    let options = ReadOptions { allow_development, group_checks: GroupChecks::Full };
    zkey::read(bytes, &options).map_err(refused)
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err takes")]
fn refused(error: FileError) -> ApiError {
    match error.rejection {
        Rejection::Io(_) | Rejection::Changed => ApiError::unavailable(&error),
        _ if error.is_development_key() => {
            ApiError::new(ErrorCode::DevelopmentKey, error.to_string())
        }
        _ => ApiError::new(ErrorCode::InvalidProvingKey, error.to_string()),
    }
}

fn facts(key: &AnyProvingKey) -> ApiResult<KeyFacts> {
    let (domain_size, variables, public_inputs) = match key {
        AnyProvingKey::Bn254(key) => (key.domain_size, key.n_vars, key.n_public),
        AnyProvingKey::Bls12_381(key) => (key.domain_size, key.n_vars, key.n_public),
    };
    let verification_key = json::verification_key::write(&key.verifying_key())
        .map_err(|error| ApiError::internal(&error))?;
    Ok(KeyFacts {
        curve: key.curve(),
        domain_size: domain_size.into(),
        variables: variables.into(),
        public_inputs: public_inputs.into(),
        development: key.is_development(),
        verification_key: verification_key.into(),
    })
}
