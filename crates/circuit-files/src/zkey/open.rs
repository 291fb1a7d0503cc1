//! Opening a proving key by path, from its prepared form where there is one.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::{OpenedKey, ReadOptions, read_digested};
use crate::error::FileError;
use crate::prepared::{Cache, Fingerprint};

/// Why a key could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file could not be opened.
    #[error("opening {} failed", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is not a valid key.
    #[error("{}: {source}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: FileError,
    },
}

/// Opens the proving key at `path`.
///
/// With a cache, a key that was opened before is mapped from its prepared file, which is found by
/// the content of the file at `path`, and any other is read with all checks and added. Whatever
/// the cache holds, a key is refused that `options` do not allow.
///
/// # Errors
/// The file cannot be opened or is not a valid key.
pub fn open(
    path: &Path,
    options: &ReadOptions,
    cache: Option<&Cache>,
) -> Result<OpenedKey, OpenError> {
    let failed = |source| OpenError::Open { path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    if let Some(cache) = cache {
        let fingerprint = Fingerprint::of(&file).map_err(failed)?;
        if let Some(opened) = cache.get(&fingerprint, options) {
            return Ok(opened);
        }
    }
    let opened = read_digested(file, options)
        .map_err(|source| OpenError::Invalid { path: path.to_owned(), source })?;
    // A key that cannot be added, on a full or read-only disk, costs the next opening its time and
    // nothing else.
    cache.map(|cache| cache.insert(&opened).ok());
    Ok(opened)
}
