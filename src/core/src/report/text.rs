//! The report for people: a title, the rules' table, what went otherwise, the effect, the processes.
//!
//! What must hold here: nothing is printed that the pages or the facts do not say; every effect names its source.

use core::fmt::{self, Display, Write};

use super::figures::is_exec;
use super::table::{Side, Sink, table};
use super::words::{Count, Errno, Known, Lossy, Of, Share, Time};
use super::{Fate, OUTCOMES, Totals};
use crate::counters::C;
use crate::page::{Note, Outcome, Snapshot, State};
use crate::reason::Reason;
use crate::rules::Axis;
use crate::size::Human;

/// The table, for one page or a tree's.
pub fn text(w: &mut dyn Write, totals: &Totals<'_>) -> fmt::Result {
    title(w, totals)?;
    processes_line(w, totals)?;
    rules(w, totals)?;
    effect(w, totals)?;
    budgets(w, totals)?;
    processes(w, totals)?;
    for map in totals.heat.iter().flatten() {
        super::heat(w, map, totals.is_plain)?;
    }
    if let Some(pid) = totals.again {
        write!(w, "again: faultless report {pid}")?;
        let running = totals.each().any(|(i, page)| page.pid == pid && totals.fate_of(i, page) == Fate::Running);
        if running {
            write!(w, "     stop live: faultless off {pid}")?;
        }
        w.write_char('\n')?;
    }
    if !totals.compare.is_empty() {
        let policy = totals.pages.first().map_or(&b"throughput"[..], |page| page.policy());
        let (policy, command) = (Lossy(policy), Lossy(totals.compare));
        writeln!(w, "worth it? faultless compare --policy none --policy {policy} -- {command}")?;
    }
    Ok(())
}

fn title(w: &mut dyn Write, totals: &Totals<'_>) -> fmt::Result {
    let title = &totals.title;
    let first = totals.each().next();
    w.write_str("faultless: ")?;
    match first {
        _ if !title.command.is_empty() => write!(w, "{}", Lossy(title.command))?,
        Some((_, page)) => write!(w, "{}[{}]", Lossy(page.exe()), page.pid)?,
        None => w.write_str("no process")?,
    }
    let fate = match (title.fate, first) {
        (Fate::Unknown, Some((i, page))) => totals.fate_of(i, page),
        (fate, _) => fate,
    };
    let exec = title.fate == Fate::Unknown && first.is_some_and(|(_, page)| is_exec(page));
    let ran = title.ran_ns.or_else(|| first.and_then(|(i, page)| totals.ran_ns(i, page)));
    match fate {
        Fate::Unknown if exec => w.write_str(" ran another program")?,
        Fate::Unknown => w.write_str(", end unknown")?,
        Fate::Running => w.write_str(" running")?,
        Fate::Gone => w.write_str(" killed, or left by a raw exit")?,
        Fate::Exited(status) => write!(w, " exited {status}")?,
        Fate::Signal(signal) => write!(w, " killed by signal {signal}")?,
    }
    if let Some(ns) = ran {
        write!(w, " {} {}", if fate == Fate::Running { "for" } else { "after" }, Time(ns))?;
    }
    if let Some((_, page)) = first {
        write!(w, ", policy {}", Lossy(page.policy()))?;
        if !totals.title.source.is_empty() {
            write!(w, " ({})", totals.title.source)?;
        }
    }
    w.write_char('\n')
}

/// Said only where it is more than one process that went as asked.
fn processes_line(w: &mut dyn Write, totals: &Totals<'_>) -> fmt::Result {
    let stood_down = |page: &Snapshot| page.state == State::StoodDown as u32;
    let own = || totals.each().filter(|(_, page)| !totals.is_superseded(page));
    let with = own().filter(|(_, page)| !stood_down(page)).count();
    let without = own().filter(|(_, page)| stood_down(page)).count();
    // A page counts the programs out of reach, but remembers only the last one.
    let unreached = (totals.not_reached().count() as u64).max(totals.own(C::NotReached));
    // One that took the place of a program with a page is no process more.
    let has_page = |pid| totals.pages.iter().any(|page| page.pid == pid);
    let in_place = totals.not_reached().filter(|other| other.pid.is_some_and(has_page)).count() as u64;
    let extra = unreached.saturating_sub(in_place);
    let all = extra.saturating_add((with + without) as u64);
    if all == 1 && without == 0 && unreached == 0 {
        return Ok(());
    }
    write!(w, "{} {}: {with} with policy", Count(all), if all == 1 { "process" } else { "processes" })?;
    if without != 0 {
        write!(w, ", {without} stood down")?;
    }
    if unreached != 0 {
        write!(w, ", {} not reached", Count(unreached))?;
    }
    w.write_char('\n')
}

