//! Kernel features: each is tried, since a distribution's kernel has more than its version says, and a filter less.
//!
//! What must hold here: what a refusal means is said in terms of the rules that want the call.

use super::access;
use super::apart::{Tried, tried};
use super::calls;
use super::finding::{Finding, Group, Level};

/// A call, the Linux that has it, and what is missing without it.
struct Feature {
    id: &'static str,
    what: &'static str,
    call: fn() -> Result<(), i32>,
    since: &'static str,
    without: &'static str,
    /// how bad it is to be without
    level: Level,
}

const FEATURES: &[Feature] = &[
    Feature {
        id: "kernel.madv_populate_read",
        what: "MADV_POPULATE_READ",
        call: calls::populate_read,
        since: "5.14",
        without: "populate of files only reads ahead, and the program still takes a minor fault for each page",
        level: Level::Warn,
    },
    Feature {
        id: "kernel.madv_populate_write",
        what: "MADV_POPULATE_WRITE",
        call: calls::populate_write,
        since: "5.14",
        without: "memory is populated by touching page after page, which takes longer",
        level: Level::Warn,
    },
    Feature {
        id: "kernel.madv_collapse",
        what: "MADV_COLLAPSE",
        call: calls::collapse,
        since: "6.1",
        without: "huge=collapse leaves it to khugepaged, and what starts on 4K pages stays on them for long",
        level: Level::Warn,
    },
    Feature {
        id: "kernel.pagemap_scan",
        what: "PAGEMAP_SCAN",
        call: calls::pagemap_scan,
        since: "6.7",
        without: "how much was on huge pages is known only of what still runs, and hot pages cannot be found",
        level: Level::Warn,
    },
    Feature {
        id: "kernel.madv_pageout",
        what: "MADV_PAGEOUT",
        call: calls::pageout,
        since: "5.4",
        without: "drop-behind cannot give back what a scan has read",
        level: Level::Warn,
    },
    Feature {
        id: "kernel.madv_dontneed_locked",
        what: "MADV_DONTNEED_LOCKED",
        call: calls::dontneed_locked,
        since: "5.18",
        without: "where the program drops memory that a rule locked, it is unlocked first",
        level: Level::Ok,
    },
    Feature {
        id: "kernel.cachestat",
        what: "cachestat",
        call: calls::cachestat,
        since: "6.5",
        without: "faultless warm --evict cannot tell clean pages from dirty ones",
        level: Level::Ok,
    },
    Feature {
        id: "kernel.mlock_onfault",
        what: "mlock2(MLOCK_ONFAULT)",
        call: calls::mlock_onfault,
        since: "4.4",
        without: "lock=onfault is not possible, nor is locking of private file mappings",
        level: Level::Warn,
    },
    Feature {
        id: "kernel.close_range",
        what: "close_range",
        call: calls::close_range,
        since: "5.9",
        without: "nothing is lost: descriptors are closed one by one",
        level: Level::Ok,
    },
];

/// All of them, and the switch that turns huge pages off for a process.
pub fn group() -> Group {
    let filtered = access::seccomp_mode().is_some_and(|mode| mode != 0);
    let mut findings: Vec<_> = FEATURES.iter().map(|f| look(f, tried(f.call), filtered)).collect();
    findings.push(thp_disable(tried(calls::thp_disable), thp_disabled()));
    Group { name: "kernel features (each tried)", findings }
}

/// `filtered`: a seccomp filter is there, which may hide what the kernel has.
fn look(feature: &Feature, tried: Tried, filtered: bool) -> Finding {
    let Feature { id, what, since, without, level, .. } = feature;
    match tried {
        Tried::Works => Finding::ok(id, *what, "works"),
        Tried::NoChild => Finding::unknown(id, *what, "no child process to try it in"),
        Tried::Killed(signal) => {
            Finding::fail(id, *what, format!("a seccomp filter kills who calls it (signal {signal}): {without}"))
                .remedy(format!("allow {what} in the seccomp profile, by EPERM at least"))
        }
        Tried::Refused(libc::EINVAL | libc::ENOSYS | libc::ENOTTY) => {
            let or = if filtered { ", or the seccomp filter hides it" } else { "" };
            Finding::new(*level, id, *what, format!("this kernel lacks it (Linux {since} has it){or}: {without}"))
        }
        Tried::Refused(libc::EPERM | libc::EACCES) if *id != "kernel.mlock_onfault" => {
            Finding::new(*level, id, *what, format!("refused, by a seccomp filter or a security module: {without}"))
                .remedy(format!("allow {what} in the seccomp profile"))
        }
        Tried::Refused(libc::EPERM | libc::ENOMEM | libc::EAGAIN) if *id == "kernel.mlock_onfault" => {
            Finding::warn(id, *what, "not at this limit: RLIMIT_MEMLOCK leaves no page to lock")
        }
        Tried::Refused(errno) => Finding::new(*level, id, *what, format!("refused with {}: {without}", name(errno))),
    }
}

fn thp_disable(tried: Tried, disabled: Option<bool>) -> Finding {
    let (id, what) = ("kernel.thp_disable", "PR_SET_THP_DISABLE");
    match (disabled, tried) {
        (Some(true), _) => Finding::warn(
            id,
            what,
            "set for this process, and programs that it starts inherit it: no rule gets huge pages",
        )
        .remedy("start it from where nobody has set it (MemoryTHP= in a unit does, and container runtimes may)"),
        (_, Tried::Works) => Finding::ok(id, what, "works, and is not set here"),
        (None, _) => Finding::unknown(id, what, "neither to be read nor to be set"),
        (_, Tried::Killed(_)) => Finding::ok(id, what, "not set here; a seccomp filter kills who sets it"),
        _ => Finding::ok(id, what, "not set here, and cannot be"),
    }
}

/// Whether huge pages are switched off for this process.
pub fn thp_disabled() -> Option<bool> {
    let mut disabled = None;
    // SAFETY: reads a flag of this process; where a filter kills for that, only the child is killed.
    let ask = || unsafe { libc::prctl(libc::PR_GET_THP_DISABLE, 0, 0, 0, 0) };
    if tried(|| if ask() < 0 { Err(libc::EINVAL) } else { Ok(()) }) == Tried::Works {
        disabled = Some(ask() > 0);
    }
    disabled
}

/// An errno as it is known, with its number where it has no name here.
pub fn name(errno: i32) -> String {
    std::io::Error::from_raw_os_error(errno).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feature(id: &str) -> &'static Feature {
        FEATURES.iter().find(|f| f.id == id).unwrap()
    }

    #[test]
    fn an_old_kernel_is_told_from_a_filter() {
        let collapse = feature("kernel.madv_collapse");
        assert!(look(collapse, Tried::Refused(libc::EINVAL), false).reason.contains("Linux 6.1 has it"));
        assert!(look(collapse, Tried::Refused(libc::EPERM), true).reason.contains("seccomp"));
    }

    #[test]
    fn a_call_that_kills_is_a_failure() {
        assert_eq!(look(feature("kernel.mlock_onfault"), Tried::Killed(libc::SIGSYS), true).level, Level::Fail);
    }

    #[test]
    fn a_limit_on_locking_is_no_missing_call() {
        let found = look(feature("kernel.mlock_onfault"), Tried::Refused(libc::ENOMEM), false);
        assert!(found.reason.contains("RLIMIT_MEMLOCK"), "{}", found.reason);
    }
}
