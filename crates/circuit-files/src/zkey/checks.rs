//! What must hold between the parts of a key, and the subgroup checks.

use ark_ec::AffineRepr;
use ark_ec::pairing::Pairing;
use zkpool_types::Sha256Digest;

use super::contributions::is_marked;
use super::{ProvingKey, section};
use crate::binary::Sections;
use crate::curve::CircomCurve;
use crate::error::{FileError, FileKind, KeyFault, Rejection};
use crate::point::FilePoint;
use crate::points::Points;
use crate::subgroup::{self, Seed};

/// Where the sections of a key lie, for errors found after they were read.
pub(super) struct Layout<'a>(pub(super) &'a Sections);

impl Layout<'_> {
    fn reject(&self, id: u32, within: u64, rejection: impl Into<Rejection>) -> FileError {
        let start = self.0.find(id).map_or(0, |section| section.offset);
        let (file, offset) = (FileKind::Zkey, start + within);
        FileError { file, section: Some(id), offset, rejection: rejection.into() }
    }
}

/// Checks that the elements of the verification key agree; says whether proofs can be forged.
///
/// There is one alpha only, in G1, so nothing contradicts it; beta and delta are compared across
/// the groups by pairings.
pub(super) fn check_key<E: CircomCurve>(
    key: &ProvingKey<E>,
    layout: &Layout<'_>,
    allow_development: bool,
) -> Result<bool, FileError> {
    let refuse = |fault: KeyFault| layout.reject(section::HEADER, 0, fault);
    let skipped = key.vk.skipped_phase().map_err(refuse)?;
    if !same_logarithm::<E>(key.beta_g1, key.vk.beta_g2) {
        return Err(refuse(KeyFault::BetaMismatch));
    }
    if !same_logarithm::<E>(key.delta_g1, key.vk.delta_g2) {
        return Err(refuse(KeyFault::DeltaMismatch));
    }
    let marked = is_marked(&key.contributions);
    match skipped.or(marked.then_some(KeyFault::DevelopmentKey)) {
        None => Ok(false),
        Some(_) if allow_development => Ok(true),
        Some(KeyFault::DevelopmentKey) => {
            Err(layout.reject(section::CONTRIBUTIONS, 0, KeyFault::DevelopmentKey))
        }
        Some(fault) => Err(refuse(fault)),
    }
}

/// Whether e(P, g2) = e(g1, Q).
fn same_logarithm<E: Pairing>(p: E::G1Affine, q: E::G2Affine) -> bool {
    let (g1, g2) = (E::G1Affine::generator(), E::G2Affine::generator());
    let product = E::multi_pairing([p.into_group(), -g1.into_group()], [g2, q]);
    product == ark_ec::pairing::PairingOutput::default()
}

/// Checks that every point of the key is in the subgroup of prime order.
pub(super) fn check_groups<E: CircomCurve>(
    key: &ProvingKey<E>,
    layout: &Layout<'_>,
    digest: &Sha256Digest,
) -> Result<(), FileError> {
    check_header_groups(key, layout)?;
    let ic = key.vk.ic.as_slice().into();
    let g1 = [
        (section::IC, &ic),
        (section::A, &key.a),
        (section::B_G1, &key.b_g1),
        (section::C, &key.c),
        (section::H, &key.h),
    ];
    for (id, points) in g1 {
        check_group(id, points, layout, digest)?;
    }
    check_group(section::B_G2, &key.b_g2, layout, digest)
}

fn check_group<P: FilePoint>(
    id: u32,
    points: &Points<P>,
    layout: &Layout<'_>,
    digest: &Sha256Digest,
) -> Result<(), FileError> {
    let seed = Seed::new(digest, id);
    subgroup::check(points, &seed).map_err(|index| {
        let (index, width) = (index as u64, P::BYTES as u64);
        layout.reject(id, index * width, Rejection::PointNotInSubgroup { index })
    })
}

fn check_header_groups<E: CircomCurve>(
    key: &ProvingKey<E>,
    layout: &Layout<'_>,
) -> Result<(), FileError> {
    let (vk, g1, g2) = (&key.vk, E::G1Affine::BYTES as u64, E::G2Affine::BYTES as u64);
    // In the order of the file, with the index that errors of reading use.
    let members = [
        (vk.alpha_g1.is_in_subgroup(), g1),
        (key.beta_g1.is_in_subgroup(), g1),
        (vk.beta_g2.is_in_subgroup(), g2),
        (vk.gamma_g2.is_in_subgroup(), g2),
        (key.delta_g1.is_in_subgroup(), g1),
        (vk.delta_g2.is_in_subgroup(), g2),
    ];
    let Some(outside) = members.iter().position(|(inside, _)| !inside) else {
        return Ok(());
    };
    let start = super::write::header_prefix_bytes::<E>();
    let before: u64 = members.iter().take(outside).map(|(_, width)| width).sum();
    let rejection = Rejection::PointNotInSubgroup { index: outside as u64 };
    Err(layout.reject(section::HEADER, start + before, rejection))
}
