//! Where objects are until they are complete.
//!
//! Every open store has a directory of its own below `.tmp`, locked for as long as its process
//! lives. The kernel drops the lock when a process dies in whatever way, so that a directory
//! that can be locked is a dead process's, however young, and one that cannot is in use, however
//! old: no age to guess, and an upload may take a day.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

use tempfile::{NamedTempFile, TempDir};

use super::durable::DIR_MODE;
use crate::BlobKey;

/// The directory below the store's own that holds temporary files and no objects.
pub(super) const DIR: &str = ".tmp";

/// Whether the key would lie among the temporary files.
pub(super) fn is_reserved(key: &BlobKey) -> bool {
    key.as_str().split('/').next() == Some(DIR)
}

/// The temporary files of one open store, all removed when it is dropped.
pub(super) struct Temporary {
    dir: TempDir,
    /// Held until the process ends; closing the file gives it up.
    _lock: File,
}

impl Temporary {
    pub(super) fn open(root: &Path) -> io::Result<Self> {
        let all = root.join(DIR);
        match DirBuilder::new().mode(DIR_MODE).create(&all) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => (),
        }
        // One opening process at a time, or one could take another's directory for abandoned
        // between its creation and its locking.
        let opening = File::open(&all)?;
        opening.lock()?;
        remove_abandoned(&all)?;
        let dir = tempfile::Builder::new()
            .prefix("")
            .permissions(Permissions::from_mode(DIR_MODE))
            .tempdir_in(&all)?;
        let lock = File::open(dir.path())?;
        lock.lock()?;
        Ok(Self { dir, _lock: lock })
    }

    /// A new empty file of mode 0600. It goes away when dropped.
    pub(super) fn file(&self) -> io::Result<NamedTempFile> {
        tempfile::Builder::new().prefix("").tempfile_in(self.dir.path())
    }

    pub(super) fn file_with(&self, body: &[u8]) -> io::Result<NamedTempFile> {
        let mut file = self.file()?;
        file.write_all(body)?;
        Ok(file)
    }
}

/// Removes what dead processes have left behind.
fn remove_abandoned(all: &Path) -> io::Result<()> {
    for entry in fs::read_dir(all)? {
        let path = entry?.path();
        // One that is locked, or that its owner removes right now, is none of our business.
        let abandoned = File::open(&path).is_ok_and(|dir| dir.try_lock().is_ok());
        if abandoned && let Err(error) = fs::remove_dir_all(&path) {
            tracing::warn!(path = %path.display(), %error, "cannot remove abandoned files");
        }
    }
    Ok(())
}
