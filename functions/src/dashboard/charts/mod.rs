//! Charts as SVG, laid out in whole units of their view box.
//!
//! A *chart* is what is shown: names, values and their unit. A *drawing* is a chart laid out for
//! one width. Each chart is drawn twice, for wide and for narrow screens, of which the style sheet
//! shows one: text keeps its size that way. Colours and fonts are the style sheet's.
//!
//! A drawing is an image with one description. What it shows in detail is in the table beside it.

mod columns;
mod lines;
mod scale;

use zkpool_types::NanoUsd;

use crate::dashboard::format;

pub(crate) use columns::{Columns, Series, histogram};
pub(crate) use lines::{Line, Lines};

/// Series that have a colour of their own. The rest is added up by whoever makes the chart.
pub(crate) const SERIES_MAX: usize = 6;

/// What the values of a chart are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Nano-dollars.
    NanoUsd,
    /// Microseconds.
    Us,
    /// How many.
    Count,
}

impl Unit {
    /// A value with all of its digits.
    fn exact(self, value: u64) -> String {
        match self {
            Self::NanoUsd => NanoUsd::new(value).to_string(),
            Self::Us => format::duration(value),
            Self::Count => format::grouped(value),
        }
    }

    /// A value of the axis, with as many decimals as its step needs.
    fn tick(self, value: u64, step: u64) -> String {
        match self {
            Self::NanoUsd => format!("${}", decimal(value, step, 9)),
            Self::Us if step >= 1_000_000 => format!("{} s", decimal(value, step, 6)),
            Self::Us if step >= 1_000 => format!("{} ms", format::grouped(value / 1_000)),
            Self::Us => format!("{} µs", format::grouped(value)),
            Self::Count => format::grouped(value),
        }
    }
}

/// `value / 10^places` with the decimals that multiples of `step` can have.
fn decimal(value: u64, step: u64, places: u32) -> String {
    let mut decimals = places;
    let mut step = step.max(1);
    while decimals > 0 && step.is_multiple_of(10) {
        step /= 10;
        decimals -= 1;
    }
    let one = 10_u64.pow(places);
    let whole = format::grouped(value / one);
    if decimals == 0 {
        return whole;
    }
    let fraction = value % one / 10_u64.pow(places - decimals);
    format!("{whole}.{fraction:0width$}", width = decimals as usize)
}

/// Where a drawing's text and lines are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Canvas {
    pub(crate) width: u64,
    pub(crate) height: u64,
    pub(crate) left: u64,
    pub(crate) right: u64,
    pub(crate) top: u64,
    pub(crate) bottom: u64,
    pub(crate) ticks: Vec<Tick>,
    pub(crate) labels: Vec<Label>,
}

/// A value of the vertical axis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tick {
    pub(crate) y: u64,
    pub(crate) text: String,
}

/// A name below the horizontal axis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Label {
    pub(crate) x: u64,
    pub(crate) text: String,
}

