//! What the sequencer remembers from one life to the next: a file of JSON lines, each of which is
//! on the disk before anything is done that relies on it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use zkpool_sdk::{JobId, Submission};

use crate::common::Failure;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Entry {
    /// The batch is going to be sent as this submission and no other.
    Submission { batch: u64, submission: Submission },
    /// The proof of the batch was checked, and its calldata is written.
    Settled { batch: u64, job: JobId },
}

/// The journal as it was read.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    /// What was or may have been sent, by batch.
    pub(crate) submissions: BTreeMap<u64, Submission>,
    /// The batches that are settled, as they came.
    pub(crate) settled: Vec<u64>,
    /// Where the last whole line ends, in bytes.
    length: u64,
}

impl Journal {
    /// Reads the journal in this directory. The last line may be half written: it was not relied on.
    pub(crate) fn read(data: &Path) -> Result<Self, Failure> {
        let text = match std::fs::read(path(data)) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        let mut journal = Self::default();
        for line in text.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n"))
        {
            match serde_json::from_slice(line)? {
                Entry::Submission { batch, submission } => {
                    journal.submissions.insert(batch, submission);
                }
                Entry::Settled { batch, .. } => journal.settled.push(batch),
            }
            journal.length += line.len() as u64;
        }
        Ok(journal)
    }

    /// Goes on behind the last whole line.
    pub(crate) fn writer(&self, data: &Path) -> Result<Writer, Failure> {
        let file = File::options().create(true).append(true).open(path(data))?;
        file.set_len(self.length)?;
        Ok(Writer(Arc::new(Mutex::new(file))))
    }
}

fn path(data: &Path) -> PathBuf {
    data.join("journal.jsonl")
}

/// Where the journal goes on.
#[derive(Clone, Debug)]
pub(crate) struct Writer(Arc<Mutex<File>>);

impl Writer {
    pub(crate) async fn submission(
        &self,
        batch: u64,
        submission: &Submission,
    ) -> Result<(), Failure> {
        self.write(&Entry::Submission { batch, submission: submission.clone() }).await
    }

    pub(crate) async fn settled(&self, batch: u64, job: JobId) -> Result<(), Failure> {
        self.write(&Entry::Settled { batch, job }).await
    }

    /// Returns when the line would outlive a power failure.
    ///
    /// The file is locked by the thread that writes, never by a future: one that waits in a stream
    /// is not polled while a proof of that stream is settled, and would keep its lock for ever.
    async fn write(&self, entry: &Entry) -> Result<(), Failure> {
        let mut line = serde_json::to_vec(entry)?;
        line.push(b'\n');
        let file = Arc::clone(&self.0);
        let written = tokio::task::spawn_blocking(move || {
            let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
            file.write_all(&line)?;
            file.sync_data()
        });
        Ok(written.await??)
    }
}
