//! Exit codes, and every way in which a command fails.
//!
//! An error is one line: what was attempted, why it failed, and what to do next. The exit code
//! is chosen by what a calling script would do differently.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use zkpool_types::ErrorCode;

/// The exit codes as `--help` shows them.
pub(crate) const HELP: &str = "\
Exit codes:
  0  done, and what was asked holds
  1  the answer is no: a proof is invalid, a witness does not satisfy its circuit, a job
     failed, a bound does not hold
  2  the command line is wrong
  3  the server cannot be reached or did not answer in time
  4  the API key is missing, unknown or lacks a scope
  5  refused: a file or a request is invalid, or what it names does not exist
  6  this machine: a file cannot be read or written, a directory is in use, or the device
     or the peer that was asked for does not work
  7  the server failed, or this program has a fault";

/// How the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done, and what was asked holds.
    Ok = 0,
    /// The answer is no.
    No = 1,
    /// The command line is wrong.
    Usage = 2,
    /// The server cannot be reached or did not answer in time.
    Unreachable = 3,
    /// The API key is missing, unknown or lacks a scope.
    Denied = 4,
    /// A file or a request was refused.
    Refused = 5,
    /// This machine failed.
    Local = 6,
    /// The server failed, or this program has a fault.
    Fault = 7,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl Exit {
    /// The exit code for a call of a server that failed.
    fn of_call(error: &zkpool_sdk::Error) -> Self {
        use zkpool_sdk::Error;
        match error {
            Error::Problem(problem) => Self::of_code(problem.code),
            Error::Unreachable { .. } | Error::NotEnded { .. } => Self::Unreachable,
            Error::WrongProof { .. } | Error::NotProved(_) => Self::No,
            Error::NotACircuit(_) => Self::Usage,
            Error::File { .. } | Error::Content(_) | Error::NoEntropy => Self::Local,
            _ => Self::Fault,
        }
    }

    /// The exit code for a problem that a server answered with.
    pub(crate) const fn of_code(code: ErrorCode) -> Self {
        match code {
            ErrorCode::Unauthenticated | ErrorCode::ScopeMissing | ErrorCode::ForeignForm => {
                Self::Denied
            }
            ErrorCode::RequestTimeout
            | ErrorCode::Unavailable
            | ErrorCode::RateLimited
            | ErrorCode::SignInBusy => Self::Unreachable,
            ErrorCode::Internal | ErrorCode::AttemptsExhausted => Self::Fault,
            ErrorCode::MaxPriceExceeded | ErrorCode::BudgetExceeded => Self::No,
            ErrorCode::NotFound
            | ErrorCode::MethodNotAllowed
            | ErrorCode::QuoteInvalid
            | ErrorCode::QuoteExpired
            | ErrorCode::QuoteMismatch
            | ErrorCode::IdempotencyConflict
            | ErrorCode::AlreadyFinished
            | ErrorCode::UploadIncomplete
            | ErrorCode::BodyTooLarge
            | ErrorCode::UnsupportedMediaType
            | ErrorCode::InvalidRequest
            | ErrorCode::IdempotencyKeyRequired
            | ErrorCode::DigestMismatch
            | ErrorCode::InvalidProvingKey
            | ErrorCode::DevelopmentKey
            | ErrorCode::InvalidWitness
            | ErrorCode::UnsatisfiedWitness
            | ErrorCode::WebhookUrlRefused
            | ErrorCode::InvalidGenerator
            | ErrorCode::InvalidInputs
            | ErrorCode::GeneratorFailed
            | ErrorCode::GeneratorLimit
            | ErrorCode::ReportTooLarge
            | ErrorCode::LimitReached => Self::Refused,
        }
    }
}

