//! `zkpool prove`: one witness in, one proof out.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use zkpool_types::api::SubmitProof;
use zkpool_types::{NanoUsd, Timestamp};

use super::proofs;
use crate::client::{Client, ServerArgs, WaitFor};
use crate::exit::CliError;
use crate::groth16;
use crate::output::Report;
use crate::progress::Drawing;
use crate::random;

/// Time between two looks at the stage of a job while a person watches.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Submit a witness, wait for the proof and write it
#[derive(Args, Debug)]
pub(crate) struct ProveArgs {
    /// `name@version`, or `name` for the version registered last
    circuit: String,
    /// The witness (a .wtns file)
    witness: PathBuf,
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
    let body = SubmitProof {
        circuit: args.circuit,
        witness: client.source_of_file(&args.witness, drawing)?,
        tags: args.tags.into_iter().collect::<BTreeMap<_, _>>(),
        deadline: args.deadline,
        quote: args.quote,
        max_price_nano_usd: args.max_price,
    };
    let key = args.idempotency_key.map_or_else(random::idempotency_key, Ok)?;
    let submitted = client.submit(&key, &body)?;
    let wait = WaitFor { total: Duration::from_secs(args.timeout), look_every: LOOK_EVERY };
    let bar = drawing.spinner("accepted");
    let view = client.wait(submitted.id, wait, |view| bar.say(proofs::standing(view)))?;
    drop(bar);
    if let Some(body) = &view.proof {
        groth16::write_proof(body, &args.proof, &args.public)?;
    }
    proofs::shown(&view)
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
