//! Reading and creating records, and telling "my write won" from "another's did".

use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use zkpool_ports::{BlobError, BlobKey, BlobStore, Durability, PutOnce};
use zkpool_types::Defect;

use crate::PortError;

/// Largest record other than an outcome, in bytes: tags and ids fit many times.
pub const RECORD_BYTES_MAX: u64 = 64 * 1024;

/// Largest outcome in bytes: about 200,000 public inputs of 80 bytes.
pub const OUTCOME_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Tries of a create-once write whose result is unknown, before the caller is told.
const CREATE_TRIES: usize = 3;

/// Whose record is stored after a create-once write.
#[derive(Debug)]
pub enum Created<T> {
    /// The caller's: written now, or by an earlier write of its own that seemed to fail.
    Mine(T),
    /// Another's, unchanged.
    Other(T),
}

/// Records in a blob store.
#[derive(Clone, Debug)]
pub struct Records {
    blobs: Arc<dyn BlobStore>,
}

impl Records {
    /// The records of this store.
    #[must_use]
    pub fn new(blobs: Arc<dyn BlobStore>) -> Self {
        Self { blobs }
    }

    /// The record, or `None` where there is none.
    ///
    /// # Errors
    /// Storage failed, or what is there is larger than `size_max` or no such record.
    pub async fn read<T: DeserializeOwned>(
        &self,
        key: &BlobKey,
        size_max: u64,
    ) -> Result<Option<T>, PortError> {
        let body = match self.blobs.get(key, size_max).await {
            Ok(body) => body,
            Err(BlobError::NotFound(_)) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let record = serde_json::from_slice(&body);
        record.map(Some).map_err(|source| PortError::Corrupt { key: key.clone(), source })
    }

    /// Creates the record unless one exists. `is_mine` tells a stored record of this caller's
    /// earlier try from another's.
    ///
    /// A write that failed may have happened: it is tried again, and then finds its own record.
    ///
    /// # Errors
    /// Storage failed, or the record is larger than `size_max`.
    pub async fn create<T>(
        &self,
        key: &BlobKey,
        record: T,
        size_max: u64,
        is_mine: impl Fn(&T) -> bool + Send,
    ) -> Result<Created<T>, PortError>
    where
        T: Serialize + DeserializeOwned + Send,
    {
        let body = encode(key, &record, size_max)?;
        let forgets = Defect::ForgetsItsWrites.is_planted();
        let mut tries = 1;
        loop {
            match self.try_create(key, body.clone(), size_max).await {
                Ok(None) => return Ok(Created::Mine(record)),
                Ok(Some(stored)) if is_mine(&stored) && !forgets => {
                    return Ok(Created::Mine(stored));
                }
                Ok(Some(stored)) => return Ok(Created::Other(stored)),
                Err(PortError::Storage(BlobError::Storage { .. })) if tries < CREATE_TRIES => {
                    tries += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// The stored record where one exists already, or `None` where this write created it.
    async fn try_create<T: DeserializeOwned>(
        &self,
        key: &BlobKey,
        body: Bytes,
        size_max: u64,
    ) -> Result<Option<T>, PortError> {
        if Defect::OverwritesOutcome.is_planted() && key.as_str().ends_with("/outcome.json") {
            self.blobs.put(key, body, Durability::Durable).await?;
            return Ok(None);
        }
        if self.blobs.put_once(key, body).await? == PutOnce::Created {
            return Ok(None);
        }
        match self.read(key, size_max).await? {
            Some(stored) => Ok(Some(stored)),
            None => Err(BlobError::NotFound(key.clone()).into()),
        }
    }

    /// Creates or replaces a record, durably.
    ///
    /// # Errors
    /// Storage failed, or the record is too large.
    pub async fn put<T: Serialize + Sync>(
        &self,
        key: &BlobKey,
        record: &T,
    ) -> Result<(), PortError> {
        let body = encode(key, record, RECORD_BYTES_MAX)?;
        Ok(self.blobs.put(key, body, Durability::Durable).await?)
    }

    /// Writes what can be derived again, with no promise that it outlives a power failure.
    ///
    /// # Errors
    /// Storage failed, or the record is too large.
    pub async fn put_cached<T: Serialize + Sync>(
        &self,
        key: &BlobKey,
        record: &T,
    ) -> Result<(), PortError> {
        let body = encode(key, record, OUTCOME_BYTES_MAX)?;
        Ok(self.blobs.put(key, body, Durability::Cached).await?)
    }
}

/// A record as it is stored.
///
/// # Errors
/// It is larger than its readers accept: nobody could read it again.
pub fn encode<T: Serialize>(key: &BlobKey, record: &T, max: u64) -> Result<Bytes, PortError> {
    let body = serde_json::to_vec(record)
        .map_err(|source| PortError::Corrupt { key: key.clone(), source })?;
    let size = body.len() as u64;
    if size > max {
        return Err(PortError::RecordTooLarge { key: key.clone(), size, max });
    }
    Ok(body.into())
}
