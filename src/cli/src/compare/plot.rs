//! Plots as SVG: strips with their boxes on one axis, values by round, bars.
//!
//! What must hold here: the same data give the same picture; colours come from classes, so that light and dark differ
//! only in the page's style; every mark says its value when pointed at.

use super::statistics::middle;

/// Of each plot, in pixels of the picture; a page may scale it.
const WIDTH: f64 = 860.0;
/// For names.
const LEFT: f64 = 190.0;
const RIGHT: f64 = 20.0;
const ROW: f64 = 44.0;
const TOP: f64 = 12.0;
const AXIS: f64 = 40.0;

/// A contender's values, by round.
pub struct Series<'a> {
    /// its name
    pub name: &'a str,
    /// its values
    pub values: Vec<f64>,
}

/// Values to places.
struct Scale {
    low: f64,
    step: f64,
    steps: usize,
    from: f64,
    to: f64,
}

impl Scale {
    /// An axis with round numbers that holds all values.
    fn over(values: impl Iterator<Item = f64>, with_zero: bool, from: f64, to: f64) -> Scale {
        let (mut low, mut high) =
            values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
        if !low.is_finite() {
            (low, high) = (0.0, 1.0);
        }
        if with_zero {
            (low, high) = (low.min(0.0), high.max(0.0));
        }
        let spread = if high > low { high - low } else { (high.abs() * 0.1).max(1e-9) };
        let rough = spread / 5.0;
        let power = 10f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|n| n * power).into_iter().find(|step| *step >= rough).unwrap_or(rough);
        let low = (low / step).floor() * step;
        let steps = (((high - low) / step).ceil() as usize).max(1);
        Scale { low, step, steps, from, to }
    }

    fn at(&self, value: f64) -> f64 {
        self.from + (value - self.low) / (self.step * self.steps as f64) * (self.to - self.from)
    }

    fn ticks(&self) -> impl Iterator<Item = (f64, String)> {
        let digits = (-self.step.log10().floor()).max(0.0) as usize;
        (0..=self.steps).map(move |i| {
            let value = self.low + self.step * i as f64;
            (self.at(value), grouped(value, digits))
        })
    }
}

