//! The machine's memory: swap and whether it is in use right now, overcommit, readahead, what DAMON takes, NUMA.
//!
//! What must hold here: a rate is taken over at least half a second, and of the whole machine, as the kernel counts.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use faultless_core::size::Human;

use super::finding::{Finding, Group};
use crate::small::{field, number, text};

/// What a rate is taken over, at least.
const SAMPLE: Duration = Duration::from_millis(500);
/// A readahead over this, in KiB, makes random reads of mapped files expensive.
const LARGE_READAHEAD: u64 = 512;

/// The first sample of what is swapped.
pub struct Sample {
    at: Instant,
    vmstat: String,
}

impl Sample {
    /// Taken now.
    pub fn take() -> Sample {
        Sample { at: Instant::now(), vmstat: text("/proc/vmstat").unwrap_or_default() }
    }

    /// Pages a second that went in and out since then.
    fn rates(&self) -> Option<(u64, u64)> {
        thread::sleep(SAMPLE.saturating_sub(self.at.elapsed()));
        let (now, ms) = (text("/proc/vmstat")?, self.at.elapsed().as_millis().max(1) as u64);
        let rate = |name| Some(field(&now, name)?.saturating_sub(field(&self.vmstat, name)?) * 1000 / ms);
        Some((rate("pswpin")?, rate("pswpout")?))
    }
}

/// All of it; `before` was taken when the command started.
pub fn group(before: &Sample) -> Group {
    let meminfo = text("/proc/meminfo").unwrap_or_default();
    let overcommit = (number("/proc/sys/vm/overcommit_memory"), kib(&meminfo, "CommitLimit:"));
    let mut findings = vec![
        available(kib(&meminfo, "MemTotal:"), kib(&meminfo, "MemAvailable:")),
        swap(kib(&meminfo, "SwapTotal:"), kib(&meminfo, "SwapFree:"), before.rates()),
        self::overcommit(overcommit.0, overcommit.1),
    ];
    findings.extend(readahead());
    findings.push(damon(runs_damon()));
    findings.push(numa());
    Group { name: "memory", findings }
}

fn kib(meminfo: &str, name: &str) -> Option<u64> {
    Some(field(meminfo, name)? * 1024)
}

fn available(total: Option<u64>, available: Option<u64>) -> Finding {
    let (id, what) = ("memory.available", "available");
    match (total, available) {
        (Some(total), Some(left)) if left < total / 20 => {
            Finding::warn(id, what, format!("{} of {}: populate and lock get half of that", Human(left), Human(total)))
        }
        (Some(total), Some(left)) => Finding::ok(id, what, format!("{} of {}", Human(left), Human(total))),
        _ => Finding::unknown(id, what, "/proc/meminfo cannot be read"),
    }
}

fn swap(total: Option<u64>, free: Option<u64>, rates: Option<(u64, u64)>) -> Finding {
    let (id, what) = ("memory.swap", "swap");
    let (Some(total), Some(free)) = (total, free) else {
        return Finding::unknown(id, what, "/proc/meminfo cannot be read");
    };
    let used = format!("{} of {} used", Human(total.saturating_sub(free)), Human(total));
    match rates {
        _ if total == 0 => Finding::ok(id, what, "none"),
        None => Finding::unknown(id, what, format!("{used}; /proc/vmstat cannot be read")),
        Some((0, 0)) => Finding::ok(id, what, format!("{used}; nothing moves (si 0, so 0)")),
        Some((si, so)) => {
            let reason = format!(
                "{used}; the machine is swapping now: {si} pages/s in, {so} out; each one in is a major fault in some \
                 program"
            );
            Finding::warn(id, what, reason)
                .remedy("lock what must stay (any:lock within lock-max), or give the machine more memory")
        }
    }
}

fn overcommit(mode: Option<u64>, limit: Option<u64>) -> Finding {
    let (id, what) = ("memory.overcommit", "overcommit");
    match mode {
        Some(0) => Finding::ok(id, what, "heuristic (0)"),
        Some(1) => Finding::ok(id, what, "always (1)"),
        Some(2) => {
            let of = limit.map_or(String::new(), |bytes| format!(" ({} in all)", Human(bytes)));
            Finding::warn(id, what, format!("strict (2){of}: what is reserved counts, so heaps are not grown ahead"))
                .remedy("sysctl vm.overcommit_memory=0")
        }
        _ => Finding::unknown(id, what, "cannot be read"),
    }
}

