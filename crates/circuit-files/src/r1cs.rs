//! Constraint systems, `.r1cs` version 1.
//!
//! | section | content |
//! |---|---|
//! | 1 | prime, numbers of wires, outputs, inputs, labels and constraints |
//! | 2 | constraints: the terms of A, B and C, each a wire and a plain number |
//! | 3 | label of each wire (optional) |
//! | 4, 5 | custom gates and their uses (optional; Groth16 cannot prove them) |
//!
//! Sections come in any order, which is kept so that a system is written back as it was.

use std::io::{self, Read, Seek, Write};

use ark_bls12_381::Bls12_381;
use ark_bn254::Bn254;
use zkpool_types::Curve;

use crate::any::AnyR1cs;
use crate::binary::{Input, Section, Sections, countable, write_preamble, write_section};
use crate::curve::CircomCurve;
use crate::error::{FileError, FileKind, Rejection};
use crate::field::FileField;
use crate::scalar::{read_scalar_field, scalar_field};
use crate::sparse::{SparseRows, Term};

/// Ids of the sections.
mod section {
    pub(super) const HEADER: u32 = 1;
    pub(super) const CONSTRAINTS: u32 = 2;
    pub(super) const LABELS: u32 = 3;
    pub(super) const CUSTOM_GATES: u32 = 4;
    pub(super) const CUSTOM_GATE_USES: u32 = 5;
}

/// A rank-1 constraint system: for each row, <A, w> * <B, w> = <C, w>.
///
/// Wire 0 is the constant 1; then come the outputs, public inputs, private inputs and the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct R1cs<E: CircomCurve> {
    /// Number of wires, the constant 1 included: the length of a witness.
    pub n_wires: u32,
    /// Number of outputs, which are public.
    pub n_outputs: u32,
    /// Number of public inputs.
    pub n_public_inputs: u32,
    /// Number of private inputs.
    pub n_private_inputs: u32,
    /// Number of signals that the circuit had before it was simplified.
    pub n_labels: u64,
    /// The rows of A, B and C. A wire that appears twice in one has the sum of its coefficients.
    pub constraints: SparseRows<E::ScalarField, 3>,
    /// Sections 3 to 5 as they are in the file.
    pub others: Vec<RawSection>,
    /// In which order the file has its sections.
    pub section_order: Vec<u32>,
}

/// A section that is carried along and not interpreted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawSection {
    /// Its id.
    pub id: u32,
    /// Its content.
    pub content: Vec<u8>,
}

impl<E: CircomCurve> R1cs<E> {
    /// Number of public signals, which are the first after the constant 1.
    #[must_use]
    pub const fn n_public(&self) -> u32 {
        self.n_outputs.saturating_add(self.n_public_inputs)
    }

    /// Whether the circuit uses custom gates, which Groth16 does not enforce.
    #[must_use]
    pub fn uses_custom_gates(&self) -> bool {
        self.others.iter().any(|other| other.id == section::CUSTOM_GATES)
    }
}

/// Counts of the header, after the prime.
struct Counts {
    n_wires: u32,
    n_outputs: u32,
    n_public_inputs: u32,
    n_private_inputs: u32,
    n_labels: u64,
    n_constraints: u32,
}

/// Reads a constraint system.
///
/// # Errors
/// The first thing that is wrong with the file.
pub fn read<R: Read + Seek>(reader: R) -> Result<AnyR1cs, FileError> {
    let mut input = Input::new(reader, FileKind::R1cs)?;
    let sections = input.sections()?;
    let header = input.require(&sections, section::HEADER)?;
    check_custom_gates(&input, &sections)?;
    input.enter(header)?;
    match read_scalar_field(&mut input)? {
        Curve::Bn254 => read_system::<Bn254, R>(&mut input, &sections, header).map(Into::into),
        Curve::Bls12_381 => {
            read_system::<Bls12_381, R>(&mut input, &sections, header).map(Into::into)
        }
    }
}

