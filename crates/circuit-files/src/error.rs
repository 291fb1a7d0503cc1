//! Why a binary file was refused, where, and what was expected instead.

use std::fmt;
use std::io;

use zkpool_types::Curve;

/// One of the iden3 binary formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A constraint system.
    R1cs,
    /// A witness.
    Wtns,
    /// A proving key.
    Zkey,
}

impl FileKind {
    /// The four bytes that such a file begins with.
    #[must_use]
    pub const fn magic(self) -> &'static str {
        match self {
            Self::R1cs => "r1cs",
            Self::Wtns => "wtns",
            Self::Zkey => "zkey",
        }
    }

    /// The one version of the format that is understood.
    #[must_use]
    pub const fn version(self) -> u32 {
        match self {
            Self::R1cs | Self::Zkey => 1,
            Self::Wtns => 2,
        }
    }

    /// The ids of the sections that the format defines.
    #[must_use]
    pub(crate) const fn section_ids(self) -> std::ops::RangeInclusive<u32> {
        match self {
            Self::R1cs => 1..=5,
            Self::Wtns => 1..=2,
            Self::Zkey => 1..=10,
        }
    }
}

impl fmt::Display for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, ".{}", self.magic())
    }
}

/// A file that was refused.
///
/// The text never contains a value of a witness.
#[derive(Debug, thiserror::Error)]
#[error("{file} file, {place}at byte {offset}: {rejection}", place = SectionName(.section))]
pub struct FileError {
    /// The format that was expected.
    pub file: FileKind,
    /// The section, unless it is the container itself that is wrong.
    pub section: Option<u32>,
    /// Where the offending field begins, in bytes from the start of the file.
    pub offset: u64,
    /// What is wrong with it.
    #[source]
    pub rejection: Rejection,
}

struct SectionName<'a>(&'a Option<u32>);

impl fmt::Display for SectionName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |id| write!(f, "section {id} "))
    }
}

