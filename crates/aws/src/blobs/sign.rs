//! Requests that others may make without credentials of their own.

use std::time::Duration;

use aws_sdk_s3::config::Builder;
use aws_sdk_s3::config::ResponseChecksumValidation::WhenRequired;
use aws_sdk_s3::presigning::{PresignedRequest, PresigningConfig};
use zkpool_ports::{BlobError, BlobKey, Expected, SignedRequest};
use zkpool_types::Secret;

use super::create::{WRITER, checksum};
use super::{S3Blobs, storage};
use crate::ServiceError;
use crate::settings::SIGNED_PUT_BYTES_MAX;

impl S3Blobs {
    /// A PUT of exactly these bytes: length and SHA-256 are part of what is signed, and S3 checks
    /// both. Repeating it stores the same bytes again.
    ///
    /// # Errors
    /// One PUT cannot carry so many bytes.
    pub(super) async fn sign_put(
        &self,
        key: &BlobKey,
        expected: Expected,
        lifetime: Duration,
    ) -> Result<SignedRequest, BlobError> {
        let length = match i64::try_from(expected.size) {
            Ok(length) if expected.size <= SIGNED_PUT_BYTES_MAX => length,
            _ => {
                let (key, size) = (key.clone(), expected.size);
                return Err(BlobError::TooLarge { key, size, max: SIGNED_PUT_BYTES_MAX });
            }
        };
        let call = self
            .client
            .put_object()
            .bucket(&*self.bucket)
            .key(key.as_str())
            .content_length(length)
            .checksum_sha256(checksum(&expected.sha256))
            .metadata(WRITER, self.ids.next().to_string())
            .set_server_side_encryption(self.encryption())
            .set_ssekms_key_id(self.kms_key());
        let signed = call.presigned(valid_for(key, lifetime)?).await;
        let signed = signed.map_err(|error| storage(key, ServiceError::of("PutObject", error)))?;
        Ok(request(&signed))
    }

    /// A GET of the object. It needs no header, so that a redirect can lead to it: a checksum would
    /// have to be asked for by one.
    pub(super) async fn sign_get(
        &self,
        key: &BlobKey,
        lifetime: Duration,
    ) -> Result<SignedRequest, BlobError> {
        let call = self
            .client
            .get_object()
            .bucket(&*self.bucket)
            .key(key.as_str())
            .customize()
            .config_override(Builder::new().response_checksum_validation(WhenRequired));
        let signed = call.presigned(valid_for(key, lifetime)?).await;
        let signed = signed.map_err(|error| storage(key, ServiceError::of("GetObject", error)))?;
        Ok(request(&signed))
    }
}

fn valid_for(key: &BlobKey, lifetime: Duration) -> Result<PresigningConfig, BlobError> {
    PresigningConfig::expires_in(lifetime)
        .map_err(|error| BlobError::Storage { key: key.to_string(), source: Box::new(error) })
}

fn request(signed: &PresignedRequest) -> SignedRequest {
    // The client that sends it writes the length itself.
    let headers = signed.headers().filter(|(name, _)| !name.eq_ignore_ascii_case("content-length"));
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    SignedRequest { url: Secret::new(signed.uri().to_owned()), headers }
}