/// Any error behind a variant that only reports it.
pub(crate) type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    /// The arguments fit the grammar but not each other.
    #[error("{0}")]
    Usage(String),
    /// No API key was given.
    #[error("no API key was given")]
    NoApiKey,
    /// The API key is not one. It is not repeated.
    #[error("the API key is malformed: {0}")]
    MalformedApiKey(#[from] zkpool_types::key::InvalidApiKey),
    /// A call of a server failed.
    #[error(transparent)]
    Server(Box<zkpool_sdk::Error>),
    /// A file cannot be read or written.
    #[error("cannot {doing} {}: {source}", path.display())]
    File {
        /// What was attempted: read, write, create.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file was read and is not what it should be.
    #[error("{} is refused: {source}", path.display())]
    BadFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Cause,
    },
    /// A document that a server sent is not what it should be.
    #[error("{what} from the server is refused: {source}")]
    BadDocument {
        /// Which document.
        what: &'static str,
        /// What is wrong with it.
        source: Cause,
    },
    /// There is no key for the circuit.
    #[error("cannot set up the circuit: {0}")]
    Setup(#[source] Cause),
    /// Proving failed before there was a proof.
    #[error("cannot prove: {0}")]
    Proving(#[source] Cause),
    /// The proof that was made does not verify.
    #[error("the witness does not satisfy the circuit: the proof made from it does not verify")]
    Unsatisfied,
    /// There is no witness of the inputs.
    #[error("cannot calculate the witness: {0}")]
    NoWitness(#[source] zkpool_witness::GenerateError),
    /// A setup was asked for without saying that it is for development.
    #[error("a setup by one person is for development only: who runs it can forge proofs")]
    SetupForProduction,
    /// Another process serves this data directory.
    #[error("{} is in use by another zkpool server", dir.display())]
    DataInUse {
        /// The data directory.
        dir: PathBuf,
    },
    /// The address to listen on cannot be had.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// Stored data cannot be used.
    #[error("cannot {doing}: {source}")]
    Storage {
        /// What was attempted.
        doing: &'static str,
        /// What the store said.
        source: Cause,
    },
    /// The GPU that was asked for cannot be used.
    #[error("cannot use that GPU: {}{found}", why.as_ref().map_or_else(String::new, |why| format!("{why}; ")))]
    Device {
        /// The adapters of this machine.
        found: String,
        /// What the adapter said, if there is one.
        why: Option<zkpool_gpu::GpuError>,
    },
    /// The device stopped working.
    #[error("{0}")]
    DeviceFailed(#[source] zkpool_snark::DeviceError),
    /// A program that was to be measured beside ours does not do what it is asked.
    #[error("{0}")]
    Peer(#[source] Cause),
    /// Something that cannot happen did.
    #[error("{0}")]
    Fault(String),
}

impl From<zkpool_sdk::Error> for CliError {
    fn from(error: zkpool_sdk::Error) -> Self {
        Self::Server(Box::new(error))
    }
}

impl CliError {
    /// A file cannot be read.
    pub(crate) fn read(path: &Path, source: std::io::Error) -> Self {
        Self::File { doing: "read", path: path.to_owned(), source }
    }

    /// A file cannot be written.
    pub(crate) fn write(path: &Path, source: std::io::Error) -> Self {
        Self::File { doing: "write", path: path.to_owned(), source }
    }

    /// A file is not what it should be.
    pub(crate) fn bad_file(path: &Path, source: impl Into<Cause>) -> Self {
        Self::BadFile { path: path.to_owned(), source: source.into() }
    }

    /// A document of a server is not what it should be.
    pub(crate) fn bad_document(what: &'static str, source: impl Into<Cause>) -> Self {
        Self::BadDocument { what, source: source.into() }
    }

    /// Something that cannot happen did.
    pub(crate) fn internal(error: impl std::fmt::Display) -> Self {
        Self::Fault(error.to_string())
    }

    /// Stored data cannot be used.
    pub(crate) fn storage(doing: &'static str, source: impl Into<Cause>) -> Self {
        Self::Storage { doing, source: source.into() }
    }

    /// The exit code that this error ends the process with.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) => Exit::Usage,
            Self::NoApiKey | Self::MalformedApiKey(_) => Exit::Denied,
            Self::Server(error) => Exit::of_call(error),
            Self::Unsatisfied => Exit::No,
            Self::NoWitness(error) if error.code() == ErrorCode::UnsatisfiedWitness => Exit::No,
            Self::BadFile { .. }
            | Self::Setup(_)
            | Self::Proving(_)
            | Self::NoWitness(_)
            | Self::SetupForProduction => Exit::Refused,
            Self::File { .. }
            | Self::DataInUse { .. }
            | Self::Listen { .. }
            | Self::Storage { .. }
            | Self::Device { .. }
            | Self::DeviceFailed(_)
            | Self::Peer(_) => Exit::Local,
            Self::BadDocument { .. } | Self::Fault(_) => Exit::Fault,
        }
    }

    /// What the person at the terminal does next.
    pub(crate) fn next(&self) -> String {
        match self {
            Self::Usage(_) => "see `zkpool help`".into(),
            Self::NoApiKey | Self::MalformedApiKey(_) => {
                "set ZKPOOL_API_KEY to a key made by `zkpool keys create`".into()
            }
            Self::Server(error) => next_after_call(error),
            Self::File { .. } => "check the path and its permissions".into(),
            Self::BadFile { .. } => "make the file again with the tool it comes from".into(),
            Self::BadDocument { .. } => "check that server and command are of one version".into(),
            Self::Setup(_) => "split the circuit, or remove its custom gates".into(),
            Self::Proving(_) => "check that key and witness are of the same circuit".into(),
            Self::NoWitness(error) => next_after(error.code()).into(),
            Self::Unsatisfied => "calculate the witness again from inputs that hold".into(),
            Self::SetupForProduction => {
                "add --development, or run a ceremony with snarkjs and use its final .zkey".into()
            }
            Self::DataInUse { .. } => "stop that server, or choose another --data".into(),
            Self::Listen { .. } => "choose another address with --listen".into(),
            Self::Storage { .. } => "check the disk and the permissions of --data".into(),
            Self::Device { .. } | Self::DeviceFailed(_) => {
                "see `zkpool devices`, or use --device cpu".into()
            }
            Self::Peer(_) => "compare it with what `zkpool bench msm --help` says of peers".into(),
            Self::Fault(_) => "run again with --log debug and report what it says".into(),
        }
    }
}

/// What to do after a call failed in this way.
fn next_after_call(error: &zkpool_sdk::Error) -> String {
    use zkpool_sdk::Error;
    match error {
        Error::Problem(problem) => next_after(problem.code).into(),
        Error::Unreachable { .. } => {
            "start a server with `zkpool serve`, or name one with --server".into()
        }
        Error::NotTheApi { .. } => "check --server".into(),
        Error::NotEnded { job, .. } => format!("ask again with `zkpool proofs show {job}`"),
        Error::WrongProof { .. } => "do not use the proof, and tell whoever runs the server".into(),
        Error::NotProved(ended) => format!("see `zkpool proofs show {}`", ended.id()),
        Error::NotACircuit(_) => "see `zkpool circuits list`".into(),
        Error::File { .. } | Error::Content(_) => "check the path and its permissions".into(),
        _ => "check that server and command are of one version".into(),
    }
}

/// What to do after a server refused with this code.
const fn next_after(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::Unauthenticated => "set ZKPOOL_API_KEY to a key that is not revoked",
        ErrorCode::ScopeMissing => "use a key with that scope: `zkpool keys create --scopes`",
        ErrorCode::NotFound => "see `zkpool circuits list` and `zkpool proofs list`",
        ErrorCode::IdempotencyConflict => "use another --idempotency-key",
        ErrorCode::AlreadyFinished => "see how it ended with `zkpool proofs show`",
        ErrorCode::DevelopmentKey => "add --allow-development-key if forged proofs do no harm",
        ErrorCode::InvalidProvingKey => "check the file with `snarkjs zkey verify`",
        ErrorCode::InvalidWitness | ErrorCode::UnsatisfiedWitness => {
            "calculate the witness again for this circuit, from inputs that hold"
        }
        ErrorCode::InvalidInputs => "compare the inputs with the circuit's input signals",
        ErrorCode::InvalidGenerator | ErrorCode::GeneratorFailed => {
            "compile the circuit again with circom 2.0.7 or later and --wasm"
        }
        ErrorCode::GeneratorLimit => "calculate the witness elsewhere, and send that",
        ErrorCode::QuoteInvalid | ErrorCode::QuoteExpired | ErrorCode::QuoteMismatch => {
            "ask for a new one with `zkpool quote`"
        }
        ErrorCode::MaxPriceExceeded => "see the price with `zkpool quote`",
        ErrorCode::BudgetExceeded => "see `zkpool budgets show`",
        ErrorCode::WebhookUrlRefused => {
            "use a public https address; to develop, `zkpool serve --webhooks-anywhere`"
        }
        ErrorCode::LimitReached => "remove what is not needed any more",
        ErrorCode::ReportTooLarge => "ask for fewer days, or for fewer groups",
        ErrorCode::RequestTimeout
        | ErrorCode::Unavailable
        | ErrorCode::RateLimited
        | ErrorCode::SignInBusy => "try again in a while",
        ErrorCode::Internal | ErrorCode::AttemptsExhausted => "see the server's log",
        ErrorCode::MethodNotAllowed
        | ErrorCode::UploadIncomplete
        | ErrorCode::BodyTooLarge
        | ErrorCode::UnsupportedMediaType
        | ErrorCode::InvalidRequest
        | ErrorCode::IdempotencyKeyRequired
        | ErrorCode::DigestMismatch
        | ErrorCode::ForeignForm => "check that server and command are of one version",
    }
}

#[cfg(test)]
mod tests {
    use zkpool_types::api::Problem;

    use super::*;

    fn refused(code: ErrorCode) -> CliError {
        zkpool_sdk::Error::Problem(Box::new(Problem::new(code, "detail"))).into()
    }

    #[test]
    fn every_exit_code_is_in_the_help() {
        let all = [
            Exit::Ok,
            Exit::No,
            Exit::Usage,
            Exit::Unreachable,
            Exit::Denied,
            Exit::Refused,
            Exit::Local,
            Exit::Fault,
        ];
        for exit in all {
            assert!(HELP.contains(&format!("\n  {}  ", exit as u8)), "{exit:?}");
        }
    }

    #[test]
    fn a_script_can_tell_a_bad_key_from_a_bad_file() {
        assert_eq!(Exit::of_code(ErrorCode::Unauthenticated), Exit::Denied);
        assert_eq!(Exit::of_code(ErrorCode::InvalidProvingKey), Exit::Refused);
        assert_eq!(Exit::of_code(ErrorCode::Unavailable), Exit::Unreachable);
    }

    #[test]
    fn every_server_problem_says_what_to_do_next() {
        for code in ErrorCode::ALL {
            let error = refused(*code);
            assert!(!error.next().is_empty(), "{code}");
            assert!(error.to_string().contains(code.as_str()));
        }
    }

    #[test]
    fn an_error_is_one_line() {
        let error = CliError::read(Path::new("a.zkey"), std::io::Error::other("gone"));
        assert_eq!(error.to_string(), "cannot read a.zkey: gone");
        assert_eq!(error.exit(), Exit::Local);
    }
}
