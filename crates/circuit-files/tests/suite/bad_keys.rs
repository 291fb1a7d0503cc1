//! Crafted bad keys: each is refused for its one reason, at its place.

use ark_bls12_381 as bls;
use ark_bn254 as bn;
use zkpool_circuit_files::{FileField, KeyFault, Rejection, zkey};

use crate::cases::{case, check, le};
use crate::common::{CURVES, fixture, rewrite};
use crate::crafted::{Crafted, encoded, multiple, order_three, outside_subgroup};

fn key() -> Crafted {
    Crafted::of("bn128", "multiplier.zkey")
}

fn bls_key() -> Crafted {
    Crafted::of("bls12-381", "multiplier.zkey")
}

/// Offsets within section 2 of a BN254 key.
mod at {
    pub(super) const R_WIDTH: usize = 36;
    pub(super) const R: usize = 40;
    pub(super) const N_VARS: usize = 72;
    pub(super) const ALPHA1: usize = 84;
    pub(super) const BETA1: usize = 148;
    pub(super) const BETA2: usize = 212;
    pub(super) const GAMMA2: usize = 340;
    pub(super) const DELTA1: usize = 468;
    pub(super) const DELTA2: usize = 532;
}

#[test]
fn containers_that_are_not_well_formed_are_rejected() {
    let swapped = |a: usize, b: usize| key().changed(|k| k.sections.swap(a, b));
    let huge = |id: usize| {
        let mut bytes = key().bytes();
        let before: usize = key().sections[..id].iter().map(|(_, c)| 12 + c.len()).sum();
        bytes[12 + before + 4..12 + before + 12].fill(0xff);
        bytes
    };
    let preamble = |at: usize, with: [u8; 4]| {
        let mut bytes = key().bytes();
        bytes[at..at + 4].copy_from_slice(&with);
        bytes
    };
    let cases = vec![
        case!("empty file", vec![], None, Rejection::Truncated { expected: 4, found: 0 }),
        case!("magic only", b"zkey".to_vec(), None, Rejection::Truncated { .. }),
        case!("another format", fixture("bn128", "multiplier.wtns"), None, Rejection::Magic { .. }),
        case!("magic of junk", preamble(0, *b"PK\x03\x04"), None, Rejection::Magic { .. }),
        case!("version 0", preamble(4, le(0)), None, Rejection::Version { found: 0, .. }),
        case!("version 2", preamble(4, le(2)), None, Rejection::Version { found: 2, .. }),
        case!("2^32 - 1 sections", preamble(8, le(u32::MAX)), None, Rejection::SectionCount { .. }),
        case!("11 sections", preamble(8, le(11)), None, Rejection::SectionCount { max: 10, .. }),
        case!("9 sections counted", preamble(8, le(9)), None, Rejection::TrailingBytes { .. }),
        case!("no sections counted", preamble(8, le(0)), None, Rejection::TrailingBytes { .. }),
        case!(
            "section 0",
            key().changed(|k| k.sections[9].0 = 0),
            None,
            Rejection::UnknownSection { found: 0, .. }
        ),
        case!(
            "section 11",
            key().changed(|k| k.sections[9].0 = 11),
            None,
            Rejection::UnknownSection { found: 11, .. }
        ),
        case!(
            "section 5 twice",
            key().changed(|k| k.sections[9].0 = 5),
            None,
            Rejection::DuplicateSection { found: 5 }
        ),
        case!(
            "section 10 missing",
            key().changed(|k| drop(k.sections.pop())),
            None,
            Rejection::MissingSection { expected: 10 }
        ),
        case!(
            "header section missing",
            key().changed(|k| drop(k.sections.remove(1))),
            None,
            Rejection::MissingSection { expected: 2 }
        ),
        case!("sections 1 and 2 swapped", swapped(0, 1), None, Rejection::SectionOrder { .. }),
        case!("header comes third", swapped(1, 2), None, Rejection::SectionOrder { .. }),
        case!("size of 2^64 - 1", huge(4), Some(5), Rejection::Truncated { .. }),
        case!("size of 2^64 - 1, last", huge(9), Some(10), Rejection::Truncated { .. }),
        case!(
            "a trailing byte",
            key().changed(|k| k.trailing.push(0)),
            None,
            Rejection::TrailingBytes { found: 1 }
        ),
    ];
    check("zkey", cases, true);
}

