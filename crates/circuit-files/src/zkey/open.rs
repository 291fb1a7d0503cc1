//! Opening a proving key by path, with the record of keys that were checked before.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use zkpool_types::Sha256Digest;

use super::{GroupChecks, OpenedKey, ReadOptions, read_digested};
use crate::error::FileError;
use crate::validated::Validated;

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
/// With a record of validated keys, the subgroup checks are skipped for content that the record
/// vouches for, and content that passes them is added to it. All other checks are always made.
///
/// # Errors
/// The file cannot be opened or is not a valid key.
pub fn open(
    path: &Path,
    options: &ReadOptions,
    record: Option<&Validated>,
) -> Result<OpenedKey, OpenError> {
    let at = || path.to_owned();
    let file = File::open(path).map_err(|source| OpenError::Open { path: at(), source })?;
    let vouched = |digest: &Sha256Digest| record.is_some_and(|record| record.contains(digest));
    let opened = read_digested(file, options, vouched)
        .map_err(|source| OpenError::Invalid { path: at(), source })?;
    if let (Some(record), GroupChecks::Full) = (record, opened.group_checks) {
        // A record that cannot be written, on a full or read-only disk, costs the next opening its
        // subgroup checks and nothing else.
        record.insert(&opened.digest).ok();
    }
    Ok(opened)
}
