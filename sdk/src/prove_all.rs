//! Many proofs at once, a bounded number of them in flight.

use futures_util::{Stream, StreamExt, stream};

use crate::client::Client;
use crate::error::Error;
use crate::proof::Proof;
use crate::submission::Work;

/// Work whose proofs are asked for a bounded number at a time. Made by [`Client::prove_all`] and
/// [`Client::prove_stream`].
///
/// Work is taken up when there is room for it, so that what is not taken up yet need not exist.
#[derive(Debug)]
#[must_use = "nothing is asked for until the results are read"]
pub struct ProveAll<S> {
    client: Client,
    work: S,
    in_flight: usize,
}

impl Client {
    /// Proves everything of an iterator.
    ///
    /// ```no_run
    /// use futures_util::StreamExt;
    /// use zkpool_sdk::{Client, ProofRequest};
    ///
    /// # async fn example(client: Client) -> Result<(), zkpool_sdk::Error> {
    /// let batches = (0..100).map(|n| ProofRequest::file("rollup", format!("batch-{n}.wtns")));
    /// let mut proofs = client.prove_all(batches).in_flight(4).in_order();
    /// while let Some(proof) = proofs.next().await {
    ///     println!("{:?}", proof?.public_inputs());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn prove_all<I>(&self, work: I) -> ProveAll<stream::Iter<I::IntoIter>>
    where
        I: IntoIterator,
        I::Item: Into<Work>,
    {
        self.prove_stream(stream::iter(work))
    }

    /// Proves everything of a stream, as it comes.
    pub fn prove_stream<S>(&self, work: S) -> ProveAll<S>
    where
        S: Stream,
        S::Item: Into<Work>,
    {
        ProveAll { client: self.clone(), work, in_flight: self.0.settings.in_flight }
    }
}

impl<S> ProveAll<S>
where
    S: Stream,
    S::Item: Into<Work>,
{
    /// How many are asked for at once: those whose result was not read yet count too.
    pub fn in_flight(self, count: usize) -> Self {
        Self { in_flight: count.max(1), ..self }
    }

    /// Results in the order of the work. One that is late holds up those behind it.
    pub fn in_order(self) -> impl Stream<Item = Result<Proof, Error>> {
        let Self { client, work, in_flight } = self;
        work.map(move |work| {
            let (client, work) = (client.clone(), work.into());
            async move { client.prove(work).await }
        })
        .buffered(in_flight)
    }

    /// Results as they come, each with the place of its work, counted from 0.
    pub fn as_completed(self) -> impl Stream<Item = (usize, Result<Proof, Error>)> {
        let Self { client, work, in_flight } = self;
        work.enumerate()
            .map(move |(place, work)| {
                let (client, work) = (client.clone(), work.into());
                async move { (place, client.prove(work).await) }
            })
            .buffer_unordered(in_flight)
    }
}
