//! Prices before, receipts after, and what a project spends.

use bytes::Bytes;
use reqwest::header::HeaderMap;
use zkpool_types::api::{BudgetsView, CreateQuote, PutBudgets, QuoteView};
use zkpool_types::chain::{ChainLink, ChainPage, ReceiptView};
use zkpool_types::fleet::FleetReport;
use zkpool_types::{
    CloseMonth, ClosedMonths, Correction, CostReport, Dimension, JobId, MakeCorrection,
};

use crate::client::{Call, Client};
use crate::error::Error;
use crate::jobs::IDEMPOTENCY_KEY;
use crate::retry::Repeat;

/// Which costs to report. What is not given is the server's default: this month, in one row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CostQuery {
    /// First day in UTC, such as `2026-11-01`.
    pub from: Option<String>,
    /// Last day in UTC, included.
    pub to: Option<String>,
    /// What makes a row.
    pub group_by: Vec<Dimension>,
}

impl CostQuery {
    fn pairs(&self, format: &'static str) -> Vec<(&'static str, String)> {
        let dimensions: Vec<_> = self.group_by.iter().map(ToString::to_string).collect();
        let pairs = [
            ("from", self.from.clone()),
            ("to", self.to.clone()),
            ("group_by", (!dimensions.is_empty()).then(|| dimensions.join(","))),
            ("format", Some(format.to_owned())),
        ];
        pairs.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

/// A file of charges in the columns of the FinOps FOCUS specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CostFile {
    /// Comma-separated values.
    Csv,
    /// Apache Parquet.
    Parquet,
}

impl Client {
    /// What proofs of a circuit will cost. [`ProofRequest::quote`](crate::ProofRequest::quote) is
    /// charged by it.
    ///
    /// # Errors
    /// There is no such circuit.
    pub async fn quote(&self, quote: &CreateQuote) -> Result<QuoteView, Error> {
        self.call(&Call::post(Repeat::Harmless, "/v1/quotes").json(quote)?).await
    }

    /// The budgets of the project and where they stand.
    ///
    /// # Errors
    /// The client's key lacks the scope for it.
    pub async fn budgets(&self) -> Result<BudgetsView, Error> {
        self.call(&Call::get("/v1/budgets")).await
    }

    /// Sets every budget of the project.
    ///
    /// # Errors
    /// A budget was refused, or the client's key lacks the scope for it.
    pub async fn set_budgets(&self, budgets: &PutBudgets) -> Result<BudgetsView, Error> {
        self.call(&Call::put("/v1/budgets").json(budgets)?).await
    }

    /// What proofs cost, in rows that sum exactly to receipts.
    ///
    /// # Errors
    /// The query was refused, or the client's key lacks the scope `finance`.
    pub async fn costs(&self, query: &CostQuery) -> Result<CostReport, Error> {
        self.call(&Call::get("/v1/costs").query(query.pairs("json")).elsewhere()).await
    }

    /// The same as a file, for tools of finance.
    ///
    /// # Errors
    /// As [`Client::costs`].
    pub async fn costs_file(&self, query: &CostQuery, file: CostFile) -> Result<Bytes, Error> {
        let format = match file {
            CostFile::Csv => "csv",
            CostFile::Parquet => "parquet",
        };
        let call = Call::get("/v1/costs").query(query.pairs(format)).elsewhere();
        Ok(self.answer(&call).await?.bytes())
    }

    /// What the provers of the service cost beside what was charged for them, for whoever runs it.
    /// Without days, this month so far.
    ///
    /// # Errors
    /// The days were refused, or the client's key is none of the project `operator`.
    pub async fn fleet_costs(
        &self,
        from: Option<&str>,
        to: Option<&str>,
    ) -> Result<FleetReport, Error> {
        let days = [("from", from), ("to", to)].into_iter();
        let query = days.filter_map(|(name, day)| Some((name, day?.to_owned())));
        self.call(&Call::get("/v1/costs/fleet").query(query.collect())).await
    }

    /// Closes a month of a project and every month before it, for whoever runs the service. No
    /// amount of them changes any more. Closing a closed month again changes nothing.
    ///
    /// # Errors
    /// The month has not ended, or the client's key is none of the project `operator`.
    pub async fn close_month(&self, close: &CloseMonth) -> Result<ClosedMonths, Error> {
        self.call(&Call::post(Repeat::Harmless, "/v1/costs/closings").json(close)?).await
    }

    /// Adds to what a job was charged, or takes from it, as a row of its own, for whoever runs the
    /// service. Sent again with the same idempotency key it is the same correction.
    ///
    /// # Errors
    /// The job has not ended, the idempotency key belongs to another correction, or the client's
    /// key is none of the project `operator`.
    pub async fn correct(
        &self,
        correction: &MakeCorrection,
        idempotency_key: &str,
    ) -> Result<Correction, Error> {
        let key = idempotency_key.try_into();
        let key = key.map_err(|_| Error::Content("the idempotency key is no header".into()))?;
        let headers = HeaderMap::from_iter([(IDEMPOTENCY_KEY, key)]);
        let call = Call::post(Repeat::Harmless, "/v1/costs/corrections").headers(headers);
        self.call(&call.json(correction)?).await
    }

    /// The receipt of a job that has ended, with its link in the chain of the project's receipts
    /// once it has one.
    ///
    /// # Errors
    /// There is no such job, or it has not ended.
    pub async fn receipt(&self, job: JobId) -> Result<ReceiptView, Error> {
        self.call(&Call::get(format!("/v1/proofs/{job}/receipt"))).await
    }

    /// The chain of the project's receipts, from its beginning.
    ///
    /// # Errors
    /// The client's key lacks the scope `finance`.
    pub async fn chain(&self) -> Result<Vec<ChainLink>, Error> {
        let (mut links, mut after) = (Vec::new(), Some(0));
        while let Some(last) = after {
            let query = vec![("after", last.to_string())];
            let page: ChainPage = self.call(&Call::get("/v1/chain").query(query)).await?;
            links.extend(page.links);
            after = page.next;
        }
        Ok(links)
    }
}
