//! Reading a proving key: one pass over the file, section by section into memory.

use std::io::{Read, Seek};

use ark_bls12_381::Bls12_381;
use ark_bn254::Bn254;
use ark_ff::Field;
use rayon::prelude::*;
use zkpool_types::{Curve, Sha256Digest};

use super::checks::{Layout, check_groups, check_key};
use super::header::{
    Header, check_section_sizes, leading, listed, read_base_prime, read_header, read_protocol,
};
use super::{GroupChecks, ProvingKey, ReadOptions, SectionOrder, contributions, section};
use crate::any::AnyProvingKey;
use crate::binary::{Input, RECORDS_MIN, Section, Sections};
use crate::coefficients::{Coefficients, CoefficientsBuilder};
use crate::curve::CircomCurve;
use crate::error::{FileError, FileKind, Rejection};
use crate::field::FileField;
use crate::point::{FilePoint, PointFault};
use crate::points::Points;
use crate::prepared::Fingerprint;
use crate::shared::Aligned;

/// A proving key with what was learnt of its file while it was read.
#[derive(Clone, Debug)]
pub struct OpenedKey<K = AnyProvingKey> {
    /// The key.
    pub key: K,
    /// SHA-256 of exactly the bytes that were parsed.
    pub digest: Sha256Digest,
    /// BLAKE3 of the same bytes.
    pub fingerprint: Fingerprint,
    /// Length of the file in bytes.
    pub size: u64,
    /// Whether the subgroup checks were made now or were known to have passed before.
    pub group_checks: GroupChecks,
}

impl<K> OpenedKey<K> {
    /// The same with another form of the key.
    pub(crate) fn of<T>(&self, key: T) -> OpenedKey<T> {
        let Self { key: _, digest, fingerprint, size, group_checks } = *self;
        OpenedKey { key, digest, fingerprint, size, group_checks }
    }

    pub(crate) fn erase(self) -> OpenedKey
    where
        AnyProvingKey: From<K>,
    {
        let Self { key, digest, fingerprint, size, group_checks } = self;
        OpenedKey { key: key.into(), digest, fingerprint, size, group_checks }
    }
}

/// Reads a proving key.
///
/// # Errors
/// The first thing that is wrong with the file.
pub fn read<R: Read + Seek>(reader: R, options: &ReadOptions) -> Result<AnyProvingKey, FileError> {
    read_digested(reader, options).map(|opened| opened.key)
}

/// Reads a proving key and hashes the bytes as it parses them.
///
/// # Errors
/// The first thing that is wrong with the file.
pub fn read_digested<R: Read + Seek>(
    reader: R,
    options: &ReadOptions,
) -> Result<OpenedKey, FileError> {
    let mut input = Input::new(reader, FileKind::Zkey)?;
    let sections = listed(&mut input)?;
    let (protocol, header) = leading(&input, &sections)?;
    input.restart_hashed()?;
    input.advance(protocol)?;
    read_protocol(&mut input, protocol)?;
    input.advance(header)?;
    match read_base_prime(&mut input)? {
        Curve::Bn254 => read_key::<Bn254, R>(input, &sections, options).map(OpenedKey::erase),
        Curve::Bls12_381 => {
            read_key::<Bls12_381, R>(input, &sections, options).map(OpenedKey::erase)
        }
    }
}

fn read_key<E: CircomCurve, R: Read + Seek>(
    mut input: Input<R>,
    sections: &Sections,
    options: &ReadOptions,
) -> Result<OpenedKey<ProvingKey<E>>, FileError> {
    let header = input.require(sections, section::HEADER)?;
    let header = read_header::<E, R>(&mut input, header)?;
    check_section_sizes::<E, R>(&input, sections, header.sizes)?;
    let mut key = without_points(header, sections);
    for section in sections.0.iter().skip(2) {
        input.advance(*section)?;
        read_section(&mut input, *section, &mut key)?;
        input.leave(*section)?;
    }
    let layout = Layout(sections);
    key.development = check_key(&key, &layout, options.allow_development)?;
    let size = input.length();
    let (digest, fingerprint) = input.digests();
    let group_checks = options.group_checks;
    if group_checks == GroupChecks::Full {
        check_groups(&key, &layout, &digest)?;
    }
    Ok(OpenedKey { key, digest, fingerprint, size, group_checks })
}

