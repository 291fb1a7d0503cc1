//! Reading a proving key: one pass over the file, section by section into owned vectors.

use std::io::{Read, Seek};

use ark_bls12_381::Bls12_381;
use ark_bn254::Bn254;
use zkpool_types::{Curve, Sha256Digest};

use super::checks::{Layout, check_groups, check_key};
use super::header::{
    Header, check_section_sizes, leading, listed, read_base_prime, read_header, read_protocol,
};
use super::{GroupChecks, ProvingKey, ReadOptions, SectionOrder, contributions, section};
use crate::any::AnyProvingKey;
use crate::binary::{Input, Section, Sections};
use crate::curve::CircomCurve;
use crate::error::{FileError, FileKind, Rejection};
use crate::field::FileField;
use crate::points::FilePoint;
use crate::sparse::{SparseRows, Term};

/// A proving key with what was learnt of its file while it was read.
#[derive(Clone, Debug)]
pub struct OpenedKey<K = AnyProvingKey> {
    /// The key.
    pub key: K,
    /// SHA-256 of exactly the bytes that were parsed.
    pub digest: Sha256Digest,
    /// Length of the file in bytes.
    pub size: u64,
    /// Whether the subgroup checks were made now or were known to have passed before.
    pub group_checks: GroupChecks,
}

impl<K> OpenedKey<K> {
    fn erase(self) -> OpenedKey
    where
        AnyProvingKey: From<K>,
    {
        let Self { key, digest, size, group_checks } = self;
        OpenedKey { key: key.into(), digest, size, group_checks }
    }
}

/// Reads a proving key.
///
/// # Errors
/// The first thing that is wrong with the file.
pub fn read<R: Read + Seek>(reader: R, options: &ReadOptions) -> Result<AnyProvingKey, FileError> {
    read_digested(reader, options, |_| false).map(|opened| opened.key)
}

/// Reads a proving key and hashes the bytes as it parses them.
///
/// `is_validated` is asked, once the digest is known, whether this content has passed the subgroup
/// checks before. They are made last, for that reason.
///
/// # Errors
/// The first thing that is wrong with the file.
pub fn read_digested<R: Read + Seek>(
    reader: R,
    options: &ReadOptions,
    is_validated: impl FnOnce(&Sha256Digest) -> bool,
) -> Result<OpenedKey, FileError> {
    let mut input = Input::new(reader, FileKind::Zkey)?;
    let sections = listed(&mut input)?;
    let (protocol, header) = leading(&input, &sections)?;
    input.restart_hashed()?;
    input.advance(protocol)?;
    read_protocol(&mut input, protocol)?;
    input.advance(header)?;
    match read_base_prime(&mut input)? {
        Curve::Bn254 => {
            read_key::<Bn254, R>(input, &sections, options, is_validated).map(OpenedKey::erase)
        }
        Curve::Bls12_381 => {
            read_key::<Bls12_381, R>(input, &sections, options, is_validated).map(OpenedKey::erase)
        }
    }
}

fn read_key<E: CircomCurve, R: Read + Seek>(
    mut input: Input<R>,
    sections: &Sections,
    options: &ReadOptions,
    is_validated: impl FnOnce(&Sha256Digest) -> bool,
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
    let digest = Sha256Digest::from_bytes(input.digest());
    let group_checks = match options.group_checks {
        GroupChecks::Full if is_validated(&digest) => GroupChecks::AlreadyValidated,
        wanted => wanted,
    };
    if group_checks == GroupChecks::Full {
        check_groups(&key, &layout, &digest)?;
    }
    Ok(OpenedKey { key, digest, size, group_checks })
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
        coefficients: SparseRows::with_capacity(0, 0),
        a: Vec::new(),
        b_g1: Vec::new(),
        b_g2: Vec::new(),
        c: Vec::new(),
        h: Vec::new(),
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
        section::IC => key.vk.ic = read_points(input, section, Infinity::Refused)?,
        section::COEFFICIENTS => {
            key.coefficients = read_coefficients::<E, R>(input, section, key)?;
        }
        section::A => key.a = read_points(input, section, Infinity::Allowed)?,
        section::B_G1 => key.b_g1 = read_points(input, section, Infinity::Allowed)?,
        section::B_G2 => key.b_g2 = read_points(input, section, Infinity::Allowed)?,
        section::C => key.c = read_points(input, section, Infinity::Allowed)?,
        section::H => key.h = read_points(input, section, Infinity::Allowed)?,
        _ => key.contributions = read_contributions::<E, R>(input, section)?,
    }
    Ok(())
}