#[test]
fn key_headers_that_contradict_are_rejected() {
    let protocol = |id: u32| key().with(1, 0, &le(id));
    let header = |at: usize, with: &[u8]| key().with(2, at, with);
    let counts = |n_vars: u32, n_public: u32, domain: u32| {
        key().with(2, at::N_VARS, &[le(n_vars), le(n_public), le(domain)].concat())
    };
    let bls_r = bls::Fr::prime();
    let cases = vec![
        case!("plonk", protocol(2), Some(1), Rejection::Protocol { found: 2, name: "plonk" }),
        case!("fflonk", protocol(10), Some(1), Rejection::Protocol { found: 10, name: "fflonk" }),
        case!("no protocol", protocol(0), Some(1), Rejection::Protocol { name: "unknown", .. }),
        case!(
            "plonk with its own sections",
            key().changed(|k| {
                k.section(1)[0] = 2;
                k.sections.push((14, vec![]));
            }),
            Some(1),
            Rejection::Protocol { found: 2, name: "plonk" }
        ),
        case!(
            "long protocol",
            key().changed(|k| k.section(1).push(0)),
            Some(1),
            Rejection::SectionSize { expected: 4, found: 5 }
        ),
        case!("q of 2^31 bytes", header(0, &le(1 << 31)), Some(2), Rejection::FieldWidth { .. }),
        case!("q of 48 bytes", header(0, &le(48)), Some(2), Rejection::Prime { .. }),
        case!("q of no curve", header(4, &[0xfe]), Some(2), Rejection::Prime { .. }),
        case!("q is zero", header(4, &[0; 32]), Some(2), Rejection::Prime { .. }),
        case!("r of 0 bytes", header(at::R_WIDTH, &le(0)), Some(2), Rejection::FieldWidth { .. }),
        case!("r of 48 bytes", header(at::R_WIDTH, &le(48)), Some(2), Rejection::FieldWidth { .. }),
        case!("r of BLS12-381", header(at::R, &bls_r), Some(2), Rejection::ScalarPrime { .. }),
        case!("no variables", counts(0, 0, 32), Some(2), Rejection::PublicInputs { .. }),
        case!("all public", counts(25, 25, 32), Some(2), Rejection::PublicInputs { found: 25, .. }),
        case!("2^32 - 1 public", counts(25, u32::MAX, 32), Some(2), Rejection::PublicInputs { .. }),
        case!("domain of 0", counts(25, 3, 0), Some(2), Rejection::DomainSize { found: 0 }),
        case!("domain of 3", counts(25, 3, 3), Some(2), Rejection::DomainSize { found: 3 }),
        case!("domain of 33", counts(25, 3, 33), Some(2), Rejection::DomainSize { .. }),
        case!(
            "domain of 2",
            counts(25, 3, 2),
            Some(2),
            Rejection::DomainTooSmall { required: 4, .. }
        ),
        case!(
            "domain of 2^29",
            counts(25, 3, 1 << 29),
            Some(2),
            Rejection::DomainTooLarge { max_log2: 28, .. }
        ),
        case!("domain of 2^31", counts(25, 3, 1 << 31), Some(2), Rejection::DomainTooLarge { .. }),
        case!("domain of 64", counts(25, 3, 64), Some(9), Rejection::SectionSize { .. }),
        case!("26 variables", counts(26, 3, 32), Some(5), Rejection::SectionSize { .. }),
        case!(
            "2^32 - 1 variables",
            counts(u32::MAX, 3, 32),
            Some(5),
            Rejection::SectionSize { .. }
        ),
        case!("2 public", counts(25, 2, 32), Some(3), Rejection::SectionSize { .. }),
        case!(
            "header too long",
            key().changed(|k| k.section(2).push(0)),
            Some(2),
            Rejection::SectionSize { .. }
        ),
        case!(
            "header too short",
            key().changed(|k| k.section(2).truncate(at::DELTA2)),
            Some(2),
            Rejection::Truncated { .. }
        ),
    ];
    check("zkey", cases, true);
    let bls_domain = bls_key().with(2, 96, &le(1 << 31));
    let cases = vec![case!(
        "domain of 2^31 on BLS12-381",
        bls_domain,
        Some(2),
        Rejection::DomainTooLarge { .. }
    )];
    check("zkey", cases, true);
}

