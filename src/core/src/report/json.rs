//! The report for programs: one JSON object.
//!
//! What must hold here: always valid JSON, whatever bytes the pages hold; counters by their names in the table; an
//! unknown is null. Names are only added; a changed meaning is a new `version`.

use core::fmt::{self, Display, Write};

use super::figures::{RuleRow, is_exec};
use super::words::Errno;
use super::{Fate, OUTCOMES, Totals};
use crate::counters::{C, TABLE};
use crate::heat::Map;
use crate::page::{Note, Snapshot, State};
use crate::reason::Reason;
use crate::rules::Axis;

/// The budgets, in the page's order.
const BUDGETS: [&str; 4] = ["lock_max", "populate_max", "retain_max", "huge_growth_max"];

/// Writes values with the commas between them.
struct Json<'w> {
    w: &'w mut dyn Write,
    comma: bool,
}

impl Json<'_> {
    fn separate(&mut self) -> fmt::Result {
        if core::mem::replace(&mut self.comma, true) { self.w.write_char(',') } else { Ok(()) }
    }

    fn key(&mut self, key: &str) -> fmt::Result {
        self.separate()?;
        self.comma = false;
        write!(self.w, "\"{key}\":")
    }

    fn open(&mut self, bracket: char) -> fmt::Result {
        self.separate()?;
        self.comma = false;
        self.w.write_char(bracket)
    }

    fn close(&mut self, bracket: char) -> fmt::Result {
        self.comma = true;
        self.w.write_char(bracket)
    }

    /// A number or `null`.
    fn number(&mut self, key: &str, value: Option<impl Display>) -> fmt::Result {
        self.key(key)?;
        self.separate()?;
        match value {
            Some(n) => write!(self.w, "{n}"),
            None => self.w.write_str("null"),
        }
    }

    fn string(&mut self, key: &str, value: &[u8]) -> fmt::Result {
        self.key(key)?;
        self.separate()?;
        self.w.write_char('"')?;
        for chunk in value.utf8_chunks() {
            for c in chunk.valid().chars() {
                match c {
                    '"' | '\\' => write!(self.w, "\\{c}")?,
                    '\0'..' ' => write!(self.w, "\\u{:04x}", c as u32)?,
                    c => self.w.write_char(c)?,
                }
            }
            if !chunk.invalid().is_empty() {
                self.w.write_str("\\ufffd")?;
            }
        }
        self.w.write_char('"')
    }
}

/// One JSON object, and a newline.
pub fn json(w: &mut dyn Write, totals: &Totals<'_>) -> fmt::Result {
    let mut j = Json { w, comma: false };
    let every = |_: &Snapshot| true;
    j.open('{')?;
    j.number("version", Some(1))?;
    let first = totals.each().next();
    let exe = first.map_or(&[][..], |(_, page)| page.exe());
    j.string("command", if totals.title.command.is_empty() { exe } else { totals.title.command })?;
    j.string("policy", first.map_or(&[], |(_, page)| page.policy()))?;
    if !totals.title.source.is_empty() {
        j.string("policy_source", totals.title.source.as_bytes())?;
    }
    let fate = match (totals.title.fate, first) {
        (Fate::Unknown, Some((i, page))) => end(totals.fate_of(i, page), Some(page)),
        (fate, _) => end(fate, None),
    };
    write_end(&mut j, fate)?;
    let ran = totals.title.ran_ns.or_else(|| first.and_then(|(i, page)| totals.ran_ns(i, page)));
    j.number("ran_ns", ran)?;
    j.key("counters")?;
    counters(&mut j, totals, &every)?;
    j.key("effect")?;
    effect(&mut j, totals)?;
    j.key("rules")?;
    rules(&mut j, totals)?;
    j.key("processes")?;
    j.open('[')?;
    for (i, page) in totals.each() {
        process(&mut j, totals, i, page)?;
    }
    j.close(']')?;
    j.key("not_reached")?;
    j.open('[')?;
    for other in totals.not_reached() {
        j.open('{')?;
        j.number("pid", other.pid)?;
        j.string("exe", other.exe)?;
        j.string("why", other.why.as_bytes())?;
        j.close('}')?;
    }
    j.close(']')?;
    j.close('}')?;
    j.w.write_char('\n')
}

fn counters(j: &mut Json<'_>, totals: &Totals<'_>, of: &dyn Fn(&Snapshot) -> bool) -> fmt::Result {
    j.open('{')?;
    for (counter, row) in C::ALL.iter().zip(TABLE) {
        j.number(row.name, totals.counter(*counter, of))?;
    }
    j.close('}')
}

/// What came of it: faults less ours, coverage of huge pages, and what was only seen from outside.
fn effect(j: &mut Json<'_>, totals: &Totals<'_>) -> fmt::Result {
    j.open('{')?;
    let (minor, unknown) = totals.known(|i, page| totals.minor_faults(i, page));
    j.number("minor_faults", minor)?;
    j.number("major_faults", totals.known(|i, page| totals.major_faults(i, page)).0)?;
    j.number("processes_without_faults_known", Some(unknown))?;
    j.number("huge_bytes", totals.known(|i, page| Some(totals.huge(i, page)?.0)).0)?;
    j.number("huge_of_bytes", totals.known(|i, page| Some(totals.huge(i, page)?.1)).0)?;
    j.number("peak_rss_bytes", totals.counter(C::PeakRss, &|_| true))?;
    j.number("locked_bytes", totals.known(|i, page| totals.facts_of(i, page).locked).0)?;
    j.number("swap_bytes", totals.known(|i, page| totals.facts_of(i, page).swap).0)?;
    j.number("memory_peak_bytes", totals.memory.peak)?;
    j.number("memory_limit_bytes", totals.memory.limit)?;
    j.number("oom_kill", totals.memory.oom_kill)?;
    j.close('}')
}

