//! A directory of prepared keys under a byte bound.

use std::fs::{self, File, FileTimes};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::{Fingerprint, open, write};
use crate::zkey::{OpenedKey, ReadOptions};

/// What the prepared keys of one directory take at most by default, in bytes: about twenty keys
/// of 2^20 constraints over BN254, at 400 MB each.
pub const BYTES_MAX: u64 = 8 << 30;

/// Prepared keys in one directory, each named by the fingerprint of its key.
///
/// The time of modification of a file says when it was used last, so that the order survives the
/// process. Several processes may share a directory.
#[derive(Clone, Debug)]
pub struct Cache {
    dir: PathBuf,
    bytes_max: u64,
}

impl Cache {
    /// The prepared keys in `dir`, which is made when the first is added, of [`BYTES_MAX`] bytes
    /// together. Whoever can write to it is trusted; see [`crate::prepared`].
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into(), bytes_max: BYTES_MAX }
    }

    /// The same directory, but with files of at most so many bytes together.
    #[must_use]
    pub fn with_bytes_max(self, bytes_max: u64) -> Self {
        Self { bytes_max, ..self }
    }

    /// Where the key with this fingerprint is, if it is there.
    #[must_use]
    pub fn path(&self, fingerprint: &Fingerprint) -> PathBuf {
        self.dir.join(fingerprint.to_string())
    }

    /// The key with this fingerprint, if it is there, sound, and as strict as `options`.
    #[must_use]
    pub fn get(&self, fingerprint: &Fingerprint, options: &ReadOptions) -> Option<OpenedKey> {
        let path = self.path(fingerprint);
        let opened = open::open(&path, fingerprint, options).ok()?;
        // A use that cannot be noted makes the key an earlier candidate for removal.
        touch(&path).ok();
        Some(opened)
    }

    /// Adds a key, in place of what is there under its name. The keys used longest ago make room.
    ///
    /// # Errors
    /// The file cannot be written, or is by itself larger than the directory may be.
    pub fn insert(&self, opened: &OpenedKey) -> io::Result<()> {
        fs::create_dir_all(&self.dir)?;
        let path = self.path(&opened.fingerprint);
        let file = write::written_beside(&path, opened)?;
        let bytes = file.as_file().metadata()?.len();
        self.make_room(bytes, file.path())?;
        file.persist(&path)?;
        Ok(())
    }

    /// Removes the keys used longest ago until `bytes` more fit, but not the file at `except`.
    fn make_room(&self, bytes: u64, except: &Path) -> io::Result<()> {
        let room = self.bytes_max.checked_sub(bytes).ok_or(io::ErrorKind::QuotaExceeded)?;
        let mut files = self.files()?;
        files.retain(|(_, _, path)| path != except);
        files.sort_unstable();
        let mut used: u64 = files.iter().map(|(_, size, _)| size).sum();
        for (_, size, path) in files {
            if used <= room {
                break;
            }
            fs::remove_file(&path)?;
            used -= size;
        }
        Ok(())
    }

    /// Last use, size in bytes and path of every file.
    fn files(&self) -> io::Result<Vec<(SystemTime, u64, PathBuf)>> {
        let entries = fs::read_dir(&self.dir)?;
        let files = entries.map(|entry| {
            let entry = entry?;
            let metadata = entry.metadata()?;
            Ok((metadata.modified()?, metadata.len(), entry.path()))
        });
        files.collect()
    }
}

/// Marks a file as used now.
#[allow(
    clippy::disallowed_methods,
    reason = "files of one machine are put in order by its own clock, which nothing else reads"
)]
fn touch(path: &Path) -> io::Result<()> {
    File::open(path)?.set_times(FileTimes::new().set_modified(SystemTime::now()))
}
