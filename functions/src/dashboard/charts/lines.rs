//! Lines through the values of a row of names.

use askama::Template;

use super::{Canvas, SERIES_MAX, Unit, Widths, scale};

/// A chart of lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lines {
    /// What it shows, for whoever does not see it.
    pub(crate) description: String,
    /// What the values are.
    pub(crate) unit: Unit,
    /// The points of every line, from left to right.
    pub(crate) names: Vec<String>,
    /// The lines, at most [`SERIES_MAX`].
    pub(crate) lines: Vec<Line>,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) name: String,
    /// Lines of one colour belong together.
    pub(crate) colour: usize,
    /// Whether it is drawn with dashes, which tells it from another one of its colour.
    pub(crate) dashed: bool,
    /// A value for each name, where there is one.
    pub(crate) values: Vec<Option<u64>>,
}

#[derive(Template)]
#[template(path = "chart_lines.html")]
struct Drawings {
    description: String,
    drawings: Vec<Drawing>,
    legend: Vec<Key>,
}

struct Drawing {
    kind: &'static str,
    canvas: Canvas,
    paths: Vec<Path>,
    dots: Vec<Dot>,
}

struct Key {
    colour: usize,
    dashed: bool,
    name: String,
}

struct Path {
    colour: usize,
    dashed: bool,
    points: String,
}

struct Dot {
    x: u64,
    y: u64,
    colour: usize,
    title: String,
}

impl Lines {
    /// The chart as HTML.
    ///
    /// # Errors
    /// The template failed, which no value makes it do.
    pub(crate) fn draw(&self, widths: Widths) -> Result<String, askama::Error> {
        let drawings = widths.into_iter().map(|(kind, width)| self.drawing(kind, width)).collect();
        let key = |line: &Line| Key {
            colour: line.colour.min(SERIES_MAX),
            dashed: line.dashed,
            name: line.name.clone(),
        };
        let legend = self.lines.iter().map(key).collect();
        Drawings { description: self.description.clone(), drawings, legend }.render()
    }

    fn drawing(&self, kind: &'static str, width: u64) -> Drawing {
        let values = self.lines.iter().flat_map(|line| line.values.iter().flatten());
        let max = values.copied().max().unwrap_or(0);
        let (canvas, axis) = Canvas::new(width, max, self.unit, &self.names);
        let paths = self.lines.iter().flat_map(|line| self.paths(&canvas, axis, line)).collect();
        let dots = self.lines.iter().flat_map(|line| self.dots(&canvas, axis, line)).collect();
        Drawing { kind, canvas, paths, dots }
    }

    /// The stretches of a line between its gaps.
    fn paths(&self, canvas: &Canvas, axis: scale::Axis, line: &Line) -> Vec<Path> {
        let indexed: Vec<_> = line.values.iter().enumerate().collect();
        let stretches = indexed.split(|(_, value)| value.is_none());
        stretches
            .filter(|stretch| stretch.len() > 1)
            .map(|stretch| {
                let points = stretch.iter().filter_map(|(index, value)| {
                    let (x, y) = self.point(canvas, axis, *index, (**value)?);
                    Some(format!("{x},{y}"))
                });
                let points = points.collect::<Vec<_>>().join(" ");
                Path { colour: line.colour.min(SERIES_MAX), dashed: line.dashed, points }
            })
            .collect()
    }

    fn dots(&self, canvas: &Canvas, axis: scale::Axis, line: &Line) -> Vec<Dot> {
        let dot = |(index, value): (usize, &Option<u64>)| {
            let value = (*value)?;
            let (x, y) = self.point(canvas, axis, index, value);
            let title = format!("{}: {}: {}", self.names[index], line.name, self.unit.exact(value));
            Some(Dot { x, y, colour: line.colour.min(SERIES_MAX), title })
        };
        line.values.iter().enumerate().take(self.names.len()).filter_map(dot).collect()
    }

    fn point(&self, canvas: &Canvas, axis: scale::Axis, index: usize, value: u64) -> (u64, u64) {
        let y = canvas.bottom - axis.part(value, canvas.bottom - canvas.top);
        (canvas.middle(index, self.names.len()), y)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dashboard::charts::WHOLE;

    fn chart(values: Vec<Option<u64>>) -> Lines {
        let names = (0..values.len()).map(|day| format!("Nov {day:02}")).collect();
        let line = Line { name: "p50 cpu".to_owned(), colour: 0, dashed: false, values };
        Lines { description: "time".to_owned(), unit: Unit::Us, names, lines: vec![line] }
    }

    #[test]
    fn a_gap_ends_a_stretch_and_a_lonely_value_is_a_dot() {
        let values = vec![Some(1), Some(2), None, Some(3), None, Some(2), Some(2)];
        let drawing = chart(values).drawing("wide", 920);
        assert_eq!(drawing.paths.len(), 2);
        assert_eq!(drawing.dots.len(), 5);
    }

    #[test]
    fn a_larger_value_lies_higher() {
        let drawing = chart(vec![Some(10), Some(20), Some(0)]).drawing("narrow", 358);
        let [low, high, none] = [0, 1, 2].map(|index| drawing.dots[index].y);
        assert!(high < low && low < none);
        assert_eq!(none, drawing.canvas.bottom);
        assert!(drawing.dots.iter().all(|dot| dot.x >= drawing.canvas.left));
    }

    #[test]
    fn a_line_without_values_draws_nothing() {
        let drawing = chart(vec![None, None]).drawing("wide", 920);
        assert!(drawing.paths.is_empty() && drawing.dots.is_empty());
        assert!(chart(Vec::new()).draw(WHOLE).is_ok());
    }
}
