//! The report as text of 80 columns, and as JSON.
//!
//! What must hold here: both have the same figures; what is not known is said so; no line is longer than 80 columns
//! but for a rule, which must stay in one piece.

use std::fmt::Write;

use faultless_core::size::Human;
use serde_json::{Value, json};

use super::advice::Advice;
use super::caller::{Function, Name};
use super::cost::Costs;
use super::evidence::{Evidence, Group};
use super::space::Kind;

const COLUMNS: usize = 80;
/// Where what a line is about begins.
const ABOUT: usize = 21;
/// Functions that are shown of a group.
const FUNCTIONS: usize = 4;
/// Groups without a rule are shown one by one from this share of all faults on.
const SHOWN: f64 = 0.05;
/// And from so many faults on.
const LEAST: u64 = 100;

/// What was looked at, and for how long.
pub struct Report<'a> {
    /// the program or the process, and how it ended
    pub subject: String,
    /// in seconds
    pub ran: f64,
    /// what it would have taken without being watched, about
    pub alone: f64,
    /// minor and major faults as the kernel counted them, also those that nobody saw
    pub counted: Option<(u64, u64)>,
    /// what was found
    pub evidence: &'a Evidence,
    /// for each group
    pub advice: &'a [Advice],
    /// of a fault
    pub costs: Costs,
    /// why not one by one
    pub without: Option<String>,
}

impl Report<'_> {
    /// The text.
    pub fn text(&self) -> String {
        let mut text = self.head();
        let all: u64 = self.evidence.groups.iter().map(Group::faults).sum();
        let (mut others, mut other_faults, mut other_ms) = (0, 0, Some(0.0));
        for (group, advice) in self.evidence.groups.iter().zip(self.advice) {
            let cost = self.costs.of(group);
            if advice.rule.is_none() && (group.faults() < LEAST || (group.faults() as f64) < all as f64 * SHOWN) {
                others += 1;
                other_faults += group.faults();
                other_ms = other_ms.zip(cost).map(|(a, b)| a + b);
                continue;
            }
            text.push('\n');
            block(&mut text, group, advice, cost);
        }
        if others != 0 {
            text.push('\n');
            let about = format!("{others} other sort{} of region: few faults", if others == 1 { "" } else { "s" });
            line(&mut text, other_faults, other_ms, &about);
        }
        text
    }

    fn head(&self) -> String {
        let evidence = self.evidence;
        let mut text = format!("{}\n", shortened(&self.subject, COLUMNS - "faultless: ".len()));
        let (minor, major) = self.counted.unwrap_or((evidence.minor(), evidence.major()));
        let mut line = format!("faults   {} minor, {} major", count(minor), count(major));
        let seen = evidence.minor() + evidence.major();
        if evidence.by_function {
            let of = if evidence.processes == 1 { "" } else { "es" };
            let _ = write!(line, "; {} seen in {} process{of}", count(seen), evidence.processes);
        }
        let _ = writeln!(text, "{line}");
        let cost: Option<f64> = evidence.groups.iter().map(|g| self.costs.of(g)).sum();
        let major_cost = match self.costs.major_ns {
            Some(ns) => format!("{:.0} µs for one read of 4 KiB, as each major fault takes at least", ns / 1e3),
            None => "what a major fault takes could not be measured".into(),
        };
        let (anonymous, file) = (self.costs.anonymous_ns / 1e3, self.costs.file_ns / 1e3);
        let cost = cost.map_or("unknown".into(), |ms| {
            let part = ms / 10.0 / self.alone.max(1e-9);
            format!("{} ms ({part:.0} % of about {} s)", millis(ms), seconds(self.alone))
        });
        let _ = writeln!(text, "cost     {cost}: {anonymous:.2} µs a fault, {file:.2} of a file");
        if evidence.major() != 0 {
            let _ = writeln!(text, "disk     {major_cost}");
        }
        let (named, runtime) = evidence.named();
        if evidence.by_function && seen > runtime {
            let share = named as f64 * 100.0 / (seen - runtime) as f64;
            let _ =
                writeln!(text, "named    {} by function; {} of loader and C library", percent(share), count(runtime));
        }
        if evidence.lost != 0 {
            let _ = writeln!(text, "lost     {} records: shares are of what was seen", count(evidence.lost));
        }
        if evidence.by_function && !evidence.kernel && minor + major > seen + evidence.lost + (minor + major) / 50 {
            text += "unseen   what the kernel touches for the program: needs CAP_PERFMON\n";
        }
        if let Some(without) = &self.without {
            let _ = writeln!(text, "{without}");
        }
        text
    }

    /// The object, and a newline.
    pub fn json(&self) -> String {
        let groups = self.evidence.groups.iter().zip(self.advice).map(|(group, advice)| {
            let functions = group.functions.iter().map(|share| {
                let mut value = function_json(&share.function);
                value["faults"] = share.faults.into();
                value
            });
            json!({
                "kind": group.kind.name(), "path": group.path, "taken_by": group.taken_by.as_ref().map(function_json),
                "minor": group.minor, "major": group.major, "cost_ms": self.costs.of(group),
                "regions": group.regions, "smallest_bytes": group.smallest, "largest_bytes": group.largest,
                "pattern": group.pattern.name(), "order": group.order.name(),
                "functions": functions.collect::<Vec<_>>(), "rule": advice.rule, "reason": advice.reason,
            })
        });
        let (named, runtime) = self.evidence.named();
        let value = json!({
            "version": 1, "subject": self.subject, "ran_s": self.ran, "alone_s": self.alone,
            "source": if self.evidence.by_function { "perf" } else { "smaps" }, "note": self.without,
            "faults": {
                "minor": self.counted.map(|c| c.0), "major": self.counted.map(|c| c.1),
                "seen_minor": self.evidence.minor(), "seen_major": self.evidence.major(), "lost": self.evidence.lost,
                "named": named, "runtime": runtime, "kernel_seen": self.evidence.kernel,
                "processes": self.evidence.processes,
            },
            "cost": {
                "anonymous_ns": self.costs.anonymous_ns, "file_ns": self.costs.file_ns, "major_ns": self.costs.major_ns,
                "watched_ns": self.costs.watched_ns,
            },
            "regions": groups.collect::<Vec<_>>(),
        });
        format!("{value}\n")
    }
}

