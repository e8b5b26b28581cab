//! Live processes seen from outside, also across pid namespaces: who a page belongs to, and the figures of now.
//!
//! What must hold here: a process id alone proves nothing (ids are reused, and mean another process in another
//! namespace); what cannot be read stays unknown.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;

use faultless_core::page::{End, Snapshot};
use faultless_core::report::{Facts, Fate};
use procfs::process::{Process, all_processes};

/// /proc/PID/stat counts a process's start in ticks of a hundredth of a second.
const TICK_NS: u64 = 10_000_000;

/// Sums over a process's mappings (smaps_rollup, Linux 4.14), in bytes.
#[derive(Clone, Copy, Default, Debug)]
pub struct Rollup {
    /// AnonHugePages
    pub huge: Option<u64>,
    /// Anonymous, which `huge` is a part of
    pub anonymous: Option<u64>,
    /// Locked
    pub locked: Option<u64>,
    /// Swap
    pub swap: Option<u64>,
}

/// A process that runs.
pub struct Live {
    process: Process,
    /// as this process sees it
    pub pid: i32,
    /// as it sees itself, in its own pid namespace
    pub pid_inside: u32,
    /// CLOCK_BOOTTIME in ns, to the tick
    pub start_ns: u64,
}

impl Live {
    /// The process with this id; `None` if there is none, or only its zombie.
    pub fn find(pid: i32) -> Option<Live> {
        let process = Process::new(pid).ok()?;
        let stat = process.stat().ok().filter(|s| !matches!(s.state, 'Z' | 'X'))?;
        let status = process.status().ok()?;
        let inside = status.nspid.as_ref().and_then(|ids| ids.last()).copied().unwrap_or(pid);
        Some(Live {
            pid,
            pid_inside: u32::try_from(inside).ok()?,
            start_ns: stat.starttime.saturating_mul(TICK_NS),
            process,
        })
    }

    /// Whether this process can have written that page: a page is made after its process has started.
    pub fn wrote(&self, page: &Snapshot) -> bool {
        self.pid_inside == page.pid && page.end != End::Exec as u32 && self.start_ns <= page.start_ns + TICK_NS
    }

    /// The figures of now; what may not be read stays unknown.
    pub fn facts(&self) -> Facts {
        self.facts_with(&self.rollup())
    }

    /// The same, with sums over its mappings that were taken before: these cost the more the larger it is.
    pub fn facts_with(&self, rollup: &Rollup) -> Facts {
        let stat = self.process.stat().ok();
        Facts {
            fate: Fate::Running,
            minor_faults: stat.as_ref().map(|s| s.minflt),
            major_faults: stat.as_ref().map(|s| s.majflt),
            peak_rss: self.process.status().ok().and_then(|s| s.vmhwm).map(|kib| kib * 1024),
            huge: rollup.huge,
            huge_of: rollup.anonymous,
            locked: rollup.locked,
            swap: rollup.swap,
        }
    }

    /// Resident bytes.
    pub fn rss(&self) -> Option<u64> {
        self.process.status().ok().and_then(|s| s.vmrss).map(|kib| kib * 1024)
    }

    /// Sums over its mappings.
    pub fn rollup(&self) -> Rollup {
        let text = fs::read_to_string(format!("/proc/{}/smaps_rollup", self.pid)).unwrap_or_default();
        let bytes = |name: &str| {
            let line =
                |l: &str| l.strip_prefix(name)?.strip_prefix(':')?.trim().strip_suffix(" kB")?.parse::<u64>().ok();
            text.lines().find_map(line).map(|kib| kib * 1024)
        };
        Rollup {
            huge: bytes("AnonHugePages"),
            anonymous: bytes("Anonymous"),
            locked: bytes("Locked"),
            swap: bytes("Swap"),
        }
    }

    /// The pid namespace, as a name to compare.
    pub fn namespace(&self) -> Option<PathBuf> {
        fs::read_link(format!("/proc/{}/ns/pid", self.pid)).ok()
    }
}

/// The processes that a folder of pages can be about, by the ids which they have inside.
pub struct Inhabitants {
    /// `None`: those of our own namespace, looked up one by one
    by_inner_pid: Option<HashMap<u32, i32>>,
}

impl Inhabitants {
    /// Those of our own pid namespace.
    pub fn ours() -> Inhabitants {
        Inhabitants { by_inner_pid: None }
    }

    /// Those of each pid namespace that is seen from here, by the namespace's name.
    pub fn of_each_namespace() -> HashMap<PathBuf, Inhabitants> {
        let mut all: HashMap<PathBuf, HashMap<u32, i32>> = HashMap::new();
        for live in all_processes().into_iter().flatten().flatten().filter_map(|p| Live::find(p.pid)) {
            if let Some(namespace) = live.namespace() {
                all.entry(namespace).or_default().insert(live.pid_inside, live.pid);
            }
        }
        all.into_iter().map(|(name, map)| (name, Inhabitants { by_inner_pid: Some(map) })).collect()
    }

    /// Those of the namespace that this process lives in.
    pub fn beside(process: &Live) -> Inhabitants {
        let namespace = process.namespace();
        if namespace.is_none() || namespace == fs::read_link("/proc/self/ns/pid").ok() {
            return Inhabitants::ours();
        }
        let all = all_processes().into_iter().flatten().flatten().filter_map(|p| Live::find(p.pid));
        let same = all.filter(|p| p.namespace() == namespace);
        Inhabitants { by_inner_pid: Some(same.map(|p| (p.pid_inside, p.pid)).collect()) }
    }

    /// The live process that wrote this page, if it still runs.
    pub fn writer(&self, page: &Snapshot) -> Option<Live> {
        if page.end_ns != 0 {
            return None;
        }
        let pid = match &self.by_inner_pid {
            None => i32::try_from(page.pid).ok()?,
            Some(map) => *map.get(&page.pid)?,
        };
        Live::find(pid).filter(|live| live.wrote(page))
    }
}
