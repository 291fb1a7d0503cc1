//! Sections 1 and 2: protocol, primes, sizes, and a summary of a key without its points.

use std::io::{Read, Seek};

use ark_bls12_381::Bls12_381;
use ark_bn254::Bn254;
use zkpool_types::Curve;

use super::contributions::{DEVELOPMENT_MARK, is_marked};
use super::section;
use crate::binary::{Input, Section, Sections};
use crate::curve::CircomCurve;
use crate::error::{FileError, FileKind, Rejection};
use crate::field::FileField;
use crate::point::FilePoint;
use crate::scalar::digits;
use crate::verification_key::VerifyingKey;

/// Protocol ids of snarkjs. Only the first has a reader here; the others name what was found.
const PROTOCOLS: [(u32, &str); 3] = [(1, "groth16"), (2, "plonk"), (10, "fflonk")];

/// What a key says about itself before its points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeySummary {
    /// The curve.
    pub curve: Curve,
    /// Length of a witness, the constant 1 included.
    pub n_vars: u32,
    /// Number of public inputs, outputs of the circuit included.
    pub n_public: u32,
    /// Number of rows, a power of two.
    pub domain_size: u32,
    /// Whether the key's maker, or anyone, can forge proofs.
    pub development: bool,
}

/// Sizes of a key that agree with each other and with the curve.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    pub(super) n_vars: u32,
    pub(super) n_public: u32,
    pub(super) domain_size: u32,
}

/// Section 2 after the primes. The key inside has no IC points yet.
pub(super) struct Header<E: CircomCurve> {
    pub(super) sizes: Sizes,
    pub(super) vk: VerifyingKey<E>,
    pub(super) beta_g1: E::G1Affine,
    pub(super) delta_g1: E::G1Affine,
}

/// Reads what a key says about itself, without reading its points. Costs a few kilobytes of I/O.
///
/// Sections, sizes and primes are checked; the key may still turn out to be invalid when it is
/// read.
///
/// # Errors
/// The container or one of the two headers is invalid.
pub fn peek<R: Read + Seek>(reader: R) -> Result<KeySummary, FileError> {
    let mut input = Input::new(reader, FileKind::Zkey)?;
    let sections = listed(&mut input)?;
    let (protocol, header) = leading(&input, &sections)?;
    input.enter(protocol)?;
    read_protocol(&mut input, protocol)?;
    input.enter(header)?;
    match read_base_prime(&mut input)? {
        Curve::Bn254 => summarise::<Bn254, R>(&mut input, &sections, header),
        Curve::Bls12_381 => summarise::<Bls12_381, R>(&mut input, &sections, header),
    }
}

fn summarise<E: CircomCurve, R: Read + Seek>(
    input: &mut Input<R>,
    sections: &Sections,
    section: Section,
) -> Result<KeySummary, FileError> {
    let header = read_header::<E, R>(input, section)?;
    check_section_sizes::<E, R>(input, sections, header.sizes)?;
    let Sizes { n_vars, n_public, domain_size } = header.sizes;
    let skipped = header.vk.skipped_phase().map_err(|fault| input.reject(fault))?;
    input.enter(input.require(sections, section::CONTRIBUTIONS)?)?;
    let marked = is_marked(&input.array::<{ DEVELOPMENT_MARK.len() }>()?);
    let development = skipped.is_some() || marked;
    Ok(KeySummary { curve: E::CURVE, n_vars, n_public, domain_size, development })
}

/// Lists the sections of a key; every one that the format defines must be there.
pub(super) fn listed<R: Read + Seek>(input: &mut Input<R>) -> Result<Sections, FileError> {
    // Keys of other systems have other sections, which would be refused without naming the system.
    if let Some((at, found)) = input.leading_number()? {
        let section = Some(section::PROTOCOL);
        let refuse = |rejection| FileError { section, ..input.reject_at(at, rejection) };
        check_protocol(found).map_err(refuse)?;
    }
    let sections = input.sections()?;
    for id in FileKind::Zkey.section_ids() {
        input.require(&sections, id)?;
    }
    Ok(sections)
}

/// The two sections that come first.
pub(super) fn leading<R: Read + Seek>(
    input: &Input<R>,
    sections: &Sections,
) -> Result<(Section, Section), FileError> {
    let at = |place: usize, expected: u32| match sections.0.get(place) {
        Some(section) if section.id == expected => Ok(*section),
        Some(section) => {
            let rejection = Rejection::SectionOrder { expected, found: section.id };
            Err(input.reject_at(section.offset, rejection))
        }
        None => Err(input.reject(Rejection::MissingSection { expected })),
    };
    Ok((at(0, section::PROTOCOL)?, at(1, section::HEADER)?))
}

/// Reads section 1.
pub(super) fn read_protocol<R: Read + Seek>(
    input: &mut Input<R>,
    section: Section,
) -> Result<(), FileError> {
    let (at, found) = (input.position(), input.u32()?);
    check_protocol(found).map_err(|rejection| input.reject_at(at, rejection))?;
    input.leave(section)
}

fn check_protocol(found: u32) -> Result<(), Rejection> {
    let known = PROTOCOLS.iter().find(|(id, _)| *id == found);
    let name = known.map_or("unknown", |(_, name)| name);
    if name == "groth16" { Ok(()) } else { Err(Rejection::Protocol { found, name }) }
}

