//! Fetching what a job needs: its circuit, its proving key, its witness.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use zkpool_jobs::{CircuitError, Circuits, Claim, Jobs, WitnessError};
use zkpool_types::{ArtifactRef, CircuitManifest, CircuitRef, JobRequest, ProjectId, Secret};

use crate::KeyError;
use crate::devices::{Devices, ReadyKey};
use crate::keys::Budgeted;

/// Circuits whose manifests are remembered. One is well below a kilobyte.
const MANIFESTS_MAX: u64 = 1024;

/// Why a job could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The circuit's record cannot be read.
    #[error("the circuit cannot be read: {0}")]
    Circuit(#[from] CircuitError),
    /// The proving key cannot be had.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The witness cannot be had.
    #[error("the witness cannot be fetched: {0}")]
    Witness(#[from] WitnessError),
}

/// What a proof is made from.
#[derive(Debug)]
pub(crate) struct Inputs {
    /// The circuit's key, ready on a device.
    pub(crate) key: ReadyKey,
    /// The file that the key came from.
    pub(crate) key_file: ArtifactRef,
    /// The witness as it was submitted.
    pub(crate) witness: Secret<Bytes>,
}

/// Where inputs come from.
#[derive(Debug)]
pub(crate) struct Fetcher {
    jobs: Jobs,
    circuits: Circuits,
    manifests: Mutex<Budgeted<(ProjectId, CircuitRef), Arc<CircuitManifest>>>,
    devices: Arc<Devices>,
}

impl Fetcher {
    pub(crate) fn new(jobs: Jobs, circuits: Circuits, devices: Arc<Devices>) -> Self {
        Self { jobs, circuits, manifests: Mutex::new(Budgeted::new(MANIFESTS_MAX)), devices }
    }

    /// Everything that the job of `claim` is proven from. The witness is checked against the
    /// digest that it was submitted with, and the key against the one it was registered with.
    pub(crate) async fn fetch(&self, claim: &Claim) -> Result<Inputs, FetchError> {
        let (key, key_file) = self.key(&claim.request).await?;
        let witness = self.jobs.witness(claim).await?;
        Ok(Inputs { key, key_file, witness })
    }

    /// The key of the request's circuit, ready on a device, and the file that it came from.
    pub(crate) async fn key(
        &self,
        request: &JobRequest,
    ) -> Result<(ReadyKey, ArtifactRef), FetchError> {
        let key_file = self.manifest(request).await?.proving_key;
        Ok((self.devices.key(&key_file).await?, key_file))
    }

    /// The manifest of the job's circuit. It never changes, so that it is read once.
    async fn manifest(&self, request: &JobRequest) -> Result<Arc<CircuitManifest>, FetchError> {
        let name = (request.project.clone(), request.circuit.clone());
        if let Some(manifest) = self.manifests().get(&name) {
            return Ok(manifest);
        }
        let reference = request.circuit.to_string();
        let manifest = Arc::new(self.circuits.resolve(&request.project, &reference).await?);
        self.manifests().insert(name, Arc::clone(&manifest), 1);
        Ok(manifest)
    }

    fn manifests(&self) -> MutexGuard<'_, Budgeted<(ProjectId, CircuitRef), Arc<CircuitManifest>>> {
        self.manifests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
