//! Field elements as decimal strings in their one canonical spelling.

use ark_ff::PrimeField;
use zkpool_types::Curve;

use super::error::JsonRejection;
use super::shortened;

/// The canonical spelling of a field element.
pub(super) fn write<F: PrimeField>(value: F) -> String {
    value.into_bigint().to_string()
}

/// Reads a field element that is below the prime and spelt canonically.
pub(super) fn read<F: PrimeField>(curve: Curve, text: &str) -> Result<F, JsonRejection> {
    check_spelling::<F>(text)?;
    let number = text.parse::<F::BigInt>().ok();
    number
        .and_then(F::from_bigint)
        .ok_or_else(|| JsonRejection::NotReduced { curve, found: text.to_owned() })
}

fn check_spelling<F: PrimeField>(text: &str) -> Result<(), JsonRejection> {
    // log10(2) < 0.302, so this is at least the number of digits of the prime.
    let max = F::MODULUS_BIT_SIZE as usize * 302 / 1000 + 1;
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits || (text.starts_with('0') && text.len() > 1) {
        return Err(JsonRejection::NotCanonical { found: shortened(text) });
    }
    if text.len() > max {
        return Err(JsonRejection::TooManyDigits { max, found: text.len() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use ark_bn254::Fr;
    use ark_ff::PrimeField;

    use super::*;

    fn rejection(text: &str) -> JsonRejection {
        read::<Fr>(Curve::Bn254, text).unwrap_err()
    }

    #[test]
    fn other_spellings_of_a_number_are_rejected() {
        for text in ["", "01", "00", "+1", "-1", " 1", "1 ", "0x1", "1e3", "1_0", "１"] {
            assert!(matches!(rejection(text), JsonRejection::NotCanonical { .. }), "{text:?}");
        }
    }

    #[test]
    fn the_prime_and_longer_numbers_are_rejected() {
        let prime = Fr::MODULUS.to_string();
        assert!(matches!(rejection(&prime), JsonRejection::NotReduced { .. }));
        assert!(matches!(rejection(&"9".repeat(77)), JsonRejection::NotReduced { .. }));
        assert!(matches!(rejection(&"9".repeat(1000)), JsonRejection::TooManyDigits { .. }));
    }

    #[test]
    fn the_largest_element_is_read() {
        let largest = -Fr::from(1u64);
        assert_eq!(read::<Fr>(Curve::Bn254, &write(largest)).unwrap(), largest);
        assert_eq!(read::<Fr>(Curve::Bn254, "0").unwrap(), Fr::from(0u64));
    }
}
