//! Columns over a row of names, each stacked of the parts of several series.

use askama::Template;

use super::{Canvas, SERIES_MAX, Unit, Widths, scale};

/// A chart of stacked columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Columns {
    /// What it shows, for whoever does not see it.
    pub(crate) description: String,
    /// What the values are.
    pub(crate) unit: Unit,
    /// The columns, from left to right.
    pub(crate) names: Vec<String>,
    /// The parts of each column from the bottom up, at most [`SERIES_MAX`] and one for the rest.
    pub(crate) series: Vec<Series>,
}

/// One part of every column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Series {
    pub(crate) name: String,
    /// A value for each column.
    pub(crate) values: Vec<u64>,
}

/// A chart of columns as SVG and its legend.
#[derive(Template)]
#[template(path = "chart_columns.html")]
struct Drawings {
    description: String,
    drawings: Vec<Drawing>,
    legend: Vec<Key>,
}

struct Drawing {
    kind: &'static str,
    canvas: Canvas,
    bars: Vec<Bar>,
}

struct Key {
    colour: usize,
    name: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Bar {
    x: u64,
    y: u64,
    width: u64,
    height: u64,
    colour: usize,
    title: String,
}

impl Columns {
    /// The chart as HTML.
    ///
    /// # Errors
    /// The template failed, which no value makes it do.
    pub(crate) fn draw(&self, widths: Widths) -> Result<String, askama::Error> {
        let drawings = widths.into_iter().map(|(kind, width)| self.drawing(kind, width)).collect();
        let named = self.series.iter().filter(|series| !series.name.is_empty());
        let legend = named
            .enumerate()
            .map(|(index, series)| Key { colour: colour(index), name: series.name.clone() })
            .collect();
        Drawings { description: self.description.clone(), drawings, legend }.render()
    }

    fn drawing(&self, kind: &'static str, width: u64) -> Drawing {
        let totals = (0..self.names.len()).map(|column| self.below(column, self.series.len()));
        let (canvas, axis) = Canvas::new(width, totals.max().unwrap_or(0), self.unit, &self.names);
        let bars =
            (0..self.names.len()).flat_map(|column| self.bars(&canvas, axis, column)).collect();
        Drawing { kind, canvas, bars }
    }

    /// The parts of one column. Edges come from running totals, so that parts neither overlap nor
    /// leave gaps.
    fn bars(&self, canvas: &Canvas, axis: scale::Axis, column: usize) -> Vec<Bar> {
        let (start, end) = canvas.column(column, self.names.len());
        let margin = ((end - start) / 6).min(12);
        let edge = |below: u64| canvas.bottom - axis.part(below, canvas.bottom - canvas.top);
        let bar = |(index, series): (usize, &Series)| {
            let value = series.values.get(column).copied().unwrap_or(0);
            let (bottom, top) =
                (edge(self.below(column, index)), edge(self.below(column, index + 1)));
            let parts = [&self.names[column], &series.name, &self.unit.exact(value)];
            let said: Vec<&str> =
                parts.into_iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
            Bar {
                x: start + margin,
                y: top,
                width: (end - start - 2 * margin).max(1),
                height: bottom - top,
                colour: colour(index),
                title: said.join(": "),
            }
        };
        self.series.iter().enumerate().map(bar).filter(|bar| bar.height > 0).collect()
    }

