//! One look at all wrapped processes and the machine, and what changed between two.
//!
//! What must hold here: what cannot be read is `None`; a process that has begun another program is another one; faults
//! are the program's, without those that our own actions took.

use std::collections::HashMap;
use std::ffi::OsString;
use std::time::{Duration, Instant};

use faultless_core::counters::C;
use faultless_core::page::Snapshot;
use faultless_core::report::Facts;

use crate::everywhere;
use crate::process::{Live, Rollup};
use crate::small::{field, text};

/// Sums over mappings may take this part of the time, and no more.
const SHARE: u32 = 20;

/// Names a process and the program that it runs: the id that it has here, and when the program started.
pub type Key = (i32, u64);

/// One process.
#[derive(Clone)]
pub struct Process {
    /// as seen from here
    pub pid: i32,
    /// its page
    pub page: Box<Snapshot>,
    /// what the kernel says of it
    pub facts: Facts,
    /// resident bytes
    pub rss: Option<u64>,
}

impl Process {
    pub fn key(&self) -> Key {
        (self.pid, self.page.start_ns)
    }

    pub fn minor_faults(&self) -> Option<u64> {
        Some(self.facts.minor_faults?.saturating_sub(self.page.get(C::OwnMinorFaults)))
    }

    pub fn major_faults(&self) -> Option<u64> {
        Some(self.facts.major_faults?.saturating_sub(self.page.get(C::OwnMajorFaults)))
    }

    /// Time in our actions, in ns.
    pub fn own_ns(&self) -> u64 {
        self.page.get(C::OwnNs).saturating_add(self.page.get(C::OwnThreadNs))
    }

    /// Bytes in blocks of the pool: those that the program holds, and freed ones that are kept.
    pub fn pool(&self) -> u64 {
        self.page.get(C::BlocksLiveBytes).saturating_add(self.page.get(C::RetainNow))
    }
}

/// The machine.
#[derive(Clone, Copy, Default, Debug)]
pub struct Machine {
    /// bytes
    pub total: Option<u64>,
    /// bytes
    pub available: Option<u64>,
    /// bytes
    pub swap_total: Option<u64>,
    /// bytes
    pub swap_used: Option<u64>,
    /// pages since boot
    pub swapped_in: Option<u64>,
    /// pages since boot
    pub swapped_out: Option<u64>,
    /// part of the last 10 s in which some thread waited for memory, in percent
    pub stalled: Option<f64>,
}

/// All of it at one time.
#[derive(Clone)]
pub struct Sample {
    /// when
    pub at: Instant,
    /// the machine
    pub machine: Machine,
    /// those that run
    pub processes: Vec<Process>,
    /// what is to be said of those that are not there
    pub missing: Option<String>,
}

/// Looks, and remembers what was dear to find out.
pub struct Looker {
    pages: OsString,
    rollups: HashMap<Key, Dear>,
}

/// Sums over mappings, when they were taken, and how long that took.
#[derive(Clone, Copy)]
struct Dear {
    at: Instant,
    took: Duration,
    rollup: Rollup,
}

impl Looker {
    /// `pages` is the option.
    pub fn new(pages: OsString) -> Looker {
        Looker { pages, rollups: HashMap::new() }
    }

    /// Looks now.
    pub fn look(&mut self) -> Sample {
        let at = Instant::now();
        let mut kept = HashMap::new();
        let mut processes = Vec::new();
        let all = everywhere::look(&self.pages);
        let missing = all.missing();
        for seen in all.pages {
            let Some(live) = seen.writer else { continue };
            let key = (live.pid, seen.found.page.start_ns);
            let dear = self.rollups.get(&key).filter(|d| d.at.elapsed() < d.took * SHARE).copied();
            let dear = dear.unwrap_or_else(|| take(&live));
            kept.insert(key, dear);
            let (facts, rss) = (live.facts_with(&dear.rollup), live.rss());
            processes.push(Process { pid: live.pid, page: seen.found.page, facts, rss });
        }
        self.rollups = kept;
        Sample { at, machine: machine(), processes, missing }
    }
}

