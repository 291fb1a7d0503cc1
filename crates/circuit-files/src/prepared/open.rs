//! Opening a prepared key: its checksum is all that is computed before it is mapped.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use ark_bls12_381::Bls12_381;
use ark_bn254::Bn254;
use bytemuck::Pod;
use memmap2::{Mmap, MmapOptions};
use zkpool_types::Curve;

use super::format::{
    BODY_AT, CHECKSUM_AT, Facts, MAGIC, SECTIONS_AT, SectionBytes, VERSION, aligned,
};
use super::{Fingerprint, hash_rest};
use crate::coefficients::Coefficients;
use crate::curve::CircomCurve;
use crate::field::FileField;
use crate::point::FilePoint;
use crate::points::Points;
use crate::shared::Shared;
use crate::verification_key::VerifyingKey;
use crate::zkey::{GroupChecks, OpenedKey, ProvingKey, ReadOptions};

/// Why a prepared file is not used. The `.zkey` itself is read instead, and the file written again.
#[derive(Debug, thiserror::Error)]
pub enum PreparedError {
    /// The file is not there or cannot be mapped.
    #[error("the prepared key cannot be read: {0}")]
    Io(#[from] io::Error),
    /// The file is none of a prepared key.
    #[error("expected a prepared key, found another file")]
    Magic,
    /// The file is of another version.
    #[error("expected version {expected} of prepared keys, found {found}")]
    Version {
        /// The one version that is understood.
        expected: u64,
        /// The version of the file.
        found: u64,
    },
    /// The file was truncated or extended.
    #[error("expected a prepared key of {expected} bytes, found {found}")]
    Length {
        /// Bytes that it has, by its own counts, or at least.
        expected: u64,
        /// Bytes that it has.
        found: u64,
    },
    /// The file was damaged.
    #[error("expected a prepared key with a sound checksum, found a damaged one")]
    Checksum,
    /// The file is of another key.
    #[error("expected the prepared key of {expected}, found that of {found}")]
    Fingerprint {
        /// The key that is wanted.
        expected: Fingerprint,
        /// The key that it was made of.
        found: Fingerprint,
    },
    /// The number of the curve stands for none.
    #[error("expected a prepared key over a known curve, found another")]
    Curve,
    /// The counts, or coefficients and their counts, contradict each other.
    #[error("expected counts of a key that agree, found some that contradict each other")]
    Counts,
    /// The subgroup checks were not made when the file was written, and are wanted now.
    #[error("expected a key whose subgroup checks were made, found one without")]
    GroupsUnchecked,
    /// The maker of the key can forge proofs, which is not allowed here.
    #[error("expected a key from a ceremony, found one for development")]
    Development,
    /// This machine is big-endian, and files are not.
    #[error("prepared keys are for little-endian machines")]
    BigEndian,
}

/// Opens the prepared file at `path` of the key with this fingerprint.
///
/// Everything that was read from the `.zkey` is there, digest and length included. Points come into
/// memory when they are first used.
///
/// # Errors
/// The file is not there, damaged, of another version or key, or less strict than `options`.
pub fn open(
    path: &Path,
    fingerprint: &Fingerprint,
    options: &ReadOptions,
) -> Result<OpenedKey, PreparedError> {
    if cfg!(target_endian = "big") {
        return Err(PreparedError::BigEndian);
    }
    let file = File::open(path)?;
    let facts = checked_facts(&file)?;
    let (expected, found) = (*fingerprint, facts.fingerprint);
    if expected != found {
        return Err(PreparedError::Fingerprint { expected, found });
    }
    if options.group_checks == GroupChecks::Full && !facts.groups_checked {
        return Err(PreparedError::GroupsUnchecked);
    }
    if facts.development && !options.allow_development {
        return Err(PreparedError::Development);
    }
    match facts.curve {
        Some(Curve::Bn254) => key_of::<Bn254>(&file, &facts).map(OpenedKey::erase),
        Some(Curve::Bls12_381) => key_of::<Bls12_381>(&file, &facts).map(OpenedKey::erase),
        None => Err(PreparedError::Curve),
    }
}

/// The facts of a file whose checksum is sound.
fn checked_facts(file: &File) -> Result<Facts, PreparedError> {
    let found = file.metadata()?.len();
    let too_short = || PreparedError::Length { expected: SECTIONS_AT as u64, found };
    let mut start = Vec::with_capacity(SECTIONS_AT);
    file.take(SECTIONS_AT as u64).read_to_end(&mut start)?;
    check_start(&start, found)?;
    let (checksum, body) = (start.get(CHECKSUM_AT..BODY_AT), start.get(BODY_AT..));
    let (checksum, body) = checksum.zip(body).ok_or_else(too_short)?;
    // A file that was cut is named so without reading the rest of it.
    let facts = Facts::decode(body).ok_or_else(too_short)?;
    check_length(&facts, found)?;
    let mut hasher = blake3::Hasher::new();
    hash_rest(file, hasher.update(body))?;
    if hasher.finalize().as_slice() != checksum {
        return Err(PreparedError::Checksum);
    }
    if facts.agree() { Ok(facts) } else { Err(PreparedError::Counts) }
}

/// Checks magic and version.
fn check_start(start: &[u8], found: u64) -> Result<(), PreparedError> {
    let too_short = || PreparedError::Length { expected: SECTIONS_AT as u64, found };
    let (magic, rest) = start.split_first_chunk().ok_or_else(too_short)?;
    if *magic != MAGIC {
        return Err(PreparedError::Magic);
    }
    let version = rest.first_chunk().ok_or_else(too_short)?;
    let (expected, found) = (VERSION, u64::from_le_bytes(*version));
    if expected == found { Ok(()) } else { Err(PreparedError::Version { expected, found }) }
}

fn check_length(facts: &Facts, found: u64) -> Result<(), PreparedError> {
    let expected = match facts.curve.ok_or(PreparedError::Curve)? {
        Curve::Bn254 => facts.file_bytes::<Bn254>(),
        Curve::Bls12_381 => facts.file_bytes::<Bls12_381>(),
    };
    if expected == found { Ok(()) } else { Err(PreparedError::Length { expected, found }) }
}

fn key_of<E: CircomCurve>(
    file: &File,
    facts: &Facts,
) -> Result<OpenedKey<ProvingKey<E>>, PreparedError> {
    let bytes: SectionBytes = facts.section_bytes::<E>();
    let mut sections = Sections { file, position: SECTIONS_AT as u64 };
    let singles = sections.take::<u64>(bytes.singles)?;
    let contributions = sections.take::<u8>(bytes.contributions)?;
    let values = sections.take::<u64>(bytes.values)?;
    let values = values.as_slice().chunks_exact(E::ScalarField::WORDS);
    let values = values.map(E::ScalarField::from_montgomery_words).collect();
    let (ends, terms) = (sections.take(bytes.ends)?, sections.take(bytes.terms)?);
    let coefficients =
        Coefficients::from_parts(values, ends, terms).ok_or(PreparedError::Counts)?;
    let Singles { vk, beta_g1, delta_g1 } = Singles::of(singles.as_slice());
    let key = ProvingKey {
        n_vars: facts.n_vars,
        n_public: facts.n_public,
        domain_size: facts.domain_size,
        vk,
        beta_g1,
        delta_g1,
        coefficients,
        a: Points::from_words(sections.take(bytes.a)?),
        b_g1: Points::from_words(sections.take(bytes.b_g1)?),
        b_g2: Points::from_words(sections.take(bytes.b_g2)?),
        c: Points::from_words(sections.take(bytes.c)?),
        h: Points::from_words(sections.take(bytes.h)?),
        contributions: contributions.as_slice().to_vec(),
        development: facts.development,
        section_order: facts.section_order,
    };
    let Facts { digest, fingerprint, size, .. } = *facts;
    let group_checks = GroupChecks::AlreadyValidated;
    Ok(OpenedKey { key, digest, fingerprint, size, group_checks })
}

/// The sections that have not been taken yet, of a file that is long enough for all.
struct Sections<'a> {
    file: &'a File,
    position: u64,
}