#[test]
fn key_elements_that_prove_nothing_are_rejected() {
    let header = |at: usize, with: &[u8]| key().with(2, at, with);
    let g1 = |factor| multiple::<bn::G1Affine>(factor);
    let g2 = |factor| multiple::<bn::G2Affine>(factor);
    let foreign = encoded(&outside_subgroup::<bn::g2::Config>());
    let gamma_is_delta = key().changed(|k| {
        k.section(2)[at::GAMMA2..at::DELTA1].copy_from_slice(&g2(7));
        k.section(2)[at::DELTA1..at::DELTA2].copy_from_slice(&g1(7));
        k.section(2)[at::DELTA2..].copy_from_slice(&g2(7));
    });
    let no_phase_1 = key().changed(|k| {
        k.section(2)[at::BETA1..at::BETA2].copy_from_slice(&g1(1));
        k.section(2)[at::BETA2..at::GAMMA2].copy_from_slice(&g2(1));
    });
    let cases = vec![
        case!(
            "alpha at infinity",
            header(at::ALPHA1, &[0; 64]),
            Some(2),
            Rejection::PointAtInfinity { index: 0 }
        ),
        case!(
            "beta1 at infinity",
            header(at::BETA1, &[0; 64]),
            Some(2),
            Rejection::PointAtInfinity { index: 1 }
        ),
        case!(
            "beta2 at infinity",
            header(at::BETA2, &[0; 128]),
            Some(2),
            Rejection::PointAtInfinity { index: 2 }
        ),
        case!(
            "gamma at infinity",
            header(at::GAMMA2, &[0; 128]),
            Some(2),
            Rejection::PointAtInfinity { index: 3 }
        ),
        case!(
            "delta1 at infinity",
            header(at::DELTA1, &[0; 64]),
            Some(2),
            Rejection::PointAtInfinity { index: 4 }
        ),
        case!(
            "delta2 at infinity",
            header(at::DELTA2, &[0; 128]),
            Some(2),
            Rejection::PointAtInfinity { index: 5 }
        ),
        case!(
            "alpha off the curve",
            header(at::ALPHA1, &[1]),
            Some(2),
            Rejection::PointNotOnCurve { index: 0 }
        ),
        case!(
            "gamma off the curve",
            header(at::GAMMA2, &[1]),
            Some(2),
            Rejection::PointNotOnCurve { index: 3 }
        ),
        case!(
            "alpha not reduced",
            header(at::ALPHA1, &[0xff; 32]),
            Some(2),
            Rejection::PointNotReduced { index: 0 }
        ),
        case!(
            "alpha with x = q",
            header(at::ALPHA1, &bn::Fq::prime()),
            Some(2),
            Rejection::PointNotReduced { index: 0 }
        ),
        case!(
            "gamma outside the subgroup",
            header(at::GAMMA2, &foreign),
            Some(2),
            Rejection::PointNotInSubgroup { index: 3 }
        ),
        case!(
            "another beta1",
            header(at::BETA1, &g1(5)),
            Some(2),
            Rejection::Key(KeyFault::BetaMismatch)
        ),
        case!(
            "another beta2",
            header(at::BETA2, &g2(5)),
            Some(2),
            Rejection::Key(KeyFault::BetaMismatch)
        ),
        case!(
            "another delta1",
            header(at::DELTA1, &g1(5)),
            Some(2),
            Rejection::Key(KeyFault::DeltaMismatch)
        ),
        case!(
            "another delta2",
            header(at::DELTA2, &g2(5)),
            Some(2),
            Rejection::Key(KeyFault::DeltaMismatch)
        ),
        case!(
            "gamma is delta",
            gamma_is_delta,
            Some(2),
            Rejection::Key(KeyFault::GammaEqualsDelta)
        ),
        case!(
            "no phase 1, beta",
            no_phase_1,
            Some(2),
            Rejection::Key(KeyFault::PowersOfTauSkipped)
        ),
        case!(
            "no phase 1, alpha",
            header(at::ALPHA1, &g1(1)),
            Some(2),
            Rejection::Key(KeyFault::PowersOfTauSkipped)
        ),
        case!(
            "no phase 2",
            fixture("bn128", "multiplier_initial.zkey"),
            Some(2),
            Rejection::Key(KeyFault::DeltaIsGenerator)
        ),
        case!(
            "development key",
            key().changed(|k| *k.section(10) = zkey::development_contributions()),
            Some(10),
            Rejection::Key(KeyFault::DevelopmentKey)
        ),
    ];
    check("zkey", cases, true);
}

