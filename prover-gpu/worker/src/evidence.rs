//! What a requester submitted to have a statement proved, and the witness that comes of it.

use std::sync::Arc;

use bytes::Bytes;
use zkpool_ports::Clock;
use zkpool_types::{Failure, Secret};
use zkpool_witness::{GenerateError, Generator, Limits};

/// What was submitted.
#[derive(Debug)]
pub(crate) enum Evidence {
    /// The witness itself.
    Witness(Secret<Bytes>),
    /// Inputs in JSON, and what computes the witness from them.
    Inputs { json: Secret<Bytes>, generator: Arc<Generator>, limits: Limits },
}

impl Evidence {
    /// The witness. It blocks its thread.
    ///
    /// # Errors
    /// There is none of these inputs, whoever looks for it.
    pub(crate) fn witness(&self, clock: &dyn Clock) -> Result<Secret<Bytes>, Failure> {
        match self {
            Self::Witness(witness) => Ok(witness.clone()),
            Self::Inputs { json, generator, limits } => {
                let witness = generator.witness(json.expose(), *limits, clock);
                let witness = witness.map_err(|error| failure(&error))?;
                Ok(Secret::new(witness.into_inner().into()))
            }
        }
    }
}

/// What a job fails with. Errors of generators show no value.
pub(crate) fn failure(error: &GenerateError) -> Failure {
    Failure { code: error.code(), detail: error.to_string() }
}
