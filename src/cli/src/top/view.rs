//! What is drawn: the machine, a row for each process, or the report of one.
//!
//! What must hold here: 80 columns are enough; a name from outside brings no control character; the selection stays
//! with its process while rows change places.

use std::time::Duration;

use faultless_core::counters::C;
use faultless_core::page::{Snapshot, State};
use faultless_core::report::Title;

use super::sample::{Key, Rates, Row};
use crate::pages::Found;
use crate::tree::{Format, Tree};

const HEAD: &str = "    pid exe        policy      min/s maj/s   rss  swap  huge  lock popul  pool";
/// Behind these, where the terminal is wide enough for all of them.
const MORE: &str = "   own  turn  drop";
const REVERSE: &str = "\x1b[7m";
const BOLD: &str = "\x1b[1m";
const RED: &str = "\x1b[31m";
const PLAIN: &str = "\x1b[0m";

/// What the user has chosen to see.
#[derive(Default)]
pub struct View {
    /// how often it looks; `None` on paper
    interval: Option<Duration>,
    /// whether colours are wanted
    colour: bool,
    /// the rules of the process that is selected
    pub rules: bool,
    selected: Option<Key>,
}

impl View {
    /// For a terminal, which it fills every `interval`.
    pub fn on_screen(interval: Duration, colour: bool) -> View {
        View { interval: Some(interval), colour, ..View::default() }
    }

    /// Selects the next one up (-1) or down (1).
    pub fn select(&mut self, rates: &Rates, step: isize) {
        let at = self.at(rates).saturating_add_signed(step).min(rates.rows.len().saturating_sub(1));
        self.selected = rates.rows.get(at).map(|r| r.process.key());
    }

    /// Where the selected process stands; the first if it is gone.
    fn at(&self, rates: &Rates) -> usize {
        rates.rows.iter().position(|r| Some(r.process.key()) == self.selected).unwrap_or(0)
    }

    /// The whole screen, with marks.
    pub fn screen(&self, rates: &Rates, columns: usize, rows: usize) -> Vec<String> {
        let mut lines = vec![cut(&self.title(rates), columns)];
        lines[0] = format!("{BOLD}{}{PLAIN}", lines[0]);
        let rest = rows.saturating_sub(1);
        match rates.rows.get(self.at(rates)).filter(|_| self.rules) {
            Some(row) => lines.extend(report(row).iter().take(rest).map(|line| cut(line, columns))),
            None => lines.extend(self.table(rates, columns, rest)),
        }
        lines
    }

    fn title(&self, rates: &Rates) -> String {
        let mut trees: Vec<u64> = rates.rows.iter().map(|r| r.process.page.tree).collect();
        trees.sort_unstable();
        trees.dedup();
        let every = self.interval.unwrap_or_default().as_secs_f64();
        let count = |n: usize, one: &str, many: &str| format!("{n} {}", if n == 1 { one } else { many });
        let (processes, trees) = (count(rates.rows.len(), "process", "processes"), count(trees.len(), "tree", "trees"));
        let keys = if self.rules { "r back, q quit" } else { "r rules, q quit" };
        format!("faultless top: {processes} in {trees}, every {every} s   {keys}")
    }

    /// The machine and the rows, at most so many lines; bare but for the selection on a screen.
    pub fn table(&self, rates: &Rates, columns: usize, lines: usize) -> Vec<String> {
        let is_wide = columns >= HEAD.len() + MORE.len();
        let head = if is_wide { format!("{HEAD}{MORE}") } else { cut(HEAD, columns) };
        let mut all = vec![cut(&machine(rates), columns), head];
        let on_screen = self.interval.is_some();
        if rates.rows.is_empty() {
            all.push(cut("no wrapped process runs, or none that may be looked into", columns));
        }
        all.extend(rates.now.missing.iter().map(|line| cut(line, columns)));
        let (room, at) = (lines.saturating_sub(all.len()), self.at(rates));
        // The selected one stays in sight.
        let first = (at + 1).saturating_sub(room);
        for (i, row) in rates.rows.iter().enumerate().skip(first).take(room) {
            let more = if is_wide { more(row) } else { String::new() };
            let line = cut(&(self::row(row) + &more), columns);
            all.push(match row.major {
                _ if on_screen && i == at => format!("{REVERSE}{line:columns$}{PLAIN}"),
                Some(1..) if self.colour && on_screen => format!("{RED}{line}{PLAIN}"),
                _ => line,
            });
        }
        all.truncate(lines);
        all
    }
}

fn machine(rates: &Rates) -> String {
    let machine = &rates.now.machine;
    let bytes = |n: Option<u64>| n.map_or("-".into(), short);
    let rate = |pages: Option<u64>| pages.map_or("-".into(), count);
    let stalled = machine.stalled.map_or("-".into(), |percent| format!("{percent:.1} %"));
    format!(
        "memory {} of {} left  swap {} of {}  si {} so {} pages/s  stalled {stalled}",
        bytes(machine.available),
        bytes(machine.total),
        bytes(machine.swap_used),
        bytes(machine.swap_total),
        rate(rates.swapped_in),
        rate(rates.swapped_out),
    )
}

