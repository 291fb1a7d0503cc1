//! The record of proving keys whose subgroup checks have passed.
//!
//! It is a directory of empty files, each named by the SHA-256 of a key. A marker vouches for
//! content, never for a path: a key that is replaced, truncated or copied from elsewhere has
//! another digest and is checked afresh, and a marker that was copied from another machine is as
//! good as one made here.
//!
//! Trust: whoever can write to the directory can make this process skip the subgroup checks of a
//! key (and of nothing else: points are always on the curve, and the other checks are always
//! made). Keep it writable by the prover's own account only, and apart from directories that
//! requesters upload to.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::PathBuf;

use zkpool_types::Sha256Digest;

/// The record in one directory.
#[derive(Clone, Debug)]
pub struct Validated {
    directory: PathBuf,
}

impl Validated {
    /// The record in `directory`, which is made when the first key is added.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into() }
    }

    fn marker(&self, digest: &Sha256Digest) -> PathBuf {
        self.directory.join(digest.to_string())
    }

    /// Whether the key with this content has passed the subgroup checks.
    ///
    /// What cannot be read counts as unknown. Only a regular file is a marker, so that a link or
    /// directory of that name vouches for nothing.
    #[must_use]
    pub fn contains(&self, digest: &Sha256Digest) -> bool {
        fs::symlink_metadata(self.marker(digest)).is_ok_and(|found| found.is_file())
    }

    /// Remembers that the key with this content has passed the subgroup checks.
    ///
    /// # Errors
    /// The directory or the marker cannot be created.
    pub fn insert(&self, digest: &Sha256Digest) -> io::Result<()> {
        fs::create_dir_all(&self.directory)?;
        let marker =
            OpenOptions::new().write(true).create(true).truncate(false).open(self.marker(digest));
        marker.map(drop)
    }
}