fn without_points<E: CircomCurve>(header: Header<E>, sections: &Sections) -> ProvingKey<E> {
    let Header { sizes, vk, beta_g1, delta_g1 } = header;
    let mut section_order = SectionOrder::default();
    for (id, section) in section_order.0.iter_mut().zip(&sections.0) {
        *id = section.id;
    }
    ProvingKey {
        n_vars: sizes.n_vars,
        n_public: sizes.n_public,
        domain_size: sizes.domain_size,
        vk,
        beta_g1,
        delta_g1,
        coefficients: CoefficientsBuilder::with_capacity(0, 0).finish(),
        a: Points::default(),
        b_g1: Points::default(),
        b_g2: Points::default(),
        c: Points::default(),
        h: Points::default(),
        contributions: Vec::new(),
        development: false,
        section_order,
    }
}

/// Reads the section that the input stands at the beginning of.
fn read_section<E: CircomCurve, R: Read + Seek>(
    input: &mut Input<R>,
    section: Section,
    key: &mut ProvingKey<E>,
) -> Result<(), FileError> {
    match section.id {
        section::IC => key.vk.ic = read_finite_points(input, section)?,
        section::COEFFICIENTS => {
            key.coefficients = read_coefficients::<E, R>(input, section, key)?;
        }
        section::A => key.a = read_points(input, section)?,
        section::B_G1 => key.b_g1 = read_points(input, section)?,
        section::B_G2 => key.b_g2 = read_points(input, section)?,
        section::C => key.c = read_points(input, section)?,
        section::H => key.h = read_points(input, section)?,
        _ => key.contributions = read_contributions::<E, R>(input, section)?,
    }
    Ok(())
}

/// Reads points none of which may be at infinity.
fn read_finite_points<P: FilePoint, R: Read + Seek>(
    input: &mut Input<R>,
    section: Section,
) -> Result<Vec<P>, FileError> {
    let points: Points<P> = read_points(input, section)?;
    let infinite = points.iter().position(|point| point.is_zero()).map(|index| index as u64);
    infinite.map_or(Ok(points.iter().collect()), |index| {
        let offset = section.offset + index * P::BYTES as u64;
        Err(input.reject_at(offset, Rejection::PointAtInfinity { index }))
    })
}

/// Checks points and copies them as they are.
fn read_points<P: FilePoint, R: Read + Seek>(
    input: &mut Input<R>,
    section: Section,
) -> Result<Points<P>, FileError> {
    let count = section.size / P::BYTES as u64;
    let mut words = Aligned::zeroed(input.count(count)? * P::WORDS);
    let mut rest = words.as_mut_slice();
    input.chunks((count, P::BYTES), |first, bytes| {
        let (chunk, after) = std::mem::take(&mut rest).split_at_mut(bytes.len() / size_of::<u64>());
        rest = after;
        copy_points::<P>(bytes, chunk).map_err(|(i, fault)| (first + i, fault.at(first + i)))
    })?;
    Ok(Points::from_words(words))
}

/// Copies points that are valid. An error is that of the first that is not, with its index.
fn copy_points<P: FilePoint>(bytes: &[u8], words: &mut [u64]) -> Result<(), (u64, PointFault)> {
    let records = bytes.par_chunks_exact(P::BYTES).zip(words.par_chunks_exact_mut(P::WORDS));
    let copied = records.with_min_len(RECORDS_MIN).try_for_each(|(record, words)| {
        P::read(record)?;
        for (word, bytes) in words.iter_mut().zip(record.as_chunks().0) {
            *word = u64::from_le_bytes(*bytes);
        }
        Ok(())
    });
    // Which of several bad points is met first is left to chance, but a file has one error.
    copied.map_err(|fault: PointFault| {
        let faults = (0..).zip(bytes.chunks_exact(P::BYTES).map(P::read));
        let first = faults.into_iter().find_map(|(i, point)| Some((i, point.err()?)));
        first.unwrap_or((0, fault))
    })
}

