//! The calls of the API, each under the name of its route.

use std::time::Duration;

use serde_json::Value;
use zkpool_types::api::{
    BudgetsView, CircuitView, CreateKey, CreateQuote, CreatedKey, Page, ProofView, PutBudgets,
    QuoteView, RegisterCircuit, RevokedKey, SubmitProof,
};
use zkpool_types::chain::{ChainLink, ChainPage, ReceiptView};
use zkpool_types::limits::{PAGE_ROWS_MAX, WAIT_S_MAX};
use zkpool_types::{CircuitRef, JobId, JobState, KeyId, KeyRecord};

use super::Client;
use super::retry::Repeat;
use crate::exit::CliError;

/// Which proofs to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ProofFilter {
    /// Only of this circuit.
    pub(crate) circuit: Option<String>,
    /// Only in this state.
    pub(crate) state: Option<JobState>,
    /// Only with this tag of this value.
    pub(crate) tag: Option<(String, String)>,
    /// At most so many.
    pub(crate) limit: usize,
}

/// How long to wait for a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WaitFor {
    /// In all.
    pub(crate) total: Duration,
    /// Between two looks at its stage. The server answers at once when the job ends.
    pub(crate) look_every: Duration,
}

impl Client {
    /// Registers a circuit.
    pub(crate) fn register(&self, body: &RegisterCircuit) -> Result<CircuitView, CliError> {
        // The same key again is the same version, so that a repetition changes nothing.
        self.post(Repeat::Harmless, "/v1/circuits", &[], body)
    }

    /// The circuits of the project.
    pub(crate) fn circuits(&self) -> Result<Vec<CircuitView>, CliError> {
        self.all_pages("/v1/circuits", &[], usize::MAX)
    }

    /// One circuit, by `name` or `name@version`.
    pub(crate) fn circuit(&self, reference: &str) -> Result<CircuitView, CliError> {
        self.get(&format!("/v1/circuits/{}", segment(reference)?), &[])
    }

    /// The verification key of a circuit, in the format of its proof system.
    pub(crate) fn verification_key(&self, circuit: &CircuitRef) -> Result<Value, CliError> {
        self.get(&format!("/v1/circuits/{circuit}/verification-key"), &[])
    }

    /// What proofs will cost.
    pub(crate) fn quote(&self, body: &CreateQuote) -> Result<QuoteView, CliError> {
        self.post(Repeat::Harmless, "/v1/quotes", &[], body)
    }

    /// The budgets of the project and where they stand.
    pub(crate) fn budgets(&self) -> Result<BudgetsView, CliError> {
        self.get("/v1/budgets", &[])
    }

    /// Sets every budget of the project.
    pub(crate) fn put_budgets(&self, body: &PutBudgets) -> Result<BudgetsView, CliError> {
        self.put_json("/v1/budgets", body)
    }

    /// Submits a witness. The same idempotency key makes it the same job.
    pub(crate) fn submit(
        &self,
        idempotency_key: &str,
        body: &SubmitProof,
    ) -> Result<ProofView, CliError> {
        let headers = [("idempotency-key", idempotency_key)];
        self.post(Repeat::Harmless, "/v1/proofs", &headers, body)
    }

    /// One proof.
    pub(crate) fn proof(&self, job: JobId) -> Result<ProofView, CliError> {
        self.get(&format!("/v1/proofs/{job}"), &[])
    }

    /// Waits for a job to end and shows every look at it to `seen`.
    ///
    /// # Errors
    /// The job has not ended in time, or a request failed.
    pub(crate) fn wait(
        &self,
        job: JobId,
        wait: WaitFor,
        mut seen: impl FnMut(&ProofView),
    ) -> Result<ProofView, CliError> {
        let mut left = wait.total;
        loop {
            let step = left.min(wait.look_every).as_secs().clamp(1, WAIT_S_MAX);
            let query = [("wait", step.to_string())];
            let view: ProofView = self.get(&format!("/v1/proofs/{job}"), &query)?;
            seen(&view);
            if view.state.is_terminal() {
                return Ok(view);
            }
            left = left.saturating_sub(Duration::from_secs(step));
            if left.is_zero() {
                return Err(CliError::NotEnded { job, seconds: wait.total.as_secs() });
            }
        }
    }

