//! Digests of files.

use std::io::Read;

use sha2::{Digest, Sha256};
use zkpool_types::Sha256Digest;

/// Size of the buffer that a file is read through, in bytes.
const BUFFER_BYTES: usize = 256 * 1024;

/// Reads `reader` to its end and returns the digest of what it held.
pub(crate) fn of_reader(mut reader: impl Read) -> std::io::Result<Sha256Digest> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        match reader.read(&mut buffer)? {
            0 => return Ok(Sha256Digest::from_bytes(hasher.finalize().into())),
            count => hasher.update(buffer.get(..count).unwrap_or_default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_streamed_digest_is_the_digest_of_the_whole() {
        let bytes = vec![7; BUFFER_BYTES + 1];
        assert_eq!(of_reader(bytes.as_slice()).unwrap(), Sha256Digest::of(&bytes));
    }
}
