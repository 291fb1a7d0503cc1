//! What can go wrong, and what a caller does about it.

use std::path::PathBuf;
use std::time::Duration;

use zkpool_types::api::Problem;
use zkpool_types::{ErrorCode, JobId};

use crate::proof::NotProved;
use crate::verify::WrongProof;

/// Any error behind a variant that only reports it.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why a call failed. [`Error::kind`] says what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The server cannot be reached, or the connection broke before the answer was whole.
    #[error("cannot reach {server}: {source}")]
    Unreachable {
        /// The server's address.
        server: String,
        /// What the connection said.
        source: Cause,
    },
    /// The server refused the request.
    #[error("{} ({}): {}", .0.title, .0.code, .0.detail)]
    Problem(Box<Problem>),
    /// What answers is not an API of ZKPool.
    #[error("{server} answered with status {status}, which is not an answer of the API")]
    NotTheApi {
        /// The server's address.
        server: String,
        /// The HTTP status.
        status: u16,
    },
    /// The server's answer is not what it should be.
    #[error("{what} from the server is refused: {source}")]
    BadAnswer {
        /// Which part of it.
        what: &'static str,
        /// What is wrong with it.
        source: Cause,
    },
    /// The server's proof does not hold on this machine. It is not handed out.
    #[error("the proof of {job} is refused: {why}")]
    WrongProof {
        /// The job.
        job: JobId,
        /// Why.
        #[source]
        why: WrongProof,
    },
    /// The job has not ended in the time that the caller gave it. It goes on.
    #[error("proof {job} did not end within {} s", waited.as_secs())]
    NotEnded {
        /// The job.
        job: JobId,
        /// How long it was waited for.
        waited: Duration,
    },
    /// The job ended without a proof.
    #[error(transparent)]
    NotProved(#[from] Box<NotProved>),
    /// A file to send cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A reader does not give the bytes that were announced.
    #[error("the bytes to send are not the ones that were announced: {0}")]
    Content(String),
    /// The text is no circuit's name or reference.
    #[error("expected a circuit (name or name@version), found {0:?}")]
    NotACircuit(String),
    /// The system has no randomness, so that no key of a request would be its own.
    #[error("the operating system has no randomness to give")]
    NoEntropy,
}

/// What a caller does about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Send the same again later: whether it arrived is not known, or the server is overloaded.
    /// A [`Submission`](crate::Submission) stays the same job however often it is sent.
    Passing,
    /// Use another API key.
    Denied,
    /// What was named does not exist in this project.
    NotFound,
    /// Mend the request: sent again as it is, it would be refused again.
    Refused,
    /// Wait again, with more patience.
    NotEnded,
    /// The job ended without a proof; [`Error::NotProved`] says why.
    NotProved,
    /// Trust nothing of this answer: it does not hold on this machine, or the server is no ZKPool.
    Untrusted,
    /// The server failed; its operator's log says why.
    ServerFault,
    /// This machine failed.
    Local,
}

impl Error {
    /// What to do about it.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Unreachable { .. } => ErrorKind::Passing,
            Self::Problem(problem) => kind_of(problem.code),
            Self::NotTheApi { .. } | Self::BadAnswer { .. } | Self::WrongProof { .. } => {
                ErrorKind::Untrusted
            }
            Self::NotEnded { .. } => ErrorKind::NotEnded,
            Self::NotProved(_) => ErrorKind::NotProved,
            Self::NotACircuit(_) => ErrorKind::Refused,
            Self::File { .. } | Self::Content(_) | Self::NoEntropy => ErrorKind::Local,
        }
    }

    /// The stable code, where the server refused.
    #[must_use]
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Problem(problem) => Some(problem.code),
            _ => None,
        }
    }
}

/// What to do about a refusal with this code.
const fn kind_of(code: ErrorCode) -> ErrorKind {
    match code {
        ErrorCode::Unauthenticated | ErrorCode::ScopeMissing => ErrorKind::Denied,
        ErrorCode::NotFound => ErrorKind::NotFound,
        ErrorCode::RequestTimeout | ErrorCode::RateLimited | ErrorCode::Unavailable => {
            ErrorKind::Passing
        }
        ErrorCode::Internal | ErrorCode::AttemptsExhausted => ErrorKind::ServerFault,
        _ => ErrorKind::Refused,
    }
}

/// Why a client cannot be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The server's address is not one.
    #[error("expected an address such as https://pool.example, found {0:?}")]
    Server(String),
    /// The API key is not one. It is not repeated.
    #[error("the API key is malformed: {0}")]
    Key(#[from] zkpool_types::key::InvalidApiKey),
    /// A pinned verification key is malformed.
    #[error("the verification key of {circuit} is refused: {source}")]
    VerificationKey {
        /// The circuit.
        circuit: String,
        /// What is wrong with it.
        source: Cause,
    },
    /// The connections cannot be set up.
    #[error("cannot set up connections: {0}")]
    Connections(#[source] Cause),
    /// The price book that is compiled in is malformed.
    #[error("cannot read the price book: {0}")]
    PriceBook(#[from] zkpool_ledger::PriceBookError),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(code: ErrorCode) -> ErrorKind {
        Error::Problem(Box::new(Problem::new(code, "detail"))).kind()
    }

    #[test]
    fn callers_can_tell_what_to_mend_from_what_to_wait_for() {
        assert_eq!(kind(ErrorCode::Unavailable), ErrorKind::Passing);
        assert_eq!(kind(ErrorCode::Unauthenticated), ErrorKind::Denied);
        assert_eq!(kind(ErrorCode::NotFound), ErrorKind::NotFound);
        assert_eq!(kind(ErrorCode::IdempotencyConflict), ErrorKind::Refused);
        assert_eq!(kind(ErrorCode::InvalidWitness), ErrorKind::Refused);
        assert_eq!(kind(ErrorCode::Internal), ErrorKind::ServerFault);
    }
}
