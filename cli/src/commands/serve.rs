//! `zkpool serve`: a service on this machine.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use zkpool_functions::Settings;
use zkpool_functions::limits::REQUESTS_PER_MINUTE_DEFAULT;
use zkpool_webhooks::AddressPolicy;

use crate::device::DeviceArgs;
use crate::embedded::Embedded;
use crate::exit::CliError;
use crate::output::{self, Report};

/// Run a service on this machine: storage, HTTP API and prover in one process
///
/// A line that begins with `listening on` is written to standard output when requests are taken,
/// or with --json an object with the address as `listening`.
/// Interrupt or SIGTERM ends it: requests in flight are answered, jobs in progress are handed
/// back and proven again by the next server on the same directory.
#[derive(Args, Debug)]
pub(crate) struct ServeArgs {
    /// Where everything is kept
    #[arg(long, value_name = "DIR", default_value = "./zkpool-data")]
    data: PathBuf,
    /// The address to listen on; port 0 is any free port
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Let webhooks be at any address, also on this machine and without TLS: for whoever develops
    /// against this service and trusts everybody who has a key of it
    #[arg(long)]
    webhooks_anywhere: bool,
    /// Requests that one key may send in a minute, and at once; more get 429
    #[arg(long, value_name = "N", default_value_t = REQUESTS_PER_MINUTE_DEFAULT)]
    requests_per_minute: NonZeroU32,
    #[command(flatten)]
    device: DeviceArgs,
}

/// Runs the command.
pub(crate) fn run(args: &ServeArgs, as_json: bool) -> Result<Report, CliError> {
    let engine = args.device.open()?;
    let webhook_addresses =
        if args.webhooks_anywhere { AddressPolicy::Anywhere } else { AddressPolicy::Public };
    let requests_per_minute = args.requests_per_minute;
    let settings = Settings { requests_per_minute, webhook_addresses, ..Settings::default() };
    let service = Embedded::start(&args.data, args.listen, engine.device(), settings)?;
    let url = service.url();
    if as_json {
        output::line(&json!({ "listening": url, "device": engine.name() }).to_string());
    } else {
        output::line(&format!("listening on {url}, proving on {}", engine.name()));
        output::line(&create_key_hint(&args.data));
    }
    service.run_until_asked_to_stop()?;
    service.stop()?;
    Report::new(&json!({ "stopped": url }), "stopped\n")
}

/// How to get a key for a fresh directory.
fn create_key_hint(data: &std::path::Path) -> String {
    let data = data.display();
    format!(
        "create a key with: zkpool keys create --data {data} --project NAME --scopes submit,read"
    )
}
