//! What this process may do: seccomp, perf events, and the variables that other tools read.
//!
//! What must hold here: a filter that lets through what was tried is no warning.

use std::env;

use super::apart::{Tried, tried};
use super::calls;
use super::finding::{Finding, Group};
use super::kernel;
use crate::small::text;

/// What of glibc's tunables the library takes for tuning.
const TUNABLES: [&str; 7] = [".top_pad", ".trim_", ".mmap_", ".perturb", ".hugetlb", ".check", ".mem.tagging"];

/// All of it.
pub fn group() -> Group {
    let paranoid = text("/proc/sys/kernel/perf_event_paranoid");
    let findings = vec![seccomp(seccomp_mode()), perf(tried(calls::perf), paranoid.as_deref()), tunables()];
    Group { name: "permissions", findings }
}

/// 0 without a filter; `None` if /proc does not tell.
pub fn seccomp_mode() -> Option<u32> {
    text("/proc/self/status")?.lines().find_map(|l| l.strip_prefix("Seccomp:")?.trim().parse().ok())
}

fn seccomp(mode: Option<u32>) -> Finding {
    let (id, what) = ("access.seccomp", "seccomp");
    match mode {
        Some(0) => Finding::ok(id, what, "no filter"),
        Some(_) => Finding::ok(
            id,
            what,
            "a filter, as in containers: what it allows is shown above; the library starts no threads under it",
        ),
        None => Finding::unknown(id, what, "/proc/self/status does not tell"),
    }
}

fn perf(tried: Tried, paranoid: Option<&str>) -> Finding {
    let (id, what) = ("access.perf", "perf_event_open");
    let level = paranoid.unwrap_or("unknown");
    match tried {
        Tried::Works => Finding::ok(id, what, format!("works (perf_event_paranoid {level})")),
        Tried::Killed(signal) => {
            Finding::warn(id, what, format!("a seccomp filter kills who calls it (signal {signal})"))
        }
        Tried::NoChild => Finding::unknown(id, what, "no child process to try it in"),
        Tried::Refused(libc::ENOSYS | libc::ENOENT | libc::EOPNOTSUPP) => {
            Finding::warn(id, what, "this kernel lacks it: faults cannot be told by who causes them")
        }
        Tried::Refused(libc::EPERM | libc::EACCES) => {
            let reason = format!("refused (perf_event_paranoid {level}): faults cannot be told by who causes them");
            let found = Finding::warn(id, what, reason);
            let strict = paranoid.and_then(|n| n.parse::<i32>().ok()).is_none_or(|n| n > 2);
            if strict { found.remedy("sysctl kernel.perf_event_paranoid=2") } else { found }
                .remedy("docker run --cap-add PERFMON; kubernetes: capabilities.add: [\"PERFMON\"]")
        }
        Tried::Refused(errno) => Finding::unknown(id, what, kernel::name(errno)),
    }
}

/// glibc's own tuning, which heap rules leave alone; the same variables as in the library.
fn tunables() -> Finding {
    let (id, what) = ("access.tunables", "malloc's own tuning");
    let is_tuning =
        |name: &str| name.starts_with("MALLOC_") && name.ends_with('_') && !name.starts_with("MALLOC_ARENA_");
    let old = env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned()).find(|name| is_tuning(name));
    let new = env::var("GLIBC_TUNABLES").is_ok_and(|value| TUNABLES.iter().any(|name| value.contains(name)));
    match old.or(new.then(|| "GLIBC_TUNABLES".into())) {
        Some(name) => Finding::warn(id, what, format!("{name} is set: heap rules leave glibc's heaps as that says"))
            .remedy(format!("unset {name} where heap rules are wanted")),
        None => Finding::ok(id, what, "none in the environment"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    #[test]
    fn perf_that_is_refused_names_the_capability_and_the_sysctl_if_that_is_why() {
        let found = perf(Tried::Refused(libc::EACCES), Some("3"));
        assert_eq!((found.level, found.remedies.len()), (Level::Warn, 2));
        assert!(found.reason.contains("paranoid 3"));
        assert_eq!(perf(Tried::Refused(libc::EPERM), Some("2")).remedies.len(), 1);
    }

    #[test]
    fn a_filter_alone_is_no_warning() {
        assert_eq!(seccomp(Some(2)).level, Level::Ok);
        assert_eq!(seccomp(None).level, Level::Unknown);
    }
}