    /// The sum of the first `count` parts of a column.
    fn below(&self, column: usize, count: usize) -> u64 {
        let parts = self.series.iter().take(count);
        parts
            .map(|series| series.values.get(column).copied().unwrap_or(0))
            .fold(0, u64::saturating_add)
    }
}

/// The colour of a series: its own, or that of the rest.
fn colour(index: usize) -> usize {
    index.min(SERIES_MAX)
}

/// Bins of a histogram, at most.
const BINS_MAX: u64 = 12;

/// How many of the values lie in each of a row of equal ranges.
///
/// Ranges are round and begin at or below the smallest value. What is above the 99th percentile by
/// more than all the rest spans together is counted in a last range without an end.
pub(crate) fn histogram(description: String, unit: Unit, values: &[u64]) -> Columns {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let (low, high) = bounds(&sorted);
    let step = scale::round_up((high - low).div_ceil(BINS_MAX).max(1));
    let start = low / step * step;
    let count = usize::try_from((high - start) / step + 1).unwrap_or(usize::MAX);
    let mut bins = vec![0; count];
    let mut above = 0;
    for value in &sorted {
        let index = usize::try_from((value - start) / step).unwrap_or(usize::MAX);
        match bins.get_mut(index) {
            Some(bin) => *bin += 1,
            None => above += 1,
        }
    }
    let mut names: Vec<String> =
        (0..bins.len() as u64).map(|index| bin_name(unit, start + index * step, step)).collect();
    if above > 0 {
        let end = start + bins.len() as u64 * step;
        names.push(format!("≥ {}", unit.tick(end, step)));
        bins.push(above);
    }
    let series = vec![Series { name: String::new(), values: bins }];
    Columns { description, unit: Unit::Count, names, series }
}

fn bin_name(unit: Unit, start: u64, step: u64) -> String {
    let from = unit.tick(start, step);
    let number = from.split(' ').next().unwrap_or_default();
    format!("{number}–{}", unit.tick(start + step, step))
}

/// The smallest value, and the largest one that is not an outlier.
fn bounds(sorted: &[u64]) -> (u64, u64) {
    let (Some(low), Some(high)) = (sorted.first(), sorted.last()) else { return (0, 0) };
    let p99 = sorted[(sorted.len() * 99).div_ceil(100).saturating_sub(1)];
    let is_outlier = high - low > 2 * (p99 - low) && p99 > *low;
    (*low, if is_outlier { p99 } else { *high })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dashboard::charts::WHOLE;

    fn chart(values: &[&[u64]]) -> Columns {
        let names = (0..values[0].len()).map(|day| format!("Nov {day:02}")).collect();
        let series = values
            .iter()
            .enumerate()
            .map(|(index, values)| Series { name: format!("s{index}"), values: values.to_vec() })
            .collect();
        Columns { description: "spend".to_owned(), unit: Unit::NanoUsd, names, series }
    }

    #[test]
    fn parts_of_a_column_touch_and_reach_its_total() {
        let chart = chart(&[&[3, 1, 0], &[3, 5, 0], &[4, 1, 1]]);
        for (kind, width) in WHOLE {
            let drawing = chart.drawing(kind, width);
            let column: Vec<_> =
                drawing.bars.iter().filter(|bar| bar.title.contains("00:")).collect();
            assert_eq!(column.len(), 3);
            assert_eq!(column[0].y + column[0].height, drawing.canvas.bottom);
            assert_eq!(column[1].y + column[1].height, column[0].y);
            assert_eq!(column[2].y + column[2].height, column[1].y);
            assert_eq!(column[2].y, drawing.canvas.top, "the largest total is the axis's top");
        }
    }

    #[test]
    fn nothing_is_drawn_for_nothing() {
        let drawing = chart(&[&[0, 0]]).drawing("wide", 920);
        assert!(drawing.bars.is_empty());
        let empty = Columns { names: Vec::new(), series: Vec::new(), ..chart(&[&[0]]) };
        assert!(empty.draw(WHOLE).unwrap().contains("<svg"));
    }

    #[test]
    fn what_a_requester_wrote_is_text_in_the_drawing() {
        let mut chart = chart(&[&[1]]);
        chart.series[0].name = "</title><script>alert(1)</script>".to_owned();
        let html = chart.draw(WHOLE).unwrap();
        assert!(!html.contains("<script>"), "{html}");
        assert!(html.contains("&#60;script&#62;"), "{html}");
    }

    #[test]
    fn every_value_is_in_one_bin() {
        for values in [
            vec![],
            vec![7],
            vec![5, 5, 5],
            (0..1000).collect::<Vec<u64>>(),
            vec![326_000, 329_600, 353_100, 346_000],
            vec![0, u64::MAX],
        ] {
            let chart = histogram(String::new(), Unit::Us, &values);
            let sum: u64 = chart.series[0].values.iter().sum();
            assert_eq!(sum, values.len() as u64, "{values:?}");
            assert!(chart.names.len() as u64 <= BINS_MAX + 2, "{}", chart.names.len());
            assert_eq!(chart.names.len(), chart.series[0].values.len());
        }
    }

    #[test]
    fn an_outlier_does_not_flatten_the_rest() {
        let mut values: Vec<u64> = (0..200).map(|n| 300_000 + n * 100).collect();
        values.push(90_000_000);
        let chart = histogram(String::new(), Unit::Us, &values);
        assert_eq!(chart.series[0].values.last(), Some(&1));
        assert!(chart.names.last().unwrap().starts_with('≥'), "{:?}", chart.names);
        assert!(chart.names.len() > 8);
    }

    #[test]
    fn bins_are_named_by_their_round_ends() {
        let chart = histogram(String::new(), Unit::Us, &[326_000, 358_000]);
        assert_eq!(chart.names.first().map(String::as_str), Some("325–330 ms"), "{chart:?}");
    }
}
