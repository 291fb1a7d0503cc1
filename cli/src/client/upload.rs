//! Sending files: inside the request where they fit, through an upload where they do not.

use std::fs::File;
use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ureq::SendBody;
use zkpool_types::api::{CreateUpload, Source, UploadView};
use zkpool_types::limits::{INLINE_BODY_BYTES_MAX, JSON_BODY_BYTES_MAX};
use zkpool_types::{Secret, Sha256Digest};

use super::Client;
use super::retry::Repeat;
use crate::exit::CliError;
use crate::files;
use crate::progress::Drawing;

/// Longest artifact that is sent inside a request, in bytes. Base64 makes four bytes of three,
/// and the rest of the body has the room that a body without an artifact has.
const INLINE_BYTES_MAX: u64 = ((INLINE_BODY_BYTES_MAX - JSON_BODY_BYTES_MAX) / 4 * 3) as u64;

impl Client {
    /// Makes a file available to the server.
    pub(crate) fn source_of_file(&self, path: &Path, drawing: Drawing) -> Result<Source, CliError> {
        let (file, size) = files::open(path)?;
        if size <= INLINE_BYTES_MAX {
            return Ok(inline(&files::read(path)?));
        }
        let sha256 = digest_of(file, size, drawing).map_err(|error| CliError::read(path, error))?;
        let bar = drawing.bytes(size, "sending");
        self.upload(&CreateUpload { size, sha256 }, || {
            let (file, _) = files::open(path)?;
            Ok(SendBody::from_owned_reader(bar.reading(file)))
        })
    }

    /// Makes bytes available to the server.
    pub(crate) fn source_of_bytes(&self, bytes: &[u8]) -> Result<Source, CliError> {
        let size = bytes.len() as u64;
        if size <= INLINE_BYTES_MAX {
            return Ok(inline(bytes));
        }
        let announced = CreateUpload { size, sha256: Sha256Digest::of(bytes) };
        self.upload(&announced, || Ok(bytes))
    }

    /// Announces bytes and sends them.
    fn upload<B: ureq::AsSendBody>(
        &self,
        announced: &CreateUpload,
        body: impl FnMut() -> Result<B, CliError>,
    ) -> Result<Source, CliError> {
        // A second announcement makes a second address, of which one is never used.
        let upload: UploadView = self.post(Repeat::Harmless, "/v1/uploads", &[], announced)?;
        self.put(upload.url.expose(), &upload.headers, announced.size, body)?;
        Ok(Source::Upload(upload.id))
    }
}

/// The bytes inside the request.
fn inline(bytes: &[u8]) -> Source {
    Source::Base64(Secret::new(BASE64_STANDARD.encode(bytes)))
}

/// The digest of a file, read once.
fn digest_of(file: File, size: u64, drawing: Drawing) -> std::io::Result<Sha256Digest> {
    let bar = drawing.bytes(size, "hashing");
    crate::digest::of_reader(bar.reading(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_inline_artifact_fits_the_body_limit() {
        let encoded = INLINE_BYTES_MAX / 3 * 4 + 4;
        assert!(encoded + 1024 <= INLINE_BODY_BYTES_MAX as u64);
    }
}
