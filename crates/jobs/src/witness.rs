//! Reading a witness for proving, with its digest checked again.

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use sha2::{Digest, Sha256};
use zkpool_ports::{BlobError, ByteStream};
use zkpool_types::{ArtifactRef, Secret, Sha256Digest};

use crate::{Claim, Jobs, WitnessError, keys};

impl Jobs {
    /// The witness of a claimed job: exactly the bytes that were submitted.
    ///
    /// # Errors
    /// The stored bytes have another size or digest, there are none, or storage failed.
    pub async fn witness(&self, claim: &Claim) -> Result<Secret<Bytes>, WitnessError> {
        let request = &claim.request;
        let key = keys::witness(&request.project, request.id);
        match self.ports.blobs.get_stream(&key).await {
            Ok((_, stream)) => read_checked(stream, request.witness, &key).await,
            Err(BlobError::NotFound(_)) => Err(WitnessError::Deleted(request.id)),
            Err(error) => Err(error.into()),
        }
    }
}

async fn read_checked(
    mut stream: ByteStream,
    expected: ArtifactRef,
    key: &zkpool_ports::BlobKey,
) -> Result<Secret<Bytes>, WitnessError> {
    let capacity = usize::try_from(expected.size).unwrap_or(0);
    let mut bytes = BytesMut::with_capacity(capacity);
    let mut hasher = Sha256::new();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|source| BlobError::Source { key: key.clone(), source })?;
        hasher.update(&chunk);
        bytes.extend_from_slice(&chunk);
        if bytes.len() > capacity {
            break;
        }
    }
    let found = Sha256Digest::from_bytes(hasher.finalize().into());
    if bytes.len() == capacity && found == expected.sha256 {
        return Ok(Secret::new(bytes.freeze()));
    }
    Err(WitnessError::Altered {
        expected_size: expected.size,
        expected: expected.sha256,
        found_size: bytes.len() as u64,
        found,
    })
}
