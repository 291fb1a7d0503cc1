//! Fetching what a job needs: its circuit, its proving key, its witness.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use zkpool_jobs::{CircuitError, Circuits, Claim, Jobs, Ports, WitnessError};
use zkpool_types::{ArtifactRef, CircuitManifest, CircuitRef, JobRequest, ProjectId, WitnessForm};
use zkpool_witness::Limits;

use crate::devices::{Devices, ReadyKey};
use crate::evidence::Evidence;
use crate::generators::{GeneratorError, Generators};
use crate::keys::Budgeted;
use crate::{KeyError, Settings};

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
    /// The witness generator cannot be had.
    #[error(transparent)]
    Generator(#[from] GeneratorError),
    /// Inputs were accepted for a circuit without a witness generator.
    #[error("expected a circuit with a witness generator")]
    NoGenerator,
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
    /// What was submitted.
    pub(crate) evidence: Evidence,
}

/// Where inputs come from.
#[derive(Debug)]
pub(crate) struct Fetcher {
    jobs: Jobs,
    circuits: Circuits,
    manifests: Mutex<Budgeted<(ProjectId, CircuitRef), Arc<CircuitManifest>>>,
    devices: Arc<Devices>,
    generators: Generators,
    generation: Limits,
}

impl Fetcher {
    pub(crate) fn new(
        ports: &Ports,
        jobs: Jobs,
        devices: Arc<Devices>,
        settings: &Settings,
    ) -> Self {
        let circuits = Circuits::new(ports.clone());
        let manifests = Mutex::new(Budgeted::new(MANIFESTS_MAX));
        let generators = Generators::new(Arc::clone(&ports.blobs));
        let generation = settings.generation;
        Self { jobs, circuits, manifests, devices, generators, generation }
    }

    /// Everything that the job of `claim` is proven from. What was submitted is checked against the
    /// digest that it was submitted with, key and generator against those they were registered with.
    pub(crate) async fn fetch(&self, claim: &Claim) -> Result<Inputs, FetchError> {
        let (key, key_file) = self.key(&claim.request).await?;
        let evidence = self.evidence(claim).await?;
        Ok(Inputs { key, key_file, evidence })
    }

    /// What was submitted, and the generator where it is inputs.
    async fn evidence(&self, claim: &Claim) -> Result<Evidence, FetchError> {
        if claim.request.witness_form == WitnessForm::Values {
            return Ok(Evidence::Witness(self.jobs.witness(claim).await?));
        }
        let manifest = self.manifest(&claim.request).await?;
        let module = manifest.generator.as_ref().ok_or(FetchError::NoGenerator)?;
        let generator = self.generators.get(module).await?;
        let limits = Limits { values: manifest.variables, ..self.generation };
        Ok(Evidence::Inputs { json: self.jobs.witness(claim).await?, generator, limits })
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
