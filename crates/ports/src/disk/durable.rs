//! What it takes for a file to be there after a power loss, and no more.
//!
//! A file survives when its contents were written out before it got its name, when the directory
//! that holds the name was written out after, and so on for every directory above that is new.
//! A directory's own entry needs writing out once only, so those known to be safe are remembered.

use std::collections::HashSet;
use std::fs::{DirBuilder, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Obstacle;
use crate::lock;

/// Directories are their owner's only.
pub(super) const DIR_MODE: u32 = 0o700;

/// How many directories are remembered as safe, about 1 MiB of paths. Past it all are forgotten,
/// which costs a few needless writes and no promise.
const SAFE_DIRS_MAX: usize = 8 * 1024;

/// Creates the store's own directory and writes out the entry of every directory it creates.
pub(super) fn create_root(dir: &Path) -> io::Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Some(parent) = parent {
        create_root(parent)?;
    }
    create_dir(dir)?;
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}

/// Creates one directory; whether it was new.
fn create_dir(dir: &Path) -> io::Result<bool> {
    match DirBuilder::new().mode(DIR_MODE).create(dir) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

/// Writes files and directories out, and counts.
pub(super) struct Syncs {
    root: PathBuf,
    count: AtomicU64,
    /// Directories whose own entries have been written out.
    safe: Mutex<HashSet<PathBuf>>,
}

impl Syncs {
    pub(super) fn new(root: PathBuf) -> Self {
        Self { root, count: AtomicU64::new(0), safe: Mutex::default() }
    }

    pub(super) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Writes a file's contents out.
    pub(super) fn file(&self, file: &File) -> io::Result<()> {
        self.count.fetch_add(1, Ordering::Relaxed);
        file.sync_all()
    }

    /// Writes out the entry that gives `path` its name, and those of the directories above it.
    pub(super) fn entry(&self, path: &Path) -> io::Result<()> {
        let Some(dir) = path.parent() else { return Ok(()) };
        self.file(&File::open(dir)?)?;
        if dir == self.root || lock(&self.safe).contains(dir) {
            return Ok(());
        }
        self.entry(dir)?;
        let mut safe = lock(&self.safe);
        if safe.len() >= SAFE_DIRS_MAX {
            safe.clear();
        }
        safe.insert(dir.to_owned());
        Ok(())
    }

    /// Creates the directories above `path`.
    pub(super) fn create_parents(&self, path: &Path) -> io::Result<()> {
        let Some(dir) = path.parent() else { return Ok(()) };
        let created = match create_dir(dir) {
            Err(error) if error.kind() == ErrorKind::NotFound && dir != self.root => {
                self.create_parents(dir)?;
                create_dir(dir)
            }
            tried => tried,
        };
        match created {
            // Somebody had removed it: what was known of its entry no longer holds.
            Ok(true) => {
                lock(&self.safe).remove(dir);
                Ok(())
            }
            Ok(false) if dir.is_dir() => Ok(()),
            Ok(false) => Err(Obstacle::File(dir.to_owned()).into()),
            Err(error) if error.kind() == ErrorKind::NotADirectory => {
                Err(Obstacle::File(dir.to_owned()).into())
            }
            Err(error) => Err(error),
        }
    }
}