fn rules(w: &mut dyn Write, totals: &Totals<'_>) -> fmt::Result {
    if totals.rules().next().is_none() {
        return if totals.pages.is_empty() { Ok(()) } else { writeln!(w, "no rules: counted, nothing changed") };
    }
    let sides = [Side::Left, Side::Right, Side::Right, Side::Right, Side::Right, Side::Right, Side::Right, Side::Left];
    table(w, sides, &|row: Sink<'_, 8>| {
        row([&"rule", &"regions", &"bytes", &"applied", &"partly", &"skipped", &"failed", &""])?;
        for (n, rule) in totals.rules().enumerate() {
            let n = n + 1;
            let outcome = |o| Count(rule.outcome(o));
            row([
                &format_args!("{n} {}", Lossy(rule.text)),
                &Count(rule.regions),
                &Human(rule.bytes),
                &outcome(Outcome::Applied),
                &outcome(Outcome::Partly),
                &outcome(Outcome::Skipped),
                &outcome(Outcome::Failed),
                &if rule.regions == 0 && totals.notes(rule).next().is_none() { "never matched" } else { "" },
            ])?;
        }
        Ok(())
    })?;
    for (n, rule) in totals.rules().enumerate() {
        for note in totals.notes(rule) {
            write_note(w, n + 1, &note)?;
        }
    }
    Ok(())
}

fn write_note(w: &mut dyn Write, rule: usize, note: &Note) -> fmt::Result {
    if note.outcome == Outcome::Applied as u8 && note.reason == Reason::Done as u8 {
        return Ok(());
    }
    let outcome = OUTCOMES.iter().find(|(o, _)| *o as u8 == note.outcome).map_or("unknown", |(_, word)| word);
    let axis = Axis::numbered(note.axis).map_or("action", Axis::name);
    write!(w, "rule {rule}, {outcome} {}: {axis}: {}", Count(note.count), Reason::text(note.reason))?;
    if note.errno != 0 {
        write!(w, " ({})", Errno(note.errno))?;
    }
    match Reason::remedy(note.reason) {
        "" => w.write_char('\n'),
        remedy => writeln!(w, "; try: {remedy}"),
    }
}

fn effect(w: &mut dyn Write, totals: &Totals<'_>) -> fmt::Result {
    if totals.pages.is_empty() {
        return Ok(());
    }
    table(w, [Side::Left; 3], &|row: Sink<'_, 3>| {
        row([&"effect", &"", &"source"])?;
        effect_rows(totals, row)
    })
}

