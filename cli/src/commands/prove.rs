//! `zkpool prove`: one witness in, or the inputs it is computed from, and one proof out.

use std::path::PathBuf;
use std::pin::pin;
use std::time::Duration;

use clap::Args;
use futures_util::StreamExt;
use zkpool_sdk::{Error, ProofRequest, Status};
use zkpool_types::{JobId, NanoUsd, Timestamp};

use super::proofs;
use crate::client::{Client, ServerArgs, artifact};
use crate::exit::CliError;
use crate::output::Report;
use crate::progress::{Bar, Drawing};
use crate::{files, groth16};

/// Submit a witness or inputs, wait for the proof and write it
#[derive(Args, Debug)]
pub(crate) struct ProveArgs {
    /// `name@version`, or `name` for the version registered last
    circuit: String,
    /// The witness (a .wtns file)
    #[arg(required_unless_present = "inputs")]
    witness: Option<PathBuf>,
    /// The inputs (the input.json of snarkjs) in place of a witness, for a circuit that was
    /// registered with its --generator
    #[arg(long, value_name = "FILE", conflicts_with = "witness")]
    inputs: Option<PathBuf>,
    /// Where to write the proof, as snarkjs does
    #[arg(long, value_name = "FILE", default_value = "proof.json")]
    proof: PathBuf,
    /// Where to write the public inputs, as snarkjs does
    #[arg(long, value_name = "FILE", default_value = "public.json")]
    public: PathBuf,
    /// A label for lists and cost reports; may be repeated
    #[arg(long = "tag", value_name = "NAME=VALUE", value_parser = tag)]
    tags: Vec<(String, String)>,
    /// When the proof stops being wanted (RFC 3339); a day from now by default
    #[arg(long)]
    deadline: Option<Timestamp>,
    /// A quote to be charged by, as `zkpool quote` prints it
    #[arg(long, value_name = "ID")]
    quote: Option<String>,
    /// The most that the proof may cost, in dollars; refused before any work where it costs more
    #[arg(long, value_name = "USD", value_parser = crate::money::usd)]
    max_price: Option<NanoUsd>,
    /// Makes the same request again the same job; random by default
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// Longest wait for the proof, in seconds
    #[arg(long, value_name = "S", default_value_t = 3600)]
    timeout: u64,
    #[command(flatten)]
    server: ServerArgs,
}

/// Reads `name=value`.
pub(crate) fn tag(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(format!("expected name=value, found {text:?}")),
    }
}

/// Runs the command.
pub(crate) fn run(args: ProveArgs, drawing: Drawing) -> Result<Report, CliError> {
    let client = Client::new(&args.server)?;
    let within = Duration::from_secs(args.timeout);
    let (proof, public) = (args.proof.clone(), args.public.clone());
    let request = request(args, drawing)?;
    let bar = drawing.spinner("sending");
    let status = client.run(async |sdk| {
        let submission = sdk.prepare(request).await?;
        let job = sdk.submit(&submission).await?.id;
        let ended = tokio::time::timeout(within, follow(sdk, job, &bar)).await;
        ended.unwrap_or(Err(Error::NotEnded { job, waited: within }))
    })?;
    drop(bar);
    if let Some(body) = &status.view().proof {
        groth16::write_proof(body, &proof, &public)?;
    }
    proofs::shown(status.view())
}

/// What these arguments ask for.
fn request(args: ProveArgs, drawing: Drawing) -> Result<ProofRequest, CliError> {
    let mut request = match (&args.witness, &args.inputs) {
        (Some(witness), _) => ProofRequest::new(args.circuit, artifact(witness, drawing)?),
        (None, Some(inputs)) => ProofRequest::inputs(args.circuit, files::read_text(inputs)?),
        (None, None) => return Err(CliError::Usage("expected a witness or --inputs".into())),
    };
    for (name, value) in args.tags {
        request = request.tag(name, value);
    }
    if let Some(deadline) = args.deadline {
        request = request.deadline(deadline);
    }
    if let Some(quote) = args.quote {
        request = request.quote(quote);
    }
    if let Some(price) = args.max_price {
        request = request.max_price(price);
    }
    Ok(match args.idempotency_key {
        Some(key) => request.idempotency_key(key),
        None => request,
    })
}

/// Shows how a job stands until it ends.
async fn follow(sdk: &zkpool_sdk::Client, job: JobId, bar: &Bar) -> Result<Status, Error> {
    let mut changes = pin!(sdk.stream(job));
    while let Some(status) = changes.next().await {
        let status = status?;
        if status.has_ended() {
            return Ok(status);
        }
        bar.say(proofs::standing(status.view()));
    }
    sdk.wait(job).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_has_a_name_and_may_have_any_value() {
        assert_eq!(tag("team=a=b").unwrap(), ("team".into(), "a=b".into()));
        assert!(tag("team").is_err() && tag("=x").is_err());
    }
}
