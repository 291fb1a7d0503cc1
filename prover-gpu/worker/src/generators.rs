//! Witness generators, from storage to memory.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::task::spawn_blocking;
use zkpool_jobs::keys;
use zkpool_ports::{BlobError, BlobStore};
use zkpool_types::limits::GENERATOR_BYTES_MAX;
use zkpool_types::{ArtifactRef, Sha256Digest};
use zkpool_witness::{GenerateError, Generator};

use crate::keys::Budgeted;

/// Modules whose generators are kept ready, in bytes: the largest one, or many of the usual size.
/// A generator that is ready takes several times as much.
const READY_BYTES_MAX: u64 = GENERATOR_BYTES_MAX;

/// Why a witness generator could not be had.
#[derive(Debug, thiserror::Error)]
pub enum GeneratorError {
    /// Storage does not have it or does not answer. Another attempt may have it.
    #[error("the witness generator cannot be fetched: {0}")]
    Blob(#[from] BlobError),
    /// The stored module is not the one that was registered.
    #[error("the stored witness generator is another one: expected {expected:?}, found {found:?}")]
    Digest {
        /// The digest that the circuit was registered with.
        expected: Sha256Digest,
        /// The digest of the module.
        found: Sha256Digest,
    },
    /// It is none, for every attempt.
    #[error(transparent)]
    Refused(#[from] GenerateError),
    /// Preparing it panicked.
    #[error("preparing the witness generator panicked")]
    Panicked,
}

/// Witness generators by the digests of their modules.
#[derive(Debug)]
pub(crate) struct Generators {
    blobs: Arc<dyn BlobStore>,
    ready: Mutex<Budgeted<Sha256Digest, Arc<Generator>>>,
    preparing: tokio::sync::Mutex<()>,
}

impl Generators {
    pub(crate) fn new(blobs: Arc<dyn BlobStore>) -> Self {
        let ready = Mutex::new(Budgeted::new(READY_BYTES_MAX));
        Self { blobs, ready, preparing: tokio::sync::Mutex::new(()) }
    }

    /// The generator with this digest, ready to run. One is prepared at a time.
    pub(crate) async fn get(
        &self,
        artifact: &ArtifactRef,
    ) -> Result<Arc<Generator>, GeneratorError> {
        let expected = artifact.sha256;
        if let Some(generator) = self.ready().get(&expected) {
            return Ok(generator);
        }
        let _one_at_a_time = self.preparing.lock().await;
        if let Some(generator) = self.ready().get(&expected) {
            return Ok(generator);
        }
        let module = self.blobs.get(&keys::artifact(&expected), GENERATOR_BYTES_MAX).await?;
        let preparing = spawn_blocking(move || {
            let found = Sha256Digest::of(&module);
            if found != expected {
                return Err(GeneratorError::Digest { expected, found });
            }
            Ok(Arc::new(Generator::new(&module)?))
        });
        let generator = preparing.await.map_err(|_| GeneratorError::Panicked)??;
        self.ready().insert(expected, Arc::clone(&generator), artifact.size);
        Ok(generator)
    }

    fn ready(&self) -> MutexGuard<'_, Budgeted<Sha256Digest, Arc<Generator>>> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