fn check_custom_gates<R: Read + Seek>(
    input: &Input<R>,
    sections: &Sections,
) -> Result<(), FileError> {
    let gates = sections.find(section::CUSTOM_GATES);
    let uses = sections.find(section::CUSTOM_GATE_USES);
    match (gates, uses) {
        (Some(lone), None) | (None, Some(lone)) => {
            Err(input.reject_at(lone.offset, Rejection::CustomGates { found: lone.id }))
        }
        _ => Ok(()),
    }
}

fn read_system<E: CircomCurve, R: Read + Seek>(
    input: &mut Input<R>,
    sections: &Sections,
    header: Section,
) -> Result<R1cs<E>, FileError> {
    let counts = read_counts(input, header)?;
    let constraints = input.require(sections, section::CONSTRAINTS)?;
    let constraints = read_constraints::<E, R>(input, constraints, &counts)?;
    let others = read_others(input, sections, &counts)?;
    let Counts { n_wires, n_outputs, n_public_inputs, n_private_inputs, n_labels, .. } = counts;
    Ok(R1cs {
        n_wires,
        n_outputs,
        n_public_inputs,
        n_private_inputs,
        n_labels,
        constraints,
        others,
        section_order: sections.0.iter().map(|section| section.id).collect(),
    })
}

fn read_counts<R: Read + Seek>(input: &mut Input<R>, header: Section) -> Result<Counts, FileError> {
    let (at, n_wires) = (input.position(), input.u32()?);
    if n_wires == 0 {
        return Err(input.reject_at(at, Rejection::NoWires { found: n_wires }));
    }
    let at = input.position();
    let (n_outputs, n_public_inputs) = (input.u32()?, input.u32()?);
    let found = u64::from(n_outputs) + u64::from(n_public_inputs);
    if found >= u64::from(n_wires) {
        return Err(input.reject_at(at, Rejection::PublicInputs { variables: n_wires, found }));
    }
    let (n_private_inputs, n_labels, n_constraints) = (input.u32()?, input.u64()?, input.u32()?);
    input.leave(header)?;
    Ok(Counts { n_wires, n_outputs, n_public_inputs, n_private_inputs, n_labels, n_constraints })
}

fn read_constraints<E: CircomCurve, R: Read + Seek>(
    input: &mut Input<R>,
    section: Section,
    counts: &Counts,
) -> Result<SparseRows<E::ScalarField, 3>, FileError> {
    input.enter(section)?;
    let (rows, width) = (u64::from(counts.n_constraints), term_bytes::<E>());
    // Each constraint has three counts, and the rest of the section is terms, so that both vectors
    // have their final size at once, and no more than the section accounts for.
    let least = rows * 3 * 4;
    let Some(rest) = section.size.checked_sub(least) else {
        let rejection = Rejection::Truncated { expected: least, found: section.size };
        return Err(input.reject(rejection));
    };
    let (rows, terms) = (input.count(rows)?, input.count(rest / width)?);
    let mut constraints = SparseRows::with_capacity(rows, terms);
    let mut index = 0;
    for _ in 0..rows {
        let mut ends = [0; 3];
        for end in &mut ends {
            read_terms::<E, R>(input, counts.n_wires, &mut index, &mut constraints)?;
            *end = constraints.terms().len();
        }
        constraints.push_ends(ends);
    }
    input.leave(section)?;
    Ok(constraints)
}

/// Bytes of a term: wire and coefficient.
const fn term_bytes<E: CircomCurve>() -> u64 {
    4 + E::ScalarField::BYTES as u64
}

/// Reads one linear combination. `index` counts the coefficients of the whole section.
fn read_terms<E: CircomCurve, R: Read + Seek>(
    input: &mut Input<R>,
    limit: u32,
    index: &mut u64,
    into: &mut SparseRows<E::ScalarField, 3>,
) -> Result<(), FileError> {
    for _ in 0..input.u32()? {
        let (at, signal) = (input.position(), input.u32()?);
        if signal >= limit {
            let rejection = Rejection::Signal { index: *index, limit, found: signal };
            return Err(input.reject_at(at, rejection));
        }
        let (at, bytes) = (input.position(), input.array::<32>()?);
        let unreduced = || Rejection::CoefficientNotReduced { index: *index };
        let value = E::ScalarField::from_plain(&bytes);
        let value = value.ok_or_else(|| input.reject_at(at, unreduced()))?;
        into.push(Term { signal, value });
        *index += 1;
    }
    Ok(())
}