/// One line for each block device that is mounted.
fn readahead() -> Vec<Finding> {
    let id = "memory.readahead";
    let mut devices: BTreeMap<String, u64> = BTreeMap::new();
    let mounts = text("/proc/self/mountinfo").unwrap_or_default();
    for number_of in mounts.lines().filter_map(|l| l.split(' ').nth(2)).filter(|n| !n.starts_with("0:")) {
        let device = fs::canonicalize(Path::new("/sys/dev/block").join(number_of));
        // A partition has no queue: its disk has.
        let disk =
            device.ok().and_then(|d| d.ancestors().take(2).find(|d| d.join("queue").exists()).map(Path::to_owned));
        let Some(disk) = disk else { continue };
        let name = disk.file_name().map(|n| n.to_string_lossy().into_owned());
        if let (Some(name), Some(kib)) = (name, number(disk.join("queue/read_ahead_kb"))) {
            devices.insert(name, kib);
        }
    }
    if devices.is_empty() {
        return vec![Finding::unknown(id, "readahead", "no block device is seen here")];
    }
    let line = |(name, kib): (String, u64)| {
        let what = format!("readahead of {name}");
        if kib > LARGE_READAHEAD {
            Finding::warn(
                id,
                what,
                format!("{kib} KiB around each major fault: random reads of mapped files read that much"),
            )
            .remedy("a rule file:random, or the policy files")
            .remedy(format!("blockdev --setra 256 /dev/{name} (for all programs)"))
        } else {
            Finding::ok(id, what, format!("{kib} KiB around each major fault"))
        }
    };
    devices.into_iter().map(line).collect()
}

/// Whether a kernel thread of DAMON's is at work. None: kernel threads are not seen from here.
fn runs_damon() -> Option<bool> {
    let names = fs::read_dir("/proc").ok()?.flatten().filter_map(|process| text(process.path().join("comm")));
    let (mut is_there, mut sees_any) = (false, false);
    for name in names {
        is_there |= name.starts_with("kdamond");
        sees_any |= name == "kthreadd";
    }
    (is_there || sees_any).then_some(is_there)
}

fn damon(runs: Option<bool>) -> Finding {
    let (id, what) = ("memory.damon", "DAMON");
    match runs {
        Some(true) => Finding::ok(
            id,
            what,
            "kdamond is at work: if it reclaims, what nobody uses goes from memory without any pressure (lock, or \
             faultless warm --hold, keeps it)",
        ),
        Some(false) => Finding::ok(id, what, "not at work"),
        None => Finding::unknown(id, what, "kernel threads are not seen from here"),
    }
}

fn numa() -> Finding {
    let (id, what) = ("memory.numa", "NUMA");
    let Some(online) = text("/sys/devices/system/node/online") else {
        return Finding::ok(id, what, "not in this kernel");
    };
    if online == "0" {
        return Finding::ok(id, what, "one node");
    }
    let balancing = match number("/proc/sys/kernel/numa_balancing") {
        Some(0) | None => "",
        Some(_) => "; numa_balancing makes faults of its own, to see who uses what",
    };
    Finding::ok(id, what, format!("nodes {online}: memory lies where the thread ran that populated it{balancing}"))
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    #[test]
    fn swap_that_is_only_full_is_no_warning_but_swap_that_moves_is() {
        assert_eq!(swap(Some(1 << 30), Some(0), Some((0, 0))).level, Level::Ok);
        assert_eq!(swap(Some(1 << 30), Some(0), Some((7, 0))).level, Level::Warn);
        assert_eq!(swap(Some(0), Some(0), None).level, Level::Ok);
        assert_eq!(swap(None, None, None).level, Level::Unknown);
    }

    #[test]
    fn what_damon_does_is_unknown_where_kernel_threads_are_not_seen() {
        assert_eq!(damon(None).level, Level::Unknown);
        assert!(damon(Some(true)).reason.contains("without any pressure"));
        assert_eq!(damon(Some(false)).level, Level::Ok);
    }

    #[test]
    fn strict_overcommit_is_a_warning() {
        assert_eq!(overcommit(Some(2), Some(1 << 30)).level, Level::Warn);
        assert_eq!(overcommit(Some(1), None).level, Level::Ok);
    }
}
