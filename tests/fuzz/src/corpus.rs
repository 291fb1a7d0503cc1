//! The inputs that are kept: real ones, and those that once broke something or reach far.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::target::Target;

/// The inputs of one target, in the order of their names.
#[derive(Clone, Debug)]
pub struct Corpus {
    /// Name and content of each.
    pub inputs: Vec<(String, Vec<u8>)>,
}

/// The inputs of a target could not be read.
#[derive(Debug, thiserror::Error)]
#[error("expected the inputs of {target} in {}, found none: {source}", folder.display())]
pub struct CorpusError {
    target: &'static str,
    folder: PathBuf,
    source: io::Error,
}

impl Corpus {
    /// The folder of a target's inputs.
    #[must_use]
    pub fn folder(target: &Target) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name)
    }

    /// The inputs of a target, of which there is at least one.
    ///
    /// # Errors
    /// They cannot be read, or there is none.
    pub fn of(target: &Target) -> Result<Self, CorpusError> {
        let folder = Self::folder(target);
        let failed = |source| CorpusError { target: target.name, folder: folder.clone(), source };
        let inputs = read_all(&folder).map_err(failed)?;
        if inputs.is_empty() {
            return Err(failed(io::ErrorKind::NotFound.into()));
        }
        Ok(Self { inputs })
    }
}

fn read_all(folder: &Path) -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut paths: Vec<_> = fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    paths.sort();
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    paths.iter().map(|path| Ok((name(path), fs::read(path)?))).collect()
}