/// What is wrong with a binary file: one variant a reason.
///
/// Indexes of points, coefficients and values count from 0 within their section.
#[derive(Debug, thiserror::Error)]
pub enum Rejection {
    /// The file could not be read.
    #[error("reading failed: {0}")]
    Io(#[from] io::Error),
    /// The file is of another format.
    #[error("expected the magic {expected:?}, found {:?}", found.escape_ascii().to_string())]
    Magic {
        /// The magic of the format.
        expected: &'static str,
        /// The first four bytes of the file.
        found: [u8; 4],
    },
    /// The file is of another version of the format.
    #[error("expected version {expected}, found {found}")]
    Version {
        /// The one version that is understood.
        expected: u32,
        /// The version of the file.
        found: u32,
    },
    /// The section table announces more sections than the format defines.
    #[error("expected at most {max} sections, found {found}")]
    SectionCount {
        /// Sections that the format defines.
        max: u32,
        /// Sections announced.
        found: u32,
    },
    /// The format defines no section of this id.
    #[error("expected a section from 1 to {max}, found {found}")]
    UnknownSection {
        /// The largest id of the format.
        max: u32,
        /// The id found.
        found: u32,
    },
    /// A section appears twice.
    #[error("expected section {found} once, found it again")]
    DuplicateSection {
        /// The id of the section.
        found: u32,
    },
    /// A section that the format demands is not there.
    #[error("expected section {expected}, found none")]
    MissingSection {
        /// The id of the section.
        expected: u32,
    },
    /// The two header sections of a proving key do not come first.
    #[error("expected section {expected} here, found section {found}")]
    SectionOrder {
        /// The header section that belongs here.
        expected: u32,
        /// The section that is here.
        found: u32,
    },
    /// The file or section ends within a field.
    #[error("expected {expected} more bytes, found {found}")]
    Truncated {
        /// Bytes that the field takes.
        expected: u64,
        /// Bytes that are left.
        found: u64,
    },
    /// Bytes follow the last section.
    #[error("expected the end of the file, found {found} more bytes")]
    TrailingBytes {
        /// How many.
        found: u64,
    },
    /// A section is not as long as its counts say.
    #[error("expected a section of {expected} bytes, found {found}")]
    SectionSize {
        /// Bytes that the counts of the header take.
        expected: u64,
        /// Bytes that the section has.
        found: u64,
    },
    /// The section table read differently the second time.
    #[error("the file changed while it was read")]
    Changed,
    /// A proving key of another proof system, which shares the magic of Groth16 keys.
    #[error("expected protocol 1 (groth16), found {found} ({name})")]
    Protocol {
        /// The protocol id of the file.
        found: u32,
        /// Its name in snarkjs.
        name: &'static str,
    },
    /// Field elements have a width that no supported curve has.
    #[error("expected field elements of {expected} bytes, found {found}")]
    FieldWidth {
        /// The width, or the widths, of supported fields.
        expected: &'static str,
        /// The width announced.
        found: u32,
    },
    /// The prime belongs to no supported curve.
    #[error("expected the {expected}, found 0x{found}")]
    Prime {
        /// The field whose prime was expected.
        expected: &'static str,
        /// The prime found, in hexadecimal digits, most significant first.
        found: String,
    },
    /// The scalar field is not that of the curve that the base field names.
    #[error("expected the scalar field of {expected}, found 0x{found}")]
    ScalarPrime {
        /// The curve of the base field.
        expected: Curve,
        /// The prime found, in hexadecimal digits, most significant first.
        found: String,
    },
    /// There are not more variables than public inputs, though variable 0 is the constant 1.
    #[error("expected fewer than {variables} public inputs, found {found}")]
    PublicInputs {
        /// Number of variables, the constant 1 included.
        variables: u32,
        /// Number of public inputs.
        found: u64,
    },
    /// The size of the evaluation domain is not a power of two.
    #[error("expected a power of two as domain size, found {found}")]
    DomainSize {
        /// The size announced.
        found: u32,
    },
    /// The scalar field has no root of unity of this order.
    #[error("expected a domain of at most 2^{max_log2}, found {found}")]
    DomainTooLarge {
        /// Two-adicity of the scalar field, limited to what the count field can hold.
        max_log2: u32,
        /// The size announced.
        found: u32,
    },
    /// The domain does not hold the rows that bind the public inputs.
    #[error("expected a domain of at least {required}, found {found}")]
    DomainTooSmall {
        /// Rows needed.
        required: u64,
        /// The size announced.
        found: u32,
    },
    /// A coefficient belongs to neither matrix A (0) nor B (1).
    #[error("coefficient {index}: expected matrix 0 or 1, found {found}")]
    Matrix {
        /// Which coefficient.
        index: u64,
        /// The matrix number found.
        found: u32,
    },
    /// A coefficient is in a row outside the domain.
    #[error("coefficient {index}: expected a constraint below {limit}, found {found}")]
    Constraint {
        /// Which coefficient.
        index: u64,
        /// The domain size.
        limit: u32,
        /// The row found.
        found: u32,
    },
    /// A coefficient multiplies a signal that does not exist.
    #[error("coefficient {index}: expected a signal below {limit}, found {found}")]
    Signal {
        /// Which coefficient.
        index: u64,
        /// Number of signals.
        limit: u32,
        /// The signal found.
        found: u32,
    },
    /// A coefficient comes before its predecessor in the order by row, then matrix.
    #[error("coefficient {index}: expected row {expected} or later, found row {found}")]
    CoefficientOrder {
        /// Which coefficient.
        index: u64,
        /// Row of the predecessor, counting matrices A and B of one constraint apart.
        expected: u64,
        /// Row found, counted the same way.
        found: u64,
    },
    /// A coefficient is not below the scalar field's prime.
    #[error("coefficient {index}: expected a value below the prime, found one above")]
    CoefficientNotReduced {
        /// Which coefficient.
        index: u64,
    },
    /// A coordinate is not below the base field's prime.
    #[error("point {index}: expected coordinates below the prime, found one above")]
    PointNotReduced {
        /// Which point.
        index: u64,
    },
    /// A point does not satisfy the curve equation.
    #[error("point {index}: expected a point on the curve, found one off it")]
    PointNotOnCurve {
        /// Which point.
        index: u64,
    },
    /// A point is on the curve but outside the subgroup of prime order.
    #[error("point {index}: expected a point of prime order, found one of another order")]
    PointNotInSubgroup {
        /// Which point.
        index: u64,
    },
    /// A point that verification relies on is the point at infinity.
    #[error("point {index}: expected a finite point, found the point at infinity")]
    PointAtInfinity {
        /// Which point.
        index: u64,
    },
    /// The elements of the verification key contradict each other or prove nothing.
    #[error(transparent)]
    Key(#[from] KeyFault),
    /// The contributions are not laid out as snarkjs lays them out.
    #[error("expected {expected} bytes of contributions, found {found}")]
    Contributions {
        /// Bytes that the counts within the section take, at least.
        expected: u64,
        /// Bytes that the section has.
        found: u64,
    },
    /// There is not even a wire for the constant 1.
    #[error("expected at least 1 wire, found {found}")]
    NoWires {
        /// Number of wires announced.
        found: u32,
    },
    /// A wire is labelled with a number that does not exist.
    #[error("wire {index}: expected a label below {limit}, found {found}")]
    Label {
        /// Which wire.
        index: u64,
        /// Number of labels.
        limit: u64,
        /// The label found.
        found: u64,
    },
    /// Only one of the two sections of custom gates is there.
    #[error("expected sections 4 and 5 together, found only section {found}")]
    CustomGates {
        /// The section that is there.
        found: u32,
    },
    /// The witness is empty, so it lacks even the constant 1.
    #[error("expected at least 1 value, found 0")]
    EmptyWitness,
    /// Value 0 of the witness is not the constant 1.
    #[error("value 0: expected the constant 1, found another value")]
    FirstValueNotOne,
    /// A value of the witness is not below the prime.
    #[error("value {index}: expected a value below the prime, found one above")]
    ValueNotReduced {
        /// Which value.
        index: u64,
    },
}

/// Why the elements of a key, each valid by itself, make no sound key together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// beta in G1 and beta in G2 have different discrete logarithms.
    #[error("expected one beta in both groups, found two")]
    BetaMismatch,
    /// delta in G1 and delta in G2 have different discrete logarithms.
    #[error("expected one delta in both groups, found two")]
    DeltaMismatch,
    /// gamma equals delta, so proofs of one statement serve for any other.
    #[error("expected gamma and delta to differ, found them equal")]
    GammaEqualsDelta,
    /// delta is the generator: nobody contributed to phase 2, and anyone can forge proofs.
    #[error("expected a contributed delta, found the generator (phase 2 was skipped)")]
    DeltaIsGenerator,
    /// alpha or beta is the generator: nobody contributed to phase 1, and anyone can forge proofs.
    #[error("expected contributed powers of tau, found alpha or beta to be the generator")]
    PowersOfTauSkipped,
    /// The key is marked as made by a development setup, whose maker can forge proofs.
    #[error("expected a key from a ceremony, found one marked as a development key")]
    DevelopmentKey,
}

impl FileError {
    /// Whether the key was refused only because development keys are not allowed here.
    #[must_use]
    pub const fn is_development_key(&self) -> bool {
        matches!(
            self.rejection,
            Rejection::Key(
                KeyFault::DevelopmentKey
                    | KeyFault::DeltaIsGenerator
                    | KeyFault::PowersOfTauSkipped
            )
        )
    }
}