#[test]
fn key_coefficients_out_of_range_are_rejected() {
    /// Bytes of a coefficient of a BN254 key.
    const WIDTH: usize = 44;
    let coefficient =
        |index: usize, at: usize, with: &[u8]| key().with(4, 4 + index * WIDTH + at, with);
    let last = key().section(4).len() / WIDTH - 1;
    let swapped = key().changed(|k| {
        let content = k.section(4);
        let first = content[4..4 + WIDTH].to_vec();
        content.copy_within(4 + last * WIDTH.., 4);
        content[4 + last * WIDTH..].copy_from_slice(&first);
    });
    let cases = vec![
        case!(
            "matrix 2",
            coefficient(0, 0, &le(2)),
            Some(4),
            Rejection::Matrix { index: 0, found: 2 }
        ),
        case!(
            "matrix 2^32 - 1",
            coefficient(3, 0, &[0xff; 4]),
            Some(4),
            Rejection::Matrix { index: 3, .. }
        ),
        case!(
            "row 32",
            coefficient(0, 4, &le(32)),
            Some(4),
            Rejection::Constraint { limit: 32, .. }
        ),
        case!(
            "signal 25",
            coefficient(0, 8, &le(25)),
            Some(4),
            Rejection::Signal { limit: 25, .. }
        ),
        case!(
            "signal 2^32 - 1",
            coefficient(2, 8, &[0xff; 4]),
            Some(4),
            Rejection::Signal { index: 2, .. }
        ),
        case!(
            "value r",
            coefficient(1, 12, &bn::Fr::prime()),
            Some(4),
            Rejection::CoefficientNotReduced { index: 1 }
        ),
        case!(
            "value 2^256 - 1",
            coefficient(1, 12, &[0xff; 32]),
            Some(4),
            Rejection::CoefficientNotReduced { .. }
        ),
        case!("out of order", swapped, Some(4), Rejection::CoefficientOrder { .. }),
        case!("count too small", key().with(4, 0, &le(1)), Some(4), Rejection::SectionSize { .. }),
        case!(
            "count of 2^32 - 1",
            key().with(4, 0, &[0xff; 4]),
            Some(4),
            Rejection::SectionSize { .. }
        ),
        case!(
            "no count",
            key().changed(|k| k.section(4).truncate(3)),
            Some(4),
            Rejection::Truncated { expected: 4, found: 3 }
        ),
    ];
    check("zkey", cases, true);
}

