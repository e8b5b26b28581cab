//! What a comparison says on a terminal: one table, one table a metric, and a line for each verdict.
//!
//! What must hold here: it fits 80 columns for two or three contenders with ordinary names; what is not known is a
//! dash; no verdict says more than its interval.

use faultless_core::size::Human;

use super::figures::{CYCLES, DISK, DTLB, Figure, HUGE, ITLB, LOCKED, MAJOR, MINOR, RSS, RULED, SYS, WALKS, WALL};
use super::metric::Better;
use super::outcome::{Column, Comparison, Output};
use super::statistics::{ROUNDS, Ratio};

/// What a terminal has at least.
const WIDTH: usize = 80;
/// Names longer than this get a line of their own.
const NAME: usize = 16;
/// Less than this is not worth a word about memory, in bytes.
const MEMORY: f64 = 2.0 * 1024.0 * 1024.0;

/// A table's cells, a row each, the head first.
pub type Cells = Vec<Vec<String>>;

impl Comparison<'_> {
    /// All of it; `saved` are the files that were written.
    pub fn text(&self, saved: &[String]) -> String {
        let mut text = format!("{}\n{}", self.headline(), columns(&self.table()));
        for cells in self.more_tables() {
            text += &format!("\n{}", columns(&cells));
        }
        let mut verdicts = self.verdicts();
        if !saved.is_empty() {
            verdicts.push(("saved".into(), saved.join(", ")));
        }
        text + "\n" + &labelled(&verdicts)
    }

    /// `20 rounds interleaved after 2 warm-ups; 60 of 60 exit 0; output identical`
    pub fn headline(&self) -> String {
        let count = |n: usize, what: &str| if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") };
        let mut text = count(self.rounds, "round") + " interleaved";
        match self.warmup {
            0 => {}
            n => text += &format!(" after {}", count(n, "warm-up")),
        }
        text += if self.cold { ", caches dropped" } else { "" };
        if self.load.is_some() {
            return text + "; wall is the load's, the rest the server's";
        }
        text += &format!("; {} of {} exit 0", self.succeeded(), self.runs.len());
        text + match self.output() {
            Output::Ignored => "",
            Output::Identical => "; output identical",
            Output::Unsteady(_) => "; output not steady",
            Output::Differs(..) => "; output DIFFERS",
        }
    }

    fn first(&self) -> &str {
        let name = self.contenders[0].name.as_str();
        if name.chars().count() > NAME { "first" } else { name }
    }

    /// Times are in ms where those of the first contender are below a second.
    fn unit(&self) -> (&'static str, f64) {
        match self.median(0, &WALL) {
            Some(median) if median < 1.0 => ("ms", 1e3),
            _ => ("s", 1.0),
        }
    }

    /// The main table.
    pub fn table(&self) -> Cells {
        let (unit, scale) = self.unit();
        let known = |figure: &Figure| (0..self.contenders.len()).any(|c| self.median(c, figure).is_some());
        let huge = known(&HUGE);
        let mut head: Vec<String> = ["policy", &format!("wall {unit}"), "middle half"].map(Into::into).into();
        head.push(format!("vs {} [95 %]", self.first()));
        head.extend([format!("sys {unit}"), "minor".into(), "major".into(), "peak rss".into()]);
        head.extend(huge.then(|| "huge".into()));
        let row = |c: usize| {
            let figure =
                |figure: &Figure, show: &dyn Fn(f64) -> String| self.median(c, figure).map_or("-".into(), show);
            let mut row = vec![self.contenders[c].name.clone()];
            row.extend(self.middle_cells(c, Column::Figure(&WALL), scale));
            row.push(figure(&SYS, &|s| number(s * scale)));
            row.push(figure(&MINOR, &count));
            row.push(figure(&MAJOR, &count));
            row.push(figure(&RSS, &bytes));
            row.extend(huge.then(|| figure(&HUGE, &|share| format!("{:.0} %", share * 100.0))));
            row
        };
        std::iter::once(head).chain((0..self.contenders.len()).map(row)).collect()
    }

    /// One for each metric, and one of what the processor counted, where it did.
    pub fn more_tables(&self) -> Vec<Cells> {
        let metrics = (0..self.metrics.len()).map(|metric| self.metric_table(metric));
        metrics.chain(self.pmu_table()).collect()
    }

    /// What the processor counted; `None` where nothing.
    fn pmu_table(&self) -> Option<Cells> {
        let columns = [(CYCLES, "cycles"), (WALKS, "in page walks"), (DTLB, "dTLB misses"), (ITLB, "iTLB misses")];
        let all = 0..self.contenders.len();
        let known = columns.into_iter().filter(|(figure, _)| all.clone().any(|c| self.median(c, figure).is_some()));
        let known: Vec<_> = known.collect();
        let head = ["policy"].into_iter().chain(known.iter().map(|(_, name)| *name)).map(String::from).collect();
        let row = |c: usize| {
            let cell = |(figure, _): &(Figure, &str)| self.median(c, figure).map_or("-".into(), large);
            std::iter::once(self.contenders[c].name.clone()).chain(known.iter().map(cell)).collect()
        };
        (!known.is_empty()).then(|| std::iter::once(head).chain(all.clone().map(row)).collect())
    }

    /// The table of one metric.
    fn metric_table(&self, metric: usize) -> Cells {
        let name = &self.metrics[metric].name;
        let head = ["policy", name, "middle half", &format!("vs {} [95 %]", self.first())].map(Into::into).into();
        let row = |c: usize| {
            std::iter::once(self.contenders[c].name.clone())
                .chain(self.middle_cells(c, Column::Metric(metric), 1.0))
                .collect()
        };
        std::iter::once(head).chain((0..self.contenders.len()).map(row)).collect()
    }

    fn middle_cells(&self, c: usize, column: Column<'_>, scale: f64) -> [String; 3] {
        let Some(middle) = self.middle(c, column) else { return ["-", "-", "-"].map(Into::into) };
        let half = format!("{}–{}", number(middle.low * scale), number(middle.high * scale));
        let ratio = match self.ratio(c, column) {
            _ if c == 0 => "1.00".into(),
            None => "-".into(),
            Some(Ratio { value, interval: None }) => format!("{value:.2}"),
            Some(Ratio { value, interval: Some((low, high)) }) => format!("{value:.2} [{low:.2}–{high:.2}]"),
        };
        [number(middle.median * scale), half, ratio]
    }

    /// A word or two, and what is said about it.
    pub fn verdicts(&self) -> Vec<(String, String)> {
        let mut lines = Vec::new();
        for c in 1..self.contenders.len() {
            let mut parts = vec![self.speed(c)];
            parts.extend((0..self.metrics.len()).filter_map(|m| self.metric_verdict(c, m)));
            parts.extend(self.remarks(c));
            lines.push((self.contenders[c].name.clone(), parts.join("; ")));
        }
        let name = &self.contenders[0].name;
        if let Some(noise) = self.noise(Column::Figure(&WALL)) {
            let text = format!("{name} against itself: ±{:.1} %", noise * 100.0);
            lines.push(("noise".into(), text));
        }
        lines.push(("host".into(), self.host.line()));
        lines
    }

    fn speed(&self, c: usize) -> String {
        let first = &self.contenders[0].name;
        let Some(ratio) = self.ratio(c, Column::Figure(&WALL)) else { return "not to be compared".into() };
        match (ratio.differs(), ratio.interval) {
            (Some(true), Some((low, high))) if ratio.value < 1.0 => {
                let [value, low, high] = [1.0 / ratio.value, 1.0 / high, 1.0 / low].map(factor);
                format!("{value} x as fast as {first} [{low}, {high}]")
            }
            (Some(true), Some((low, high))) => {
                let [value, low, high] = [ratio.value, low, high].map(factor);
                format!("SLOWER: takes {value} x as long as {first} [{low}, {high}]")
            }
            (Some(false), _) => format!("no difference from {first}"),
            _ => format!("too few rounds to tell from {first} (at least {ROUNDS})"),
        }
    }

    fn metric_verdict(&self, c: usize, metric: usize) -> Option<String> {
        let ratio = self.ratio(c, Column::Metric(metric))?;
        let (low, high) = ratio.interval?;
        let metric = &self.metrics[metric];
        if ratio.differs() != Some(true) {
            return Some(format!("{}: no difference", metric.name));
        }
        let word = match (metric.better, ratio.value > 1.0) {
            (Better::Unknown, _) => "",
            (Better::Higher, true) | (Better::Lower, false) => " better:",
            _ => " WORSE:",
        };
        let [value, low, high] = [ratio.value, low, high].map(factor);
        Some(format!("{}:{word} {value} x [{low}, {high}]", metric.name))
    }

    /// What else one should know about a contender.
    fn remarks(&self, c: usize) -> Vec<String> {
        let mut remarks = Vec::new();
        let change = |figure: &Figure| Some((self.median(0, figure)?, self.median(c, figure)?));
        if let Some((base, own)) = change(&RSS).filter(|(a, b)| (b - a).abs() > MEMORY.max(a * 0.01)) {
            remarks.push(format!("{} {} memory", bytes((own - base).abs()), if own > base { "more" } else { "less" }));
        }
        if let Some((base, own)) = change(&DISK).filter(|(a, b)| (b - a).abs() > MEMORY.max(a * 0.05)) {
            let word = if own > base { "more" } else { "less" };
            remarks.push(format!("{} {word} read from disk", bytes((own - base).abs())));
        }
        if let Some(locked) = self.median(c, &LOCKED).filter(|locked| *locked > 0.0) {
            remarks.push(format!("{} locked", bytes(locked)));
        }
        if self.contenders[c].preloaded && !self.contenders[c].rules.is_empty() {
            match self.median(c, &RULED) {
                None => remarks.push("no counter page: not reached, or of another version".into()),
                Some(0.0) => remarks.push("no rule matched anything".into()),
                Some(_) => {}
            }
        }
        remarks
    }
}

