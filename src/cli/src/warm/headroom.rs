//! How much memory reading files may take: what cgroups and MemAvailable leave, and a half of that.
//!
//! What must hold here: file cache that is not in use counts as free, as in the library; what cannot be read
//! limits nothing.

use std::fs;
use std::path::Path;

use procfs::process::Process;
use procfs::{Current, Meminfo};

/// Half of what is left, in bytes: more than that would push out what others have, and ask for the OOM killer.
pub fn half() -> u64 {
    let available = Meminfo::current().ok().and_then(|memory| memory.mem_available).unwrap_or(u64::MAX);
    groups().into_iter().chain([available]).min().unwrap_or(u64::MAX) / 2
}

/// What each cgroup of this process leaves, and each ancestor of it.
fn groups() -> Vec<u64> {
    let Ok(lines) = Process::myself().and_then(|process| process.cgroups()) else { return Vec::new() };
    let mut left = Vec::new();
    for line in lines.0 {
        let (mounts, files): (&[&str], [&str; 3]) = match line.hierarchy {
            0 => (&["/sys/fs/cgroup", "/sys/fs/cgroup/unified"], ["memory.max", "memory.current", "inactive_file "]),
            _ if line.controllers.iter().any(|c| c == "memory") => {
                let files = ["memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file "];
                (&["/sys/fs/cgroup/memory"], files)
            }
            _ => continue,
        };
        for mount in mounts {
            let ancestors = Path::new(line.pathname.trim_start_matches('/')).ancestors();
            left.extend(ancestors.filter_map(|group| of_group(&Path::new(mount).join(group), files)));
        }
    }
    left
}

/// The group's limit less its use; its unused file cache is not in use.
fn of_group(folder: &Path, [limit, usage, cache]: [&str; 3]) -> Option<u64> {
    let read = |file: &str| fs::read_to_string(folder.join(file)).ok();
    let limit: u64 = read(limit)?.trim().parse().ok()?;
    let usage: u64 = read(usage)?.trim().parse().ok()?;
    let stat = read("memory.stat").unwrap_or_default();
    let cache: u64 = stat.lines().find_map(|l| l.strip_prefix(cache)?.parse().ok()).unwrap_or(0);
    Some(limit.saturating_sub(usage.saturating_sub(cache)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unused_file_cache_of_a_group_counts_as_free() {
        let folder = tempfile::tempdir().unwrap();
        for (file, text) in [("max", "1000\n"), ("now", "900\n"), ("memory.stat", "anon 1\ninactive_file 300\n")] {
            fs::write(folder.path().join(file), text).unwrap();
        }
        assert_eq!(of_group(folder.path(), ["max", "now", "inactive_file "]), Some(400));
    }

    #[test]
    fn a_group_without_a_limit_limits_nothing() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("max"), "max\n").unwrap();
        fs::write(folder.path().join("now"), "900\n").unwrap();
        assert_eq!(of_group(folder.path(), ["max", "now", "inactive_file "]), None);
    }
}
