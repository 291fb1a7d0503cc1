//! Writing a proving key, section by section in the order that it was read in.

use std::io::{self, Write};

use super::read::COEFFICIENT_INDEX_BYTES;
use super::{ProvingKey, section};
use crate::any::AnyProvingKey;
use crate::binary::{countable, write_preamble, write_section};
use crate::curve::CircomCurve;
use crate::error::FileKind;
use crate::field::FileField;
use crate::point::FilePoint;
use crate::points::Points;

/// Why a proving key could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// Parts of the key, which were not read from a file, do not have the lengths they must have.
    #[error("expected {expected} entries in {part}, found {found}")]
    Length {
        /// Which part of the key.
        part: &'static str,
        /// Entries that the counts of the key demand.
        expected: usize,
        /// Entries that it has.
        found: usize,
    },
    /// The bytes could not be written.
    #[error("writing failed")]
    Io(#[from] io::Error),
}

/// Writes a proving key, byte for byte as it was read.
///
/// # Errors
/// The key is inconsistent, or writing failed.
pub fn write<W: Write>(mut writer: W, key: &AnyProvingKey) -> Result<(), WriteError> {
    match key {
        AnyProvingKey::Bn254(key) => write_key(&mut writer, key),
        AnyProvingKey::Bls12_381(key) => write_key(&mut writer, key),
    }
}

fn write_key<E: CircomCurve>(
    writer: &mut impl Write,
    key: &ProvingKey<E>,
) -> Result<(), WriteError> {
    check_lengths(key)?;
    write_preamble(writer, FileKind::Zkey, 10)?;
    for id in key.section_order.0 {
        write_part(writer, id, key)?;
    }
    Ok(writer.flush()?)
}

pub(crate) fn check_lengths<E: CircomCurve>(key: &ProvingKey<E>) -> Result<(), WriteError> {
    let (n_vars, n_public) = (key.n_vars as usize, key.n_public as usize);
    let domain_size = key.domain_size as usize;
    let parts = [
        ("IC", n_public + 1, key.vk.ic.len()),
        ("the coefficients", domain_size, key.coefficients.rows()),
        ("A", n_vars, key.a.len()),
        ("B in G1", n_vars, key.b_g1.len()),
        ("B in G2", n_vars, key.b_g2.len()),
        ("C", n_vars.saturating_sub(n_public + 1), key.c.len()),
        ("H", domain_size, key.h.len()),
    ];
    match parts.into_iter().find(|(_, expected, found)| expected != found) {
        Some((part, expected, found)) => Err(WriteError::Length { part, expected, found }),
        None => Ok(()),
    }
}

fn write_part<E: CircomCurve>(
    writer: &mut impl Write,
    id: u32,
    key: &ProvingKey<E>,
) -> io::Result<()> {
    match id {
        section::PROTOCOL => write_section(writer, id, &1u32.to_le_bytes()),
        section::HEADER => write_section(writer, id, &header(key)?),
        section::IC => write_points(writer, id, &key.vk.ic.as_slice().into()),
        section::COEFFICIENTS => write_coefficients(writer, key),
        section::A => write_points(writer, id, &key.a),
        section::B_G1 => write_points(writer, id, &key.b_g1),
        section::B_G2 => write_points(writer, id, &key.b_g2),
        section::C => write_points(writer, id, &key.c),
        section::H => write_points(writer, id, &key.h),
        _ => write_section(writer, id, &key.contributions),
    }
}

/// Bytes of section 2 before its points: two primes with their widths, and three counts.
pub(super) const fn header_prefix_bytes<E: CircomCurve>() -> u64 {
    (4 + E::BaseField::BYTES + 4 + E::ScalarField::BYTES + 12) as u64
}

fn header<E: CircomCurve>(key: &ProvingKey<E>) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for prime in [E::BaseField::prime(), E::ScalarField::prime()] {
        bytes.extend(countable(prime.len())?.to_le_bytes());
        bytes.extend(prime);
    }
    for count in [key.n_vars, key.n_public, key.domain_size] {
        bytes.extend(count.to_le_bytes());
    }
    push_point(&mut bytes, &key.vk.alpha_g1);
    push_point(&mut bytes, &key.beta_g1);
    push_point(&mut bytes, &key.vk.beta_g2);
    push_point(&mut bytes, &key.vk.gamma_g2);
    push_point(&mut bytes, &key.delta_g1);
    push_point(&mut bytes, &key.vk.delta_g2);
    Ok(bytes)
}

fn push_point<P: FilePoint>(bytes: &mut Vec<u8>, point: &P) {
    let start = bytes.len();
    bytes.resize(start + P::BYTES, 0);
    point.write(bytes.split_at_mut(start).1);
}

/// Words or coefficients that are encoded at a time.
const BATCH: usize = 1 << 14;

fn write_points<P: FilePoint>(
    writer: &mut impl Write,
    id: u32,
    points: &Points<P>,
) -> io::Result<()> {
    writer.write_all(&id.to_le_bytes())?;
    writer.write_all(&((points.len() * P::BYTES) as u64).to_le_bytes())?;
    let mut bytes = Vec::with_capacity(size_of::<u64>() * BATCH.min(points.words().len()));
    for batch in points.words().chunks(BATCH) {
        bytes.clear();
        bytes.extend(batch.iter().flat_map(|word| word.to_le_bytes()));
        writer.write_all(&bytes)?;
    }
    Ok(())
}

fn write_coefficients<E: CircomCurve>(
    writer: &mut impl Write,
    key: &ProvingKey<E>,
) -> io::Result<()> {
    let width = COEFFICIENT_INDEX_BYTES + E::ScalarField::BYTES;
    let terms = key.coefficients.len();
    writer.write_all(&section::COEFFICIENTS.to_le_bytes())?;
    writer.write_all(&((4 + terms * width) as u64).to_le_bytes())?;
    writer.write_all(&countable(terms)?.to_le_bytes())?;
    let values = encoded_values(key.coefficients.values());
    let mut bytes = Vec::new();
    for row in 0..key.domain_size {
        push_row(&mut bytes, key, &values, row);
        if bytes.len() >= BATCH * width {
            writer.write_all(&bytes)?;
            bytes.clear();
        }
    }
    writer.write_all(&bytes)
}

/// The different values as files hold them, one after the other.
fn encoded_values<F: FileField>(values: &[F]) -> Vec<u8> {
    let mut bytes = vec![0; values.len() * F::BYTES];
    for (value, bytes) in values.iter().zip(bytes.chunks_exact_mut(F::BYTES)) {
        value.times_r().write_montgomery(bytes);
    }
    bytes
}

/// Appends the coefficients of one constraint: those of A, then those of B.
fn push_row<E: CircomCurve>(bytes: &mut Vec<u8>, key: &ProvingKey<E>, values: &[u8], row: u32) {
    let coefficients = &key.coefficients;
    for (matrix, terms) in [(0, coefficients.a(row as usize)), (1, coefficients.b(row as usize))] {
        for (signal, value) in terms.indexed() {
            for index in [matrix, row, signal] {
                bytes.extend(u32::to_le_bytes(index));
            }
            let value = values.chunks_exact(E::ScalarField::BYTES).nth(value as usize);
            bytes.extend(value.unwrap_or_default());
        }
    }
}
