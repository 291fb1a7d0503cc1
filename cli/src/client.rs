//! The SDK, for commands: one thread that waits for one answer.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Args;
use tokio::runtime::{Builder, Runtime};
use zkpool_sdk::{Artifact, BuildError, Step};
use zkpool_types::{ApiKey, Secret};

use crate::exit::CliError;
use crate::files;
use crate::progress::Drawing;

/// Which server to talk to, and as whom.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Server")]
pub(crate) struct ServerArgs {
    /// Address of the server
    #[arg(long, env = "ZKPOOL_SERVER", value_name = "URL")]
    #[arg(default_value = zkpool_sdk::SERVER_DEFAULT)]
    pub(crate) server: String,
    /// API key (better in the environment, where other users of this machine cannot see it)
    #[arg(long, env = "ZKPOOL_API_KEY", value_name = "KEY", hide_env_values = true)]
    #[arg(value_parser = |text: &str| Ok::<_, std::convert::Infallible>(Secret::new(text.to_owned())))]
    pub(crate) key: Option<Secret<String>>,
}

/// A client of the SDK and the runtime that its calls run on.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    sdk: zkpool_sdk::Client,
    runtime: Arc<Runtime>,
}

impl Client {
    /// A client for the server of these arguments. Nothing is sent yet.
    ///
    /// # Errors
    /// There is no key, or key or address are malformed.
    pub(crate) fn new(args: &ServerArgs) -> Result<Self, CliError> {
        let key = args.key.as_ref().ok_or(CliError::NoApiKey)?;
        Self::build(&args.server, key.expose())
    }

    /// A client for `server` with `key`.
    pub(crate) fn with_key(server: &str, key: &ApiKey) -> Result<Self, CliError> {
        Self::build(server, key.expose())
    }

    fn build(server: &str, key: &str) -> Result<Self, CliError> {
        let sdk = zkpool_sdk::Client::builder(key)
            .server(server)
            // Views say which proofs are of development keys, and so do the commands.
            .accept_development_keys()
            .build()
            .map_err(|error| match error {
                BuildError::Key(error) => error.into(),
                error => CliError::Usage(error.to_string()),
            })?;
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| CliError::storage("start the runtime", error))?;
        Ok(Self { sdk, runtime: Arc::new(runtime) })
    }

    /// Runs calls to their end.
    pub(crate) fn run<T>(
        &self,
        calls: impl AsyncFnOnce(&zkpool_sdk::Client) -> Result<T, zkpool_sdk::Error>,
    ) -> Result<T, CliError> {
        self.runtime.block_on(calls(&self.sdk)).map_err(Into::into)
    }
}

/// A file to send, which draws how far it is where it is large.
pub(crate) fn artifact(path: &Path, drawing: Drawing) -> Result<Artifact, CliError> {
    let (_, size) = files::open(path)?;
    let (bar, is_sending) = (drawing.bytes(size, "hashing"), AtomicBool::new(false));
    Ok(Artifact::file(path).on_progress(move |step| match step {
        Step::Hashed(bytes) => bar.advance(bytes),
        Step::Sent(bytes) => {
            if !is_sending.swap(true, Ordering::Relaxed) {
                bar.restart("sending");
            }
            bar.advance(bytes);
        }
        _ => {}
    }))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser, Debug)]
    struct Alone {
        #[command(flatten)]
        server: ServerArgs,
    }

    #[test]
    fn an_api_key_is_not_printed_by_its_arguments() {
        let alone = Alone::try_parse_from(["x", "--key", "zkp_1234"]).unwrap();
        assert!(!format!("{alone:?}").contains("1234"));
    }

    #[test]
    fn a_missing_key_is_refused_before_anything_is_sent() {
        let args = ServerArgs { server: "http://127.0.0.1:1".into(), key: None };
        assert!(matches!(Client::new(&args), Err(CliError::NoApiKey)));
    }

    #[test]
    fn a_key_that_is_none_is_told_from_an_address_that_is_none() {
        let build = |server: &str, key: &str| Client::build(server, key).unwrap_err();
        let key = ApiKey::from_random([7; 32]);
        assert!(matches!(build("http://a", "zkp_"), CliError::MalformedApiKey(_)));
        assert!(matches!(build("nowhere", key.expose()), CliError::Usage(_)));
    }
}
