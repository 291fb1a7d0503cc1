//! Charts as SVG: points and lines over two axes that begin at zero.

use std::fmt::Write;

const CHART_WIDTH: f64 = 300.0;
const CHART_HEIGHT: f64 = 260.0;
const LEFT: f64 = 52.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 44.0;
const TICKS: u32 = 4;

/// Height of a row of the legend.
const LEGEND_ROW: f64 = 18.0;

/// Width that a character of a legend takes, about.
const LEGEND_CHARACTER: f64 = 6.2;

/// Width of a sample in the legend, with the gap behind its name.
const LEGEND_SAMPLE: f64 = 44.0;

/// Axes end so much above the largest value.
const HEADROOM: f64 = 1.08;

/// Colours of lines, told apart also by those who see fewer.
const COLOURS: [&str; 6] = ["#c2410c", "#1d4ed8", "#15803d", "#7c3aed", "#0891b2", "#a16207"];

const STYLE: &str = "text{font:11px sans-serif;fill:#333}.title{font-size:13px;font-weight:bold}\
    .axis{stroke:#999;fill:none}.dot{fill:#9aa5b1}.line{stroke-width:2;fill:none}\
    .mark{fill:#1d4ed8}";

/// One chart.
#[derive(Clone, Debug, PartialEq)]
pub struct Chart {
    /// What stands above it.
    pub title: String,
    /// From left to right.
    pub x: Axis,
    /// From bottom to top.
    pub y: Axis,
    /// What is drawn, the first one lowest.
    pub series: Vec<Series>,
}

/// An axis from zero to a little more than its largest value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Axis {
    /// What it measures, with its unit.
    pub label: &'static str,
    /// Decimals of its numbers.
    pub decimals: usize,
}

/// Points of one kind.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Its name in the legend, which is that of the first chart.
    pub name: String,
    /// How it is drawn.
    pub look: Look,
    /// Its points, by ascending x where it is a line.
    pub points: Vec<(f64, f64)>,
}

/// How points are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Many small ones.
    Dots,
    /// One that stands out.
    Mark,
    /// Joined, in one of the colours, which are taken in turn.
    Line(usize),
}

/// The charts side by side, with the legend of the first one below.
#[must_use]
pub fn plot(title: &str, charts: &[Chart]) -> String {
    let chart_count = u32::try_from(charts.len()).unwrap_or(u32::MAX);
    let width = CHART_WIDTH * f64::from(chart_count);
    let series = charts.first().map_or(&[][..], |chart| &chart.series);
    let (legend, legend_height) = legend(series, width);
    let height = CHART_HEIGHT + legend_height;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\">\n\
         <title>{}</title>\n\
         <style>{STYLE}</style>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n",
        escaped(title)
    );
    let mut left = 0.0;
    for chart in charts {
        let _ = writeln!(svg, "<g transform=\"translate({left:.0} 0)\">{}</g>", chart.draw());
        left += CHART_WIDTH;
    }
    svg + &legend + "</svg>\n"
}

/// Samples and names in rows of this width, and the height of all rows.
fn legend(series: &[Series], width: f64) -> (String, f64) {
    let (mut x, mut y, mut drawn) = (LEFT, CHART_HEIGHT + 6.0, String::new());
    for Series { name, look, .. } in series {
        let length = u32::try_from(name.chars().count()).unwrap_or(u32::MAX);
        let needed = LEGEND_SAMPLE + LEGEND_CHARACTER * f64::from(length);
        if x > LEFT && x + needed > width {
            (x, y) = (LEFT, y + LEGEND_ROW);
        }
        let _ = writeln!(
            drawn,
            "<g transform=\"translate({x:.0} {y:.0})\">{}<text x=\"26\" y=\"4\">{}</text></g>",
            look.sample(),
            escaped(name)
        );
        x += needed;
    }
    (drawn, y - CHART_HEIGHT + 16.0)
}

impl Look {
    fn colour(line: usize) -> &'static str {
        COLOURS[line % COLOURS.len()]
    }

    fn sample(self) -> String {
        match self {
            Self::Dots => "<circle class=\"dot\" cx=\"10\" r=\"3\"/>".to_owned(),
            Self::Mark => "<circle class=\"mark\" cx=\"10\" r=\"5\"/>".to_owned(),
            Self::Line(line) => {
                format!("<path class=\"line\" stroke=\"{}\" d=\"M0 0h20\"/>", Self::colour(line))
            }
        }
    }

    /// These points, which are in pixels.
    fn draw(self, points: &[(f64, f64)]) -> String {
        let circles = |class: &str, radius: u32| {
            let circle = |(x, y): &(f64, f64)| {
                format!("<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\"/>")
            };
            points.iter().map(circle).collect()
        };
        match self {
            Self::Dots => circles("dot", 3),
            Self::Mark => circles("mark", 5),
            Self::Line(line) => {
                let joined: Vec<_> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
                format!(
                    "<polyline class=\"line\" stroke=\"{}\" points=\"{}\"/>",
                    Self::colour(line),
                    joined.join(" ")
                )
            }
        }
    }
}

