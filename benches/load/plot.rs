//! Bars with their spread, as SVG.

use crate::statistics::Spread;

/// One contestant.
pub(crate) struct Bar<'a> {
    pub(crate) name: &'a str,
    pub(crate) spread: Spread,
}

const WIDTH: f64 = 760.0;
const NAMES: f64 = 190.0;
const NUMBERS: f64 = 90.0;
const ROW: f64 = 26.0;
const HEAD: f64 = 34.0;

/// Horizontal bars of the medians, each with a line from the least to the most.
pub(crate) fn bars(title: &str, bars: &[Bar<'_>]) -> String {
    let most = bars.iter().map(|bar| bar.spread.most).fold(1.0, f64::max);
    let scale = (WIDTH - NAMES - NUMBERS) / most;
    let height = (0..bars.len()).fold(HEAD + 8.0, |height, _| height + ROW);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n<text x=\"8\" y=\"20\" font-weight=\"bold\">{}</text>\n",
        escaped(title)
    );
    let mut top = HEAD;
    for (number, bar) in bars.iter().enumerate() {
        let Spread { median, least, most } = bar.spread;
        let colour = if number == 0 { "#1b6ca8" } else { "#9fb8c8" };
        let middle = top + ROW / 2.0 - 2.0;
        let (from, to) = (NAMES + least * scale, NAMES + most * scale);
        svg.push_str(&format!(
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\n\
             <rect x=\"{NAMES}\" y=\"{top}\" width=\"{:.1}\" height=\"{}\" fill=\"{colour}\"/>\n\
             <line x1=\"{from:.1}\" y1=\"{middle}\" x2=\"{to:.1}\" y2=\"{middle}\" stroke=\"black\"/>\n\
             <text x=\"{:.1}\" y=\"{}\">{median:.0}</text>\n",
            NAMES - 8.0,
            middle + 4.0,
            escaped(bar.name),
            median * scale,
            ROW - 6.0,
            to + 8.0,
            middle + 4.0,
        ));
        top += ROW;
    }
    svg.push_str("</svg>\n");
    svg
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_contestant_has_a_bar_as_long_as_its_median() {
        let spread = Spread::of([50.0, 100.0, 200.0]);
        let svg = bars("a < b", &[Bar { name: "x", spread }, Bar { name: "y", spread }]);
        assert!(svg.contains("a &lt; b"));
        assert_eq!(svg.matches("width=\"240.0\"").count(), 2, "{svg}");
        assert!(svg.ends_with("</svg>\n"));
    }
}
