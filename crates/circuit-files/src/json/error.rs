//! Why a JSON file was refused, and which field of it.

use std::fmt;

use zkpool_types::Curve;
use zkpool_types::text::shortened;

use crate::error::KeyFault;

/// Characters of what the parser says, which may quote the file.
const SHOWN_CHARS_MAX: usize = 300;

/// One of the JSON files of snarkjs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonFile {
    /// `verification_key.json`.
    VerificationKey,
    /// `proof.json`.
    Proof,
    /// `public.json`.
    Public,
}

impl fmt::Display for JsonFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::VerificationKey => "verification key",
            Self::Proof => "proof",
            Self::Public => "public inputs",
        })
    }
}

/// A JSON file that was refused.
#[derive(Debug, thiserror::Error)]
#[error("{file}, field {field:?}: {rejection}")]
pub struct JsonError {
    /// The file that was expected.
    pub file: JsonFile,
    /// The offending field, like `vk_beta_2[0][1]`; empty where it is the file as a whole.
    pub field: String,
    /// What is wrong with it.
    #[source]
    pub rejection: JsonRejection,
}

impl JsonError {
    pub(super) fn new(file: JsonFile, field: impl Into<String>, rejection: JsonRejection) -> Self {
        Self { file, field: field.into(), rejection }
    }
}

/// What is wrong with a JSON file: one variant a reason.
#[derive(Debug, thiserror::Error)]
pub enum JsonRejection {
    /// The text is not JSON, or not of the shape that snarkjs writes.
    #[error("expected the shape that snarkjs writes: {}", shortened(.0.to_string(), SHOWN_CHARS_MAX))]
    Shape(#[from] serde_json::Error),
    /// The text is longer than any such file.
    #[error("expected at most {max} bytes, found {found}")]
    TooLong {
        /// Bytes allowed.
        max: usize,
        /// Bytes found.
        found: usize,
    },
    /// The file is of another proof system.
    #[error("expected the protocol \"groth16\", found {found:?}")]
    Protocol {
        /// The protocol found.
        found: String,
    },
    /// The file is of another curve.
    #[error("expected {expected}, found {found:?}")]
    Curve {
        /// The curve or curves expected, as snarkjs names them.
        expected: &'static str,
        /// The curve found.
        found: String,
    },
    /// A number is not written in its one canonical decimal spelling.
    #[error("expected decimal digits without sign or leading zeros, found {found:?}")]
    NotCanonical {
        /// The text found, shortened.
        found: String,
    },
    /// A number has more digits than the prime.
    #[error("expected at most {max} digits, found {found}")]
    TooManyDigits {
        /// Digits of the prime.
        max: usize,
        /// Digits found.
        found: usize,
    },
    /// A number is not below the prime of its field.
    #[error("expected a number below the prime of {curve}, found {found}")]
    NotReduced {
        /// The curve whose field it is.
        curve: Curve,
        /// The number found.
        found: String,
    },
    /// The last coordinate is neither 1 nor that of the point at infinity.
    #[error("expected z = 1 or the point at infinity, found another z")]
    NotAffine,
    /// The coordinates do not satisfy the curve equation.
    #[error("expected a point on the curve, found one off it")]
    NotOnCurve,
    /// The point is on the curve but outside the subgroup of prime order.
    #[error("expected a point of prime order, found one of another order")]
    NotInSubgroup,
    /// A point of a verification key is the point at infinity.
    #[error("expected a finite point, found the point at infinity")]
    AtInfinity,
    /// The number of IC points does not follow from the number of public inputs.
    #[error("expected {expected} points, found {found}")]
    IcLength {
        /// Public inputs plus one.
        expected: u64,
        /// Points found.
        found: u64,
    },
    /// The stored pairing is not that of alpha and beta.
    #[error("expected the pairing of alpha and beta, found another value")]
    AlphaBeta,
    /// The elements of the key make no sound key together.
    #[error(transparent)]
    Key(#[from] KeyFault),
}
