//! What a service on this machine takes of it.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;
use zkpool_ports::Queue;

/// One look at a service.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Vitals {
    /// Memory in MB, of 10^6 bytes, as Linux counts what is resident.
    pub(crate) rss_mb: f64,
    /// Open files, sockets among them.
    pub(crate) open_files: usize,
    /// Messages in the queue, those held among them.
    pub(crate) queued: u64,
}

/// Looks at the process with this id and its queue.
pub(crate) async fn look(process: u32, queue: &Arc<dyn Queue>) -> io::Result<Vitals> {
    let depth = queue.depth().await.map_err(io::Error::other)?;
    let queued = depth.visible + depth.in_flight + depth.delayed;
    let proc = Path::new("/proc").join(process.to_string());
    let status = fs::read_to_string(proc.join("status"))?;
    let open_files = fs::read_dir(proc.join("fd"))?.count();
    Ok(Vitals { rss_mb: rss_mb(&status).unwrap_or(0.0), open_files, queued })
}

/// The line `VmRSS:  1234 kB` of a process's status, where a kB is 1024 bytes.
fn rss_mb(status: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u32 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(f64::from(kib) * 1024.0 / 1e6)
}

/// Bytes of all files below a directory. What disappears meanwhile counts as nothing.
pub(crate) fn disk_bytes(dir: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(dir) else { return 0 };
    let size = |entry: fs::DirEntry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => disk_bytes(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    };
    entries.flatten().map(size).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_from_the_line_of_what_is_resident() {
        let status = "VmPeak:\t  9000 kB\nVmRSS:\t    1000 kB\n";
        assert_eq!(rss_mb(status), Some(1.024));
        assert_eq!(rss_mb("Name: x"), None);
    }

    #[test]
    fn the_files_below_a_directory_are_added_up() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("a")).unwrap();
        fs::write(dir.path().join("a/b"), [0; 10]).unwrap();
        fs::write(dir.path().join("c"), [0; 5]).unwrap();
        assert_eq!(disk_bytes(dir.path()), 15);
        assert_eq!(disk_bytes(&dir.path().join("none")), 0);
    }
}
