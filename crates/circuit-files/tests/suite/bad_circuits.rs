//! Crafted bad witnesses and constraint systems: each is refused for its one reason.

use ark_bn254 as bn;
use zkpool_circuit_files::{FileField, Rejection};

use crate::cases::{case, check, le};
use crate::common::fixture;
use crate::crafted::Crafted;

#[test]
fn bad_witnesses_are_rejected() {
    let witness = || Crafted::of("bn128", "multiplier.wtns");
    let goldilocks = [0xffff_ffff_0000_0001u64.to_le_bytes().as_slice(), &[0; 24]].concat();
    let cases = vec![
        case!("a key", fixture("bn128", "multiplier.zkey"), None, Rejection::Magic { .. }),
        case!(
            "version 1",
            witness().changed(|w| w.preamble[4] = 1),
            None,
            Rejection::Version { expected: 2, found: 1 }
        ),
        case!(
            "section 3",
            witness().changed(|w| w.sections[1].0 = 3),
            None,
            Rejection::UnknownSection { .. }
        ),
        case!(
            "no values",
            witness().changed(|w| drop(w.sections.pop())),
            None,
            Rejection::MissingSection { expected: 2 }
        ),
        case!(
            "8-byte field",
            witness().with(1, 0, &le(8)),
            Some(1),
            Rejection::FieldWidth { found: 8, .. }
        ),
        case!("another field", witness().with(1, 4, &goldilocks), Some(1), Rejection::Prime { .. }),
        case!(
            "q in place of r",
            witness().with(1, 4, &bn::Fq::prime()),
            Some(1),
            Rejection::Prime { .. }
        ),
        case!("no values counted", witness().with(1, 36, &le(0)), Some(1), Rejection::EmptyWitness),
        case!(
            "a value too few",
            witness().with(1, 36, &le(26)),
            Some(2),
            Rejection::SectionSize { .. }
        ),
        case!(
            "a value too many",
            witness().with(1, 36, &le(24)),
            Some(2),
            Rejection::SectionSize { .. }
        ),
        case!(
            "2^32 - 1 values",
            witness().with(1, 36, &[0xff; 4]),
            Some(2),
            Rejection::SectionSize { .. }
        ),
        case!("w[0] = 0", witness().with(2, 0, &[0]), Some(2), Rejection::FirstValueNotOne),
        case!("w[0] = 2", witness().with(2, 0, &[2]), Some(2), Rejection::FirstValueNotOne),
        case!(
            "w[3] = r",
            witness().with(2, 96, &bn::Fr::prime()),
            Some(2),
            Rejection::ValueNotReduced { index: 3 }
        ),
        case!(
            "w[0] = r + 1",
            witness().with(2, 0, &r_plus_one()),
            Some(2),
            Rejection::ValueNotReduced { index: 0 }
        ),
        case!(
            "long header",
            witness().changed(|w| w.section(1).push(0)),
            Some(1),
            Rejection::SectionSize { .. }
        ),
    ];
    check("wtns", cases, false);
}

/// r + 1, which stands for 1 where values are reduced instead of refused.
fn r_plus_one() -> Vec<u8> {
    let mut bytes = bn::Fr::prime();
    bytes[0] += 1;
    bytes
}

#[test]
fn bad_constraint_systems_are_rejected() {
    let system = || Crafted::of("bn128", "multiplier.r1cs");
    let header = |at: usize, with: &[u8]| system().with(1, at, with);
    let n_constraints = u32::from_le_bytes(system().section(1)[60..64].try_into().unwrap());
    let cases = vec![
        case!("a witness", fixture("bn128", "multiplier.wtns"), None, Rejection::Magic { .. }),
        case!(
            "section 6",
            system().changed(|r| r.sections[2].0 = 6),
            None,
            Rejection::UnknownSection { .. }
        ),
        case!(
            "no header",
            system().changed(|r| drop(r.sections.remove(1))),
            None,
            Rejection::MissingSection { expected: 1 }
        ),
        case!(
            "no constraints",
            system().changed(|r| drop(r.sections.remove(0))),
            Some(1),
            Rejection::MissingSection { expected: 2 }
        ),
        case!(
            "64-byte field",
            header(0, &le(64)),
            Some(1),
            Rejection::FieldWidth { found: 64, .. }
        ),
        case!("another field", header(4, &[0]), Some(1), Rejection::Prime { .. }),
        case!("no wires", header(36, &le(0)), Some(1), Rejection::NoWires { found: 0 }),
        case!("all wires public", header(40, &le(25)), Some(1), Rejection::PublicInputs { .. }),
        case!("2^33 public", header(40, &[0xff; 8]), Some(1), Rejection::PublicInputs { .. }),
        case!(
            "a row too few",
            header(60, &le(n_constraints - 1)),
            Some(2),
            Rejection::SectionSize { .. }
        ),
        case!(
            "a row too many",
            header(60, &le(n_constraints + 1)),
            Some(2),
            Rejection::Truncated { .. }
        ),
        case!("2^32 - 1 rows", header(60, &[0xff; 4]), Some(2), Rejection::Truncated { .. }),
        case!(
            "2^32 - 1 terms",
            system().with(2, 0, &[0xff; 4]),
            Some(2),
            Rejection::Truncated { .. }
                | Rejection::Signal { .. }
                | Rejection::CoefficientNotReduced { .. }
        ),
        case!(
            "wire 25",
            system().with(2, 4, &le(25)),
            Some(2),
            Rejection::Signal { index: 0, limit: 25, found: 25 }
        ),
        case!(
            "coefficient r",
            system().with(2, 8, &bn::Fr::prime()),
            Some(2),
            Rejection::CoefficientNotReduced { index: 0 }
        ),
        case!(
            "24 labels",
            system().changed(|r| r.section(3).truncate(192)),
            Some(3),
            Rejection::SectionSize { .. }
        ),
        case!(
            "label 2^64 - 1",
            system().with(3, 8, &[0xff; 8]),
            Some(3),
            Rejection::Label { index: 1, .. }
        ),
        case!(
            "gates without uses",
            system().changed(|r| r.sections.push((4, vec![0; 4]))),
            None,
            Rejection::CustomGates { found: 4 }
        ),
        case!(
            "uses without gates",
            system().changed(|r| r.sections.push((5, vec![0; 4]))),
            None,
            Rejection::CustomGates { found: 5 }
        ),
        case!(
            "long header",
            system().changed(|r| r.section(1).push(0)),
            Some(1),
            Rejection::SectionSize { .. }
        ),
        case!(
            "a trailing byte",
            system().changed(|r| r.trailing.push(0)),
            None,
            Rejection::TrailingBytes { .. }
        ),
    ];
    check("r1cs", cases, false);
}
