//! The one rounding rule: exact in 128 bits, then half up.

/// `left * right / divisor`, rounded half up, or `None` where the result exceeds 64 bits or the
/// divisor is zero.
///
/// The product of two 64-bit factors fits 128 bits, and so does half the divisor on top of it:
/// (2^64 - 1)^2 + 2^64 < 2^128.
pub(crate) fn multiply_divide(left: u64, right: u64, divisor: u64) -> Option<u64> {
    let product = u128::from(left) * u128::from(right) + u128::from(divisor / 2);
    u64::try_from(product.checked_div(u128::from(divisor))?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_half_is_rounded_up_and_less_is_not() {
        assert_eq!(multiply_divide(1, 1, 2), Some(1));
        assert_eq!(multiply_divide(1, 49, 100), Some(0));
        assert_eq!(multiply_divide(1, 50, 100), Some(1));
        assert_eq!(multiply_divide(1, 1, 3), Some(0));
        assert_eq!(multiply_divide(2, 1, 3), Some(1));
    }

    #[test]
    fn a_result_beyond_64_bits_is_rejected() {
        assert_eq!(multiply_divide(u64::MAX, u64::MAX, u64::MAX), Some(u64::MAX));
        assert_eq!(multiply_divide(u64::MAX, 2, 1), None);
        assert_eq!(multiply_divide(1, 1, 0), None);
    }
}
