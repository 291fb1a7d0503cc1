//! What is sent: witnesses and proving keys, from memory, from a file or from a reader.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use tokio::io::AsyncRead;
use zkpool_types::Sha256Digest;

/// A witness or a proving key on its way to the server.
///
/// What is small is sent inside the request. What is large is sent to an address that the server
/// signs for it, and goes through a buffer of fixed size: neither files nor readers are ever in
/// memory as a whole.
///
/// ```
/// use zkpool_sdk::Artifact;
///
/// let small = Artifact::from(vec![0x77, 0x74, 0x6e, 0x73]);
/// let large = Artifact::file("witness.wtns").on_progress(|step| println!("{step:?}"));
/// ```
pub struct Artifact {
    pub(crate) content: Content,
    pub(crate) progress: Progress,
}

/// Where the bytes are.
pub(crate) enum Content {
    Bytes(Bytes),
    File(PathBuf),
    Reader { reader: Box<dyn AsyncRead + Send + Unpin>, size: u64, sha256: Sha256Digest },
}

/// How far the sending of an artifact is. Each step counts bytes since the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// So many more bytes of a file were read to know its digest.
    Hashed(u64),
    /// So many more bytes were handed to the connection.
    Sent(u64),
}

/// Whom to tell of each step.
#[derive(Clone, Default)]
pub(crate) struct Progress(Option<Arc<dyn Fn(Step) + Send + Sync>>);

impl Progress {
    pub(crate) fn tell(&self, step: Step) {
        if let Some(listener) = &self.0 {
            listener(step);
        }
    }
}

impl Artifact {
    /// The bytes of a file. It is read twice where it is large: for its digest, and to be sent.
    #[must_use]
    pub fn file(path: impl AsRef<Path>) -> Self {
        Self::new(Content::File(path.as_ref().to_owned()))
    }

    /// Exactly `size` bytes that a reader gives and whose SHA-256 is known.
    ///
    /// They can be read once, so that an upload of them that breaks off is not repeated: the call
    /// fails as [`Passing`](crate::ErrorKind::Passing), and is made again with another reader.
    pub fn reader(
        reader: impl AsyncRead + Send + Unpin + 'static,
        size: u64,
        sha256: Sha256Digest,
    ) -> Self {
        Self::new(Content::Reader { reader: Box::new(reader), size, sha256 })
    }

    /// Tells `listener` of each step, from the task that sends. It must not block.
    #[must_use]
    pub fn on_progress(self, listener: impl Fn(Step) + Send + Sync + 'static) -> Self {
        Self { progress: Progress(Some(Arc::new(listener))), ..self }
    }

    fn new(content: Content) -> Self {
        Self { content, progress: Progress::default() }
    }
}

impl From<Bytes> for Artifact {
    fn from(bytes: Bytes) -> Self {
        Self::new(Content::Bytes(bytes))
    }
}

impl From<Vec<u8>> for Artifact {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

impl From<&'static [u8]> for Artifact {
    fn from(bytes: &'static [u8]) -> Self {
        Bytes::from_static(bytes).into()
    }
}

/// Shows where the bytes are and none of them: a witness is a secret.
impl fmt::Debug for Artifact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.content {
            Content::Bytes(bytes) => write!(f, "Artifact({} bytes)", bytes.len()),
            Content::File(path) => write!(f, "Artifact({})", path.display()),
            Content::Reader { size, .. } => write!(f, "Artifact(a reader of {size} bytes)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_witness_does_not_print() {
        assert_eq!(format!("{:?}", Artifact::from(vec![42, 43])), "Artifact(2 bytes)");
    }
}
