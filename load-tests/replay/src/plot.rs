//! Candidates, the deployed policy and the clairvoyant optimum in one picture, as SVG.

use std::fmt::Write;

const PANEL_WIDTH: f64 = 300.0;
const PANEL_HEIGHT: f64 = 260.0;
const LEFT: f64 = 52.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 44.0;
const TICKS: u32 = 4;

/// Axes begin at zero and end so much above the largest value.
const HEADROOM: f64 = 1.08;

const STYLE: &str = "text{font:11px sans-serif;fill:#333}.title{font-size:13px;font-weight:bold}\
    .axis{stroke:#999;fill:none}.tried{fill:#9aa5b1}.bound{stroke:#c2410c;stroke-width:2;fill:none}\
    .shipped{fill:#1d4ed8}";

/// One trace. A point is a wait of 95 in 100 jobs, in seconds, and a cost, in dollars for a
/// thousand proofs.
#[derive(Clone, Debug, PartialEq)]
pub struct Panel {
    /// The trace's name.
    pub title: String,
    /// Candidates.
    pub tried: Vec<(f64, f64)>,
    /// What is deployed.
    pub shipped: (f64, f64),
    /// What costs less than this is impossible, by ascending waits.
    pub bound: Vec<(f64, f64)>,
}

/// The picture, its panels side by side.
#[must_use]
pub fn plot(panels: &[Panel]) -> String {
    let panel_count = u32::try_from(panels.len()).unwrap_or(u32::MAX);
    let width = PANEL_WIDTH * f64::from(panel_count);
    let height = PANEL_HEIGHT + 22.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\">\n\
         <title>Cost of a proof over the wait of 95 in 100, by policy</title>\n\
         <style>{STYLE}</style>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    );
    let mut left = 0.0;
    for panel in panels {
        let _ = writeln!(svg, "<g transform=\"translate({left:.0} 0)\">{}</g>", panel.draw());
        left += PANEL_WIDTH;
    }
    let _ = write!(
        svg,
        "<g transform=\"translate({LEFT:.0} {:.0})\">\
         <circle class=\"tried\" r=\"3\"/><text x=\"8\" y=\"4\">policies tried</text>\
         <circle class=\"shipped\" cx=\"110\" r=\"5\"/><text x=\"120\" y=\"4\">deployed</text>\
         <path class=\"bound\" d=\"M190 0h20\"/>\
         <text x=\"216\" y=\"4\">no schedule costs less, whatever it knows</text></g>\n</svg>\n",
        PANEL_HEIGHT + 6.0
    );
    svg
}

impl Panel {
    fn draw(&self) -> String {
        let points = || self.tried.iter().chain(&self.bound).chain([&self.shipped]);
        let x_max = HEADROOM * points().map(|point| point.0).fold(f64::MIN_POSITIVE, f64::max);
        let y_max = HEADROOM * points().map(|point| point.1).fold(f64::MIN_POSITIVE, f64::max);
        let x = |wait: f64| LEFT + (PANEL_WIDTH - LEFT - RIGHT) * wait / x_max;
        let y = |cost: f64| PANEL_HEIGHT - BOTTOM - (PANEL_HEIGHT - TOP - BOTTOM) * cost / y_max;
        let mut drawn = self.axes(x_max, y_max, &x, &y);
        for (wait, cost) in &self.tried {
            let (x, y) = (x(*wait), y(*cost));
            let _ = write!(drawn, "<circle class=\"tried\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\"/>");
        }
        let line: Vec<_> =
            self.bound.iter().map(|point| format!("{:.1},{:.1}", x(point.0), y(point.1))).collect();
        let _ = write!(drawn, "<polyline class=\"bound\" points=\"{}\"/>", line.join(" "));
        let (x, y) = (x(self.shipped.0), y(self.shipped.1));
        let _ = write!(drawn, "<circle class=\"shipped\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"5\"/>");
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
             <text x=\"{LEFT:.0}\" y=\"30\">$ per 1,000 proofs</text>\
             <text x=\"{end:.0}\" y=\"{:.0}\" text-anchor=\"end\">wait of 95 in 100, s</text>",
            escaped(&self.title),
            bottom + 30.0,
        );
        for tick in 0..=TICKS {
            let share = f64::from(tick) / f64::from(TICKS) / HEADROOM;
            let (wait, cost) = (x_max * share, y_max * share);
            let _ = write!(
                drawn,
                "<text x=\"{:.1}\" y=\"{:.0}\" text-anchor=\"middle\">{wait:.0}</text>\
                 <text x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">{cost:.2}</text>",
                x(wait),
                bottom + 14.0,
                LEFT - 5.0,
                y(cost) + 4.0,
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

    fn panel(title: &str) -> Panel {
        Panel {
            title: title.to_owned(),
            tried: vec![(10.0, 1.0), (20.0, 0.5)],
            shipped: (15.0, 0.7),
            bound: vec![(0.0, 0.6), (20.0, 0.4)],
        }
    }

    #[test]
    fn every_policy_is_a_point_and_the_cheaper_one_is_lower() {
        let svg = plot(&[panel("a")]);
        assert_eq!(svg.matches("class=\"tried\" cx").count(), 2);
        let heights: Vec<f64> = svg
            .split("class=\"tried\" cx=\"")
            .skip(1)
            .map(|rest| rest.split("cy=\"").nth(1).unwrap().split('"').next().unwrap())
            .map(|text| text.parse().unwrap())
            .collect();
        assert!(heights[0] < heights[1], "{heights:?}");
    }

    #[test]
    fn a_title_is_no_markup() {
        let svg = plot(&[panel("<b>&")]);
        assert!(svg.contains("&lt;b>&amp;") && !svg.contains("<b>"));
    }

    #[test]
    fn nothing_to_draw_draws_no_nonsense() {
        let empty = Panel { tried: vec![], bound: vec![], shipped: (0.0, 0.0), ..panel("a") };
        assert!(!plot(&[empty]).contains("NaN"));
    }
}