impl Chart {
    fn draw(&self) -> String {
        let points = || self.series.iter().flat_map(|series| &series.points);
        let x_max = HEADROOM * points().map(|point| point.0).fold(f64::MIN_POSITIVE, f64::max);
        let y_max = HEADROOM * points().map(|point| point.1).fold(f64::MIN_POSITIVE, f64::max);
        let x = |value: f64| LEFT + (CHART_WIDTH - LEFT - RIGHT) * value / x_max;
        let y = |value: f64| CHART_HEIGHT - BOTTOM - (CHART_HEIGHT - TOP - BOTTOM) * value / y_max;
        let mut drawn = self.axes(x_max, y_max, &x, &y);
        for series in &self.series {
            let placed: Vec<_> =
                series.points.iter().map(|point| (x(point.0), y(point.1))).collect();
            drawn += &series.look.draw(&placed);
        }
        drawn
    }

    fn axes(
        &self,
        x_max: f64,
        y_max: f64,
        x: &dyn Fn(f64) -> f64,
        y: &dyn Fn(f64) -> f64,
    ) -> String {
        let (bottom, end) = (y(0.0), x(x_max));
        let mut drawn = format!(
            "<text class=\"title\" x=\"{LEFT:.0}\" y=\"18\">{}</text>\
             <path class=\"axis\" d=\"M{LEFT:.0} {TOP:.0}V{bottom:.0}H{end:.0}\"/>\
             <text x=\"{LEFT:.0}\" y=\"30\">{}</text>\
             <text x=\"{end:.0}\" y=\"{:.0}\" text-anchor=\"end\">{}</text>",
            escaped(&self.title),
            escaped(self.y.label),
            bottom + 30.0,
            escaped(self.x.label),
        );
        for tick in 0..=TICKS {
            let share = f64::from(tick) / f64::from(TICKS) / HEADROOM;
            let (right, up) = (x_max * share, y_max * share);
            let (x_decimals, y_decimals) = (self.x.decimals, self.y.decimals);
            let _ = write!(
                drawn,
                "<text x=\"{:.1}\" y=\"{:.0}\" text-anchor=\"middle\">{right:.x_decimals$}</text>\
                 <text x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">{up:.y_decimals$}</text>",
                x(right),
                bottom + 14.0,
                LEFT - 5.0,
                y(up) + 4.0,
            );
        }
        drawn
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(title: &str, look: Look, points: Vec<(f64, f64)>) -> Chart {
        let axis = Axis { label: "s", decimals: 1 };
        let series = vec![Series { name: "a series".to_owned(), look, points }];
        Chart { title: title.to_owned(), x: axis.clone(), y: axis, series }
    }

    #[test]
    fn every_dot_is_a_point_and_the_smaller_one_is_lower() {
        let points = vec![(10.0, 0.5), (20.0, 1.0)];
        let svg = plot("dots", &[chart("a", Look::Dots, points)]);
        let (drawn, _legend) = svg.split_once("a series").unwrap();
        let heights: Vec<f64> = drawn
            .split("cy=\"")
            .skip(1)
            .map(|rest| rest.split('"').next().unwrap().parse().unwrap())
            .collect();
        assert!(matches!(heights[..], [low, high] if low > high), "{heights:?}");
    }

    #[test]
    fn two_lines_have_two_colours() {
        let points = vec![(0.0, 1.0), (1.0, 1.0)];
        let mut lines = chart("a", Look::Line(0), points.clone());
        lines.series.push(Series { name: "b".to_owned(), look: Look::Line(1), points });
        let svg = plot("lines", &[lines]);
        assert!(COLOURS[..2].iter().all(|colour| svg.matches(colour).count() >= 2), "{svg}");
    }

    #[test]
    fn a_title_is_no_markup() {
        let svg = plot("<i>", &[chart("<b>&", Look::Mark, vec![(1.0, 1.0)])]);
        assert!(svg.contains("&lt;b>&amp;") && !svg.contains("<b>") && !svg.contains("<i>"));
    }

    #[test]
    fn nothing_to_draw_draws_no_nonsense() {
        assert!(!plot("", &[chart("a", Look::Line(0), vec![])]).contains("NaN"));
        assert!(!plot("", &[]).contains("NaN"));
    }
}