/// Three digits, and no exponent: 4.10, 41.0, 410, 4,100.
fn number(value: f64) -> String {
    match value.abs() {
        0.0 => "0".into(),
        magnitude if magnitude >= 999.5 => count(value),
        magnitude if magnitude >= 99.95 => format!("{value:.0}"),
        magnitude if magnitude >= 9.995 => format!("{value:.1}"),
        magnitude if magnitude >= 0.995 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// A count that may be large: 1,234, 1.23 M, 1.23 G.
fn large(value: f64) -> String {
    match value {
        value if value >= 1e9 => format!("{:.2} G", value / 1e9),
        value if value >= 1e6 => format!("{:.2} M", value / 1e6),
        value => count(value),
    }
}

/// Two digits behind the point, and more where they would say 1.00 of what is not.
pub fn factor(value: f64) -> String {
    let text = format!("{value:.2}");
    if text == "1.00" { format!("{value:.3}") } else { text }
}

/// Whole, with commas.
pub fn count(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if value < 0.0 { format!("-{text}") } else { text }
}

pub fn bytes(value: f64) -> String {
    Human(value as u64).to_string()
}

/// Columns set apart by blanks: the first to the left, the others to the right; narrow if it would not fit otherwise.
fn columns(cells: &Cells) -> String {
    let width = |text: &String| text.chars().count();
    let count = cells.iter().map(Vec::len).max().unwrap_or(0);
    let is_long = |row: &[String]| row.first().is_some_and(|name| width(name) > NAME);
    let widths: Vec<usize> = (0..count)
        .map(|i| {
            let short = cells.iter().filter(|row| i > 0 || !is_long(row));
            short.filter_map(|row| row.get(i)).map(width).max().unwrap_or(0)
        })
        .collect();
    let whole: usize = widths.iter().sum::<usize>() + 2 * count.saturating_sub(1);
    let gap = " ".repeat(if whole > WIDTH { 1 } else { 2 });
    let mut text = String::new();
    for row in cells {
        let mut line = String::new();
        for (i, cell) in row.iter().enumerate() {
            let blanks = " ".repeat(widths[i].saturating_sub(width(cell)));
            match i {
                0 if is_long(row) => line += &format!("{cell}\n{}", " ".repeat(widths[0])),
                0 => line += &format!("{cell}{blanks}"),
                // Ratios and halves read better from the left.
                2 | 3 => line += &format!("{gap}{cell}{blanks}"),
                _ => line += &format!("{gap}{blanks}{cell}"),
            }
        }
        text += &format!("{}\n", line.trim_end());
    }
    text
}

/// `label  text`, wrapped at the width of a terminal.
pub fn labelled(lines: &[(String, String)]) -> String {
    let width = |text: &str| text.chars().count();
    let indent = lines.iter().map(|(label, _)| width(label)).filter(|w| *w <= NAME).max().unwrap_or(0) + 2;
    let mut text = String::new();
    for (label, words) in lines {
        let mut line = format!("{label}{}", " ".repeat(indent.saturating_sub(width(label))));
        if width(label) > NAME {
            text += &format!("{label}\n");
            line = " ".repeat(indent);
        }
        let mut fresh = true;
        for word in words.split(' ') {
            if !fresh && width(&line) + 1 + width(word) > WIDTH {
                text += &format!("{line}\n");
                line = " ".repeat(indent);
                fresh = true;
            }
            line += &format!("{}{word}", if fresh { "" } else { " " });
            fresh = false;
        }
        text += &format!("{line}\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits() {
        let cases =
            [(4.1, "4.10"), (41.0, "41.0"), (0.1023, "0.102"), (410.4, "410"), (1_234_567.0, "1,234,567"), (0.0, "0")];
        for (value, text) in cases {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn large_counts_have_a_letter() {
        assert_eq!([999.0, 1_500_000.0, 2.345e9].map(large), ["999", "1.50 M", "2.35 G"]);
    }

    #[test]
    fn a_small_difference_is_not_shown_as_none() {
        assert_eq!([1.2, 1.001, 0.998].map(factor), ["1.20", "1.001", "0.998"]);
    }

    #[test]
    fn columns_are_aligned_and_long_names_have_a_line_of_their_own() {
        let row = |cells: [&str; 3]| cells.map(String::from).to_vec();
        let cells =
            vec![row(["policy", "wall s", "half"]), row(["a", "1", "x"]), row(["file=/data/**:lock", "22", "y"])];
        assert_eq!(columns(&cells), "policy  wall s  half\na            1  x\nfile=/data/**:lock\n            22  y\n");
    }

    #[test]
    fn verdicts_are_wrapped_behind_their_label() {
        let line = ("lean".to_owned(), "word ".repeat(20).trim().to_owned());
        let text = labelled(&[line]);
        assert!(text.lines().all(|line| line.len() <= WIDTH));
        assert!(text.lines().nth(1).unwrap().starts_with("      word"), "{text}");
    }
}