fn function_json(function: &Function) -> Value {
    let (name, sort) = match &function.name {
        Name::Known(name) => (Some(name), "known"),
        Name::NoSymbol => (None, "no symbol"),
        Name::UnknownCaller => (None, "unknown caller"),
        Name::Runtime => (None, "runtime"),
    };
    json!({"object": function.object, "function": name, "sort": sort})
}

fn block(text: &mut String, group: &Group, advice: &Advice, cost: Option<f64>) {
    line(text, group.faults(), cost, &about(group));
    if let Some(path) = &group.path {
        let _ = writeln!(text, "{:ABOUT$}{}", "", shortened(path, COLUMNS - ABOUT));
    }
    if group.major != 0 {
        let _ = writeln!(text, "{:ABOUT$}{} of them major", "", count(group.major));
    }
    let all = group.faults().max(1) as f64;
    for (i, share) in group.functions.iter().enumerate() {
        let part = share.faults as f64 * 100.0 / all;
        if i == FUNCTIONS || i != 0 && part < 0.5 {
            let rest: u64 = group.functions[i..].iter().map(|s| s.faults).sum();
            let _ = writeln!(
                text,
                "{:ABOUT$}{:>6}  {} others",
                "",
                percent(rest as f64 * 100.0 / all),
                group.functions.len() - i
            );
            break;
        }
        let _ = writeln!(text, "{:ABOUT$}{:>6}  {}", "", percent(part), function(&share.function, COLUMNS - ABOUT - 8));
    }
    if let Some(taker) = &group.taken_by {
        let _ = writeln!(text, "{:ABOUT$}taken by {}", "", function(taker, COLUMNS - ABOUT - 9));
    }
    match &advice.rule {
        Some(rule) => {
            let _ = writeln!(text, "{:ABOUT$}{}\n{:ABOUT$}--rule {rule}", "", advice.reason, "");
        }
        None => {
            let _ = writeln!(text, "{:ABOUT$}no rule: {}", "", advice.reason);
        }
    }
}

fn line(text: &mut String, faults: u64, cost: Option<f64>, about: &str) {
    let cost = cost.map_or("? ms".into(), |ms| format!("{} ms", millis(ms)));
    let _ = writeln!(text, "{:>10} {cost:>8}  {about}", count(faults));
}

fn about(group: &Group) -> String {
    let (one, many) = match group.kind {
        Kind::Malloc => ("block", "blocks"),
        Kind::Heap => ("heap", "heaps"),
        Kind::Stack => ("stack", "stacks"),
        _ => ("region", "regions"),
    };
    let size = match (Human(group.smallest).to_string(), Human(group.largest).to_string()) {
        (_, largest) if group.smallest == group.largest => largest,
        (_, largest) if group.smallest < group.largest / 1024 => format!("up to {largest}"),
        (smallest, largest) => format!("{smallest} to {largest}"),
    };
    let regions = if group.regions == 1 { one.to_owned() } else { format!("{} {many}", count(group.regions)) };
    // Without single faults there is no order.
    let pattern = if group.functions.is_empty() { String::new() } else { format!(", {}", group.pattern.name()) };
    format!("{}, {regions} of {size}{pattern}", group.kind.name())
}