fn read_others<R: Read + Seek>(
    input: &mut Input<R>,
    sections: &Sections,
    counts: &Counts,
) -> Result<Vec<RawSection>, FileError> {
    let mut others = Vec::new();
    let carried = sections.0.iter().filter(|section| section.id >= section::LABELS);
    for section in carried {
        input.enter(*section)?;
        if section.id == section::LABELS {
            input.expect_size(*section, u64::from(counts.n_wires) * 8)?;
        }
        let content = input.rest()?;
        if section.id == section::LABELS {
            check_labels(&content, counts.n_labels).map_err(|(index, rejection)| {
                input.reject_at(section.offset + 8 * index, rejection)
            })?;
        }
        others.push(RawSection { id: section.id, content });
    }
    Ok(others)
}

fn check_labels(content: &[u8], limit: u64) -> Result<(), (u64, Rejection)> {
    for (index, label) in (0..).zip(content.as_chunks::<8>().0) {
        let found = u64::from_le_bytes(*label);
        if found >= limit {
            return Err((index, Rejection::Label { index, limit, found }));
        }
    }
    Ok(())
}

/// Writes a constraint system, byte for byte as it was read.
///
/// # Errors
/// There are more constraints or terms than the format can count, or writing failed.
pub fn write<W: Write>(mut writer: W, r1cs: &AnyR1cs) -> io::Result<()> {
    match r1cs {
        AnyR1cs::Bn254(r1cs) => write_system(&mut writer, r1cs),
        AnyR1cs::Bls12_381(r1cs) => write_system(&mut writer, r1cs),
    }
}

fn write_system<E: CircomCurve>(writer: &mut impl Write, r1cs: &R1cs<E>) -> io::Result<()> {
    write_preamble(writer, FileKind::R1cs, countable(r1cs.section_order.len())?)?;
    for id in &r1cs.section_order {
        match *id {
            section::HEADER => write_section(writer, *id, &header(r1cs)?)?,
            section::CONSTRAINTS => write_constraints(writer, r1cs)?,
            _ => {
                let other = r1cs.others.iter().find(|other| other.id == *id);
                let content = other.map_or(&[][..], |other| &other.content);
                write_section(writer, *id, content)?;
            }
        }
    }
    writer.flush()
}

fn header<E: CircomCurve>(r1cs: &R1cs<E>) -> io::Result<Vec<u8>> {
    let mut bytes = scalar_field::<E>();
    for count in [r1cs.n_wires, r1cs.n_outputs, r1cs.n_public_inputs, r1cs.n_private_inputs] {
        bytes.extend(count.to_le_bytes());
    }
    bytes.extend(r1cs.n_labels.to_le_bytes());
    bytes.extend(countable(r1cs.constraints.rows())?.to_le_bytes());
    Ok(bytes)
}

fn write_constraints<E: CircomCurve>(writer: &mut impl Write, r1cs: &R1cs<E>) -> io::Result<()> {
    let (rows, terms) = (r1cs.constraints.rows() as u64, r1cs.constraints.terms().len() as u64);
    let size = rows * 3 * 4 + terms * term_bytes::<E>();
    writer.write_all(&section::CONSTRAINTS.to_le_bytes())?;
    writer.write_all(&size.to_le_bytes())?;
    for row in 0..r1cs.constraints.rows() {
        for matrix in 0..3 {
            write_terms(writer, r1cs.constraints.row(matrix, row))?;
        }
    }
    Ok(())
}

fn write_terms<F: FileField>(writer: &mut impl Write, terms: &[Term<F>]) -> io::Result<()> {
    writer.write_all(&countable(terms.len())?.to_le_bytes())?;
    let mut value = vec![0; F::BYTES];
    for term in terms {
        term.value.write_plain(&mut value);
        writer.write_all(&term.signal.to_le_bytes())?;
        writer.write_all(&value)?;
    }
    Ok(())
}
