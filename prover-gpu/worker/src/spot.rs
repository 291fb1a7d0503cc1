//! The notice that a spot machine is about to be taken away.
//!
//! EC2 gives it two minutes ahead, in the metadata of the machine. On ECS nobody needs to look:
//! its agent does, and a drained task gets SIGTERM. This is for a prover that is run on a spot
//! machine in another way.

use std::fmt;
use std::time::Duration;

use zkpool_ports::Clock;

/// Where a machine of EC2 finds its metadata.
pub const METADATA: &str = "http://169.254.169.254";

/// Time between two looks, as AWS recommends.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Longest wait for an answer, which comes from the machine itself.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// How long the token of one look is good for, in seconds.
const TOKEN_S: &str = "60";

/// Longest token that is read, in bytes.
const TOKEN_BYTES_MAX: u64 = 1024;

/// The status of a machine without a notice.
const NO_NOTICE: u16 = 404;

/// The metadata of this machine, as far as it says whether the machine is taken away.
#[derive(Clone)]
pub struct SpotNotice {
    agent: ureq::Agent,
    base: String,
}

impl SpotNotice {
    /// The metadata at this base address, such as [`METADATA`].
    #[must_use]
    pub fn new(base: &str) -> Self {
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(ANSWER_TIMEOUT))
            .proxy(None)
            .max_redirects(0)
            .build();
        Self { agent: config.into(), base: base.trim_end_matches('/').to_owned() }
    }

    /// Returns once the machine is about to be stopped or terminated. Metadata that does not answer
    /// says nothing, and is asked again.
    pub async fn given(&self, clock: &dyn Clock) {
        loop {
            let notice = self.clone();
            match tokio::task::spawn_blocking(move || notice.look()).await {
                Ok(Ok(true)) => return,
                Ok(Ok(false)) => {}
                Ok(Err(error)) => tracing::debug!(%error, "the machine's metadata do not answer"),
                Err(error) => tracing::warn!(%error, "looking for a notice failed"),
            }
            clock.sleep(LOOK_EVERY).await;
        }
    }

    /// Whether there is a notice. Blocks.
    fn look(&self) -> Result<bool, ureq::Error> {
        let asked = self.agent.put(format!("{}/latest/api/token", self.base));
        let asked = asked.header("x-aws-ec2-metadata-token-ttl-seconds", TOKEN_S);
        let mut answer = asked.send_empty()?;
        let token = answer.body_mut().with_config().limit(TOKEN_BYTES_MAX).read_to_string()?;
        let action = format!("{}/latest/meta-data/spot/instance-action", self.base);
        match self.agent.get(action).header("x-aws-ec2-metadata-token", token).call() {
            Ok(_) => Ok(true),
            Err(ureq::Error::StatusCode(NO_NOTICE)) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

impl fmt::Debug for SpotNotice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SpotNotice").field(&self.base).finish()
    }
}
