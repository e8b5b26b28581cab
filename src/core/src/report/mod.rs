//! The report: what was asked, what came of it, and what the kernel confirms; from one page or a tree's pages.
//!
//! What must hold here: no allocation, so everything is written in passes over the pages; an unknown is shown as
//! unknown, never as 0 or 100 %; what this version cannot know is left out.

mod figures;
mod heat;
mod json;
mod line;
mod prom;
mod table;
#[cfg(test)]
mod tests;
mod text;
mod words;

use crate::heat::Map;
use crate::page::{Outcome, Snapshot, Why};

pub use heat::heat;
pub use json::json;
pub use line::line;
pub use prom::{gauge, prom};
pub use text::text;

/// How a process stands, as whoever asks for the report sees it from outside.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Fate {
    /// nobody looked; the page alone speaks
    #[default]
    Unknown,
    /// it runs
    Running,
    /// it is gone, and nobody who could see how has told: a signal, or a raw exit_group
    Gone,
    /// it exited with this status
    Exited(u8),
    /// this signal killed it
    Signal(i32),
}

/// What the kernel says now of one page's process, fresher than the page; `None` is "not looked at". All of it is
/// as /proc shows it: faults with ours included.
#[derive(Clone, Copy, Debug, Default)]
#[allow(missing_docs)] // the kernel's own words
pub struct Facts {
    pub fate: Fate,
    /// /proc/PID/stat
    pub minor_faults: Option<u64>,
    /// /proc/PID/stat
    pub major_faults: Option<u64>,
    /// VmHWM, bytes
    pub peak_rss: Option<u64>,
    /// AnonHugePages of smaps_rollup, bytes
    pub huge: Option<u64>,
    /// resident private (anonymous) bytes that `huge` is a part of
    pub huge_of: Option<u64>,
    /// Locked of smaps_rollup, bytes
    pub locked: Option<u64>,
    /// Swap of smaps_rollup, bytes
    pub swap: Option<u64>,
}

/// A program of the tree that the preload could not reach.
#[derive(Clone, Copy, Debug)]
pub struct Unreached<'a> {
    /// its process id, if it is known
    pub pid: Option<u32>,
    /// its base name
    pub exe: &'a [u8],
    /// "static executable", "setuid", …
    pub why: &'a str,
}

/// The memory limit that holds for the tree, and how it stands; from the control group.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memory {
    /// bytes charged at the peak
    pub peak: Option<u64>,
    /// the smallest limit, bytes
    pub limit: Option<u64>,
    /// times that the kernel killed a process of the group
    pub oom_kill: Option<u64>,
}

/// The first line: what ran, and how it ended.
#[derive(Clone, Copy, Debug, Default)]
pub struct Title<'a> {
    /// as the user typed it; empty: `exe[pid]` of the first page
    pub command: &'a [u8],
    /// how it ended; [`Fate::Unknown`]: as the first page says
    pub fate: Fate,
    /// how long it ran in ns; `None`: as the first page says
    pub ran_ns: Option<u64>,
    /// where the policy came from ("built in", a file's path); empty: not said
    pub source: &'a str,
}

/// Everything that a report is made from.
#[derive(Clone, Copy)]
pub struct Totals<'a> {
    /// one page, or a tree's, the one that the report is about first
    pub pages: &'a [&'a Snapshot],
    /// the first line
    pub title: Title<'a>,
    /// for each page, by position; may be shorter than `pages`
    pub facts: &'a [Facts],
    /// for each page, by position, what is hot of its process; may be shorter than `pages`
    pub heat: &'a [Option<Map<'a>>],
    /// draw in ASCII
    pub is_plain: bool,
    /// rows for programs without a page
    pub unreached: &'a [Unreached<'a>],
    /// the memory limit
    pub memory: Memory,
    /// CLOCK_BOOTTIME now in ns, for how long the running ones ran; 0 is unknown
    pub now_ns: u64,
    /// whom to name in `again: faultless report PID`; `None` where the pages do not stay
    pub again: Option<u32>,
    /// the command for `worth it? faultless compare … -- COMMAND`; empty: left out
    pub compare: &'a [u8],
    /// Prometheus text has a series for each process, with its `pid`; otherwise one for each (exe, policy)
    pub per_process: bool,
}

impl<'a> Totals<'a> {
    /// A report on these pages, with nothing known from elsewhere.
    pub fn new(pages: &'a [&'a Snapshot]) -> Self {
        Totals {
            pages,
            title: Title::default(),
            facts: &[],
            heat: &[],
            is_plain: true,
            unreached: &[],
            memory: Memory::default(),
            now_ns: 0,
            again: None,
            compare: b"",
            per_process: false,
        }
    }
}

/// The columns of outcomes, in their order.
const OUTCOMES: [(Outcome, &str); 4] = [
    (Outcome::Applied, "applied"),
    (Outcome::Partly, "partly"),
    (Outcome::Skipped, "skipped"),
    (Outcome::Failed, "failed"),
];

/// The words for a [`Why`] found in a page.
pub fn why(number: u32) -> &'static str {
    let words = [
        (Why::No, ""),
        (Why::Disabled, "FAULTLESS_DISABLE is set"),
        (Why::Only, "FAULTLESS_ONLY does not name this program"),
        (Why::Skip, "FAULTLESS_SKIP names this program"),
        (Why::Secure, "setuid, setgid or file capabilities"),
        (Why::BadValue, "an option or a rule could not be read"),
        (Why::Libc, "a C library that this version does not know"),
    ];
    words.iter().find(|(why, _)| *why as u32 == number).map_or("unknown", |(_, words)| words)
}