fn row(row: &Row) -> String {
    let (process, facts) = (&row.process, &row.process.facts);
    let page = &process.page;
    let huge = match (facts.huge, facts.huge_of) {
        (Some(_), Some(0)) => "0 %".into(),
        (Some(on), Some(of)) => share(on, of),
        _ => "-".into(),
    };
    format!(
        "{:>7} {:<10} {:<10} {:>6} {:>5} {:>5} {:>5} {:>5} {:>5} {:>5} {:>5}",
        process.pid,
        name(page.exe(), 10),
        policy(page),
        row.minor.map_or("-".into(), count),
        row.major.map_or("-".into(), count),
        process.rss.map_or("-".into(), short),
        facts.swap.map_or("-".into(), short),
        huge,
        facts.locked.map_or("-".into(), short),
        short(page.get(C::PopulateNow)),
        short(process.pool()),
    )
}

/// What our actions take of one processor, how often `auto` has changed its mind, and what was dropped behind scans.
fn more(row: &Row) -> String {
    let page = &row.process.page;
    let own = row.own.map_or("-".into(), |ns| match ns / 100_000 {
        0 if ns > 0 => "<.01%".into(),
        hundredths @ 0..1_000 => format!("{}.{:02}%", hundredths / 100, hundredths % 100),
        hundredths => format!("{}%", hundredths / 100),
    });
    let turns = [C::AutoRandom, C::AutoScan, C::AutoBack].iter().fold(0u64, |sum, c| sum.saturating_add(page.get(*c)));
    format!(" {own:>5} {:>5} {:>5}", count(turns), short(page.get(C::DroppedBytes)))
}

/// The policy; where it is not in force, how it stands instead.
fn policy(page: &Snapshot) -> String {
    match page.state {
        s if s == State::On as u32 => name(page.policy(), 10),
        s if s == State::Off as u32 => "(off)".into(),
        s if s == State::Sealed as u32 => "(sealed)".into(),
        _ => "(inert)".into(),
    }
}

/// What `faultless report` says of one process.
fn report(row: &Row) -> Vec<String> {
    let process = &row.process;
    let tree = Tree {
        pages: vec![Found { path: Default::default(), page: process.page.clone() }],
        facts: vec![process.facts],
        heat: Vec::new(),
        memory: crate::cgroup::standing(process.pid),
        again: u32::try_from(process.pid).ok(),
    };
    let text = tree.render(Format::Text, Title::default(), &[]).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// A name in so many columns: what is cut ends in +.
fn name(bytes: &[u8], columns: usize) -> String {
    let text: String = String::from_utf8_lossy(bytes)
        .chars()
        .map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c })
        .collect();
    if text.chars().count() <= columns {
        return text;
    }
    text.chars().take(columns - 1).chain(['+']).collect()
}

fn cut(line: &str, columns: usize) -> String {
    line.chars().take(columns).collect()
}

/// A count in six columns at most.
fn count(n: u64) -> String {
    match n {
        0..100_000 => n.to_string(),
        100_000..10_000_000 => format!("{}k", n / 1000),
        _ => format!("{}M", n / 1_000_000),
    }
}

/// Bytes in five columns at most.
fn short(bytes: u64) -> String {
    let units = [(40, "T"), (30, "G"), (20, "M"), (10, "K")];
    match units.iter().find(|(shift, _)| bytes >> shift != 0) {
        None => bytes.to_string(),
        Some((shift, unit)) => {
            let tenths = (u128::from(bytes) * 10) >> shift;
            if tenths < 100 {
                format!("{}.{}{unit}", tenths / 10, tenths % 10)
            } else {
                format!("{}{unit}", tenths / 10)
            }
        }
    }
}

/// Whole only if it is.
fn share(part: u64, whole: u64) -> String {
    match (u128::from(part) * 100).checked_div(u128::from(whole)) {
        None => "-".into(),
        Some(0) if part > 0 => "<1 %".into(),
        Some(percent) => format!("{percent} %"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_is_as_wide_as_the_rows_and_fits_into_80_columns() {
        assert!(HEAD.len() <= 80);
        let columns = [7, 10, 10, 6, 5, 5, 5, 5, 5, 5, 5];
        assert_eq!(HEAD.len(), columns.iter().sum::<usize>() + columns.len() - 1);
        assert_eq!(MORE.len(), 3 * 6);
    }

    #[test]
    fn numbers_fit_their_columns() {
        for n in [0, 999, 1023, 1024, 10_239, 10_240, 1 << 20, 1023 << 20, (1 << 30) - 1, 1 << 40, 999 << 40] {
            assert!(short(n).len() <= 5, "{}", short(n));
        }
        for n in [99_999, 100_000, 9_999_999, 10_000_000, 999_999_999] {
            assert!(count(n).len() <= 6, "{}", count(n));
        }
        assert_eq!([short(1536), short(10 << 20), short((8 << 30) + (1 << 27))], ["1.5K", "10M", "8.1G"]);
    }

    #[test]
    fn a_name_is_cut_and_brings_no_control_character() {
        assert_eq!(name(b"a-very-long-name", 10), "a-very-lo+");
        assert_eq!(name(b"x\x1b[2J", 10), "x\u{fffd}[2J");
    }
}