fn rules(j: &mut Json<'_>, totals: &Totals<'_>) -> fmt::Result {
    j.open('[')?;
    for rule in totals.rules() {
        write_rule(j, rule, totals.notes(rule))?;
    }
    j.close(']')
}

fn write_rule(j: &mut Json<'_>, rule: RuleRow<'_>, notes: impl Iterator<Item = Note>) -> fmt::Result {
    j.open('{')?;
    j.string("rule", rule.text)?;
    j.number("regions", Some(rule.regions))?;
    j.number("bytes", Some(rule.bytes))?;
    for (outcome, word) in OUTCOMES {
        j.number(word, Some(rule.outcome(outcome)))?;
    }
    j.key("notes")?;
    j.open('[')?;
    for note in notes {
        j.open('{')?;
        j.string("action", Axis::numbered(note.axis).map_or("unknown", Axis::name).as_bytes())?;
        let outcome = OUTCOMES.iter().find(|(o, _)| *o as u8 == note.outcome).map_or("unknown", |(_, word)| word);
        j.string("outcome", outcome.as_bytes())?;
        j.string("reason", Reason::text(note.reason).as_bytes())?;
        j.string("remedy", Reason::remedy(note.reason).as_bytes())?;
        j.number("errno", Some(note.errno))?;
        if note.errno != 0 {
            j.key("errno_name")?;
            j.separate()?;
            write!(j.w, "\"{}\"", Errno(note.errno))?;
        }
        j.number("count", Some(note.count))?;
        j.close('}')?;
    }
    j.close(']')?;
    j.close('}')
}

/// The end in one word, with the status or signal if there is one.
fn end(fate: Fate, page: Option<&Snapshot>) -> (&'static str, Option<i32>) {
    match fate {
        Fate::Unknown if page.is_some_and(is_exec) => ("exec", None),
        Fate::Unknown => ("unknown", None),
        Fate::Running => ("running", None),
        Fate::Gone => ("gone", None),
        Fate::Exited(status) => ("exit", Some(i32::from(status))),
        Fate::Signal(signal) => ("signal", Some(signal)),
    }
}

fn write_end(j: &mut Json<'_>, (word, number): (&str, Option<i32>)) -> fmt::Result {
    j.string("end", word.as_bytes())?;
    j.number("end_number", number)
}

fn process(j: &mut Json<'_>, totals: &Totals<'_>, i: usize, page: &Snapshot) -> fmt::Result {
    j.open('{')?;
    j.number("pid", Some(page.pid))?;
    j.number("ppid", Some(page.ppid))?;
    j.number("uid", Some(page.uid))?;
    j.string("exe", page.exe())?;
    j.string("policy", page.policy())?;
    let states = [(State::StoodDown, "stood down"), (State::On, "on"), (State::Off, "off"), (State::Sealed, "sealed")];
    let state = states.iter().find(|(s, _)| *s as u32 == page.state).map_or("unknown", |(_, word)| word);
    j.string("state", state.as_bytes())?;
    j.string("why", super::why(page.why).as_bytes())?;
    j.number("forked", Some(page.forked != 0))?;
    j.number("seccomp", Some(page.seccomp))?;
    j.key("tree")?;
    j.separate()?;
    write!(j.w, "\"{:016x}\"", page.tree)?;
    write_end(j, end(totals.fate_of(i, page), Some(page)))?;
    j.number("ran_ns", totals.ran_ns(i, page))?;
    j.number("minor_faults", totals.minor_faults(i, page))?;
    j.number("major_faults", totals.major_faults(i, page))?;
    j.key("budgets")?;
    j.open('{')?;
    for (name, bytes) in BUDGETS.iter().zip(page.budgets) {
        j.number(name, (bytes != u64::MAX).then_some(bytes))?;
    }
    j.close('}')?;
    j.key("counters")?;
    counters(j, totals, &|p| core::ptr::eq(p, page))?;
    j.key("rules")?;
    j.open('[')?;
    for (index, (stats, text)) in page.rules().enumerate() {
        let rule = RuleRow::over(core::iter::once(page), index, text);
        write_rule(j, rule, stats.notes.into_iter().filter(|note| note.count != 0))?;
    }
    j.close(']')?;
    j.key("heat")?;
    match totals.heat.get(i).copied().flatten() {
        Some(map) => heat(j, &map)?,
        None => {
            j.separate()?;
            j.w.write_str("null")?;
        }
    }
    j.close('}')
}

/// Regions with all of their pieces: where each begins in its file (or mapping), how hot it is (0 to 15), whether it is
/// locked, how much of it is present (0 to 1).
fn heat(j: &mut Json<'_>, map: &Map<'_>) -> fmt::Result {
    j.open('[')?;
    for region in map.regions() {
        j.open('{')?;
        if region.is_file() {
            j.string("path", region.path)?;
        } else {
            j.number("path", None::<u64>)?;
        }
        j.number("start", Some(region.start))?;
        j.number("bytes", Some(region.bytes))?;
        j.number("piece_bytes", Some(region.piece))?;
        j.key("pieces")?;
        j.open('[')?;
        for piece in region.pieces() {
            j.open('{')?;
            j.number("offset", Some(region.offset + piece.from))?;
            j.number("heat", piece.heat)?;
            j.number("hot", Some(piece.is_wanted))?;
            j.number("locked", Some(piece.is_locked))?;
            j.number("resident", piece.present.map(|eighths| f32::from(eighths) / 8.0))?;
            j.close('}')?;
        }
        j.close(']')?;
        j.close('}')?;
    }
    j.close(']')
}