fn effect_rows(totals: &Totals<'_>, row: Sink<'_, 3>) -> fmt::Result {
    let facts = || totals.each().map(|(i, page)| totals.facts_of(i, page));
    let several = totals.pages.len() > 1;

    let (on, _) = totals.known(|i, page| Some(totals.huge(i, page)?.0));
    let (of, lacking) = totals.known(|i, page| Some(totals.huge(i, page)?.1));
    let live = facts().any(|f| f.huge.is_some());
    let source = if live { "smaps_rollup now, pagemap of what went" } else { "pagemap, last sampled" };
    match on.zip(of) {
        Some((on, of)) => {
            let lacking = Lacking(lacking);
            row([&"  on huge pages", &format_args!("{} ({}){lacking}", Of(on, of), Share(on, of)), &source])?;
        }
        None => row([&"  on huge pages", &"unknown", &"never sampled"])?,
    }

    let (minor, lacking) = totals.known(|i, page| totals.minor_faults(i, page));
    let (major, _) = totals.known(|i, page| totals.major_faults(i, page));
    let live = facts().any(|f| f.minor_faults.is_some());
    let source = if live { "/proc/PID/stat, less ours" } else { "getrusage, less ours" };
    match minor.zip(major) {
        Some((minor, major)) => {
            let (minor, major, lacking) = (Count(minor), Count(major), Lacking(lacking));
            row([&"  faults", &format_args!("{minor} minor, {major} major{lacking}"), &source])?;
        }
        None => row([&"  faults", &"unknown", &"never sampled"])?,
    }

    let peak = totals.counter(C::PeakRss, &|_| true).map(Human);
    let which = if several && peak.is_some() { ", the largest process" } else { "" };
    let live = facts().any(|f| f.peak_rss.is_some());
    let source = match (peak.is_some(), live) {
        (false, _) => "never sampled",
        (true, true) => "/proc/PID/status",
        (true, false) => "getrusage",
    };
    row([&"  peak rss", &format_args!("{}{which}", Known(peak)), &source])?;

    let populated = totals.own(C::PopulatedBytes);
    if populated != 0 {
        row([&"  populated", &Human(populated), &"calls that succeeded"])?;
    }
    let (locked, lacking) = totals.known(|i, page| totals.facts_of(i, page).locked);
    let (swap, _) = totals.known(|i, page| totals.facts_of(i, page).swap);
    match locked.zip(swap) {
        Some((locked, swap)) => {
            let (locked, swap, lacking) = (Human(locked), Human(swap), Lacking(lacking));
            row([&"  locked, swap", &format_args!("{locked}, {swap}{lacking}"), &"smaps_rollup"])?;
        }
        None if totals.own(C::LockedBytes) != 0 => {
            row([&"  locked", &Human(totals.own(C::LockedBytes)), &"calls that succeeded"])?;
        }
        None => {}
    }

    let memory = &totals.memory;
    if let Some(limit) = memory.limit {
        let peak: &dyn Display = match memory.peak {
            Some(peak) => &Of(peak, limit),
            None => &format_args!("unknown of {}", Human(limit)),
        };
        let kills = Known(memory.oom_kill);
        row([&"  memory limit", &format_args!("{peak}, oom_kill {kills}"), &"memory.peak, memory.events"])?;
        if memory.oom_kill.is_some_and(|kills| kills > 0) {
            let held = |gauge| Human(totals.own(gauge));
            let (locked, kept, growth) = (held(C::LockNow), held(C::RetainNow), held(C::GrowthNow));
            let ours = format_args!("{locked} locked, {kept} kept, {growth} by huge pages");
            row([&"  of that ours", &ours, &"counter pages, as last written"])?;
        }
    }
    watched(totals, row)?;

    let cost = (Time(totals.own(C::OwnNs)), Time(totals.own(C::OwnLongestNs)));
    row([&"  our cost", &format_args!("{} in actions, longest {}", cost.0, cost.1), &"clock around each"])
}

/// What the thread that watches file mappings made of them.
fn watched(totals: &Totals<'_>, row: Sink<'_, 3>) -> fmt::Result {
    let own = |counter| totals.own(counter);
    let turns = [own(C::AutoRandom), own(C::AutoScan), own(C::AutoBack)];
    if let [random, scans, back] = turns
        && turns != [0; 3]
    {
        let turns = format_args!("{random} to random, {scans} to a scan, {back} back");
        row([&"  auto turned", &turns, &"major faults, page tables"])?;
    }
    let per_fault = |bytes, faults| own(bytes).checked_div(own(faults)).map(Human);
    let (before, after) =
        (per_fault(C::AutoReadBefore, C::AutoFaultsBefore), per_fault(C::AutoReadAfter, C::AutoFaultsAfter));
    if let Some((before, after)) = before.zip(after) {
        row([&"  disk per fault", &format_args!("{before} before random, {after} after"), &"getrusage, less ours"])?;
    }
    if own(C::DroppedBytes) != 0 {
        row([&"  dropped behind", &Human(own(C::DroppedBytes)), &"calls that succeeded"])?;
    }
    match own(C::OwnThreadNs) {
        0 => Ok(()),
        ns => row([&"  our threads", &format_args!("{} at work", Time(ns)), &"clock around each turn"]),
    }
}

