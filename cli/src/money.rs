//! Dollars as people write them.

use zkpool_types::NanoUsd;

/// Decimal places of a nano-dollar.
const PLACES: usize = 9;

/// Reads dollars with at most nine decimal places, such as `12.50` or `$0.000001`, exactly.
pub(crate) fn usd(text: &str) -> Result<NanoUsd, String> {
    let refused =
        || format!("expected dollars such as 12.50, at most {PLACES} places, found {text:?}");
    let digits = text.strip_prefix('$').unwrap_or(text);
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || part.len() > PLACES || !is_number(whole) || !is_number(part) {
        return Err(refused());
    }
    let nano = format!("{whole}{part:0<PLACES$}").parse().map_err(|_| refused())?;
    Ok(NanoUsd::new(nano))
}

/// Exact dollars without a sign, for programs: `0.000023611`.
pub(crate) fn plain(amount: NanoUsd) -> String {
    amount.to_string().trim_start_matches('$').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dollars_are_read_exactly_and_nothing_else_is() {
        for (text, nano) in [("0", 0), ("12.5", 12_500_000_000), ("$0.000000001", 1)] {
            assert_eq!(usd(text).unwrap(), NanoUsd::new(nano), "{text}");
        }
        assert_eq!(plain(usd("1.5").unwrap()), "1.500000000");
        for bad in ["", ".5", "-1", "1,5", "0.0000000001", "1e3", "99999999999999999999", "1.x"] {
            assert!(usd(bad).is_err(), "{bad:?} was read");
        }
    }
}
