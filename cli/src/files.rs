//! Files of the person at the terminal.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use serde::Serialize;
use zkpool_circuit_files::json::JSON_BYTES_MAX;

use crate::exit::CliError;

/// Opens a file for reading and tells its length in bytes.
pub(crate) fn open(path: &Path) -> Result<(File, u64), CliError> {
    let opened = File::open(path).and_then(|file| {
        let size = file.metadata()?.len();
        Ok((file, size))
    });
    opened.map_err(|error| CliError::read(path, error))
}

/// Reads a JSON file, if it is no longer than any that is parsed.
pub(crate) fn read_json(path: &Path) -> Result<Vec<u8>, CliError> {
    let (file, size) = open(path)?;
    if size > JSON_BYTES_MAX as u64 {
        let why = format!("expected at most {JSON_BYTES_MAX} bytes of JSON, found {size}");
        return Err(CliError::bad_file(path, why));
    }
    let mut bytes = Vec::new();
    let read = file.take(JSON_BYTES_MAX as u64).read_to_end(&mut bytes);
    read.map(|_| bytes).map_err(|error| CliError::read(path, error))
}

/// Reads a JSON file as text.
pub(crate) fn read_text(path: &Path) -> Result<String, CliError> {
    let text = String::from_utf8(read_json(path)?);
    text.map_err(|_| CliError::bad_file(path, "expected text in UTF-8"))
}

/// Writes JSON as snarkjs does: indented by one space, without a newline at its end.
pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> Result<(), CliError> {
    let mut bytes = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b" ");
    value
        .serialize(&mut serde_json::Serializer::with_formatter(&mut bytes, formatter))
        .map_err(|error| CliError::write(path, error.into()))?;
    write(path, &bytes)
}

/// Writes a whole file atomically: a reader sees the old file or the new one.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    write_with(path, |file| file.write_all(bytes).map_err(|error| CliError::write(path, error)))
}

/// Lets `fill` write a file that appears under `path` only when it is complete.
pub(crate) fn write_with(
    path: &Path,
    fill: impl FnOnce(&mut File) -> Result<(), CliError>,
) -> Result<(), CliError> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let failed = |error| CliError::write(path, error);
    let mut temporary = tempfile::Builder::new()
        .prefix(".zkpool-")
        .permissions(ordinary_permissions())
        .tempfile_in(folder)
        .map_err(failed)?;
    fill(temporary.as_file_mut())?;
    temporary.as_file().sync_all().map_err(failed)?;
    temporary.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

/// Readable and writable as the umask of the process says, like any file a command creates.
fn ordinary_permissions() -> std::fs::Permissions {
    use std::os::unix::fs::PermissionsExt;
    std::fs::Permissions::from_mode(0o666)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_indented_like_snarkjs_does() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("public.json");
        write_json(&path, &serde_json::json!(["1", "2"])).unwrap();
        assert_eq!(read_json(&path).unwrap(), b"[\n \"1\",\n \"2\"\n]");
    }

    #[test]
    fn a_failed_write_leaves_neither_file_nor_remains() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out");
        let failed = write_with(&path, |_| Err(CliError::Unsatisfied));
        assert!(matches!(failed, Err(CliError::Unsatisfied)));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = open(Path::new("/nonexistent/key.zkey")).unwrap_err();
        assert!(error.to_string().starts_with("cannot read /nonexistent/key.zkey: "));
    }
}