/// Says for how many processes a figure is unknown.
struct Lacking(usize);

impl Display for Lacking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => Ok(()),
            1 => f.write_str(", 1 process unknown"),
            n => write!(f, ", {n} processes unknown"),
        }
    }
}

/// The budgets that this version spends. What a tree holds at one time is not in its pages once some of its processes
/// are gone, so over several pages the sum of what was ever taken stands beside the limit.
fn budgets(w: &mut dyn Write, totals: &Totals<'_>) -> fmt::Result {
    if totals.pages.is_empty() || totals.rules().next().is_none() {
        return Ok(());
    }
    w.write_str(if totals.pages.len() > 1 { "budgets (tree)   " } else { "budgets   " })?;
    let parts = [("lock", 0, C::LockedBytes, C::LockNow), ("populate", 1, C::PopulatedBytes, C::PopulateNow)];
    for (i, (name, index, ever, now)) in parts.into_iter().enumerate() {
        write!(w, "{}{name} ", if i == 0 { "" } else { ", " })?;
        let limits = totals.pages.iter().filter_map(|page| page.budgets.get(index)).filter(|b| **b != u64::MAX);
        let limit = limits.max().copied();
        match (totals.own(ever), totals.pages, limit) {
            (0, ..) => w.write_str("unused")?,
            (_, [page], Some(limit)) => write!(w, "{}", Of(page.get(now), limit))?,
            (_, [page], None) => write!(w, "{} of unknown", Human(page.get(now)))?,
            (ever, _, limit) => write!(w, "{} in all, at most {} at once", Human(ever), Known(limit.map(Human)))?,
        }
    }
    w.write_char('\n')
}

fn processes(w: &mut dyn Write, totals: &Totals<'_>) -> fmt::Result {
    if totals.pages.is_empty() && totals.unreached.is_empty() {
        return Ok(());
    }
    let sides = [Side::Right, Side::Left, Side::Right, Side::Right, Side::Right, Side::Right, Side::Left];
    table(w, sides, &|row: Sink<'_, 7>| {
        row([&"  pid", &"exe", &"ran", &"minor", &"major", &"peak rss", &"end"])?;
        for (i, page) in totals.each() {
            row([
                &page.pid,
                &Lossy(page.exe()),
                &Known(totals.ran_ns(i, page).map(Time)),
                &Known(totals.minor_faults(i, page).map(Count)),
                &Known(totals.major_faults(i, page).map(Count)),
                &Known(totals.peak_rss(i, page).map(Human)),
                &EndOf { fate: totals.fate_of(i, page), page },
            ])?;
        }
        for other in totals.not_reached() {
            let (exe, end) = (Lossy(other.exe), Lossy(other.why.as_bytes()));
            let unknown = &"unknown";
            let end = format_args!("not reached: {end}");
            row([&Known(other.pid), &exe, unknown, unknown, unknown, unknown, &end])?;
        }
        Ok(())
    })
}

/// The last column: how it ended, and whatever kept the policy from it.
struct EndOf<'a> {
    fate: Fate,
    page: &'a Snapshot,
}

impl Display for EndOf<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.fate {
            Fate::Unknown if is_exec(self.page) => f.write_str("exec")?,
            Fate::Unknown => f.write_str("unknown")?,
            Fate::Running => f.write_str("runs")?,
            Fate::Gone => f.write_str("killed, or a raw exit")?,
            Fate::Exited(status) => write!(f, "exit {status}")?,
            Fate::Signal(signal) => write!(f, "signal {signal}")?,
        }
        match self.page.state {
            s if s == State::StoodDown as u32 => write!(f, "; stood down: {}", super::why(self.page.why)),
            s if s == State::Off as u32 => f.write_str("; told to stop"),
            s if s == State::Sealed as u32 => f.write_str("; stopped at a seccomp filter"),
            _ if self.page.off != 0 => f.write_str("; told to stop, not yet heard"),
            _ => Ok(()),
        }
    }
}