    /// A cost report in the format that the query names.
    pub(crate) fn costs(&self, query: &[(&str, String)]) -> Result<Vec<u8>, CliError> {
        self.get_bytes("/v1/costs", query)
    }

    /// The receipt of a job that has ended.
    pub(crate) fn receipt(&self, job: JobId) -> Result<ReceiptView, CliError> {
        self.get(&format!("/v1/proofs/{job}/receipt"), &[])
    }

    /// The chain of the project's receipts.
    pub(crate) fn chain(&self) -> Result<Vec<ChainLink>, CliError> {
        let (mut links, mut after) = (Vec::new(), Some(0));
        while let Some(last) = after {
            let page: ChainPage = self.get("/v1/chain", &[("after", last.to_string())])?;
            links.extend(page.links);
            after = page.next;
        }
        Ok(links)
    }

    /// Takes a job back.
    pub(crate) fn cancel(&self, job: JobId) -> Result<ProofView, CliError> {
        self.post(Repeat::Harmless, &format!("/v1/proofs/{job}/cancel"), &[], &Value::Null)
    }

    /// The latest proofs that pass the filter.
    pub(crate) fn proofs(&self, filter: &ProofFilter) -> Result<Vec<ProofView>, CliError> {
        let ProofFilter { circuit, state, tag, limit } = filter;
        let pairs = [
            ("circuit", circuit.clone()),
            ("state", state.map(|state| state.to_string())),
            ("tag", tag.as_ref().map(|(name, value)| format!("{name}:{value}"))),
            ("limit", Some((*limit).clamp(1, PAGE_ROWS_MAX).to_string())),
        ];
        let query: Vec<_> =
            pairs.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        self.all_pages("/v1/proofs", &query, *limit)
    }

    /// Creates a key of the project that this client acts for.
    pub(crate) fn create_key(&self, body: &CreateKey) -> Result<CreatedKey, CliError> {
        // A repetition would leave a second key that nobody knows.
        self.post(Repeat::Never, "/v1/keys", &[], body)
    }

    /// The keys of the project.
    pub(crate) fn keys(&self) -> Result<Vec<KeyRecord>, CliError> {
        self.all_pages("/v1/keys", &[], usize::MAX)
    }

    /// Revokes a key.
    pub(crate) fn revoke_key(&self, id: KeyId) -> Result<RevokedKey, CliError> {
        self.delete(&format!("/v1/keys/{id}"))
    }

    /// Follows a list page by page, up to `limit` rows.
    fn all_pages<T: serde::de::DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, String)],
        limit: usize,
    ) -> Result<Vec<T>, CliError> {
        let (mut rows, mut after) = (Vec::new(), None::<String>);
        loop {
            let mut query = query.to_vec();
            query.extend(after.map(|after| ("after", after)));
            let page: Page<T> = self.get(path, &query)?;
            rows.extend(page.items);
            rows.truncate(limit);
            match page.next {
                Some(next) if rows.len() < limit => after = Some(next),
                _ => return Ok(rows),
            }
        }
    }
}

/// Text that stands in a path: anything with another meaning there is refused.
fn segment(text: &str) -> Result<&str, CliError> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_@".contains(&byte);
    if !text.is_empty() && text.bytes().all(is_plain) {
        Ok(text)
    } else {
        Err(CliError::Usage(format!("expected a circuit (name or name@version), found {text:?}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_that_would_change_the_path_is_rejected() {
        for bad in ["", "../keys", "a/b", "a?b", "a%2fb"] {
            assert!(segment(bad).is_err(), "{bad:?} was accepted");
        }
        assert_eq!(segment("rollup@0123456789abcdef").unwrap(), "rollup@0123456789abcdef");
    }
}