/// Whether points of a section may be at infinity.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Infinity {
    Allowed,
    Refused,
}

fn read_points<P: FilePoint, R: Read + Seek>(
    input: &mut Input<R>,
    section: Section,
    infinity: Infinity,
) -> Result<Vec<P>, FileError> {
    let count = section.size / P::BYTES as u64;
    let mut points = Vec::with_capacity(input.count(count)?);
    let decode = |index, bytes: &[u8]| match P::read(bytes).map_err(|fault| fault.at(index))? {
        point if point.is_zero() && infinity == Infinity::Refused => {
            Err(Rejection::PointAtInfinity { index })
        }
        point => Ok(point),
    };
    input.records((count, P::BYTES), decode, |_, mut chunk| {
        points.append(&mut chunk);
        Ok(())
    })?;
    Ok(points)
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
    term: Term<F>,
}

/// Bytes of a coefficient before its value: matrix, constraint, signal.
pub(super) const COEFFICIENT_INDEX_BYTES: usize = 12;

fn read_coefficients<E: CircomCurve, R: Read + Seek>(
    input: &mut Input<R>,
    section: Section,
    key: &ProvingKey<E>,
) -> Result<SparseRows<E::ScalarField, 2>, FileError> {
    let width = COEFFICIENT_INDEX_BYTES + E::ScalarField::BYTES;
    let count = u64::from(input.u32()?);
    input.expect_size(section, 4 + count * width as u64)?;
    let terms = input.count(count)?;
    let mut rows = Rows::with_capacity(key.domain_size as usize, terms);
    let limits = (key.domain_size, key.n_vars);
    let decode = |index, bytes: &[u8]| decode_coefficient(index, bytes, limits);
    input.records((count, width), decode, |first, chunk| {
        let mut chunk = (first..).zip(chunk);
        chunk.try_for_each(|(index, coefficient)| rows.push(index, coefficient))
    })?;
    Ok(rows.finish(key.domain_size))
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
    // Files hold value * R^2, which as Montgomery limbs is the element value * R.
    let term = Term { signal, value: value.over_r() };
    Ok(Coefficient { row: 2 * u64::from(constraint) + u64::from(matrix), term })
}

/// Rows that are filled in the order of the file.
struct Rows<F> {
    rows: SparseRows<F, 2>,
    /// The row that is being filled, matrices of one constraint apart.
    current: u64,
    /// Where part A of the constraint that is being filled ended, if it did.
    end_of_a: usize,
}

impl<F> Rows<F> {
    fn with_capacity(rows: usize, terms: usize) -> Self {
        Self { rows: SparseRows::with_capacity(rows, terms), current: 0, end_of_a: 0 }
    }

    /// Coefficients must come by row and, within a row, those of A before those of B, which is how
    /// every key generator writes them; otherwise a key could not be written back as it was.
    fn push(&mut self, index: u64, coefficient: Coefficient<F>) -> Result<(), (u64, Rejection)> {
        let (expected, found) = (self.current, coefficient.row);
        if found < expected {
            return Err((index, Rejection::CoefficientOrder { index, expected, found }));
        }
        self.end_rows_before(found);
        self.rows.push(coefficient.term);
        Ok(())
    }

    fn end_rows_before(&mut self, row: u64) {
        while self.current < row {
            let end = self.rows.terms().len();
            if self.current.is_multiple_of(2) {
                self.end_of_a = end;
            } else {
                self.rows.push_ends([self.end_of_a, end]);
            }
            self.current += 1;
        }
    }

    fn finish(mut self, domain_size: u32) -> SparseRows<F, 2> {
        self.end_rows_before(2 * u64::from(domain_size));
        self.rows
    }
}
