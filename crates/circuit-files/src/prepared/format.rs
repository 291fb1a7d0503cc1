//! What a prepared file begins with, and where its sections lie.

use zkpool_types::{Curve, Sha256Digest};

use super::Fingerprint;
use crate::curve::CircomCurve;
use crate::field::FileField;
use crate::point::FilePoint;
use crate::shared::ALIGNMENT;
use crate::zkey::{GroupChecks, OpenedKey, ProvingKey, SectionOrder};

/// What every prepared file begins with.
pub(super) const MAGIC: [u8; 8] = *b"zkpoolpk";

/// The one version that is written and understood.
pub(super) const VERSION: u64 = 1;

/// Where the checksum stands, and where what it covers begins.
pub(super) const CHECKSUM_AT: usize = 16;
pub(super) const BODY_AT: usize = CHECKSUM_AT + blake3::OUT_LEN;

/// Length of the facts in bytes: two digests, a length, flags, counts and the order of sections.
pub(super) const FACTS_BYTES: usize = 144;

/// Where the first section begins: a multiple of the alignment.
pub(super) const SECTIONS_AT: usize = BODY_AT + FACTS_BYTES;

const _: () = assert!(SECTIONS_AT.is_multiple_of(ALIGNMENT));

/// The bit of the flags that says that every point is known to be in its subgroup.
const GROUPS_CHECKED: u32 = 1;

/// The bit of the flags that says that the maker of the key can forge proofs.
const DEVELOPMENT: u32 = 2;

/// What is known of a key beside its sections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) digest: Sha256Digest,
    pub(super) fingerprint: Fingerprint,
    /// Length of the `.zkey` in bytes.
    pub(super) size: u64,
    /// None for a number that stands for no curve.
    pub(super) curve: Option<Curve>,
    pub(super) groups_checked: bool,
    pub(super) development: bool,
    pub(super) n_vars: u32,
    pub(super) n_public: u32,
    pub(super) domain_size: u32,
    /// How many coefficients there are.
    pub(super) terms: u32,
    /// How many different values they have.
    pub(super) values: u32,
    /// Length of the contributions in bytes.
    pub(super) contributions: u32,
    pub(super) section_order: SectionOrder,
}

/// Lengths of the sections in bytes, in the order of the file.
pub(super) struct SectionBytes {
    /// alpha, beta and delta in G1, beta, gamma and delta in G2, and IC.
    pub(super) singles: u64,
    pub(super) contributions: u64,
    pub(super) values: u64,
    pub(super) ends: u64,
    pub(super) terms: u64,
    pub(super) a: u64,
    pub(super) b_g1: u64,
    pub(super) b_g2: u64,
    pub(super) c: u64,
    pub(super) h: u64,
}

impl Facts {
    /// The facts of a key; none if it has more of something than files count.
    pub(super) fn of<E: CircomCurve>(opened: &OpenedKey<&ProvingKey<E>>) -> Option<Self> {
        let key = opened.key;
        Some(Self {
            digest: opened.digest,
            fingerprint: opened.fingerprint,
            size: opened.size,
            curve: Some(E::CURVE),
            groups_checked: opened.group_checks == GroupChecks::Full,
            development: key.development,
            n_vars: key.n_vars,
            n_public: key.n_public,
            domain_size: key.domain_size,
            terms: u32::try_from(key.coefficients.len()).ok()?,
            values: u32::try_from(key.coefficients.values().len()).ok()?,
            contributions: u32::try_from(key.contributions.len()).ok()?,
            section_order: key.section_order,
        })
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let flag = |set: bool, bit| if set { bit } else { 0 };
        let curve = self.curve.map_or(0, number);
        let flags = flag(self.groups_checked, GROUPS_CHECKED) | flag(self.development, DEVELOPMENT);
        let counts = [curve, flags, self.n_vars, self.n_public, self.domain_size, self.terms];
        let mut bytes = Vec::with_capacity(FACTS_BYTES);
        bytes.extend(self.digest.as_bytes());
        bytes.extend(self.fingerprint.as_bytes());
        bytes.extend(self.size.to_le_bytes());
        for count in counts.into_iter().chain([self.values, self.contributions]) {
            bytes.extend(count.to_le_bytes());
        }
        bytes.extend(self.section_order.0.iter().flat_map(|id| id.to_le_bytes()));
        bytes
    }

    /// The facts in these bytes; none if they are too few.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (digest, bytes) = bytes.split_first_chunk()?;
        let (fingerprint, bytes) = bytes.split_first_chunk::<32>()?;
        let (size, bytes) = bytes.split_first_chunk()?;
        let counts: &[[u8; 4]; 18] = bytes.as_chunks().0.first_chunk()?;
        let counts = counts.map(u32::from_le_bytes);
        let [curve, flags, n_vars, n_public, domain_size, terms, values, contributions, order @ ..] =
            counts;
        Some(Self {
            digest: Sha256Digest::from_bytes(*digest),
            fingerprint: (*fingerprint).into(),
            size: u64::from_le_bytes(*size),
            curve: [Curve::Bn254, Curve::Bls12_381].into_iter().find(|c| number(*c) == curve),
            groups_checked: flags & GROUPS_CHECKED != 0,
            development: flags & DEVELOPMENT != 0,
            n_vars,
            n_public,
            domain_size,
            terms,
            values,
            contributions,
            section_order: SectionOrder(order),
        })
    }

    /// Whether the counts agree with each other, as they do in every key.
    pub(super) const fn agree(&self) -> bool {
        self.n_public < self.n_vars && self.domain_size.is_power_of_two()
    }

    /// Lengths of the sections of a key that agrees with itself.
    pub(super) fn section_bytes<E: CircomCurve>(&self) -> SectionBytes {
        let (g1, g2) = (E::G1Affine::BYTES as u64, E::G2Affine::BYTES as u64);
        let (n_vars, n_public) = (u64::from(self.n_vars), u64::from(self.n_public));
        let (rows, terms) = (u64::from(self.domain_size), u64::from(self.terms));
        SectionBytes {
            singles: 3 * g1 + 3 * g2 + (n_public + 1) * g1,
            contributions: u64::from(self.contributions),
            values: u64::from(self.values) * E::ScalarField::BYTES as u64,
            ends: rows * size_of::<[u32; 2]>() as u64,
            terms: terms * size_of::<[u32; 2]>() as u64,
            a: n_vars * g1,
            b_g1: n_vars * g1,
            b_g2: n_vars * g2,
            c: n_vars.saturating_sub(n_public + 1) * g1,
            h: rows * g1,
        }
    }

    /// Length of the whole file in bytes.
    pub(super) fn file_bytes<E: CircomCurve>(&self) -> u64 {
        let SectionBytes { singles, contributions, values, ends, terms, a, b_g1, b_g2, c, h } =
            self.section_bytes::<E>();
        let sections = [singles, contributions, values, ends, terms, a, b_g1, b_g2, c, h];
        sections.into_iter().fold(SECTIONS_AT as u64, |end, bytes| aligned(end + bytes))
    }
}

/// The next multiple of the alignment.
pub(super) const fn aligned(bytes: u64) -> u64 {
    bytes.next_multiple_of(ALIGNMENT as u64)
}

/// What stands for a curve.
const fn number(curve: Curve) -> u32 {
    match curve {
        Curve::Bn254 => 1,
        Curve::Bls12_381 => 2,
    }
}