fn take(live: &Live) -> Dear {
    let at = Instant::now();
    let rollup = live.rollup();
    Dear { at, took: at.elapsed(), rollup }
}

fn machine() -> Machine {
    let read = |file: &str| text(file).unwrap_or_default();
    let (meminfo, vmstat) = (read("/proc/meminfo"), read("/proc/vmstat"));
    let bytes = |name| Some(field(&meminfo, name)? * 1024);
    let (total, free) = (bytes("SwapTotal:"), bytes("SwapFree:"));
    Machine {
        total: bytes("MemTotal:"),
        available: bytes("MemAvailable:"),
        swap_total: total,
        swap_used: total.zip(free).map(|(total, free)| total.saturating_sub(free)),
        swapped_in: field(&vmstat, "pswpin"),
        swapped_out: field(&vmstat, "pswpout"),
        stalled: stalled(&read("/proc/pressure/memory")),
    }
}

/// `some avg10=0.00 avg60=0.00 …`
fn stalled(pressure: &str) -> Option<f64> {
    pressure.lines().find_map(|l| l.strip_prefix("some avg10=")?.split(' ').next()?.parse().ok())
}

/// A process with what it does a second.
#[derive(Clone)]
pub struct Row {
    /// as it is now
    pub process: Process,
    /// minor faults a second
    pub minor: Option<u64>,
    /// major faults a second
    pub major: Option<u64>,
    /// ns a second that our actions take, in the program's threads and in ours
    pub own: Option<u64>,
}

/// What happened between two looks.
pub struct Rates {
    /// the later one
    pub now: Sample,
    /// how long it was, in seconds; 0 if there was only one
    pub seconds: f64,
    /// the most faults first
    pub rows: Vec<Row>,
    /// pages a second
    pub swapped_in: Option<u64>,
    /// pages a second
    pub swapped_out: Option<u64>,
}

impl Rates {
    /// Takes the differences.
    pub fn between(before: &Sample, now: Sample) -> Rates {
        let seconds = now.at.duration_since(before.at).as_secs_f64();
        let rate = |then: Option<u64>, now: Option<u64>| {
            let grown = now?.saturating_sub(then?) as f64;
            (seconds > 0.0).then(|| (grown / seconds).round() as u64)
        };
        let old: HashMap<Key, &Process> = before.processes.iter().map(|p| (p.key(), p)).collect();
        let row = |process: &Process| {
            let then = old.get(&process.key());
            Row {
                process: process.clone(),
                minor: rate(then.and_then(|p| p.minor_faults()), process.minor_faults()),
                major: rate(then.and_then(|p| p.major_faults()), process.major_faults()),
                own: rate(then.map(|p| p.own_ns()), Some(process.own_ns())),
            }
        };
        let mut rows: Vec<Row> = now.processes.iter().map(row).collect();
        rows.sort_by_key(|r| std::cmp::Reverse((r.major, r.minor, r.process.rss)));
        Rates {
            seconds,
            rows,
            swapped_in: rate(before.machine.swapped_in, now.machine.swapped_in),
            swapped_out: rate(before.machine.swapped_out, now.machine.swapped_out),
            now,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pressure_of_some_is_what_counts() {
        assert_eq!(stalled("some avg10=1.50 avg60=0.00 avg300=0.00 total=7\nfull avg10=9.00 avg60=0\n"), Some(1.5));
        assert_eq!(stalled(""), None);
    }

    #[test]
    fn one_look_alone_gives_no_rates() {
        let sample = Looker::new("/nonexistent".into()).look();
        let rates = Rates::between(&sample, sample.clone());
        assert!(rates.rows.is_empty() && rates.swapped_in.is_none());
    }
}