#[test]
fn key_points_outside_their_group_are_rejected() {
    let foreign = encoded(&outside_subgroup::<bn::g2::Config>());
    let bls_g1 = encoded(&outside_subgroup::<bls::g1::Config>());
    let bls_g2 = encoded(&outside_subgroup::<bls::g2::Config>());
    let order_3 = encoded(&order_three());
    let cases = vec![
        case!(
            "IC at infinity",
            key().with(3, 64, &[0; 64]),
            Some(3),
            Rejection::PointAtInfinity { index: 1 }
        ),
        case!(
            "IC off the curve",
            key().with(3, 0, &[1]),
            Some(3),
            Rejection::PointNotOnCurve { index: 0 }
        ),
        case!(
            "A off the curve",
            key().with(5, 64 * 24, &[1]),
            Some(5),
            Rejection::PointNotOnCurve { index: 24 }
        ),
        case!(
            "A not reduced",
            key().with(5, 64, &[0xff; 32]),
            Some(5),
            Rejection::PointNotReduced { index: 1 }
        ),
        case!(
            "B1 not reduced",
            key().with(6, 96, &[0xff; 32]),
            Some(6),
            Rejection::PointNotReduced { index: 1 }
        ),
        case!(
            "B2 off the curve",
            key().with(7, 128, &[9; 31]),
            Some(7),
            Rejection::PointNotOnCurve { index: 1 }
        ),
        case!(
            "B2 off its group",
            key().with(7, 128 * 5, &foreign),
            Some(7),
            Rejection::PointNotInSubgroup { index: 5 }
        ),
        case!(
            "C off the curve",
            key().with(8, 64 * 3, &[1]),
            Some(8),
            Rejection::PointNotOnCurve { index: 3 }
        ),
        case!(
            "H off the curve",
            key().with(9, 64 * 31, &[1]),
            Some(9),
            Rejection::PointNotOnCurve { index: 31 }
        ),
        case!(
            "BLS IC off its group",
            bls_key().with(3, 96, &bls_g1),
            Some(3),
            Rejection::PointNotInSubgroup { index: 1 }
        ),
        case!(
            "BLS A of order 3",
            bls_key().with(5, 96, &order_3),
            Some(5),
            Rejection::PointNotInSubgroup { index: 1 }
        ),
        case!(
            "BLS B1 off its group",
            bls_key().with(6, 0, &bls_g1),
            Some(6),
            Rejection::PointNotInSubgroup { index: 0 }
        ),
        case!(
            "BLS B2 off its group",
            bls_key().with(7, 192, &bls_g2),
            Some(7),
            Rejection::PointNotInSubgroup { index: 1 }
        ),
        case!(
            "BLS C off its group",
            bls_key().with(8, 96, &bls_g1),
            Some(8),
            Rejection::PointNotInSubgroup { index: 1 }
        ),
        case!(
            "BLS H off its group",
            bls_key().with(9, 96, &bls_g1),
            Some(9),
            Rejection::PointNotInSubgroup { index: 1 }
        ),
        case!(
            "A too short",
            key().changed(|k| k.section(5).truncate(1)),
            Some(5),
            Rejection::SectionSize { .. }
        ),
        case!(
            "C too long",
            key().changed(|k| k.section(8).push(0)),
            Some(8),
            Rejection::SectionSize { .. }
        ),
        case!(
            "no hash",
            key().changed(|k| k.section(10).truncate(63)),
            Some(10),
            Rejection::Contributions { .. }
        ),
        case!(
            "2^32 - 1 contributions",
            key().with(10, 64, &[0xff; 4]),
            Some(10),
            Rejection::Contributions { .. }
        ),
        case!(
            "contribution cut short",
            key().changed(|k| k.section(10).truncate(400)),
            Some(10),
            Rejection::Contributions { .. }
        ),
        case!(
            "contribution too long",
            key().changed(|k| k.section(10).push(0)),
            Some(10),
            Rejection::Contributions { .. }
        ),
    ];
    check("zkey", cases, true);
}

#[test]
fn the_error_names_the_byte() {
    let error = rewrite("zkey", &key().with(5, 64 * 24, &[1])).unwrap_err();
    let before: usize = key().sections[..4].iter().map(|(_, content)| 12 + content.len()).sum();
    assert_eq!(error.offset as usize, 12 + before + 12 + 64 * 24);
    let text = error.to_string();
    assert!(text.starts_with(".zkey file, section 5 at byte "), "{text}");
    assert!(text.ends_with("point 24: expected a point on the curve, found one off it"), "{text}");
}

#[test]
fn every_truncation_is_rejected() {
    for curve in CURVES {
        for name in ["multiplier.r1cs", "multiplier.wtns", "multiplier.zkey"] {
            let bytes = fixture(curve, name);
            let extension = name.rsplit('.').next().unwrap();
            for length in 0..bytes.len() {
                assert!(rewrite(extension, &bytes[..length]).is_err(), "{curve} {name} {length}");
            }
        }
    }
}
