//! Laws about chains of receipts.

use zkpool_types::chain::Batch;

use super::{Broken, State, holds, read};

impl State {
    /// A batch goes on where the one before it ended, and adds no record a second time.
    pub(super) fn batch(&mut self, body: &[u8]) -> Broken {
        let batch: Batch = read(body)?;
        let project = batch.project.clone();
        let batches = self.batches.entry(project.clone()).or_default();
        let (expected, found) = (batches.len() as u64 + 1, batch.number);
        holds("L3", expected == found, || {
            format!("expected batch {expected} of {project}, found {found}")
        })?;
        let length = batches.last().map_or(0, |last| last.head.length);
        let seqs = batch.links.iter().map(|link| link.seq);
        holds("L3", seqs.eq(length + 1..=length + batch.links.len() as u64), || {
            format!("batch {found} of {project} leaves a gap in the chain")
        })?;
        for link in &batch.links {
            let is_new = self.billed.insert((project.clone(), link.job, link.record));
            holds("L3", is_new, || {
                format!("{:?} of job {} is in the chain twice", link.record, link.job)
            })?;
        }
        batches.push(batch);
        Ok(())
    }
}
