//! Binary files taken apart, changed and put together again.

use ark_bls12_381::Fq;
use ark_ec::short_weierstrass::{Affine, SWCurveConfig};
use ark_ff::AdditiveGroup;
use zkpool_circuit_files::FilePoint;

use crate::common::fixture;

/// A binary file as its sections.
#[derive(Clone)]
pub(crate) struct Crafted {
    pub(crate) preamble: Vec<u8>,
    pub(crate) sections: Vec<(u32, Vec<u8>)>,
    pub(crate) trailing: Vec<u8>,
}

impl Crafted {
    pub(crate) fn of(curve: &str, name: &str) -> Self {
        let bytes = fixture(curve, name);
        let mut rest = &bytes[12..];
        let mut sections = Vec::new();
        while !rest.is_empty() {
            let id = u32::from_le_bytes(rest[..4].try_into().unwrap());
            let size = u64::from_le_bytes(rest[4..12].try_into().unwrap()) as usize;
            sections.push((id, rest[12..12 + size].to_vec()));
            rest = &rest[12 + size..];
        }
        Self { preamble: bytes[..8].to_vec(), sections, trailing: Vec::new() }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let count = self.sections.len() as u32;
        let mut bytes = [&self.preamble[..], &count.to_le_bytes()].concat();
        for (id, content) in &self.sections {
            bytes.extend(id.to_le_bytes());
            bytes.extend((content.len() as u64).to_le_bytes());
            bytes.extend(content);
        }
        [bytes, self.trailing.clone()].concat()
    }

    pub(crate) fn section(&mut self, id: u32) -> &mut Vec<u8> {
        &mut self.sections.iter_mut().find(|(found, _)| *found == id).unwrap().1
    }

    /// The file with these bytes written over a section, from `at` on.
    pub(crate) fn with(mut self, id: u32, at: usize, bytes: &[u8]) -> Vec<u8> {
        self.section(id)[at..at + bytes.len()].copy_from_slice(bytes);
        self.bytes()
    }

    /// The file after any change.
    pub(crate) fn changed(mut self, change: impl FnOnce(&mut Self)) -> Vec<u8> {
        change(&mut self);
        self.bytes()
    }
}

/// A point in the encoding of the files.
pub(crate) fn encoded<P: FilePoint>(point: &P) -> Vec<u8> {
    let mut bytes = vec![0; P::BYTES];
    point.write(&mut bytes);
    bytes
}

/// A point on the curve, but outside its subgroup of prime order.
pub(crate) fn outside_subgroup<C: SWCurveConfig>() -> Affine<C>
where
    Affine<C>: FilePoint,
{
    (1u64..)
        .filter_map(|x| Affine::<C>::get_point_from_x_unchecked(C::BaseField::from(x), true))
        .find(|point| !point.is_in_subgroup())
        .unwrap()
}

/// The point (0, 2) of BLS12-381, which has order 3: the smallest order outside the subgroup.
pub(crate) fn order_three() -> ark_bls12_381::G1Affine {
    ark_bls12_381::G1Affine::new_unchecked(Fq::ZERO, Fq::from(2u64))
}

/// A multiple of the generator.
pub(crate) fn multiple<P: FilePoint>(factor: u64) -> Vec<u8> {
    encoded(&P::from(P::generator() * P::ScalarField::from(factor)))
}
