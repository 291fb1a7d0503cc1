//! The days that a page is about: first and last, both included, in UTC.

use jiff::civil::Date;
use jiff::{ToSpan, Unit};
use zkpool_ledger::costs::day_of;
use zkpool_types::cost::REPORT_DAYS_MAX;
use zkpool_types::{Dimension, Timestamp};

use crate::{ApiError, ApiResult};

/// Days of the period that is shown when none is asked for.
const DAYS_DEFAULT: i64 = 30;

/// Days that are shown one by one. A longer period is shown by month.
const DAYS_SINGLE_MAX: usize = 62;

/// First and last day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Period {
    pub(crate) from: Date,
    pub(crate) to: Date,
}

/// A period with a name of its own.
pub(crate) struct Preset {
    pub(crate) name: &'static str,
    /// Where the same page shows it.
    pub(crate) path: String,
    pub(crate) is_here: bool,
}

/// One column of a chart over time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    /// The day or month as reports write it.
    pub(crate) key: String,
    /// As charts write it.
    pub(crate) name: String,
}

impl Period {
    /// The period of a query whose fields may be empty.
    pub(crate) fn of_query(from: &str, to: &str, now: Timestamp) -> ApiResult<Self> {
        let today = today(now);
        let to = if to.is_empty() { today } else { date("to", to)? };
        let from =
            if from.is_empty() { days_before(to, DAYS_DEFAULT - 1) } else { date("from", from)? };
        if from > to {
            let detail = format!("at from: expected a day up to {to}, found {from}");
            return Err(ApiError::invalid_request(detail));
        }
        let period = Self { from, to };
        if period.days() > REPORT_DAYS_MAX as usize {
            let detail =
                format!("expected at most {REPORT_DAYS_MAX} days, found {}", period.days());
            return Err(ApiError::invalid_request(detail));
        }
        Ok(period)
    }

    /// How many days it has.
    pub(crate) fn days(self) -> usize {
        let span = self.from.until((Unit::Day, self.to)).map_or(0, |span| span.get_days());
        usize::try_from(span).unwrap_or(0) + 1
    }

    /// What columns of a chart over this period stand for.
    pub(crate) fn step(self) -> Dimension {
        if self.days() <= DAYS_SINGLE_MAX { Dimension::Day } else { Dimension::Month }
    }

    /// Every column, also those in which nothing happened.
    pub(crate) fn columns(self) -> Vec<Column> {
        let days = self.from.series(1.day()).take_while(|day| *day <= self.to);
        if self.step() == Dimension::Day {
            let column = |day: Date| Column {
                key: day.to_string(),
                name: day.strftime("%-d %b").to_string(),
            };
            return days.map(column).collect();
        }
        let mut columns: Vec<Column> = Vec::new();
        for day in days {
            let key = day.strftime("%Y-%m").to_string();
            if columns.last().is_none_or(|column| column.key != key) {
                columns.push(Column { key, name: day.strftime("%b %Y").to_string() });
            }
        }
        columns
    }

    /// The periods that finance teams ask for, beside this one. `path` is where the page shows one.
    pub(crate) fn presets(self, now: Timestamp, path: impl Fn(Self) -> String) -> Vec<Preset> {
        let today = today(now);
        let last_month = today.first_of_month().yesterday().unwrap_or(today);
        let year_ago = today.saturating_sub(1.year()).first_of_month();
        [
            ("Last 30 days", days_before(today, DAYS_DEFAULT - 1), today),
            ("This month", today.first_of_month(), today),
            ("Last month", last_month.first_of_month(), last_month),
            ("Last 12 months", year_ago, today),
        ]
        .into_iter()
        .map(|(name, from, to)| {
            let period = Self { from, to };
            Preset { name, path: path(period), is_here: period == self }
        })
        .collect()
    }

    /// The period in words.
    pub(crate) fn text(self) -> String {
        let day = |date: Date| date.strftime("%-d %B %Y").to_string();
        match self.days() {
            1 => day(self.from),
            days => format!("{} to {}, {days} days", day(self.from), day(self.to)),
        }
    }
}

fn today(now: Timestamp) -> Date {
    day_of(now)
}

fn days_before(day: Date, days: i64) -> Date {
    day.saturating_sub(days.days())
}

fn date(field: &str, text: &str) -> ApiResult<Date> {
    text.parse().map_err(|_| {
        let found: String = text.chars().take(20).collect();
        let detail = format!("at {field}: expected a day such as 2026-11-25, found {found:?}");
        ApiError::invalid_request(detail)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-11-25T23:59:59Z".parse().unwrap()
    }

    fn period(from: &str, to: &str) -> Period {
        Period::of_query(from, to, now()).unwrap()
    }

    #[test]
    fn the_last_thirty_days_are_shown_where_none_are_asked_for() {
        let period = period("", "");
        assert_eq!(period, self::period("2026-10-27", "2026-11-25"));
        assert_eq!((period.days(), period.columns().len()), (30, 30));
        assert_eq!(period.columns()[29].name, "25 Nov");
        assert!(period.presets(now(), Period::text)[0].is_here);
    }

    #[test]
    fn a_long_period_is_shown_by_month() {
        let period = period("2025-12-15", "2026-11-25");
        let columns = period.columns();
        assert_eq!((period.step(), columns.len()), (Dimension::Month, 12));
        assert_eq!((columns[0].key.as_str(), columns[0].name.as_str()), ("2025-12", "Dec 2025"));
    }

    #[test]
    fn presets_are_whole_months_in_january_too() {
        let now = "2027-01-31T00:00:00Z".parse().unwrap();
        let presets = period("", "").presets(now, Period::text);
        let last_month = presets.iter().find(|preset| preset.name == "Last month").unwrap();
        assert_eq!(last_month.path, period("2026-12-01", "2026-12-31").text());
    }

    #[test]
    fn what_is_no_period_is_rejected() {
        for (from, to) in [
            ("2026-11-26", "2026-11-25"),
            ("yesterday", ""),
            ("", "2026-02-30"),
            ("0001-01-01", "9999-12-31"),
        ] {
            assert!(Period::of_query(from, to, now()).is_err(), "{from} to {to} was accepted");
        }
        assert_eq!(period("9999-12-31", "9999-12-31").columns().len(), 1);
    }
}
