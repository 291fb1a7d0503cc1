//! Keys and their segments in byte order, out of directories that have no order.
//!
//! A directory's name sorts as though its slash followed, because that is what the keys below it
//! look like: `a-b` before `a/b` before `a0`. Sorted like this, a walk that enters directories
//! where it meets them yields keys in byte order.

use std::collections::BTreeSet;
use std::fs::{self, DirEntry};
use std::io;
use std::path::Path;

use super::{absent, temporary};
use crate::BlobKey;

/// How many names of one directory are held at a time: about 256 KiB. A larger directory is read
/// once for each so many of its names.
const NAMES_MAX: usize = 4096;

/// Keys that begin with `prefix`, after `after`, at most `limit`.
pub(super) fn keys(
    root: &Path,
    prefix: &str,
    after: Option<&str>,
    limit: usize,
) -> io::Result<Vec<BlobKey>> {
    let mut walk = Walk { root, prefix, after: after.unwrap_or(""), limit, found: Vec::new() };
    if let Some(base) = base(root, prefix)? {
        walk.enter(base)?;
    }
    Ok(walk.found)
}

/// Segments below `prefix` that have keys below them, after `after`, at most `limit`.
pub(super) fn children(
    root: &Path,
    prefix: &str,
    after: Option<&str>,
    limit: usize,
) -> io::Result<Vec<String>> {
    let Some(base) = base(root, prefix)?.filter(|base| *base == prefix) else {
        return Ok(Vec::new());
    };
    let mut children = Vec::new();
    let mut last = after.map(|after| format!("{after}/")).unwrap_or_default();
    while children.len() < limit {
        let names = names_after(root, base, &last)?;
        let Some(greatest) = names.last() else { break };
        last.clone_from(greatest);
        for name in names.iter().filter(|name| name.ends_with('/')) {
            // Directories outlive the objects in them.
            if children.len() < limit && has_keys(root, &format!("{base}{name}"))? {
                children.push(name.trim_end_matches('/').to_owned());
            }
        }
    }
    Ok(children)
}

/// Whether any key begins with `base`, a directory's key part with its slash.
fn has_keys(root: &Path, base: &str) -> io::Result<bool> {
    let Some(entries) = absent(fs::read_dir(root.join(base)))? else { return Ok(false) };
    for entry in entries {
        let Some(name) = name(&entry?)? else { continue };
        let path = format!("{base}{name}");
        let found =
            if path.ends_with('/') { has_keys(root, &path)? } else { BlobKey::new(path).is_ok() };
        if found {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The directory part of a prefix with its last slash, where there is such a directory.
fn base<'a>(root: &Path, prefix: &'a str) -> io::Result<Option<&'a str>> {
    let Some((dir, _)) = prefix.rsplit_once('/') else { return Ok(Some("")) };
    // What is not a key cannot begin one, and could lead out of the store.
    if !BlobKey::new(dir).is_ok_and(|key| !temporary::is_reserved(&key)) {
        return Ok(None);
    }
    let path = root.join(dir);
    let is_inside = absent(path.canonicalize())?.is_some_and(|real| real == path);
    Ok(is_inside.then(|| prefix.split_at(dir.len() + 1).0))
}

/// A walk over the keys of a store in byte order.
struct Walk<'a> {
    root: &'a Path,
    prefix: &'a str,
    after: &'a str,
    limit: usize,
    found: Vec<BlobKey>,
}

impl Walk<'_> {
    /// Visits what lies below `base`, a directory's key part with its slash, or nothing.
    fn enter(&mut self, base: &str) -> io::Result<()> {
        let mut last = self.start(base);
        while self.found.len() < self.limit {
            let names = names_after(self.root, base, &last)?;
            let Some(greatest) = names.last() else { break };
            last.clone_from(greatest);
            for name in &names {
                self.visit(&format!("{base}{name}"))?;
            }
        }
        Ok(())
    }

    /// The name below `base` before which nothing is asked for.
    fn start(&self, base: &str) -> String {
        // The directory on the way to `after` itself is entered again, so what precedes its
        // slash is the start.
        let rest = self.after.strip_prefix(base).unwrap_or("");
        rest.split('/').next().unwrap_or("").to_owned()
    }

    /// Takes a key, or enters a directory where something in it may be asked for.
    fn visit(&mut self, path: &str) -> io::Result<()> {
        if self.found.len() >= self.limit {
            return Ok(());
        }
        if path.ends_with('/') {
            let may_match = path.starts_with(self.prefix) || self.prefix.starts_with(path);
            let may_follow = path > self.after || self.after.starts_with(path);
            return if may_match && may_follow { self.enter(path) } else { Ok(()) };
        }
        if path.starts_with(self.prefix) && path > self.after {
            self.found.extend(BlobKey::new(path));
        }
        Ok(())
    }
}

/// The first names below `base` after `last`, at most [`NAMES_MAX`]; directories end in a slash.
fn names_after(root: &Path, base: &str, last: &str) -> io::Result<Vec<String>> {
    let Some(entries) = absent(fs::read_dir(root.join(base)))? else { return Ok(Vec::new()) };
    let mut names = BTreeSet::new();
    for entry in entries {
        let Some(name) = name(&entry?)? else { continue };
        let is_asked_for = name.as_str() > last
            && !(base.is_empty() && name.trim_end_matches('/') == temporary::DIR);
        let is_full = names.len() >= NAMES_MAX;
        if !is_asked_for || (is_full && names.last().is_some_and(|greatest| name > *greatest)) {
            continue;
        }
        names.insert(name);
        if is_full {
            names.pop_last();
        }
    }
    Ok(names.into_iter().collect())
}

/// The name of an object or directory. Links and special files are neither.
fn name(entry: &DirEntry) -> io::Result<Option<String>> {
    let Ok(name) = entry.file_name().into_string() else { return Ok(None) };
    let kind = entry.file_type()?;
    Ok(match (kind.is_dir(), kind.is_file()) {
        (true, _) => Some(format!("{name}/")),
        (_, true) => Some(name),
        _ => None,
    })
}
