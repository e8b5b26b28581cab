//! The report for Prometheus, as its text format has it (for the textfile collector, say).
//!
//! What must hold here: no process id among the labels, unless asked for, so that a service's restarts stay one series;
//! each series once; times in seconds, sizes in bytes; what is unknown has no sample.

use core::fmt::{self, Display, Formatter, Write};

use super::{OUTCOMES, Totals};
use crate::counters::{C, Counter, Sort, TABLE};
use crate::page::Snapshot;

/// A counter's name with its unit, as Prometheus wants it.
struct Metric<'a>(&'a Counter);

impl Metric<'_> {
    fn is_time(&self) -> bool {
        matches!(self.0.unit, "ns" | "us")
    }
}

impl Display for Metric<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let name = self.0.name;
        let base = name.strip_suffix("_ns").or_else(|| name.strip_suffix("_us")).unwrap_or(name);
        write!(f, "faultless_{base}")?;
        match self.0.unit {
            "ns" | "us" => f.write_str("_seconds")?,
            "bytes" if !base.ends_with("_bytes") => f.write_str("_bytes")?,
            _ => {}
        }
        f.write_str(if self.0.sort == Sort::Counter { "_total" } else { "" })
    }
}

/// A value in the metric's unit.
struct Value<'a>(&'a Counter, u64);

impl Display for Value<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let n = self.1;
        match self.0.unit {
            "ns" => write!(f, "{}.{:09}", n / 1_000_000_000, n % 1_000_000_000),
            "us" => write!(f, "{}.{:06}", n / 1_000_000, n % 1_000_000),
            _ => write!(f, "{n}"),
        }
    }
}

/// A label's value, escaped.
struct Label<'a>(&'a [u8]);

impl Display for Label<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for c in chunk.valid().chars() {
                match c {
                    '"' | '\\' => write!(f, "\\{c}")?,
                    '\n' => f.write_str("\\n")?,
                    c if c.is_control() => f.write_char(char::REPLACEMENT_CHARACTER)?,
                    c => f.write_char(c)?,
                }
            }
            if !chunk.invalid().is_empty() {
                f.write_char(char::REPLACEMENT_CHARACTER)?;
            }
        }
        Ok(())
    }
}

/// Whether two pages share their series.
fn same(totals: &Totals<'_>, a: &Snapshot, b: &Snapshot) -> bool {
    a.exe() == b.exe() && a.policy() == b.policy() && (!totals.per_process || a.pid == b.pid)
}

/// The labels of a group, without braces.
struct Labels<'a>(&'a Totals<'a>, &'a Snapshot);

impl Display for Labels<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Labels(totals, group) = self;
        write!(f, "exe=\"{}\",policy=\"{}\"", Label(group.exe()), Label(group.policy()))?;
        if totals.per_process { write!(f, ",pid=\"{}\"", group.pid) } else { Ok(()) }
    }
}

/// The first page of each (exe, policy): it stands for all that share them.
fn groups<'a>(totals: &Totals<'a>) -> impl Iterator<Item = &'a Snapshot> {
    let whole = *totals;
    let first = move |(i, page): &(usize, &Snapshot)| !whole.pages.iter().take(*i).any(|p| same(&whole, p, page));
    totals.each().filter(first).map(|(_, page)| page)
}

/// Prometheus text.
pub fn prom(w: &mut dyn Write, totals: &Totals<'_>) -> fmt::Result {
    for (counter, row) in C::ALL.iter().zip(TABLE) {
        let metric = Metric(row);
        let sort = if row.sort == Sort::Counter { "counter" } else { "gauge" };
        let unit = if metric.is_time() { ", in seconds" } else { "" };
        writeln!(w, "# HELP {metric} {}{unit}\n# TYPE {metric} {sort}", row.help)?;
        for group in groups(totals) {
            if let Some(value) = totals.counter(*counter, &|page| same(totals, page, group)) {
                writeln!(w, "{metric}{{{}}} {}", Labels(totals, group), Value(row, value))?;
            }
        }
    }
    rules(w, totals)
}

/// One more gauge: the sum of what `value` gives for each page by position; without a sample where it knows nothing.
pub fn gauge(
    w: &mut dyn Write,
    totals: &Totals<'_>,
    [name, help]: [&str; 2],
    value: &dyn Fn(usize) -> Option<u64>,
) -> fmt::Result {
    writeln!(w, "# HELP faultless_{name} {help}\n# TYPE faultless_{name} gauge")?;
    for group in groups(totals) {
        let known = totals.each().filter(|(_, page)| same(totals, page, group)).filter_map(|(i, _)| value(i));
        if let Some(sum) = known.reduce(u64::saturating_add) {
            writeln!(w, "faultless_{name}{{{}}} {sum}", Labels(totals, group))?;
        }
    }
    Ok(())
}

fn rules(w: &mut dyn Write, totals: &Totals<'_>) -> fmt::Result {
    writeln!(w, "# HELP faultless_rule_regions_total regions that a rule matched, by what came of it")?;
    writeln!(w, "# TYPE faultless_rule_regions_total counter")?;
    each_rule(totals, &mut |group, rule| {
        let (of, text, n) = (Labels(totals, group), Label(rule.text), rule.index.saturating_add(1));
        for (outcome, word) in OUTCOMES {
            let count = rule.outcome(outcome);
            let labels = format_args!("{of},n=\"{n}\",rule=\"{text}\",outcome=\"{word}\"");
            writeln!(w, "faultless_rule_regions_total{{{labels}}} {count}")?;
        }
        Ok(())
    })?;
    writeln!(w, "# HELP faultless_rule_bytes_total bytes of the regions that a rule matched")?;
    writeln!(w, "# TYPE faultless_rule_bytes_total counter")?;
    each_rule(totals, &mut |group, rule| {
        let (of, text, n) = (Labels(totals, group), Label(rule.text), rule.index.saturating_add(1));
        let labels = format_args!("{of},n=\"{n}\",rule=\"{text}\"");
        writeln!(w, "faultless_rule_bytes_total{{{labels}}} {}", rule.bytes)
    })
}

/// The rules of each group, over the group's pages.
fn each_rule(
    totals: &Totals<'_>,
    f: &mut dyn FnMut(&Snapshot, super::figures::RuleRow<'_>) -> fmt::Result,
) -> fmt::Result {
    for group in groups(totals) {
        let own = || totals.pages.iter().copied().filter(|page| same(totals, page, group));
        for rule in totals.rules() {
            if own().any(|page| page.rules().nth(rule.index).is_some_and(|(_, text)| text == rule.text)) {
                f(group, super::figures::RuleRow::over(own(), rule.index, rule.text))?;
            }
        }
    }
    Ok(())
}