fn read_contributions<E: CircomCurve, R: Read + Seek>(
    input: &mut Input<R>,
    section: Section,
) -> Result<Vec<u8>, FileError> {
    let bytes = input.rest()?;
    let checked = contributions::check::<E>(&bytes);
    checked.map_err(|rejection| input.reject_at(section.offset, rejection))?;
    Ok(bytes)
}

/// A coefficient as it is decoded, before it takes its place in a row.
struct Coefficient<F> {
    /// Rows count matrices A and B of one constraint apart: 2 * constraint + matrix.
    row: u64,
    signal: u32,
    /// The value times R, which is what files mean by the Montgomery form of value * R^2.
    value: F,
}

/// Bytes of a coefficient before its value: matrix, constraint, signal.
pub(super) const COEFFICIENT_INDEX_BYTES: usize = 12;

fn read_coefficients<E: CircomCurve, R: Read + Seek>(
    input: &mut Input<R>,
    section: Section,
    key: &ProvingKey<E>,
) -> Result<Coefficients<E::ScalarField>, FileError> {
    let width = COEFFICIENT_INDEX_BYTES + E::ScalarField::BYTES;
    let count = u64::from(input.u32()?);
    input.expect_size(section, 4 + count * width as u64)?;
    let terms = input.count(count)?;
    let r = E::ScalarField::ONE.times_r();
    let mut rows = CoefficientsBuilder::in_units_of(r, key.domain_size as usize, terms);
    let limits = (key.domain_size, key.n_vars);
    let decode = |index, bytes: &[u8]| decode_coefficient(index, bytes, limits);
    input.records((count, width), decode, |first, chunk| {
        let mut chunk = (first..).zip(chunk);
        chunk.try_for_each(|(index, coefficient)| push(&mut rows, index, &coefficient))
    })?;
    end_parts_before(&mut rows, 2 * u64::from(key.domain_size));
    Ok(rows.finish_with(FileField::over_r))
}

fn decode_coefficient<F: FileField>(
    index: u64,
    bytes: &[u8],
    (rows, signals): (u32, u32),
) -> Result<Coefficient<F>, Rejection> {
    let word = |at: usize| {
        let word = bytes.as_chunks::<4>().0.get(at).copied();
        u32::from_le_bytes(word.unwrap_or_default())
    };
    let (matrix, constraint, signal) = (word(0), word(1), word(2));
    if matrix > 1 {
        return Err(Rejection::Matrix { index, found: matrix });
    }
    if constraint >= rows {
        return Err(Rejection::Constraint { index, limit: rows, found: constraint });
    }
    if signal >= signals {
        return Err(Rejection::Signal { index, limit: signals, found: signal });
    }
    let value = bytes.get(COEFFICIENT_INDEX_BYTES..).and_then(F::from_montgomery);
    let value = value.ok_or(Rejection::CoefficientNotReduced { index })?;
    Ok(Coefficient { row: 2 * u64::from(constraint) + u64::from(matrix), signal, value })
}

/// Appends a coefficient.
///
/// Coefficients must come by row and, within a row, those of A before those of B, which is how
/// every key generator writes them; otherwise a key could not be written back as it was.
fn push<F: FileField>(
    rows: &mut CoefficientsBuilder<F>,
    index: u64,
    coefficient: &Coefficient<F>,
) -> Result<(), (u64, Rejection)> {
    let (expected, found) = (rows.parts() as u64, coefficient.row);
    if found < expected {
        return Err((index, Rejection::CoefficientOrder { index, expected, found }));
    }
    end_parts_before(rows, found);
    rows.push(coefficient.signal, coefficient.value);
    Ok(())
}

fn end_parts_before<F: FileField>(rows: &mut CoefficientsBuilder<F>, row: u64) {
    while (rows.parts() as u64) < row {
        rows.end_part();
    }
}
