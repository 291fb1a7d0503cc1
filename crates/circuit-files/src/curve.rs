//! The supported curves, in the conventions of iden3 tools.

use ark_bls12_381::Bls12_381;
use ark_bn254::Bn254;
use ark_ec::pairing::Pairing;
use ark_ff::{Field, LegendreSymbol, PrimeField};
use zkpool_types::Curve;

use crate::field::FileField;
use crate::point::FilePoint;

/// A curve that circom circuits are compiled for.
pub trait CircomCurve:
    Pairing<
        BaseField: FileField,
        ScalarField: FileField,
        G1Affine: FilePoint<BaseField = Self::BaseField>,
        G2Affine: FilePoint,
    >
{
    /// The curve's name in this system.
    const CURVE: Curve;

    /// The curve's name in the JSON files of snarkjs.
    const JSON_NAME: &'static str;

    /// The largest power of two that divides r - 1, as its logarithm.
    #[must_use]
    fn two_adicity() -> u32 {
        let r = Self::ScalarField::MODULUS_MINUS_ONE_DIV_TWO;
        1 + trailing_zeros(r.as_ref())
    }

    /// The smallest quadratic non-residue of the scalar field, as ffjavascript searches it.
    #[must_use]
    fn quadratic_non_residue() -> Self::ScalarField {
        let is_non_residue =
            |n: &Self::ScalarField| matches!(n.legendre(), LegendreSymbol::QuadraticNonResidue);
        let candidates = (2u64..).map(Self::ScalarField::from);
        candidates.into_iter().find(is_non_residue).unwrap_or_default()
    }

    /// The root of unity of order 2^`two_adicity` on which snarkjs builds its domains.
    ///
    /// It is the smallest non-residue to the power of the odd part of r - 1. Arkworks starts from
    /// its own generator instead, which for BLS12-381 is another number, so that a domain of
    /// arkworks evaluates in another order than the key expects.
    #[must_use]
    fn two_adic_root() -> Self::ScalarField {
        // r is odd, so halving r - 1 once less than its two-adicity is left to do.
        let half = Self::ScalarField::MODULUS_MINUS_ONE_DIV_TWO;
        let odd_part = half >> (Self::two_adicity() - 1);
        Self::quadratic_non_residue().pow(odd_part)
    }

    /// The root of unity of order 2^`log2` of snarkjs's domains; none above the two-adicity.
    #[must_use]
    fn root_of_unity(log2: u32) -> Option<Self::ScalarField> {
        let squarings = Self::two_adicity().checked_sub(log2)?;
        let mut root = Self::two_adic_root();
        for _ in 0..squarings {
            root.square_in_place();
        }
        Some(root)
    }

    /// What snarkjs shifts a domain of size 2^`log2` by to evaluate off it.
    ///
    /// It is the root of unity of twice the order or, where the field has none, the square of the
    /// non-residue (`Fr.shift`). The H points of a key are for this coset.
    #[must_use]
    fn coset_shift(log2: u32) -> Self::ScalarField {
        Self::root_of_unity(log2 + 1).unwrap_or_else(|| Self::quadratic_non_residue().square())
    }
}

/// Number of zero bits below the lowest one of a number in 64-bit limbs.
fn trailing_zeros(limbs: &[u64]) -> u32 {
    let whole = limbs.iter().take_while(|limb| **limb == 0).count();
    let rest = limbs.get(whole).map_or(0, |limb| limb.trailing_zeros());
    (0..whole).fold(rest, |bits, _| bits + u64::BITS)
}

impl CircomCurve for Bn254 {
    const CURVE: Curve = Curve::Bn254;
    const JSON_NAME: &'static str = "bn128";
}

impl CircomCurve for Bls12_381 {
    const CURVE: Curve = Curve::Bls12_381;
    const JSON_NAME: &'static str = "bls12381";
}

#[cfg(test)]
mod tests {
    use ark_ff::{FftField, One};

    use super::*;

    fn the_root_has_exactly_its_order<E: CircomCurve>() {
        let root = E::root_of_unity(1).unwrap();
        assert_eq!(root, -E::ScalarField::one());
        assert_eq!(E::two_adicity(), E::ScalarField::TWO_ADICITY);
        assert_eq!(E::root_of_unity(E::two_adicity() + 1), None);
    }

    #[test]
    fn roots_have_their_order() {
        the_root_has_exactly_its_order::<Bn254>();
        the_root_has_exactly_its_order::<Bls12_381>();
    }

    #[test]
    fn only_bls12_381_differs_from_arkworks() {
        assert_eq!(Bn254::two_adic_root(), ark_bn254::Fr::TWO_ADIC_ROOT_OF_UNITY);
        assert_ne!(Bls12_381::two_adic_root(), ark_bls12_381::Fr::TWO_ADIC_ROOT_OF_UNITY);
    }

    #[test]
    fn the_shift_of_the_largest_domain_is_off_it() {
        let shift = Bn254::coset_shift(28);
        assert_eq!(shift, ark_bn254::Fr::from(25u64));
    }
}