fn function(function: &Function, width: usize) -> String {
    let object = format!(" in {}", function.object);
    let name = match &function.name {
        Name::Known(name) => name.as_str(),
        Name::Runtime => return shortened(&function.object, width),
        Name::NoSymbol => "(no symbol)",
        Name::UnknownCaller => "(unknown caller)",
    };
    let room = width.saturating_sub(object.chars().count()).max(12);
    shortened(&format!("{}{object}", shortened(name, room)), width)
}

/// Cut in the middle, where names differ least; without control characters.
fn shortened(text: &str, width: usize) -> String {
    let all: Vec<char> = text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect();
    if all.len() <= width {
        return all.into_iter().collect();
    }
    let tail = width / 2;
    let head = width - tail - 1;
    all[..head].iter().chain(['…'].iter()).chain(&all[all.len() - tail..]).collect()
}

/// 983,040
fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i != 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn millis(ms: f64) -> String {
    if ms < 10.0 { format!("{ms:.1}") } else { count(ms.round() as u64) }
}

fn seconds(s: f64) -> String {
    if s < 100.0 { format!("{s:.2}") } else { format!("{s:.0}") }
}

/// Never 100 % or 0 % unless it is.
fn percent(share: f64) -> String {
    match share {
        s if s == 100.0 || s == 0.0 => format!("{s:.0} %"),
        s if s > 99.9 => "99.9 %".into(),
        s if s < 0.1 => "<0.1 %".into(),
        s if !(1.0..99.0).contains(&s) => format!("{s:.1} %"),
        s => format!("{s:.0} %"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::evidence::Share;
    use super::super::pattern::Pattern;
    use super::*;

    fn report(long: &str) -> (Evidence, Vec<Advice>) {
        let function = |name: &str| Function { object: long.into(), name: Name::Known(name.into()) };
        let group = Group {
            kind: Kind::File,
            path: Some(format!("/{long}\n")),
            taken_by: Some(function(long)),
            minor: 1_000_000,
            major: 7,
            smallest: 1,
            largest: 5 << 40,
            regions: 1_234_567,
            pages: 1,
            pattern: Pattern::Sequential,
            order: Pattern::Sequential,
            functions: vec![
                Share { function: function(long), faults: 999_999 },
                Share { function: function("x"), faults: 8 },
            ],
        };
        let groups = vec![group.clone(), Group { minor: 3, major: 0, path: None, ..group }];
        let evidence = Evidence { groups, lost: 12, processes: 2, kernel: false, by_function: true };
        let none = Advice { rule: None, reason: "few faults, leave it alone" };
        (evidence, vec![Advice { rule: Some("file=/x:auto".into()), reason: "because" }, none])
    }

    fn of<'a>(evidence: &'a Evidence, advice: &'a [Advice]) -> Report<'a> {
        let costs = Costs { anonymous_ns: 700.0, file_ns: 1500.0, major_ns: None, watched_ns: None };
        let subject = "x".repeat(200);
        Report { subject, ran: 2.0, alone: 1.0, counted: Some((2_000_000, 7)), evidence, advice, costs, without: None }
    }

    #[test]
    fn no_line_is_longer_than_80_columns_whatever_the_names() {
        let long = "a_very_long_name::of<something>".repeat(8);
        let (evidence, advice) = report(&long);
        for line in of(&evidence, &advice).text().lines() {
            assert!(line.chars().count() <= COLUMNS && !line.contains(char::is_control), "{line}");
        }
    }

    #[test]
    fn the_json_has_the_figures_of_the_text() {
        let (evidence, advice) = report("prog");
        let report = of(&evidence, &advice);
        let value: Value = serde_json::from_str(&report.json()).unwrap();
        assert_eq!(value["regions"][0]["rule"], "file=/x:auto");
        assert_eq!(value["regions"][0]["cost_ms"], Value::Null);
        assert_eq!(value["faults"]["named"], 2 * 1_000_007);
        let text = report.text();
        assert!(text.contains("--rule file=/x:auto") && text.contains("1,000,007"), "{text}");
    }

    #[test]
    fn a_share_is_all_or_nothing_only_if_it_is() {
        assert_eq!(
            [100.0, 99.99, 99.4, 42.2, 0.4, 0.01, 0.0].map(percent),
            ["100 %", "99.9 %", "99.4 %", "42 %", "0.4 %", "<0.1 %", "0 %"]
        );
    }
}
