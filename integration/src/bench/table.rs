//! What a row came to: every sample, and the medians and ratios that are shown and judged.
//!
//! What must hold here: a contender that failed in any round has no figures, because those that it has are of the
//! rounds that suited it; a figure that a program didn't print is shown as none, never as 0.

use super::contenders::{Contender, Role};
use super::measure::Sample;
use super::ratio::{Ratio, paired};
use super::rows::{Figure, Row, Unit};
use crate::stats::median;

/// One contender's part.
pub struct Entry {
    /// who
    pub contender: &'static Contender,
    /// one a round
    pub samples: Vec<Sample>,
    /// why it can't run here
    pub not_run: Option<String>,
    /// how it ended when it ran and failed
    pub failed: Option<String>,
}

/// A row's samples.
pub struct Table {
    /// which row
    pub row: &'static Row,
    /// in the order asked for
    pub entries: Vec<Entry>,
}

impl Entry {
    /// Not measured yet.
    pub fn new(contender: &'static Contender) -> Entry {
        Entry { contender, samples: vec![], not_run: None, failed: None }
    }

    /// A figure of the row (or `faults`, `peak_rss`, `huge_pct`), a value a round.
    pub fn values(&self, figure: &str) -> Option<Vec<f64>> {
        if self.failed.is_some() || self.samples.is_empty() {
            return None;
        }
        self.samples.iter().map(|s| s.value(figure)).collect()
    }
}

impl Sample {
    /// A figure by name, or the sum of several joined by `+`; `faults` and `peak_rss` (MiB) are the kernel's.
    pub fn value(&self, figure: &str) -> Option<f64> {
        if figure.contains('+') {
            return figure.split('+').map(|part| self.value(part)).sum();
        }
        match figure {
            "faults" => Some(self.faults),
            "peak_rss" => Some(self.peak_rss),
            _ => self.figures.get(figure).copied(),
        }
    }
}

impl Table {
    fn entry(&self, contender: &str) -> Option<&Entry> {
        self.entries.iter().find(|e| e.contender.name == contender)
    }

    /// A contender's values of a figure, one a round.
    pub fn values(&self, contender: &str, figure: &str) -> Option<Vec<f64>> {
        self.entry(contender)?.values(figure)
    }

    /// Their median.
    pub fn median(&self, contender: &str, figure: &str) -> Option<f64> {
        self.values(contender, figure).map(|v| median(&v))
    }

    /// One contender's figure by another's, paired by round.
    pub fn versus(&self, contender: &str, other: &str, figure: &str) -> Option<Ratio> {
        paired(&self.values(contender, figure)?, &self.values(other, figure)?)
    }

    /// The peer with the smallest median of a figure.
    pub fn best_peer(&self, figure: &str) -> Option<&'static str> {
        let peers = self.entries.iter().filter(|e| e.contender.role == Role::Peer);
        let medians = peers.filter_map(|e| Some((e.contender.name, median(&e.values(figure)?))));
        medians.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(name, _)| name)
    }

    /// Whether what is ours ran and failed.
    pub fn ours_failed(&self) -> bool {
        self.entries.iter().any(|e| e.contender.role == Role::Ours && e.failed.is_some())
    }

    /// As text, under 100 columns: a table a figure, then who has none and why.
    pub fn text(&self) -> String {
        let mut text = format!("{}: {}\n", self.row.name, self.row.title);
        for (index, figure) in self.row.figures.iter().enumerate() {
            let best = self.best_peer(figure.name);
            if self.row.figures.len() > 1 {
                text += &format!("- {}\n", figure.title);
            }
            let (unit, versus) = (figure.unit.sign(), format!("× {}", best.unwrap_or("best peer")));
            let head = format!("{:<16} {unit:>9}  {:<21} {versus:<21}", "", "× alone");
            text += match index {
                0 => format!("{head} {:>9} {:>7} {:>6}", "faults", "MiB", "huge"),
                _ => head,
            }
            .trim_end();
            text += "\n";
            for entry in self.entries.iter().filter(|e| e.values(figure.name).is_some()) {
                text += self.line(entry, figure, best, index == 0).trim_end();
                text += "\n";
            }
        }
        for entry in &self.entries {
            let name = entry.contender.name;
            match (&entry.not_run, &entry.failed) {
                (Some(why), _) => text += &format!("{name}: not run: {why}\n"),
                (_, Some(why)) => text += &format!("{name}: FAILED: {why}\n"),
                _ => {}
            }
        }
        text
    }

    fn line(&self, entry: &Entry, figure: &Figure, best: Option<&str>, kernels: bool) -> String {
        let name = entry.contender.name;
        let value = shown(self.median(name, figure.name).unwrap_or_default(), figure.unit);
        let versus = |other: Option<&str>| match other {
            None => String::new(),
            Some(other) if other == name => "1".into(),
            Some(other) => self.versus(name, other, figure.name).map_or(String::new(), |r| r.to_string()),
        };
        let mut line = format!("{name:<16} {value:>9}  {:<21} {:<21}", versus(Some("alone")), versus(best));
        if kernels {
            let huge = self.median(name, "huge_pct").map_or("-".into(), |v| format!("{v:.0} %"));
            let whole = |figure| self.median(name, figure).map_or("-".into(), |v| format!("{v:.0}"));
            line += &format!(" {:>9} {:>7} {huge:>6}", whole("faults"), whole("peak_rss"));
        }
        line
    }
}

fn shown(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Seconds if value < 1.0 => format!("{value:.4}"),
        Unit::Seconds => format!("{value:.3}"),
        Unit::Nanoseconds | Unit::Mib => format!("{value:.1}"),
        Unit::Microseconds => format!("{value:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{contenders, rows};
    use super::*;

    fn entry(name: &str, touch: &[f64]) -> Entry {
        let sample = |v: &f64| Sample { figures: [("touch".to_owned(), *v)].into(), faults: 5000.0, peak_rss: 300.0 };
        let samples = touch.iter().map(sample).collect();
        Entry { samples, ..Entry::new(contenders::find(name).unwrap()) }
    }

    fn table() -> Table {
        let entries = vec![
            entry("alone", &[2.0, 2.0, 2.0]),
            entry("faultless", &[0.5, 0.5, 0.5]),
            entry("tcmalloc", &[1.0, 1.0, 1.0]),
            entry("jemalloc", &[0.4, 0.4, 0.4]),
        ];
        Table { row: rows::named("one-main")[0], entries }
    }

    #[test]
    fn the_best_peer_is_neither_alone_nor_ours_nor_one_that_failed() {
        let mut table = table();
        assert_eq!(table.best_peer("touch"), Some("jemalloc"));
        assert_eq!(table.versus("faultless", "jemalloc", "touch").unwrap().median, 1.25);
        table.entries[3].failed = Some("signal 11".into());
        assert_eq!(table.best_peer("touch"), Some("tcmalloc"));
    }

    #[test]
    fn the_text_stays_under_100_columns_and_names_who_failed() {
        let mut table = table();
        table.entries[2].failed = Some("signal 11".into());
        let text = table.text();
        assert!(text.lines().all(|l| l.chars().count() < 100), "{text}");
        assert!(text.contains("tcmalloc: FAILED: signal 11"), "{text}");
    }
}
