//! How much memory a process may have: MemTotal and the limits of its cgroup and every ancestor, version 1 or 2.
//!
//! What must hold here: the same number as the shim takes for `pct`; what cannot be read limits nothing.

use std::fs;
use std::path::{Path, PathBuf};

use faultless_core::report::Memory;
use procfs::process::Process;
use procfs::{Current, Meminfo};

/// Version 1 writes its "no limit" as the largest number of whole pages.
const NO_LIMIT: u64 = 1 << 62;

/// The smaller of MemTotal and all limits, in bytes; `None` if not even MemTotal can be read.
pub fn memory(pid: i32) -> Option<u64> {
    let total = Meminfo::current().ok()?.mem_total;
    Some(groups(pid).iter().filter_map(Group::limit).chain([total]).min().unwrap_or(total))
}

/// How the process's group stands to its limit: the group with the smallest one; unknown if nothing limits it.
pub fn standing(pid: i32) -> Memory {
    let groups = groups(pid);
    let Some(group) = groups.iter().filter(|g| g.limit().is_some()).min_by_key(|g| g.limit()) else {
        return Memory::default();
    };
    Memory { peak: group.peak(), limit: group.limit(), oom_kill: group.oom_kill() }
}

/// A limit of one group, and what is left of it.
pub struct Standing {
    /// the group's folder
    pub folder: PathBuf,
    /// bytes
    pub limit: u64,
    /// memory.high: over it the group is slowed down, not killed
    pub is_high: bool,
    /// bytes charged now
    pub usage: Option<u64>,
    /// bytes of these that are file cache not in use
    pub cache: u64,
    /// processes killed in this group
    pub oom_kill: Option<u64>,
}

impl Standing {
    /// Bytes until the limit; file cache that is not in use gives way.
    pub fn left(&self) -> Option<u64> {
        Some(self.limit.saturating_sub(self.usage?.saturating_sub(self.cache)))
    }
}

/// Every limit on the process's memory that is seen from here, its own group's first.
pub fn levels(pid: i32) -> Vec<Standing> {
    let limits = |group: &Group| group.limit().map(|l| (l, false)).into_iter().chain(group.high().map(|l| (l, true)));
    let standing = |group: Group| {
        let standing = |(limit, is_high)| Standing {
            folder: group.folder.clone(),
            limit,
            is_high,
            usage: group.usage(),
            cache: group.unused_cache(),
            oom_kill: group.oom_kill(),
        };
        limits(&group).map(standing).collect::<Vec<_>>()
    };
    groups(pid).into_iter().flat_map(standing).collect()
}

/// One folder of the memory controller, and the version whose files it has.
struct Group {
    folder: PathBuf,
    v2: bool,
}

impl Group {
    fn number(&self, v2: &str, v1: &str) -> Option<u64> {
        fs::read_to_string(self.folder.join(if self.v2 { v2 } else { v1 })).ok()?.trim().parse().ok()
    }

    fn limit(&self) -> Option<u64> {
        self.number("memory.max", "memory.limit_in_bytes").filter(|bytes| *bytes < NO_LIMIT)
    }

    fn high(&self) -> Option<u64> {
        if self.v2 { self.number("memory.high", "") } else { None }
    }

    fn usage(&self) -> Option<u64> {
        self.number("memory.current", "memory.usage_in_bytes")
    }

    fn unused_cache(&self) -> u64 {
        let name = if self.v2 { "inactive_file " } else { "total_inactive_file " };
        let text = fs::read_to_string(self.folder.join("memory.stat")).unwrap_or_default();
        text.lines().find_map(|l| l.strip_prefix(name)?.parse().ok()).unwrap_or(0)
    }

    fn peak(&self) -> Option<u64> {
        self.number("memory.peak", "memory.max_usage_in_bytes")
    }

    fn oom_kill(&self) -> Option<u64> {
        let events = if self.v2 { "memory.events" } else { "memory.oom_control" };
        let text = fs::read_to_string(self.folder.join(events)).ok()?;
        text.lines().find_map(|l| l.strip_prefix("oom_kill ")?.parse().ok())
    }
}

/// The process's groups that may limit memory, and all their ancestors.
fn groups(pid: i32) -> Vec<Group> {
    let Ok(lines) = Process::new(pid).and_then(|p| p.cgroups()) else { return Vec::new() };
    let mut groups = Vec::new();
    for line in lines.0 {
        let (mounts, v2): (&[&str], bool) = match line.hierarchy {
            0 => (&["/sys/fs/cgroup", "/sys/fs/cgroup/unified"], true),
            _ if line.controllers.iter().any(|c| c == "memory") => (&["/sys/fs/cgroup/memory"], false),
            _ => continue,
        };
        for mount in mounts {
            let folders = up_from(Path::new(mount), &line.pathname);
            groups.extend(folders.into_iter().map(|folder| Group { folder, v2 }));
        }
    }
    groups
}

/// The folder of a group and those of its ancestors, the mount point last.
fn up_from(mount: &Path, group: &str) -> Vec<PathBuf> {
    Path::new(group.trim_start_matches('/')).ancestors().map(|g| mount.join(g)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ancestor_is_looked_at() {
        let folders = up_from(Path::new("/m"), "/a/b");
        assert_eq!(folders, [Path::new("/m/a/b"), Path::new("/m/a"), Path::new("/m/")]);
    }

    #[test]
    fn unused_file_cache_counts_as_left() {
        let standing =
            |usage, cache| Standing { folder: "/".into(), limit: 100, is_high: false, usage, cache, oom_kill: None };
        assert_eq!(standing(Some(90), 30).left(), Some(40));
        assert_eq!(standing(Some(200), 0).left(), Some(0));
        assert_eq!(standing(None, 0).left(), None);
    }

    #[test]
    fn a_group_of_version_2_has_two_limits_and_tells_who_was_killed() {
        let folder = tempfile::tempdir().unwrap();
        let files = [("max", "1000"), ("high", "800"), ("current", "300"), ("events", "oom 2\noom_kill 1")];
        for (file, text) in files {
            fs::write(folder.path().join(format!("memory.{file}")), format!("{text}\n")).unwrap();
        }
        let group = Group { folder: folder.path().to_owned(), v2: true };
        assert_eq!([group.limit(), group.high(), group.usage(), group.oom_kill()], [1000, 800, 300, 1].map(Some));
    }

    #[test]
    fn memory_is_no_more_than_the_machine_has() {
        let total = Meminfo::current().unwrap().mem_total;
        assert!(memory(std::process::id() as i32).is_some_and(|m| 0 < m && m <= total));
    }
}
