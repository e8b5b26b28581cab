//! Huge pages: the modes of transparent ones, whether one is had on first touch, free pieces, the hugetlb pool.
//!
//! What must hold here: what only special rules want (shm, huge=hugetlb) is no warning, whatever it is.

use faultless_core::buddyinfo;
use faultless_core::size::Human;

use super::apart::{Tried, tried};
use super::calls;
use super::finding::{Finding, Group};
use super::kernel;
use crate::small::{chosen, field, number, text};

const THP: &str = "/sys/kernel/mm/transparent_hugepage";
/// With fewer bytes free in pieces of 2 MiB, huge pages are slow to come by.
const SCARCE: u64 = 64 << 20;

/// All of it.
pub fn group() -> Group {
    let mode = |file: &str| text(format!("{THP}/{file}"));
    let enabled = mode("enabled");
    let mut findings = vec![self::enabled(enabled.as_deref().and_then(chosen))];
    if enabled.is_some() {
        // Where they are off, what is wrong has been said.
        if enabled.as_deref().and_then(chosen) != Some("never") && kernel::thp_disabled() != Some(true) {
            findings.push(first_touch(tried(calls::huge_at_first_touch)));
        }
        findings.push(defrag(mode("defrag").as_deref().and_then(chosen)));
        findings.push(shmem(mode("shmem_enabled").as_deref().and_then(chosen)));
        findings.push(khugepaged());
    }
    findings.push(pieces());
    findings.push(pool(text("/proc/meminfo").unwrap_or_default().as_str()));
    Group { name: "huge pages", findings }
}

fn enabled(mode: Option<&str>) -> Finding {
    let (id, what) = ("huge.enabled", "THP enabled");
    match mode {
        Some("madvise") => Finding::ok(id, what, "madvise: whoever asks gets them, as huge rules do"),
        Some("always") => Finding::ok(id, what, "always: also who does not ask gets them; lean turns them off"),
        Some("never") => Finding::warn(id, what, "never: huge rules do nothing")
            .remedy(format!("echo madvise > {THP}/enabled"))
            .remedy("at boot: transparent_hugepage=madvise on the kernel's command line"),
        Some(other) => Finding::unknown(id, what, format!("a mode that is not known here: {other}")),
        None => Finding::warn(id, what, "this kernel has no transparent huge pages: huge rules do nothing"),
    }
}

fn first_touch(tried: Tried) -> Finding {
    let (id, what) = ("huge.first_touch", "asked for, touched");
    match tried {
        Tried::Works => Finding::ok(id, what, "the kernel gave 2 MiB at once"),
        Tried::Refused(libc::ENOENT) => {
            Finding::warn(id, what, "the kernel gave 4K pages").remedy("sysctl vm.compact_memory=1")
        }
        Tried::Refused(errno) => Finding::unknown(id, what, kernel::name(errno)),
        Tried::Killed(signal) => Finding::warn(id, what, format!("killed by signal {signal}: a seccomp filter")),
        Tried::NoChild => Finding::unknown(id, what, "no child process to try it in"),
    }
}

fn defrag(mode: Option<&str>) -> Finding {
    let (id, what) = ("huge.defrag", "THP defrag");
    match mode {
        Some("always") => Finding::warn(id, what, "always: any fault may stop to compact memory, asked for or not")
            .remedy(format!("echo madvise > {THP}/defrag")),
        Some("never") => Finding::warn(id, what, "never: huge rules get huge pages only where 2 MiB lie free already")
            .remedy(format!("echo madvise > {THP}/defrag")),
        Some("defer") => Finding::ok(id, what, "defer: no fault waits; huge pages come later where none lie free"),
        Some(mode) => Finding::ok(id, what, format!("{mode}: who asks may wait for a huge page")),
        None => Finding::unknown(id, what, "cannot be read"),
    }
}

fn shmem(mode: Option<&str>) -> Finding {
    let (id, what) = ("huge.shmem", "THP shmem_enabled");
    match mode {
        Some(mode @ ("never" | "deny")) => {
            Finding::ok(id, what, format!("{mode}: shm:huge does nothing (advise would let it)"))
        }
        Some(mode) => Finding::ok(id, what, format!("{mode}: shm:huge works where that allows it")),
        None => Finding::unknown(id, what, "cannot be read"),
    }
}

fn khugepaged() -> Finding {
    let (id, what) = ("huge.khugepaged", "khugepaged");
    let value = |file: &str| number(format!("{THP}/khugepaged/{file}"));
    match (value("pages_to_scan"), value("scan_sleep_millisecs")) {
        (Some(0), _) => Finding::warn(id, what, "looks at nothing (pages_to_scan is 0)")
            .remedy(format!("echo 4096 > {THP}/khugepaged/pages_to_scan")),
        (Some(pages), Some(ms)) => {
            Finding::ok(id, what, format!("looks at {} every {} s", Human(pages * 4096), ms / 1000))
        }
        _ => Finding::unknown(id, what, "cannot be read"),
    }
}

fn pieces() -> Finding {
    let (id, what) = ("huge.free", "free in 2 MiB pieces");
    let free = std::fs::read("/proc/buddyinfo").ok().and_then(|t| buddyinfo::free_huge(&t));
    let all = text("/proc/meminfo").and_then(|t| field(&t, "MemFree:")).map(|kib| kib * 1024);
    match (free, all) {
        (Some(free), Some(all)) if free < SCARCE => {
            Finding::warn(id, what, format!("{} of {} free: huge pages are slow to come by", Human(free), Human(all)))
                .remedy("sysctl vm.compact_memory=1")
        }
        (Some(free), Some(all)) => Finding::ok(id, what, format!("{} of {} free", Human(free), Human(all))),
        _ => Finding::unknown(id, what, "/proc/buddyinfo cannot be read"),
    }
}

fn pool(meminfo: &str) -> Finding {
    let (id, what) = ("huge.pool", "hugetlb pool");
    let (total, free) = (field(meminfo, "HugePages_Total:"), field(meminfo, "HugePages_Free:"));
    let (total, free) = match (total, free) {
        (Some(total), Some(free)) => (total, free),
        _ => return Finding::ok(id, what, "this kernel has none: huge=hugetlb falls back to transparent ones"),
    };
    if total == 0 {
        return Finding::ok(id, what, "empty: huge=hugetlb falls back to transparent ones (sysctl vm.nr_hugepages=N)");
    }
    match tried(calls::hugetlb) {
        Tried::Works => Finding::ok(id, what, format!("{free} of {total} pages free, and one was had")),
        _ => Finding::warn(id, what, format!("{free} of {total} pages free, but none was had"))
            .remedy(format!("sysctl vm.nr_hugepages={} (and a hugetlb cgroup limit that allows it)", total * 2)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    #[test]
    fn a_machine_without_huge_pages_is_a_warning_with_what_to_type() {
        let found = enabled(Some("never"));
        assert_eq!(found.level, Level::Warn);
        assert_eq!(found.remedies[0], "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled");
        assert_eq!(enabled(Some("madvise")).level, Level::Ok);
    }

    #[test]
    fn an_empty_pool_is_no_warning() {
        assert_eq!(pool("HugePages_Total:       0\nHugePages_Free:        0\n").level, Level::Ok);
    }
}
