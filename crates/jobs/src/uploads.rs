//! Large witnesses and proving keys on their way in: announced first, then streamed.

use jiff::SignedDuration;
use zkpool_ports::{BlobError, BlobKey, ByteStream, Expected, PutOnce, SignedRequest};
use zkpool_types::api::CreateUpload;
use zkpool_types::limits::{UPLOAD_BYTES_MAX, UPLOAD_LIFETIME_S};
use zkpool_types::{ArtifactRef, ProjectId, Timestamp, Upload, UploadId};

use crate::records::{RECORD_BYTES_MAX, Records};
use crate::{PortError, Ports, UploadError, keys};

/// The uploads of every project.
#[derive(Clone, Debug)]
pub struct Uploads {
    ports: Ports,
    records: Records,
}

impl Uploads {
    /// The uploads in these ports.
    #[must_use]
    pub fn new(ports: Ports) -> Self {
        let records = Records::new(ports.blobs.clone());
        Self { ports, records }
    }

    /// Announces an upload.
    ///
    /// # Errors
    /// The size is zero or too large, or a port failed.
    pub async fn create(
        &self,
        project: &ProjectId,
        announced: &CreateUpload,
    ) -> Result<Upload, UploadError> {
        let CreateUpload { size, sha256 } = *announced;
        if !(1..=UPLOAD_BYTES_MAX).contains(&size) {
            return Err(UploadError::Size { max: UPLOAD_BYTES_MAX, found: size });
        }
        let id = UploadId::new(self.ports.ids.next());
        let lifetime = SignedDuration::from_secs(UPLOAD_LIFETIME_S);
        let expires_at = self.ports.clock.now().checked_add(lifetime).unwrap_or(Timestamp::MAX);
        let upload = Upload { id, project: project.clone(), size, sha256, expires_at };
        let key = keys::upload(project, id);
        self.records.create(&key, upload.clone(), RECORD_BYTES_MAX, |_| true).await?;
        Ok(upload)
    }

    /// What was announced.
    ///
    /// # Errors
    /// There is no such upload in this project, or a port failed.
    pub async fn find(&self, project: &ProjectId, id: UploadId) -> Result<Upload, UploadError> {
        let key = keys::upload(project, id);
        let upload = self.records.read(&key, RECORD_BYTES_MAX).await?;
        upload.ok_or(UploadError::NotFound(id))
    }

    /// A request that takes the announced bytes past this process, where the store offers one.
    /// Like [`Uploads::receive`], it takes no others.
    ///
    /// # Errors
    /// The store takes no upload of this size, or a port failed.
    pub async fn direct_request(
        &self,
        upload: &Upload,
    ) -> Result<Option<SignedRequest>, UploadError> {
        let Upload { id, project, size, sha256, expires_at } = upload;
        let expected = Expected { size: *size, sha256: *sha256 };
        let lifetime = expires_at.duration_since(self.ports.clock.now()).unsigned_abs();
        let key = keys::upload_bytes(project, *id);
        let request = self.ports.blobs.upload_request(&key, expected, lifetime).await;
        request.map_err(|error| match error {
            BlobError::TooLarge { size, max, .. } => UploadError::Size { max, found: size },
            error => UploadError::Port(PortError::Storage(error)),
        })
    }

    /// Stores the bytes, if they are the announced ones. The same bytes again are no error.
    /// Memory use does not grow with them.
    ///
    /// # Errors
    /// The upload is unknown or expired, the bytes differ from what was announced, the sender
    /// failed, or a port did. Nothing is stored then.
    pub async fn receive(
        &self,
        project: &ProjectId,
        id: UploadId,
        bytes: ByteStream,
    ) -> Result<ArtifactRef, UploadError> {
        let Upload { size, sha256, expires_at, .. } = self.find(project, id).await?;
        if expires_at <= self.ports.clock.now() {
            return Err(UploadError::Expired { upload: id, expired_at: expires_at });
        }
        let key = keys::upload_bytes(project, id);
        let stored = self.ports.blobs.put_stream_once(&key, bytes, Expected { size, sha256 }).await;
        match stored {
            Ok(PutOnce::Created | PutOnce::AlreadyExists) => Ok(ArtifactRef { sha256, size }),
            Err(error) => Err(refused(error)),
        }
    }

    /// Where the bytes of a finished upload lie, and what they are.
    ///
    /// # Errors
    /// The upload is unknown, its bytes have not arrived or are used up, or a port failed.
    pub async fn artifact(
        &self,
        project: &ProjectId,
        id: UploadId,
    ) -> Result<(BlobKey, ArtifactRef), UploadError> {
        let Upload { size, sha256, .. } = self.find(project, id).await?;
        let key = keys::upload_bytes(project, id);
        match self.ports.blobs.head(&key).await? {
            Some(_) => Ok((key, ArtifactRef { sha256, size })),
            None => Err(UploadError::Incomplete(id)),
        }
    }
}

fn refused(error: BlobError) -> UploadError {
    match error {
        BlobError::SizeMismatch { .. } | BlobError::DigestMismatch { .. } => {
            UploadError::Mismatch(error)
        }
        BlobError::Source { .. } => UploadError::Sender(error),
        error => UploadError::Port(PortError::Storage(error)),
    }
}
