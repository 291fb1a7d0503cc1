//! Why there is no witness.

use std::fmt;
use std::time::Duration;

use zkpool_circuit_files::InputsError;
use zkpool_types::ErrorCode;

use crate::host::Place;
use crate::interface::ModuleError;

/// Why there is no witness. Another run of the same module with the same inputs ends the same.
///
/// No text contains a value of a signal.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    /// The module is no witness generator.
    #[error("the witness generator was refused: {0}")]
    Generator(#[from] ModuleError),
    /// The module is one, and cannot be made ready all the same.
    #[error("the witness generator cannot be prepared: {0}")]
    Preparation(#[source] wasmi::Error),
    /// The module computes in a field that no supported curve has.
    #[error("expected a witness generator for bn128 or bls12-381, found another prime")]
    Field,
    /// The inputs are not what inputs are.
    #[error(transparent)]
    Inputs(#[from] InputsError),
    /// The circuit has no input of this name.
    #[error("expected inputs of the circuit only, found signal {signal}")]
    UnknownSignal {
        /// The name.
        signal: String,
    },
    /// A signal has too few or too many values.
    #[error("expected {expected} values for signal {signal}, found {found}")]
    ValueCount {
        /// The name.
        signal: String,
        /// Values that the circuit takes.
        expected: u64,
        /// Values that were given.
        found: u64,
    },
    /// The circuit has more inputs. A generator knows names by their hashes only, so that those
    /// that are missing cannot be named.
    #[error(
        "expected {expected} values of input signals in all, found {found}: \
         one or more signals are missing beside {given}"
    )]
    MissingSignals {
        /// Values that the circuit takes.
        expected: u64,
        /// Values that were given.
        found: u64,
        /// The signals that were given.
        given: String,
    },
    /// An assertion or a constraint of the circuit does not hold.
    #[error("the inputs do not satisfy the circuit{}", Places(.places))]
    Unsatisfied {
        /// Where, the innermost template first.
        places: Vec<Place>,
    },
    /// The module reported an error.
    #[error("the witness generator reported: {exception}{}", Places(.places))]
    Reported {
        /// What it reported.
        exception: Exception,
        /// Where, the innermost template first.
        places: Vec<Place>,
    },
    /// The module did what WebAssembly stops.
    #[error("the witness generator trapped: {0}")]
    Trapped(wasmi::TrapCode),
    /// The module called or answered in a way that no generator does.
    #[error("the witness generator broke off its run")]
    BrokenOff,
    /// The run took too many instructions.
    #[error("expected the witness generator to end within {max} instructions")]
    Fuel {
        /// The bound.
        max: u64,
    },
    /// The run took too long.
    #[error("expected the witness generator to end within {} ms", max.as_millis())]
    Time {
        /// The bound.
        max: Duration,
    },
    /// The module wanted too much memory.
    #[error("expected the witness generator to need at most {max} bytes of memory")]
    Memory {
        /// The bound in bytes.
        max: u64,
    },
    /// The witness is longer than allowed.
    #[error("expected a witness of at most {max} values, found {found}")]
    Values {
        /// The bound.
        max: u64,
        /// What the module says.
        found: u64,
    },
}

/// What circom's generators report to their host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Exception {
    /// Code 1.
    SignalNotFound,
    /// Code 2.
    TooManySignals,
    /// Code 3.
    SignalSetTwice,
    /// Code 4: an assertion or a constraint does not hold.
    AssertionFailed,
    /// Code 5.
    OutOfMemory,
    /// Code 6.
    InputOutOfBounds,
    /// Code 7.
    ArrayOutOfBounds,
    /// Any other code.
    Unknown(i32),
}

impl Exception {
    pub(crate) fn of_code(code: i32) -> Self {
        match code {
            1 => Self::SignalNotFound,
            2 => Self::TooManySignals,
            3 => Self::SignalSetTwice,
            4 => Self::AssertionFailed,
            5 => Self::OutOfMemory,
            6 => Self::InputOutOfBounds,
            7 => Self::ArrayOutOfBounds,
            code => Self::Unknown(code),
        }
    }
}

impl fmt::Display for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::SignalNotFound => "signal not found",
            Self::TooManySignals => "too many signals set",
            Self::SignalSetTwice => "signal already set",
            Self::AssertionFailed => "assertion failed",
            Self::OutOfMemory => "not enough memory",
            Self::InputOutOfBounds => "input signal array access exceeds the size",
            Self::ArrayOutOfBounds => "out of bounds array access",
            Self::Unknown(code) => return write!(f, "error {code}"),
        };
        f.write_str(text)
    }
}

struct Places<'a>(&'a [Place]);

impl fmt::Display for Places<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Place { template, line }) in self.0.iter().enumerate() {
            let joint = if index == 0 { ": in" } else { ", of" };
            write!(f, "{joint} template {template} line {line}")?;
        }
        Ok(())
    }
}

impl GenerateError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Generator(_) | Self::Preparation(_) | Self::Field => ErrorCode::InvalidGenerator,
            Self::Inputs(_)
            | Self::UnknownSignal { .. }
            | Self::ValueCount { .. }
            | Self::MissingSignals { .. } => ErrorCode::InvalidInputs,
            Self::Unsatisfied { .. } => ErrorCode::UnsatisfiedWitness,
            Self::Reported { .. } | Self::Trapped(_) | Self::BrokenOff => {
                ErrorCode::GeneratorFailed
            }
            Self::Fuel { .. } | Self::Time { .. } | Self::Memory { .. } | Self::Values { .. } => {
                ErrorCode::GeneratorLimit
            }
        }
    }
}
