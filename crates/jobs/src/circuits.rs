//! The registry of circuits: immutable versions under a name of their project.

use zkpool_ports::BlobKey;
use zkpool_types::api::Page;
use zkpool_types::ids::is_name;
use zkpool_types::limits::PAGE_ROWS_MAX;
use zkpool_types::{ArtifactRef, CircuitManifest, CircuitRef, ErrorCode, ProjectId};

use crate::records::{Created, RECORD_BYTES_MAX, Records};
use crate::{PortError, Ports, keys};

/// Versions of one name that are looked at for the one registered last.
const VERSIONS_MAX: usize = 1000;

/// The circuits of every project.
#[derive(Clone, Debug)]
pub struct Circuits {
    ports: Ports,
    records: Records,
}

/// A registered circuit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registered {
    /// The stored manifest; of the first registration where there were several.
    pub manifest: CircuitManifest,
    /// Whether this call registered it.
    pub created: bool,
}

/// Why a circuit could not be registered or found.
#[derive(Debug, thiserror::Error)]
pub enum CircuitError {
    /// The circuit does not exist or belongs to another project.
    #[error("there is no circuit {0}")]
    NotFound(String),
    /// The same version is registered with other properties: two keys with one digest prefix.
    #[error("circuit {0} is registered with another key")]
    VersionTaken(CircuitRef),
    /// The same version is registered without a witness generator, or with another one.
    #[error(
        "circuit {0} is registered without a witness generator or with another one, and versions \
         never change: register it under another name"
    )]
    OtherGenerator(CircuitRef),
    /// A port failed.
    #[error(transparent)]
    Port(#[from] PortError),
}

impl CircuitError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::NotFound(_) => ErrorCode::NotFound,
            Self::VersionTaken(_) => ErrorCode::InvalidProvingKey,
            Self::OtherGenerator(_) => ErrorCode::InvalidGenerator,
            Self::Port(error) => error.code(),
        }
    }
}

impl Circuits {
    /// The circuits in these ports.
    #[must_use]
    pub fn new(ports: Ports) -> Self {
        let records = Records::new(ports.blobs.clone());
        Self { ports, records }
    }

    /// Registers a version. The same version again is no error and changes nothing, also where it
    /// has a generator and the new registration names none. Its artifacts must be stored already.
    ///
    /// # Errors
    /// The version is taken by another key or generator, or a port failed.
    pub async fn register(&self, manifest: CircuitManifest) -> Result<Registered, CircuitError> {
        let key = keys::circuit(&manifest.project, &manifest.circuit);
        let mine = manifest.clone();
        let is_mine = move |stored: &CircuitManifest| *stored == mine;
        match self.records.create(&key, manifest.clone(), RECORD_BYTES_MAX, is_mine).await? {
            Created::Mine(manifest) => Ok(Registered { manifest, created: true }),
            Created::Other(stored) => {
                agree(&manifest, &stored)?;
                Ok(Registered { manifest: stored, created: false })
            }
        }
    }

    /// The circuit called `name@version`, or the version of `name` that was registered last.
    ///
    /// # Errors
    /// There is no such circuit in this project, the text names none, or a port failed.
    pub async fn resolve(
        &self,
        project: &ProjectId,
        text: &str,
    ) -> Result<CircuitManifest, CircuitError> {
        let found = match text.parse::<CircuitRef>() {
            Ok(circuit) => self.read(&keys::circuit(project, &circuit)).await?,
            Err(_) if is_name(text) => self.latest(project, text).await?,
            Err(_) => None,
        };
        found.ok_or_else(|| CircuitError::NotFound(text.chars().take(80).collect()))
    }

    async fn read(&self, key: &BlobKey) -> Result<Option<CircuitManifest>, PortError> {
        self.records.read(key, RECORD_BYTES_MAX).await
    }

    async fn latest(
        &self,
        project: &ProjectId,
        name: &str,
    ) -> Result<Option<CircuitManifest>, PortError> {
        let prefix = keys::circuit_versions(project, name);
        let mut latest: Option<CircuitManifest> = None;
        for key in self.ports.blobs.list(&prefix, None, VERSIONS_MAX).await? {
            let manifest = self.read(&key).await?;
            let rank = |manifest: &CircuitManifest| {
                (manifest.created_at, manifest.circuit.version().to_owned())
            };
            latest = latest.into_iter().chain(manifest).max_by_key(rank);
        }
        Ok(latest)
    }

    /// One page of circuits in the order of their names: at most `limit` (and
    /// [`PAGE_ROWS_MAX`]) after `after`.
    ///
    /// # Errors
    /// A port failed.
    pub async fn list(
        &self,
        project: &ProjectId,
        after: Option<&CircuitRef>,
        limit: usize,
    ) -> Result<Page<CircuitManifest>, CircuitError> {
        let limit = limit.clamp(1, PAGE_ROWS_MAX);
        let prefix = keys::circuits(project);
        let after = after.map(|circuit| keys::circuit(project, circuit));
        let after = after.as_ref().map(BlobKey::as_str);
        let mut keys =
            self.ports.blobs.list(&prefix, after, limit + 1).await.map_err(PortError::from)?;
        let more = keys.len() > limit;
        keys.truncate(limit);
        let mut items = Vec::with_capacity(keys.len());
        for key in &keys {
            items.extend(self.read(key).await?);
        }
        let last = items.last().map(|manifest| manifest.circuit.to_string());
        Ok(Page { items, next: last.filter(|_| more) })
    }
}

/// Whether a registration is of the stored version.
fn agree(new: &CircuitManifest, stored: &CircuitManifest) -> Result<(), CircuitError> {
    let CircuitManifest { created_at, generator, .. } = stored.clone();
    let same = CircuitManifest { created_at, generator, ..new.clone() };
    if same != *stored {
        return Err(CircuitError::VersionTaken(stored.circuit.clone()));
    }
    check_generator(stored, new.generator.as_ref())
}

/// Whether a registration may name this generator for the stored version, or none.
///
/// # Errors
/// The version has no generator, or another one.
pub fn check_generator(
    stored: &CircuitManifest,
    found: Option<&ArtifactRef>,
) -> Result<(), CircuitError> {
    match found {
        Some(_) if found != stored.generator.as_ref() => {
            Err(CircuitError::OtherGenerator(stored.circuit.clone()))
        }
        _ => Ok(()),
    }
}
