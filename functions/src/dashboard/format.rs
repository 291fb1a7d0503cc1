//! Figures as people read them: exact, with their digits in groups, and times in UTC.

use std::fmt;

use zkpool_types::{NanoUsd, Timestamp};

/// Nano-dollars in a dollar.
const NANO_PER_USD: u64 = 1_000_000_000;

/// Nano-dollars in a cent.
const NANO_PER_CENT: u64 = 10_000_000;

/// An amount in two parts, of which the second one has what is less than a cent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Amount {
    pub(crate) cents: String,
    pub(crate) below: String,
}

impl Amount {
    /// An amount that may be a credit.
    pub(crate) fn signed(nano_usd: i64) -> Self {
        Self::new(if nano_usd < 0 { "\u{2212}" } else { "" }, nano_usd.unsigned_abs())
    }

    fn new(sign: &str, nano_usd: u64) -> Self {
        let (usd, nano) = (nano_usd / NANO_PER_USD, nano_usd % NANO_PER_USD);
        Self {
            cents: format!("{sign}${}.{:02}", grouped(usd), nano / NANO_PER_CENT),
            below: format!("{:07}", nano % NANO_PER_CENT),
        }
    }
}

impl From<NanoUsd> for Amount {
    fn from(amount: NanoUsd) -> Self {
        Self::new("", amount.get())
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.cents, self.below)
    }
}

/// A whole number with its digits in groups of three.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Microseconds as milliseconds with three decimals, which is exact.
pub(crate) fn milliseconds(us: u64) -> String {
    format!("{}.{:03}", grouped(us / 1000), us % 1000)
}

/// Microseconds in the unit that suits their size, with three significant decimals at most.
pub(crate) fn duration(us: u64) -> String {
    match us {
        0..1_000 => format!("{us} µs"),
        1_000..1_000_000 => format!("{}.{} ms", us / 1_000, us / 100 % 10),
        1_000_000..60_000_000 => format!("{}.{:02} s", us / 1_000_000, us / 10_000 % 100),
        60_000_000..3_600_000_000 => {
            format!("{} min {:02} s", us / 60_000_000, us / 1_000_000 % 60)
        }
        _ => format!("{} h {:02} min", grouped(us / 3_600_000_000), us / 60_000_000 % 60),
    }
}

/// Basis points as a percentage with the decimals that it has.
pub(crate) fn percent(bp: u64) -> String {
    let text = format!("{}.{:02}", grouped(bp / 100), bp % 100);
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}

/// A part of a whole as a percentage with one decimal, rounded half up; a dash where there is no
/// whole.
pub(crate) fn share(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "–".to_owned();
    }
    let whole = u128::from(whole);
    let permille = (u128::from(part) * 2000 + whole) / (2 * whole);
    format!("{}.{} %", permille / 10, permille % 10)
}

/// A point in time to the second.
pub(crate) fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// The time of day of a point in time.
pub(crate) fn time_of_day(at: Timestamp) -> String {
    at.strftime("%H:%M UTC").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped_from_the_right() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (1_234_567, "1,234,567"),
            (u64::MAX, "18,446,744,073,709,551,615"),
        ] {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn an_amount_keeps_every_nano_dollar() {
        let amount = Amount::from(NanoUsd::new(1_234_567_890_123));
        assert_eq!((amount.cents.as_str(), amount.below.as_str()), ("$1,234.56", "7890123"));
        let amount = Amount::from(NanoUsd::new(400));
        assert_eq!((amount.cents.as_str(), amount.below.as_str()), ("$0.00", "0000400"));
        assert_eq!(Amount::signed(-1_000_000_400).to_string(), "\u{2212}$1.000000400");
        assert_eq!(Amount::signed(i64::MIN).to_string(), "\u{2212}$9,223,372,036.854775808");
    }

    #[test]
    fn times_are_written_in_the_unit_that_suits_them() {
        for (us, text) in [
            (0, "0 µs"),
            (999, "999 µs"),
            (329_612, "329.6 ms"),
            (1_234_567, "1.23 s"),
            (61_000_000, "1 min 01 s"),
            (7_260_000_000, "2 h 01 min"),
        ] {
            assert_eq!(duration(us), text);
        }
        assert_eq!(milliseconds(1_234_567), "1,234.567");
    }

    #[test]
    fn a_share_of_nothing_is_a_dash() {
        assert_eq!(share(0, 0), "–");
        assert_eq!(share(1, 3), "33.3 %");
        assert_eq!(share(2, 3), "66.7 %");
        assert_eq!(share(u64::MAX, u64::MAX), "100.0 %");
        assert_eq!(percent(1_500), "15 %");
        assert_eq!(percent(1_525), "15.25 %");
    }
}
