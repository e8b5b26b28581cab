//! `faultless attach`: rules on the memory of a process that runs already, by process_madvise(2).
//!
//! What must hold here: only advice that keeps content; the process is held by a descriptor from before its map is read, so
//! that no other process is ever advised; what the kernel says of each piece is counted, and its effect read from /proc.

mod tally;
mod target;

use std::fs;

use anyhow::{Context, Result, bail};
use faultless_core::matching::Region;
use faultless_core::parse::Form;
use faultless_core::rules::{Access, Kind, Policy};
use faultless_core::size::Human;
use indicatif::{ProgressBar, ProgressStyle};

use crate::args::Attach;
use crate::cgroup;
use crate::config;
use crate::kinds::classify;
use crate::live_page::LivePage;
use crate::maps::{self, Mapping};
use crate::process::{Live, Rollup};
use crate::tell::answer;
use std::os::unix::ffi::OsStrExt;

use tally::Tally;
use target::{Advice, Target};

/// Bytes of a huge page.
const HUGE: u64 = 2 << 20;
/// Bytes that are advised in one call: progress shows between two.
const PIECE: u64 = 64 << 20;

/// Does it. Returns the exit status.
///
/// # Errors
/// A rule that is refused; no such process; no leave to act on it.
pub fn attach(args: &Attach) -> Result<i32> {
    let mut policy = Policy::empty();
    for rules in &args.rules {
        config::append(&mut policy, "--rule", rules.as_bytes(), Form::Attach)?;
    }
    let pid = args.pid;
    let target = Target::open(pid)?;
    let Some(live) = Live::find(pid) else { bail!("there is no process {pid}") };
    if !args.dry_run {
        target.may_be_advised()?;
    }
    let memory = cgroup::memory(pid).context("cannot read how much memory there is")?;
    let mappings = maps::read(pid).with_context(|| format!("process {pid} may not be looked into"))?;
    let pool = LivePage::find(&live).map_or([0; 2], |found| found.page.pool);

    let before = State::of(&live);
    let mut tallies = vec![Tally::default(); policy.rules().len()];
    let chosen: Vec<_> = mappings.iter().filter_map(|m| choose(pid, m, &policy, memory, pool)).collect();
    let bar = bar(chosen.iter().map(|work| work.mapping.size()).sum());
    for work in &chosen {
        for rule in (0..tallies.len()).filter(|rule| work.matched & 1 << rule != 0) {
            tallies[rule].region(work.mapping.size());
        }
        for (rule, advice) in &work.advice {
            if !args.dry_run {
                advise(&target, work.mapping, *advice, &mut tallies[*rule], &bar);
            }
        }
        bar.inc(work.mapping.size());
    }
    bar.finish_and_clear();

    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    let by = if args.dry_run { "would be advised" } else { "by process_madvise" };
    let mut text = format!("{}[{pid}], {by}\n{}", name.trim(), tally::table(&policy, &tallies, args.dry_run));
    if !args.dry_run {
        text += &before.until(&State::of(&live));
    }
    answer(&text)?;
    Ok(i32::from(tallies.iter().any(Tally::has_failed)))
}

/// A mapping for which rules want something.
struct Work<'a> {
    mapping: &'a Mapping,
    matched: u32,
    /// by rule, in the order in which it is given
    advice: Vec<(usize, Advice)>,
}

fn choose<'a>(pid: i32, mapping: &'a Mapping, policy: &Policy, memory: u64, pool: [u64; 2]) -> Option<Work<'a>> {
    let (mut kind, size) = classify(pid, mapping)?;
    if (pool[0]..pool[1]).contains(&mapping.start) {
        kind = Kind::Malloc;
    }
    let path = Some(mapping.path.as_slice()).filter(|p| !p.is_empty());
    let chosen = policy.choose(&Region { kind, size, path }, memory);
    let access = chosen.access.and_then(|(rule, access)| Some((usize::from(rule), Advice::of(access)?)));
    let collapse = chosen.page_size.map(|(rule, _)| (usize::from(rule), Advice::Collapse));
    // What is to be put together must be there; what is to go should go whole.
    let mut advice: Vec<_> = collapse.into_iter().chain(access).collect();
    advice.sort_by_key(|(_, advice)| *advice);
    (chosen.matched != 0).then_some(Work { mapping, matched: chosen.matched, advice })
}

impl Advice {
    /// What an action comes to; the grammar of `attach` lets no other through.
    fn of(access: Access) -> Option<Advice> {
        match access {
            Access::WillNeed => Some(Advice::WillNeed),
            Access::Cold => Some(Advice::Cold),
            Access::PageOut => Some(Advice::PageOut),
            _ => None,
        }
    }
}

fn advise(target: &Target, mapping: &Mapping, advice: Advice, tally: &mut Tally, bar: &ProgressBar) {
    let (mut at, mut end, mut piece) = (mapping.start, mapping.end, PIECE);
    if advice == Advice::Collapse {
        // A file's part is on a huge page only where its place there and its place in memory agree.
        let is_file = mapping.inode != 0;
        if is_file && (mapping.start ^ mapping.offset) & (HUGE - 1) != 0 {
            return tally.skip(mapping.size(), "lies in memory otherwise than in its file, by 2 MiB");
        }
        (at, end, piece) = (at.next_multiple_of(HUGE), end & !(HUGE - 1), HUGE);
        if at >= end {
            return tally.skip(mapping.size(), "holds no whole 2 MiB");
        }
    }
    while at < end && !tally.is_over() {
        let len = piece.min(end - at);
        match target.advise(at, len, advice) {
            Ok(()) => tally.done(len),
            Err(errno) => tally.refused(len, advice, errno),
        }
        at += len;
        bar.tick();
    }
}

/// What the kernel says of the process.
struct State {
    resident: Option<u64>,
    rollup: Rollup,
}

impl State {
    fn of(live: &Live) -> State {
        State { resident: live.rss(), rollup: live.rollup() }
    }

    /// One line: before and after.
    fn until(&self, after: &State) -> String {
        let human = |bytes: Option<u64>| bytes.map_or("unknown".to_owned(), |b| Human(b).to_string());
        let pair = |what, before, after| format!("{what} {} before, {} after", human(before), human(after));
        format!(
            "{}; {}; {}\n",
            pair("resident", self.resident, after.resident),
            pair("anonymous on huge pages", self.rollup.huge, after.rollup.huge),
            pair("swapped", self.rollup.swap, after.rollup.swap)
        )
    }
}

/// Shown while it takes long, on a terminal.
fn bar(bytes: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bytes} of {total_bytes} {wide_bar} {eta}");
    style.map_or_else(|_| ProgressBar::hidden(), |style| ProgressBar::new(bytes).with_style(style))
}