/// Every value, and over it the box of the middle half with the median.
pub fn strips(title: &str, unit: &str, series: &[Series<'_>]) -> String {
    let height = TOP + ROW * series.len() as f64;
    let scale = Scale::over(series.iter().flat_map(|s| s.values.iter().copied()), false, LEFT, WIDTH - RIGHT);
    let mut body = horizontal_axis(&scale, height, unit);
    for (i, one) in series.iter().enumerate() {
        let y = TOP + ROW * (i as f64 + 0.5);
        body += &name(one.name, y);
        if let Some(middle) = middle(&one.values) {
            let (a, b, m) = (scale.at(middle.low), scale.at(middle.high), scale.at(middle.median));
            body += &format!(
                "<rect class=\"box c{c}\" x=\"{a:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"22\"><title>{}</title></rect>\
                 <line class=\"median c{c}\" x1=\"{m:.1}\" x2=\"{m:.1}\" y1=\"{:.1}\" y2=\"{:.1}\"/>",
                y - 11.0,
                (b - a).max(1.0),
                escaped(&format!("{}: median {} {unit}", one.name, short(middle.median))),
                y - 15.0,
                y + 15.0,
                c = i % COLOURS,
            );
        }
        for (round, value) in one.values.iter().enumerate() {
            // Spread over the row, the same way each time, so that equal values don't hide each other.
            let y = y + ((round * 7) % 11) as f64 * 1.8 - 9.0;
            body +=
                &dot(scale.at(*value), y, i, &format!("{}, round {}: {} {unit}", one.name, round + 1, short(*value)));
        }
    }
    picture(title, height + AXIS, &body)
}

/// Values in the order of the rounds, to see what drifts.
pub fn by_round(title: &str, unit: &str, series: &[Series<'_>]) -> String {
    let bottom = 240.0;
    let rounds = series.iter().map(|s| s.values.len()).max().unwrap_or(1);
    let across = Scale::over([1.0, rounds.max(2) as f64].into_iter(), false, LEFT, WIDTH - RIGHT);
    let up = Scale::over(series.iter().flat_map(|s| s.values.iter().copied()), false, bottom, TOP);
    let mut body = String::new();
    for (y, text) in up.ticks() {
        body +=
            &format!("<line class=\"grid\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>", WIDTH - RIGHT);
        body += &format!("<text class=\"tick end\" x=\"{:.1}\" y=\"{:.1}\">{text}</text>", LEFT - 8.0, y + 4.0);
    }
    for (x, text) in across.ticks().filter(|(_, text)| !text.contains('.')) {
        body += &format!("<text class=\"tick middle\" x=\"{x:.1}\" y=\"{:.1}\">{text}</text>", bottom + 18.0);
    }
    body += &format!("<text class=\"tick end\" x=\"{:.1}\" y=\"{:.1}\">round</text>", WIDTH - RIGHT, bottom + 36.0);
    body += &format!("<text class=\"tick\" x=\"0\" y=\"{:.1}\">{unit}</text>", TOP + 4.0);
    for (i, one) in series.iter().enumerate() {
        let place = |(round, value): (usize, &f64)| (across.at(round as f64 + 1.0), up.at(*value));
        let points: Vec<_> = one.values.iter().enumerate().map(place).map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        body += &format!("<polyline class=\"line c{}\" points=\"{}\"/>", i % COLOURS, points.join(" "));
        for (round, value) in one.values.iter().enumerate() {
            let (x, y) = place((round, value));
            body += &dot(x, y, i, &format!("{}, round {}: {} {unit}", one.name, round + 1, short(*value)));
        }
    }
    picture(title, bottom + AXIS, &body) + &legend(series)
}

/// The median of each, from zero.
pub fn bars(title: &str, unit: &str, series: &[Series<'_>]) -> String {
    let height = TOP + ROW * series.len() as f64;
    let medians = || series.iter().filter_map(|s| Some(middle(&s.values)?.median));
    let scale = Scale::over(medians(), true, LEFT, WIDTH - RIGHT - 90.0);
    let mut body = horizontal_axis(&scale, height, unit);
    for (i, one) in series.iter().enumerate() {
        let y = TOP + ROW * (i as f64 + 0.5);
        body += &name(one.name, y);
        let Some(middle) = middle(&one.values) else { continue };
        let x = scale.at(middle.median);
        body += &format!(
            "<rect class=\"bar c{}\" x=\"{LEFT}\" y=\"{:.1}\" width=\"{:.1}\" height=\"24\"/>\
             <text class=\"value\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            i % COLOURS,
            y - 12.0,
            (x - LEFT).max(1.0),
            x + 6.0,
            y + 4.0,
            short(middle.median),
        );
    }
    picture(title, height + AXIS, &body)
}

/// Colours that there are; more contenders than that share them.
pub const COLOURS: usize = 8;

/// Text within HTML or SVG.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn picture(title: &str, height: f64, body: &str) -> String {
    let title = escaped(title);
    format!("<svg viewBox=\"0 0 {WIDTH} {height:.0}\" role=\"img\" aria-label=\"{title}\">{body}</svg>\n")
}

fn horizontal_axis(scale: &Scale, bottom: f64, unit: &str) -> String {
    let mut body = String::new();
    for (x, text) in scale.ticks() {
        body += &format!("<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{bottom:.1}\"/>");
        body += &format!("<text class=\"tick middle\" x=\"{x:.1}\" y=\"{:.1}\">{text}</text>", bottom + 16.0);
    }
    body + &format!("<text class=\"tick end\" x=\"{:.1}\" y=\"{:.1}\">{unit}</text>", WIDTH - RIGHT, bottom + 33.0)
}

fn name(name: &str, y: f64) -> String {
    let most = 20;
    let mut shown: String = name.chars().take(most).collect();
    if name.chars().count() > most {
        shown.push('…');
    }
    let (shown, whole) = (escaped(&shown), escaped(name));
    format!("<text class=\"name\" x=\"{:.1}\" y=\"{:.1}\">{shown}<title>{whole}</title></text>", LEFT - 10.0, y + 4.0)
}

fn dot(x: f64, y: f64, contender: usize, title: &str) -> String {
    let (class, title) = (contender % COLOURS, escaped(title));
    format!("<circle class=\"dot c{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\"><title>{title}</title></circle>")
}

fn legend(series: &[Series<'_>]) -> String {
    let one = |(i, s): (usize, &Series<'_>)| {
        format!("<span><i class=\"key c{}\"></i>{}</span>", i % COLOURS, escaped(s.name))
    };
    format!("<p class=\"legend\">{}</p>\n", series.iter().enumerate().map(one).collect::<String>())
}

/// Enough digits to tell values apart.
fn short(value: f64) -> String {
    let digits = match value.abs() {
        magnitude if magnitude >= 1000.0 || magnitude.fract() == 0.0 => 0,
        magnitude if magnitude >= 100.0 => 1,
        _ => 3,
    };
    grouped(value, digits)
}

fn grouped(value: f64, digits: usize) -> String {
    let text = format!("{:.digits$}", value.abs());
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut grouped = String::new();
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{}{grouped}{rest}", if value < 0.0 { "-" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_has_round_numbers_and_holds_all_values() {
        let scale = Scale::over([4.03, 4.41].into_iter(), false, 0.0, 100.0);
        let ticks: Vec<_> = scale.ticks().map(|(_, text)| text).collect();
        assert_eq!(ticks, ["4.0", "4.1", "4.2", "4.3", "4.4", "4.5"]);
        assert!([4.03, 4.41].iter().all(|v| (0.0..=100.0).contains(&scale.at(*v))));
    }

    #[test]
    fn equal_values_have_an_axis_too() {
        let scale = Scale::over([7.0, 7.0].into_iter(), false, 0.0, 100.0);
        assert!((0.0..=100.0).contains(&scale.at(7.0)));
        assert!(Scale::over(std::iter::empty(), true, 0.0, 1.0).ticks().count() > 1);
    }

    #[test]
    fn every_value_is_a_mark_and_names_cannot_break_out() {
        let series = [Series { name: "<b>&\"", values: vec![1.0, 2.0, 3.0] }];
        let svg = strips("t", "s", &series);
        assert_eq!(svg.matches("<circle").count(), 3);
        assert!(!svg.contains("<b>") && svg.contains("&lt;b&gt;&amp;&quot;"));
    }
}
