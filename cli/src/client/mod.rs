//! The HTTP API as a blocking client.
//!
//! A command is one thread that waits for one answer, so nothing here is asynchronous. Requests
//! that can be repeated without a second effect are repeated, a bounded number of times, when
//! the server is not there or says that it is overloaded.

mod api;
mod retry;
mod transport;
mod upload;

pub(crate) use api::{ProofFilter, WaitFor};
pub(crate) use transport::Client;

use clap::Args;
use zkpool_types::Secret;

/// The address that `zkpool serve` listens on when nothing else is said.
pub(crate) const SERVER_DEFAULT: &str = "http://127.0.0.1:8080";

/// Which server to talk to, and as whom.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Server")]
pub(crate) struct ServerArgs {
    /// Address of the server
    #[arg(long, env = "ZKPOOL_SERVER", value_name = "URL", default_value = SERVER_DEFAULT)]
    pub(crate) server: String,
    /// API key (better in the environment, where other users of this machine cannot see it)
    #[arg(long, env = "ZKPOOL_API_KEY", value_name = "KEY", hide_env_values = true)]
    #[arg(value_parser = |text: &str| Ok::<_, std::convert::Infallible>(Secret::new(text.to_owned())))]
    pub(crate) key: Option<Secret<String>>,
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
}
