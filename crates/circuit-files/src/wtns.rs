//! Witnesses, `.wtns` version 2: section 1 has the prime and a count, section 2 the values.

use std::fmt;
use std::io::{self, Read, Seek, Write};

use ark_bls12_381::Bls12_381;
use ark_bn254::Bn254;
use ark_ff::One;
use zkpool_types::Curve;

use crate::any::AnyWitness;
use crate::binary::{Input, Section, countable, write_preamble, write_section};
use crate::curve::CircomCurve;
use crate::error::{FileError, FileKind, Rejection};
use crate::field::FileField;
use crate::scalar::{read_scalar_field, scalar_field};

/// Ids of the sections.
mod section {
    pub(super) const HEADER: u32 = 1;
    pub(super) const VALUES: u32 = 2;
}

/// The values of all signals of a circuit. The first is the constant 1.
///
/// It is secret: neither its `Debug` form nor any error shows a value.
#[derive(Clone, PartialEq, Eq)]
pub struct Witness<E: CircomCurve> {
    values: Vec<E::ScalarField>,
    /// In which order the file has its sections.
    section_order: [u32; 2],
}

impl<E: CircomCurve> Witness<E> {
    /// A witness of these values; none unless the first is 1 and there are at most 2^32 - 1.
    #[must_use]
    pub fn new(values: Vec<E::ScalarField>) -> Option<Self> {
        let first_is_one = values.first().is_some_and(One::is_one);
        let countable = u32::try_from(values.len()).is_ok();
        (first_is_one && countable)
            .then_some(Self { values, section_order: [section::HEADER, section::VALUES] })
    }

    /// The values of all signals, in the order of the circuit.
    #[must_use]
    pub fn values(&self) -> &[E::ScalarField] {
        &self.values
    }

    /// The values of the first `n_public` signals after the constant 1; none if there are fewer.
    #[must_use]
    pub fn public_inputs(&self, n_public: usize) -> Option<&[E::ScalarField]> {
        self.values.get(1..)?.get(..n_public)
    }
}

impl<E: CircomCurve> fmt::Debug for Witness<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Witness({} values, redacted)", self.values.len())
    }
}

/// Reads a witness.
///
/// # Errors
/// The first thing that is wrong with the file. Values are never part of the error.
pub fn read<R: Read + Seek>(reader: R) -> Result<AnyWitness, FileError> {
    let mut input = Input::new(reader, FileKind::Wtns)?;
    let sections = input.sections()?;
    let header = input.require(&sections, section::HEADER)?;
    let values = input.require(&sections, section::VALUES)?;
    let mut section_order = [header.id, values.id];
    if values.offset < header.offset {
        section_order.reverse();
    }
    input.enter(header)?;
    let curve = read_scalar_field(&mut input)?;
    let count = input.u32()?;
    input.leave(header)?;
    match curve {
        Curve::Bn254 => {
            let values = read_values::<Bn254, R>(&mut input, values, count)?;
            Ok(Witness::<Bn254> { values, section_order }.into())
        }
        Curve::Bls12_381 => {
            let values = read_values::<Bls12_381, R>(&mut input, values, count)?;
            Ok(Witness::<Bls12_381> { values, section_order }.into())
        }
    }
}

fn read_values<E: CircomCurve, R: Read + Seek>(
    input: &mut Input<R>,
    section: Section,
    count: u32,
) -> Result<Vec<E::ScalarField>, FileError> {
    if count == 0 {
        return Err(input.reject(Rejection::EmptyWitness));
    }
    input.enter(section)?;
    let width = E::ScalarField::BYTES;
    input.expect_size(section, u64::from(count) * width as u64)?;
    let mut values = Vec::with_capacity(count as usize);
    let decode = |index, bytes: &[u8]| match E::ScalarField::from_plain(bytes) {
        None => Err(Rejection::ValueNotReduced { index }),
        Some(first) if index == 0 && !first.is_one() => Err(Rejection::FirstValueNotOne),
        Some(value) => Ok(value),
    };
    input.records((u64::from(count), width), decode, |_, mut chunk| {
        values.append(&mut chunk);
        Ok(())
    })?;
    Ok(values)
}

/// What a witness file of `count` values begins with, up to the first value.
///
/// What follows is each value as a plain number of 32 bytes, little-endian. [`read`] checks them.
#[must_use]
pub fn head(curve: Curve, count: u32) -> Vec<u8> {
    match curve {
        Curve::Bn254 => head_over::<Bn254>(count),
        Curve::Bls12_381 => head_over::<Bls12_381>(count),
    }
}

fn head_over<E: CircomCurve>(count: u32) -> Vec<u8> {
    let mut header = scalar_field::<E>();
    header.extend(count.to_le_bytes());
    let values_bytes = u64::from(count) * E::ScalarField::BYTES as u64;
    let mut head = FileKind::Wtns.magic().as_bytes().to_vec();
    head.extend(FileKind::Wtns.version().to_le_bytes());
    // The number of sections.
    head.extend(2u32.to_le_bytes());
    head.extend(section::HEADER.to_le_bytes());
    head.extend((header.len() as u64).to_le_bytes());
    head.extend(header);
    head.extend(section::VALUES.to_le_bytes());
    head.extend(values_bytes.to_le_bytes());
    head
}

/// Writes a witness, byte for byte as it was read.
///
/// # Errors
/// Writing failed.
pub fn write<W: Write>(mut writer: W, witness: &AnyWitness) -> io::Result<()> {
    match witness {
        AnyWitness::Bn254(witness) => write_witness(&mut writer, witness),
        AnyWitness::Bls12_381(witness) => write_witness(&mut writer, witness),
    }
}

fn write_witness<E: CircomCurve>(writer: &mut impl Write, witness: &Witness<E>) -> io::Result<()> {
    let Witness { values, section_order } = witness;
    write_preamble(writer, FileKind::Wtns, 2)?;
    for id in *section_order {
        match id {
            section::HEADER => write_section(writer, id, &header::<E>(values)?)?,
            _ => write_values(writer, values)?,
        }
    }
    writer.flush()
}

fn header<E: CircomCurve>(values: &[E::ScalarField]) -> io::Result<Vec<u8>> {
    let mut bytes = scalar_field::<E>();
    bytes.extend(countable(values.len())?.to_le_bytes());
    Ok(bytes)
}

fn write_values<F: FileField>(writer: &mut impl Write, values: &[F]) -> io::Result<()> {
    writer.write_all(&section::VALUES.to_le_bytes())?;
    writer.write_all(&((values.len() * F::BYTES) as u64).to_le_bytes())?;
    let mut bytes = vec![0; F::BYTES];
    for value in values {
        value.write_plain(&mut bytes);
        writer.write_all(&bytes)?;
    }
    Ok(())
}