/// The widths that a chart is drawn in, on a large screen and on a phone.
pub(crate) type Widths = [(&'static str, u64); 2];

/// Of a chart that has its place to itself.
pub(crate) const WHOLE: Widths = [("wide", 1100), ("narrow", 358)];

/// Of one beside another.
pub(crate) const HALF: Widths = [("wide", 500), ("narrow", 358)];

const HEIGHT: u64 = 260;
const TOP: u64 = 12;
const BELOW_AXIS: u64 = 28;
const RIGHT: u64 = 10;

/// Steps of the vertical axis, at most.
const STEPS_MAX: u64 = 4;

/// The width of a digit and of what is about as wide, rounded up.
const CHARACTER: u64 = 7;

/// The space between an axis and its text.
const GAP: u64 = 8;

impl Canvas {
    /// An empty canvas for values up to `max`, with a name for each of the columns.
    fn new(width: u64, max: u64, unit: Unit, names: &[String]) -> (Self, scale::Axis) {
        let axis = scale::Axis::up_to(max, STEPS_MAX);
        let (top, bottom) = (TOP, HEIGHT - BELOW_AXIS);
        let values: Vec<u64> = axis.values().collect();
        let text = |value: &u64| unit.tick(*value, axis.step);
        let longest = values.iter().map(|value| text(value).chars().count()).max().unwrap_or(0);
        let left = longest as u64 * CHARACTER + GAP;
        let ticks = values
            .iter()
            .map(|value| Tick { y: bottom - axis.part(*value, bottom - top), text: text(value) })
            .collect();
        let right = width - RIGHT;
        let mut canvas =
            Self { width, height: HEIGHT, left, right, top, bottom, ticks, labels: Vec::new() };
        canvas.labels = canvas.labels_of(names);
        (canvas, axis)
    }

    /// The middle of a column.
    fn middle(&self, index: usize, columns: usize) -> u64 {
        let (start, end) = self.column(index, columns);
        (start + end) / 2
    }

    /// Where a column begins and ends.
    fn column(&self, index: usize, columns: usize) -> (u64, u64) {
        let (index, columns) = (index as u64, (columns as u64).max(1));
        let at = |index: u64| self.left + (self.right - self.left) * index / columns;
        (at(index), at(index + 1))
    }

    /// As many names as there is room for, the last column's among them.
    fn labels_of(&self, names: &[String]) -> Vec<Label> {
        let longest = names.iter().map(|name| name.chars().count()).max().unwrap_or(0) as u64;
        let room = ((self.right - self.left) / (longest * CHARACTER + 2 * GAP)).max(1);
        let every = (names.len() as u64).div_ceil(room).max(1);
        let last = names.len().saturating_sub(1) as u64;
        let shown =
            names.iter().enumerate().filter(|(i, _)| (last - *i as u64).is_multiple_of(every));
        let half = longest * CHARACTER / 2;
        shown
            .map(|(index, name)| {
                let middle = self.middle(index, names.len());
                // A name at the edge is moved inwards rather than cut off.
                let x = middle.min(self.width.saturating_sub(half)).max(half);
                Label { x, text: name.clone() }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(count: usize) -> Vec<String> {
        (1..=count).map(|day| format!("Nov {day:02}")).collect()
    }

    #[test]
    fn ticks_have_the_decimals_that_their_step_needs() {
        assert_eq!(Unit::NanoUsd.tick(200_000, 200_000), "$0.0002");
        assert_eq!(Unit::NanoUsd.tick(0, 200_000), "$0.0000");
        assert_eq!(Unit::NanoUsd.tick(1_500_000_000_000, 500_000_000_000), "$1,500");
        assert_eq!(Unit::Us.tick(300_000, 100_000), "300 ms");
        assert_eq!(Unit::Us.tick(1_500_000, 500_000), "1,500 ms");
        assert_eq!(Unit::Us.tick(3_000_000, 1_000_000), "3 s");
        assert_eq!(Unit::Us.tick(30, 10), "30 µs");
    }

    #[test]
    fn names_do_not_overlap_and_the_last_one_is_shown() {
        for (_, width) in [WHOLE, HALF].concat() {
            for count in [1, 2, 7, 31, 92] {
                let (canvas, _) = Canvas::new(width, 100, Unit::Count, &names(count));
                assert_eq!(canvas.labels.last().unwrap().text, format!("Nov {count:02}"));
                for pair in canvas.labels.windows(2) {
                    assert!(pair[1].x - pair[0].x >= 6 * CHARACTER, "{width} {count}");
                }
            }
        }
    }

    #[test]
    fn everything_is_on_the_canvas() {
        for (_, width) in [WHOLE, HALF].concat() {
            let (canvas, axis) = Canvas::new(width, u64::MAX, Unit::NanoUsd, &names(31));
            assert!(canvas.left < canvas.right && canvas.right < canvas.width);
            assert!(canvas.ticks.iter().all(|tick| (TOP..=canvas.bottom).contains(&tick.y)));
            assert!(axis.top >= u64::MAX / 2);
            assert_eq!(canvas.column(0, 31).0, canvas.left);
            assert_eq!(canvas.column(30, 31).1, canvas.right);
        }
    }

    #[test]
    fn a_chart_without_columns_has_no_names() {
        let (canvas, _) = Canvas::new(358, 0, Unit::Count, &[]);
        assert!(canvas.labels.is_empty());
    }
}