/// Reads the prime q, which names the curve.
pub(super) fn read_base_prime<R: Read + Seek>(input: &mut Input<R>) -> Result<Curve, FileError> {
    let (at, found) = (input.position(), input.u32()?);
    if ![32, 48].contains(&found) {
        let rejection = Rejection::FieldWidth { expected: "32 or 48", found };
        return Err(input.reject_at(at, rejection));
    }
    let at = input.position();
    let prime = input.bytes(u64::from(found))?;
    let of = |curve: Curve, expected: Vec<u8>| (prime == expected).then_some(curve);
    let curve = of(Curve::Bn254, ark_bn254::Fq::prime())
        .or_else(|| of(Curve::Bls12_381, ark_bls12_381::Fq::prime()));
    let expected = "base field of bn128 or bls12-381";
    curve.ok_or_else(|| input.reject_at(at, Rejection::Prime { expected, found: digits(&prime) }))
}

/// Reads the rest of section 2, after the prime q.
pub(super) fn read_header<E: CircomCurve, R: Read + Seek>(
    input: &mut Input<R>,
    section: Section,
) -> Result<Header<E>, FileError> {
    read_scalar_prime::<E, R>(input)?;
    let sizes = read_sizes::<E, R>(input)?;
    let alpha_g1 = read_point(input, 0)?;
    let beta_g1 = read_point(input, 1)?;
    let beta_g2 = read_point(input, 2)?;
    let gamma_g2 = read_point(input, 3)?;
    let delta_g1 = read_point(input, 4)?;
    let delta_g2 = read_point(input, 5)?;
    input.leave(section)?;
    let vk = VerifyingKey { alpha_g1, beta_g2, gamma_g2, delta_g2, ic: Vec::new() };
    Ok(Header { sizes, vk, beta_g1, delta_g1 })
}

fn read_scalar_prime<E: CircomCurve, R: Read + Seek>(
    input: &mut Input<R>,
) -> Result<(), FileError> {
    let (at, found) = (input.position(), input.u32()?);
    if found != 32 {
        return Err(input.reject_at(at, Rejection::FieldWidth { expected: "32", found }));
    }
    let at = input.position();
    let prime = input.bytes(u64::from(found))?;
    if prime != E::ScalarField::prime() {
        let rejection = Rejection::ScalarPrime { expected: E::CURVE, found: digits(&prime) };
        return Err(input.reject_at(at, rejection));
    }
    Ok(())
}

fn read_sizes<E: CircomCurve, R: Read + Seek>(input: &mut Input<R>) -> Result<Sizes, FileError> {
    let n_vars = input.u32()?;
    let (at, n_public) = (input.position(), input.u32()?);
    if n_public >= n_vars {
        let found = u64::from(n_public);
        return Err(input.reject_at(at, Rejection::PublicInputs { variables: n_vars, found }));
    }
    let (at, domain_size) = (input.position(), input.u32()?);
    let sizes = Sizes { n_vars, n_public, domain_size };
    check_domain::<E>(sizes).map_err(|rejection| input.reject_at(at, rejection))?;
    Ok(sizes)
}

fn check_domain<E: CircomCurve>(sizes: Sizes) -> Result<(), Rejection> {
    let found = sizes.domain_size;
    if !found.is_power_of_two() {
        return Err(Rejection::DomainSize { found });
    }
    // 2^31 is refused on every curve: no prover could hold its points, and twice that size, which
    // proving needs to index, does not fit the format's counts.
    let max_log2 = E::two_adicity().min(30);
    if found.ilog2() > max_log2 {
        return Err(Rejection::DomainTooLarge { max_log2, found });
    }
    // Each public input, and the constant 1, is bound by a row of its own.
    let required = u64::from(sizes.n_public) + 1;
    if u64::from(found) < required {
        return Err(Rejection::DomainTooSmall { required, found });
    }
    Ok(())
}

/// Reads a point of section 2, the one with this index, which must be finite.
fn read_point<P: FilePoint, R: Read + Seek>(
    input: &mut Input<R>,
    index: u64,
) -> Result<P, FileError> {
    let at = input.position();
    let bytes = input.bytes(P::BYTES as u64)?;
    let point = P::read(&bytes).map_err(|fault| input.reject_at(at, fault.at(index)))?;
    if point.is_zero() {
        return Err(input.reject_at(at, Rejection::PointAtInfinity { index }));
    }
    Ok(point)
}

/// Checks every section whose length follows from the header, before anything is allocated.
pub(super) fn check_section_sizes<E: CircomCurve, R: Read + Seek>(
    input: &Input<R>,
    sections: &Sections,
    sizes: Sizes,
) -> Result<(), FileError> {
    let (n_vars, n_public) = (u64::from(sizes.n_vars), u64::from(sizes.n_public));
    let (g1, g2) = (E::G1Affine::BYTES as u64, E::G2Affine::BYTES as u64);
    let expected = [
        (section::IC, (n_public + 1) * g1),
        (section::A, n_vars * g1),
        (section::B_G1, n_vars * g1),
        (section::B_G2, n_vars * g2),
        (section::C, (n_vars - n_public - 1) * g1),
        (section::H, u64::from(sizes.domain_size) * g1),
    ];
    for (id, size) in expected {
        let section = input.require(sections, id)?;
        input.expect_size(section, size).map_err(|e| FileError { section: Some(id), ..e })?;
    }
    Ok(())
}