impl Sections<'_> {
    /// The next section, which is so many bytes long.
    fn take<T: Pod>(&mut self, bytes: u64) -> io::Result<Shared<T>> {
        let start = self.position;
        self.position = aligned(start + bytes);
        // Nothing cannot be mapped.
        if bytes == 0 {
            return Ok(Vec::new().into());
        }
        let bytes = usize::try_from(bytes).map_err(|_| io::ErrorKind::OutOfMemory)?;
        Shared::mapped(map(self.file, start, bytes)?)
    }
}

#[allow(
    unsafe_code,
    reason = "a file must not change while it is mapped. Prepared files are ours: they get their \
              name by a rename when they are complete, are never written to again, and are \
              removed but not truncated, which leaves what is mapped as it was"
)]
fn map(file: &File, start: u64, bytes: usize) -> io::Result<Mmap> {
    // SAFETY: nobody who keeps to the rule of the directory changes the file; see the reason.
    unsafe { MmapOptions::new().offset(start).len(bytes).map(file) }
}

/// The points that a key has one of, and IC.
struct Singles<E: CircomCurve> {
    vk: VerifyingKey<E>,
    beta_g1: E::G1Affine,
    delta_g1: E::G1Affine,
}

impl<E: CircomCurve> Singles<E> {
    fn of(mut words: &[u64]) -> Self {
        let words = &mut words;
        let (alpha_g1, beta_g1, delta_g1) = (next(words), next(words), next(words));
        let (beta_g2, gamma_g2, delta_g2) = (next(words), next(words), next(words));
        let ic = words.chunks_exact(E::G1Affine::WORDS).map(E::G1Affine::from_words).collect();
        let vk = VerifyingKey { alpha_g1, beta_g2, gamma_g2, delta_g2, ic };
        Self { vk, beta_g1, delta_g1 }
    }
}

fn next<P: FilePoint>(words: &mut &[u64]) -> P {
    let (point, rest) = words.split_at(P::WORDS.min(words.len()));
    *words = rest;
    P::from_words(point)
}
