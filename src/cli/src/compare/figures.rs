//! What is measured of one run, and the one table of it, from which every output comes.
//!
//! What must hold here: what is not known is `None`, never 0; faults are without those that the library took itself,
//! as in `faultless report`.

use faultless_core::counters::C;
use faultless_core::report::Title;
use serde_json::Value;

use super::capture::Difference;
use super::child::Ended;
use super::pmu::{self, Counts};
use crate::tree::{Format, Tree};
use crate::wait::End;

/// One run.
#[derive(Clone, Debug)]
pub struct Run {
    /// from 0
    pub round: usize,
    /// in its round, from 0
    pub position: usize,
    /// which contender
    pub contender: usize,
    /// seconds, from before the start until the end; of the load, if there is one
    pub wall: f64,
    /// seconds
    pub user: f64,
    /// seconds
    pub sys: f64,
    /// without the library's own
    pub minor: f64,
    /// without the library's own
    pub major: f64,
    /// bytes
    pub disk_read: f64,
    /// bytes, of the largest process
    pub peak_rss: f64,
    /// share of sampled memory on huge pages
    pub huge: Option<f64>,
    /// bytes locked by rules
    pub locked: Option<f64>,
    /// regions that some rule matched
    pub ruled: Option<f64>,
    /// what the processor counted
    pub pmu: Counts,
    /// bytes of the regions that each rule matched, in the order of the rules; empty without a page
    pub by_rule: Vec<u64>,
    /// how it ended
    pub end: End,
    /// stands for the output
    pub output: u64,
    /// from the first run's output
    pub difference: Option<Difference>,
    /// in the order of the command line
    pub metrics: Vec<Option<f64>>,
}

/// One of the figures.
pub struct Figure {
    /// in JSON and CSV, with its unit
    pub name: &'static str,
    /// of a run
    pub of: fn(&Run) -> Option<f64>,
}

/// All of them.
pub const FIGURES: &[Figure] =
    &[WALL, USER, SYS, MINOR, MAJOR, DISK, RSS, HUGE, LOCKED, RULED, CYCLES, DTLB, ITLB, WALKS];

pub const WALL: Figure = Figure { name: "wall_s", of: |run| Some(run.wall) };
pub const USER: Figure = Figure { name: "user_s", of: |run| Some(run.user) };
pub const SYS: Figure = Figure { name: "sys_s", of: |run| Some(run.sys) };
pub const MINOR: Figure = Figure { name: "minor_faults", of: |run| Some(run.minor) };
pub const MAJOR: Figure = Figure { name: "major_faults", of: |run| Some(run.major) };
pub const DISK: Figure = Figure { name: "disk_read_bytes", of: |run| Some(run.disk_read) };
pub const RSS: Figure = Figure { name: "peak_rss_bytes", of: |run| Some(run.peak_rss) };
pub const HUGE: Figure = Figure { name: "huge_share", of: |run| run.huge };
pub const LOCKED: Figure = Figure { name: "locked_bytes", of: |run| run.locked };
pub const RULED: Figure = Figure { name: "regions_ruled", of: |run| run.ruled };
pub const CYCLES: Figure = Figure { name: pmu::NAMES[0], of: |run| run.pmu[0] };
pub const DTLB: Figure = Figure { name: pmu::NAMES[1], of: |run| run.pmu[1] };
pub const ITLB: Figure = Figure { name: pmu::NAMES[2], of: |run| run.pmu[2] };
pub const WALKS: Figure = Figure { name: pmu::NAMES[3], of: |run| run.pmu[3] };

/// What the pages of a tree add to what the kernel counted.
#[derive(Clone, Debug, Default)]
pub struct FromPages {
    own_minor: f64,
    own_major: f64,
    huge: Option<f64>,
    locked: Option<f64>,
    ruled: Option<f64>,
    by_rule: Vec<u64>,
}

impl FromPages {
    /// Takes it from the report, which knows how images and processes add up.
    pub fn of(tree: &Tree) -> FromPages {
        if tree.pages.is_empty() {
            return FromPages::default();
        }
        let report = tree.render(Format::Json, Title::default(), &[]).unwrap_or_default();
        let report: Value = serde_json::from_str(&report).unwrap_or_default();
        let counter = |counter: C| {
            let name = faultless_core::counters::TABLE[counter as usize].name;
            report["counters"][name].as_f64()
        };
        let effect = |name: &str| report["effect"][name].as_f64();
        let huge = effect("huge_bytes").zip(effect("huge_of_bytes")).filter(|(_, of)| *of > 0.0);
        FromPages {
            own_minor: counter(C::OwnMinorFaults).unwrap_or(0.0),
            own_major: counter(C::OwnMajorFaults).unwrap_or(0.0),
            huge: huge.map(|(on, of)| on / of),
            locked: counter(C::LockedBytes),
            ruled: counter(C::RegionsRuled),
            by_rule: report["rules"]
                .as_array()
                .map(|rules| rules.iter().map(|rule| rule["bytes"].as_u64().unwrap_or(0)).collect())
                .unwrap_or_default(),
        }
    }
}

impl Run {
    /// A process that has ended, with its pages; `wall` is its own until somebody knows better.
    pub fn new(ended: &Ended, pages: &FromPages) -> Run {
        let usage = &ended.usage;
        let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
        Run {
            round: 0,
            position: 0,
            contender: 0,
            wall: ended.wall.as_secs_f64(),
            user: seconds(usage.ru_utime),
            sys: seconds(usage.ru_stime),
            minor: (usage.ru_minflt as f64 - pages.own_minor).max(0.0),
            major: (usage.ru_majflt as f64 - pages.own_major).max(0.0),
            // Both are in units of the kernel's: sectors, and KiB.
            disk_read: usage.ru_inblock as f64 * 512.0,
            peak_rss: usage.ru_maxrss as f64 * 1024.0,
            huge: pages.huge,
            locked: pages.locked,
            ruled: pages.ruled,
            pmu: Counts::default(),
            by_rule: pages.by_rule.clone(),
            end: ended.end,
            output: 0,
            difference: None,
            metrics: Vec::new(),
        }
    }
}

/// `exit 0`, `signal 9`.
pub fn end(end: End) -> String {
    match end {
        End::Exited(status) => format!("exit {status}"),
        End::Killed(signal) => format!("signal {signal}"),
        End::NotStarted(errno) => format!("not started: errno {errno}"),
    }
}
