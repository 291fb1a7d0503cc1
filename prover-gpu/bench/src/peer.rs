//! Other programs that multiply the same.
//!
//! A peer is started once, with two files behind its own arguments: the points, affine, every
//! coordinate in Montgomery form as in a `.zkey`, and the scalars, 32 bytes each as plain numbers;
//! all of it in little-endian order. It prints `ready` when it has read them. Then it multiplies
//! once for each line that it reads and answers with one line: the milliseconds that it took, and
//! the affine coordinates of the product in hexadecimal, big-endian and as wide as the field, those
//! of the point at infinity all zero. It ends with its input.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::time::Duration;

use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{AdditiveGroup, BigInteger, Field, PrimeField};
use zkpool_circuit_files::{FileField, FilePoint};

use crate::error::BenchError;
use crate::instance::Instance;

/// What a peer prints when it has read its files.
const READY: &str = "ready";

/// Longest line of a peer: a time and four coordinates of 96 digits fit several times.
const LINE_BYTES_MAX: u64 = 1024;

/// A peer's name and how it is started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerCommand {
    /// What the report calls it.
    pub name: String,
    /// The program.
    pub program: String,
    /// Its arguments, before the two files.
    pub arguments: Vec<String>,
}

/// What was wrong with a peer.
#[derive(Debug, thiserror::Error)]
pub enum PeerFault {
    /// It is no program, or not one for this machine.
    #[error("cannot be started: {0}")]
    Start(#[source] io::Error),
    /// It ended before it had answered.
    #[error("ended with {0} before it answered")]
    Ended(ExitStatus),
    /// It cannot be asked or heard.
    #[error("cannot be spoken to: {0}")]
    Pipe(#[source] io::Error),
    /// Its line is none of the protocol.
    #[error("expected the line {expected:?}, found {found:?}")]
    Line {
        /// What the line has to look like.
        expected: &'static str,
        /// What it was.
        found: String,
    },
    /// It multiplied something else, or wrongly.
    #[error("expected the product {expected:?}, found {found:?}")]
    Product {
        /// The coordinates of the product.
        expected: String,
        /// What it printed for them.
        found: String,
    },
}

/// A peer that has read points and scalars. It is ended when this is dropped.
pub(crate) struct Peer {
    name: String,
    process: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Peer {
    /// Starts a peer over the files in `folder` and waits until it has read them.
    pub(crate) fn start(command: &PeerCommand, folder: &Path) -> Result<Self, BenchError> {
        let failed = |fault| BenchError::Peer { name: command.name.clone(), fault };
        let mut process = Command::new(&command.program)
            .args(&command.arguments)
            .args([folder.join(POINTS), folder.join(SCALARS)])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| failed(PeerFault::Start(error)))?;
        let (Some(questions), Some(answers)) = (process.stdin.take(), process.stdout.take()) else {
            return Err(failed(PeerFault::Pipe(io::ErrorKind::BrokenPipe.into())));
        };
        let answers = BufReader::new(answers);
        let mut peer = Self { name: command.name.clone(), process, questions, answers };
        match peer.line().map_err(failed)?.as_str() {
            READY => Ok(peer),
            found => Err(failed(PeerFault::Line { expected: READY, found: found.to_owned() })),
        }
    }

    /// Multiplies once; returns the time that the peer says it took.
    pub(crate) fn multiply(&mut self, expected: &str) -> Result<Duration, BenchError> {
        let time = self.ask().and_then(|answer| read_answer(&answer, expected));
        time.map_err(|fault| BenchError::Peer { name: self.name.clone(), fault })
    }

    fn ask(&mut self) -> Result<String, PeerFault> {
        let asked = self.questions.write_all(b"\n").and_then(|()| self.questions.flush());
        match asked {
            // A program that has ended says more by its status than its pipe does.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(PeerFault::Pipe(error)),
            _ => self.line(),
        }
    }

    /// The next line that the peer prints, without its end.
    fn line(&mut self) -> Result<String, PeerFault> {
        let mut line = Vec::new();
        let answers = &mut self.answers;
        answers.take(LINE_BYTES_MAX).read_until(b'\n', &mut line).map_err(PeerFault::Pipe)?;
        if line.is_empty() {
            // Nobody reads its output any more: if it waits for input, that ends now.
            self.process.kill().map_err(PeerFault::Pipe)?;
            return Err(PeerFault::Ended(self.process.wait().map_err(PeerFault::Pipe)?));
        }
        Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It may have ended by itself, and then there is nothing to end.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The time in an answer whose product is `expected`.
fn read_answer(answer: &str, expected: &str) -> Result<Duration, PeerFault> {
    let (ms, product) = answer.split_once(' ').unwrap_or((answer, ""));
    let seconds = ms.parse::<f64>().ok().map(|ms| ms / 1e3).filter(|seconds| *seconds > 0.0);
    let Some(time) = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()) else {
        let expected = "MILLISECONDS X Y";
        return Err(PeerFault::Line { expected, found: answer.to_owned() });
    };
    if product == expected {
        Ok(time)
    } else {
        let (expected, found) = (expected.to_owned(), product.to_owned());
        Err(PeerFault::Product { expected, found })
    }
}

const POINTS: &str = "points";
const SCALARS: &str = "scalars";

/// Writes the points and scalars of an instance into `folder`.
pub(crate) fn write<G>(instance: &Instance<G>, folder: &Path) -> io::Result<()>
where
    G: CurveGroup<Affine: FilePoint, ScalarField: FileField>,
{
    let bytes = <G::Affine as FilePoint>::BYTES;
    let points = folder.join(POINTS);
    write_all(&points, bytes, &instance.points, FilePoint::write)?;
    let bytes = <G::ScalarField as FileField>::BYTES;
    let scalars = folder.join(SCALARS);
    write_all(&scalars, bytes, &instance.scalars, FileField::write_plain)
}

fn write_all<T>(
    path: &Path,
    bytes: usize,
    values: &[T],
    write: impl Fn(&T, &mut [u8]),
) -> io::Result<()> {
    let mut file = BufWriter::new(File::create_new(path)?);
    let mut buffer = vec![0; bytes];
    for value in values {
        write(value, &mut buffer);
        file.write_all(&buffer)?;
    }
    file.flush()
}

/// The coordinates of a product as a peer prints them.
pub(crate) fn printed<G: CurveGroup>(product: G) -> String {
    let zero = (G::BaseField::ZERO, G::BaseField::ZERO);
    let (x, y) = product.into_affine().xy().unwrap_or(zero);
    let coordinates = [x, y];
    let elements = coordinates.iter().flat_map(Field::to_base_prime_field_elements);
    let printed: Vec<String> = elements.map(|element| hexadecimal(&element)).collect();
    printed.join(" ")
}

fn hexadecimal(element: &impl PrimeField) -> String {
    element.into_bigint().to_bytes_be().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use ark_bls12_381::G2Projective;
    use ark_bn254::{Fr, G1Affine, G1Projective};
    use ark_ec::PrimeGroup;

    use super::*;
    use crate::instance::Distribution;

    /// A shell script as a peer that has the files as `$0` and `$1`.
    fn start(script: &str) -> Result<Peer, BenchError> {
        let arguments = vec!["-c".to_owned(), script.to_owned()];
        let command = PeerCommand { name: "shell".into(), program: "sh".into(), arguments };
        Peer::start(&command, Path::new("/nowhere"))
    }

    fn fault<T>(result: Result<T, BenchError>) -> PeerFault {
        match result.map(|_| ()).unwrap_err() {
            BenchError::Peer { name, fault } if name == "shell" => fault,
            error => panic!("{error}"),
        }
    }

    #[test]
    fn a_product_is_printed_as_wide_as_its_field() {
        let generator = G1Projective::generator();
        let (one, two) = (format!("{:064x}", 1), format!("{:064x}", 2));
        assert_eq!(printed(generator), format!("{one} {two}"));
        let zeros = "0".repeat(96);
        assert_eq!(printed(G2Projective::ZERO), [zeros.as_str(); 4].join(" "));
    }

    #[test]
    fn files_have_montgomery_points_and_plain_scalars() {
        let folder = tempfile::tempdir().unwrap();
        let instance = Instance::<G1Projective>::new(5, Distribution::WitnessLike, 1);
        write(&instance, folder.path()).unwrap();
        let points = std::fs::read(folder.path().join(POINTS)).unwrap();
        let scalars = std::fs::read(folder.path().join(SCALARS)).unwrap();
        let read: Vec<_> = points.chunks(64).map(|point| G1Affine::read(point).unwrap()).collect();
        assert_eq!(read, instance.points);
        let read = scalars.chunks(32).map(|scalar| Fr::from_plain(scalar).unwrap());
        assert_eq!(read.collect::<Vec<_>>(), instance.scalars);
    }

    #[test]
    fn a_peer_answers_each_line() {
        let mut peer = start("echo ready; while read -r line; do echo 1.5 a b; done").unwrap();
        for _ in 0..3 {
            assert_eq!(peer.multiply("a b").unwrap(), Duration::from_micros(1500));
        }
    }

    #[test]
    fn a_wrong_product_is_rejected() {
        let mut peer = start("echo ready; read -r line; echo 1.5 a c").unwrap();
        assert!(matches!(fault(peer.multiply("a b")), PeerFault::Product { .. }));
    }

    #[test]
    fn times_that_cannot_be_are_rejected() {
        for answer in ["", "0 a b", "-1 a b", "inf a b", "NaN a b", "soon a b"] {
            assert!(matches!(read_answer(answer, "a b"), Err(PeerFault::Line { .. })), "{answer}");
        }
    }

    #[test]
    fn a_peer_that_is_not_ready_is_rejected() {
        assert!(matches!(fault(start("echo hello")), PeerFault::Line { .. }));
        assert!(matches!(fault(start("yes | tr -d '\\n'")), PeerFault::Line { .. }));
    }

    #[test]
    fn a_peer_that_ends_is_rejected() {
        assert!(matches!(fault(start("exit 3")), PeerFault::Ended(_)));
        let mut peer = start("echo ready; exit 3").unwrap();
        assert!(matches!(fault(peer.multiply("a b")), PeerFault::Ended(_)));
    }

    #[test]
    fn a_program_that_is_not_there_is_rejected() {
        let (name, program) = ("shell".to_owned(), "/nowhere/peer".to_owned());
        let command = PeerCommand { name, program, arguments: Vec::new() };
        assert!(matches!(fault(Peer::start(&command, Path::new("/nowhere"))), PeerFault::Start(_)));
    }
}
