//! Limits: what may be locked and reserved, and what each cgroup from here to the top leaves.
//!
//! What must hold here: the group with the least left is named, since that is the one to change; unused file cache
//! counts as left, as in the library.

use std::mem::MaybeUninit;

use faultless_core::size::Human;

use super::finding::{Finding, Group};
use crate::cgroup::{self, Standing};
use crate::small::text;

/// CAP_IPC_LOCK of linux/capability.h.
const CAP_IPC_LOCK: u64 = 14;

/// What is missing under a limit, and how to lift it.
const AS: [&str; 2] =
    ["malloc rules are not in force, and heaps are not grown ahead", "ulimit -v unlimited; systemd: LimitAS=infinity"];
const DATA: [&str; 2] =
    ["what is only reserved counts, so heaps are not grown ahead", "ulimit -d unlimited; systemd: LimitDATA=infinity"];

/// All of it.
pub fn group() -> Group {
    let mut findings = vec![
        memlock(soft(libc::RLIMIT_MEMLOCK), has(CAP_IPC_LOCK)),
        reserved("limits.as", "RLIMIT_AS", soft(libc::RLIMIT_AS), AS),
        reserved("limits.data", "RLIMIT_DATA", soft(libc::RLIMIT_DATA), DATA),
    ];
    let levels = cgroup::levels(std::process::id() as i32);
    findings.extend(cgroups(levels.iter().collect()));
    findings.push(oom(&levels));
    Group { name: "limits", findings }
}

/// The soft limit; `None` without one.
fn soft(resource: libc::__rlimit_resource_t) -> Option<u64> {
    let mut limit = MaybeUninit::<libc::rlimit>::zeroed();
    // SAFETY: `limit` is writable; all zeroes is valid, should the call fail.
    let limit = unsafe {
        libc::getrlimit(resource, limit.as_mut_ptr());
        limit.assume_init()
    };
    (limit.rlim_cur != libc::RLIM_INFINITY).then_some(limit.rlim_cur)
}

/// Whether a capability is in force; `None` if /proc does not tell.
fn has(capability: u64) -> Option<bool> {
    let status = text("/proc/self/status")?;
    let set = status.lines().find_map(|l| u64::from_str_radix(l.strip_prefix("CapEff:")?.trim(), 16).ok())?;
    Some(set >> capability & 1 == 1)
}

fn memlock(limit: Option<u64>, capable: Option<bool>) -> Finding {
    let (id, what) = ("limits.memlock", "RLIMIT_MEMLOCK");
    match (limit, capable) {
        (_, Some(true)) => Finding::ok(
            id,
            what,
            "CAP_IPC_LOCK: lock is limited by lock-max alone (programs of other users may lack it)",
        ),
        (None, _) => Finding::ok(id, what, "unlimited: lock is limited by lock-max alone"),
        (Some(bytes), _) => Finding::warn(
            id,
            what,
            format!("rules can lock at most {} in a process, and CAP_IPC_LOCK is not held", Human(bytes)),
        )
        .remedy("systemd: LimitMEMLOCK=infinity")
        .remedy("docker run --ulimit memlock=-1, or --cap-add IPC_LOCK")
        .remedy("kubernetes: securityContext.capabilities.add: [\"IPC_LOCK\"]"),
    }
}

fn reserved(id: &'static str, what: &str, limit: Option<u64>, [without, remedy]: [&str; 2]) -> Finding {
    match limit {
        None => Finding::ok(id, what, "unlimited"),
        Some(bytes) => Finding::warn(id, what, format!("{}: {without}", Human(bytes))).remedy(remedy),
    }
}

/// One line for each limit, the one with the least left first: it is the one that counts.
fn cgroups(mut levels: Vec<&Standing>) -> Vec<Finding> {
    let (id, what) = ("limits.cgroup", "cgroup memory limit");
    if levels.is_empty() {
        return vec![Finding::ok(id, what, "none that is seen from here")];
    }
    levels.sort_by_key(|l| (l.left().is_none(), l.left(), l.limit));
    let line = |level: &Standing| {
        let (at, limit) = (level.folder.display(), Human(level.limit));
        let of = if level.is_high { "memory.high of " } else { "" };
        let Some(left) = level.left() else {
            return Finding::unknown(id, what, format!("{of}{limit} in {at}, its use cannot be read"));
        };
        let reason = format!("{} of {of}{limit} left in {at}", Human(left));
        if left < level.limit / 10 {
            Finding::warn(id, what, format!("{reason}: populate and lock get half of that"))
                .remedy("systemd: MemoryMax=; docker run --memory; kubernetes: resources.limits.memory")
        } else {
            Finding::ok(id, what, reason)
        }
    };
    levels.into_iter().map(line).collect()
}

fn oom(levels: &[Standing]) -> Finding {
    let (id, what) = ("limits.oom", "killed for memory");
    match levels.iter().filter_map(|l| Some((l.oom_kill?, l))).max_by_key(|(kills, _)| *kills) {
        Some((0, _)) => Finding::ok(id, what, "no process of these groups"),
        Some((kills, level)) => Finding::warn(id, what, format!("{kills} so far, in {}", level.folder.display()))
            .remedy("raise the limit, or take less: lock-max, populate-max, huge-growth-max; the policy lean"),
        None if levels.is_empty() => Finding::ok(id, what, "no group with a limit"),
        None => Finding::unknown(id, what, "the groups do not tell"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    fn level(folder: &str, limit: u64, usage: u64) -> Standing {
        Standing { folder: folder.into(), limit, is_high: false, usage: Some(usage), cache: 0, oom_kill: Some(0) }
    }

    #[test]
    fn the_group_with_the_least_left_comes_first_not_the_one_with_the_smallest_limit() {
        let (inner, outer) = (level("/c/inner", 100 << 20, 10 << 20), level("/c", 200 << 20, 195 << 20));
        let found = cgroups(vec![&inner, &outer]);
        assert_eq!([found[0].level, found[1].level], [Level::Warn, Level::Ok]);
        assert!(found[0].reason.starts_with("5 MiB of 200 MiB left in /c:"), "{}", found[0].reason);
    }

    #[test]
    fn a_limit_on_locking_is_a_warning_with_a_remedy_for_each_way_to_run() {
        let found = memlock(Some(8 << 20), Some(false));
        assert_eq!((found.level, found.remedies.len()), (Level::Warn, 3));
        assert_eq!(memlock(Some(8 << 20), Some(true)).level, Level::Ok);
        assert_eq!(memlock(None, Some(false)).level, Level::Ok);
    }

    #[test]
    fn an_oom_kill_is_a_warning() {
        let killed = Standing { oom_kill: Some(2), ..level("/c", 1 << 30, 0) };
        assert_eq!(oom(&[killed]).level, Level::Warn);
    }
}
