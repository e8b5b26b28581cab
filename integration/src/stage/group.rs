//! Memory cgroups, version 1 or 2, whichever the machine has: made for one run and removed after it.
//!
//! What must hold here: every group's name starts with this process's own, so that whoever cleans up (the guard, or the
//! next run for a dead one's) knows them; a program is in the group before its first instruction.

use std::fs::OpenOptions;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const PREFIX: &str = "faultless-prove-";

/// Where groups are made.
pub struct Hierarchy {
    version: u8,
    /// of the memory controller, and in version 2 of all
    memory: PathBuf,
    /// of version 1's block controller
    block: Option<PathBuf>,
    /// a shell command that puts back what was changed to have the controllers here
    undo: Option<String>,
}

/// One cgroup.
pub struct Group {
    version: u8,
    folders: Vec<PathBuf>,
}

impl Hierarchy {
    /// Finds where this process may make groups. The error says what is missing.
    pub fn find() -> Result<Hierarchy, String> {
        let mounts = read(Path::new("/proc/self/mountinfo"))?;
        let own = read(Path::new("/proc/self/cgroup"))?;
        if let Some(memory) = first_version(&mounts, &own, "memory") {
            return Ok(Hierarchy { version: 1, memory, block: first_version(&mounts, &own, "blkio"), undo: None });
        }
        let mount = mount(&mounts, "cgroup2", None)
            .ok_or("no memory cgroup is mounted (mount -t cgroup2 none /sys/fs/cgroup)")?;
        let path = own.lines().find_map(|l| l.strip_prefix("0::")).unwrap_or("/");
        let (memory, undo) = second_version(&mount.0, &below(&mount, path))?;
        Ok(Hierarchy { version: 2, memory, block: None, undo })
    }

    /// `v1` or `v2`.
    pub fn name(&self) -> String {
        format!("v{}", self.version)
    }

    /// See `undo`; to be run once the groups are gone.
    pub fn undo(&self) -> Option<&str> {
        self.undo.as_deref()
    }

    fn parents(&self) -> impl Iterator<Item = &PathBuf> {
        [Some(&self.memory), self.block.as_ref()].into_iter().flatten()
    }

    /// A shell command that ends what runs in this process's groups and removes them.
    pub fn removal(&self) -> String {
        let all: Vec<String> =
            self.parents().map(|p| format!("{}/{PREFIX}{}-*", p.display(), std::process::id())).collect();
        format!(
            "for g in {}; do [ -d \"$g\" ] || continue; for i in 1 2 3 4 5 6 7 8 9; do \
             for p in $(cat \"$g/cgroup.procs\"); do kill -KILL \"$p\"; done; \
             rmdir \"$g\" 2>/dev/null && break; sleep 0.1; done; done",
            all.join(" ")
        )
    }

    /// Removes the groups of runs that were killed together with their guard.
    pub fn clear_leftovers(&self) {
        for parent in self.parents() {
            for entry in std::fs::read_dir(parent).into_iter().flatten().flatten() {
                let name = entry.file_name().to_string_lossy().into_owned();
                let pid = name.strip_prefix(PREFIX).and_then(|n| n.split('-').next()?.parse::<u32>().ok());
                if pid.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists()) {
                    remove(&entry.path());
                }
            }
        }
    }
}

/// Mount point and root of the first mount of a type, with a word among its options.
fn mount(mounts: &str, kind: &str, controller: Option<&str>) -> Option<(PathBuf, String)> {
    mounts.lines().find_map(|line| {
        let (before, after) = line.split_once(" - ")?;
        let mut after = after.split(' ');
        let options = (after.next() == Some(kind)).then(|| after.nth(1))??;
        if controller.is_some_and(|c| options.split(',').all(|o| o != c)) {
            return None;
        }
        let mut fields = before.split(' ').skip(3);
        let (root, point) = (fields.next()?, fields.next()?);
        Some((point.into(), root.to_owned()))
    })
}

/// A path as /proc/self/cgroup shows it, under the mount point; the mount point itself if it lies outside of the mount.
fn below((point, root): &(PathBuf, String), path: &str) -> PathBuf {
    let inside = Path::new(path).strip_prefix(root).map(|p| point.join(p));
    inside.ok().filter(|p| p.is_dir()).unwrap_or_else(|| point.clone())
}

fn first_version(mounts: &str, own: &str, controller: &str) -> Option<PathBuf> {
    let mount = mount(mounts, "cgroup", Some(controller))?;
    let path = own.lines().find_map(|line| {
        let (names, path) = line.split_once(':')?.1.split_once(':')?;
        names.split(',').any(|n| n == controller).then_some(path)
    });
    Some(below(&mount, path.unwrap_or("/")))
}

/// The nearest ancestor whose children have the controllers, or the mount point, told to give them (with what undoes that).
/// Groups with processes in them can't give any, but for the root. A scene that needs `io` says so where there is none.
fn second_version(point: &Path, own: &Path) -> Result<(PathBuf, Option<String>), String> {
    let words = |folder: &Path, file: &str| {
        let text = read(&folder.join(file)).unwrap_or_default();
        text.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    let has = |folder: &Path, all: &[&str]| {
        let gives = words(folder, "cgroup.subtree_control");
        all.iter().all(|c| gives.iter().any(|w| w == c))
    };
    let ancestor = |all: &[&str]| own.ancestors().take_while(|a| a.starts_with(point)).find(|a| has(a, all));
    if let Some(found) = ancestor(&["memory", "io"]) {
        return Ok((found.to_path_buf(), None));
    }
    let control = point.join("cgroup.subtree_control");
    let there = words(point, "cgroup.controllers");
    let missing = |c: &&str| !has(point, &[*c]) && there.iter().any(|w| w == *c);
    let mut added: Vec<&str> = ["memory", "io"].into_iter().filter(missing).collect();
    if !has(point, &["memory"]) && !added.contains(&"memory") {
        added.clear();
    }
    let each = |sign: char| added.iter().map(|c| format!("{sign}{c}")).collect::<Vec<_>>().join(" ");
    let mut refused = "it has none to give".to_owned();
    if !added.is_empty() {
        match std::fs::write(&control, each('+')) {
            Ok(()) => return Ok((point.to_path_buf(), Some(format!("echo {} >'{}'", each('-'), control.display())))),
            Err(e) => refused = e.to_string(),
        }
    }
    if let Some(found) = ancestor(&["memory"]) {
        return Ok((found.to_path_buf(), None));
    }
    Err(format!("cgroup v2 gives no memory controller here: {refused}"))
}

impl Group {
    /// A group of so many MiB, its reads of a disk (`major:minor`) held to so many a second.
    pub fn new(hierarchy: &Hierarchy, number: usize, mib: u64, throttle: Option<(&str, u32)>) -> Result<Group, String> {
        let name = format!("{PREFIX}{}-{number}", std::process::id());
        let mut group = Group { version: hierarchy.version, folders: vec![] };
        group.make(hierarchy.memory.join(&name))?;
        let limit = if hierarchy.version == 1 { "memory.limit_in_bytes" } else { "memory.max" };
        group.write(0, limit, &(mib << 20).to_string())?;
        match (throttle, hierarchy.version) {
            (None, _) => {}
            (Some((disk, reads)), 1) => {
                let parent = hierarchy.block.as_ref().ok_or("no block controller is mounted")?;
                group.make(parent.join(&name))?;
                group.write(1, "blkio.throttle.read_iops_device", &format!("{disk} {reads}"))?;
            }
            (Some((disk, reads)), _) => group.write(0, "io.max", &format!("{disk} riops={reads}"))?,
        }
        Ok(group)
    }

    fn make(&mut self, folder: PathBuf) -> Result<(), String> {
        std::fs::create_dir(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        self.folders.push(folder);
        Ok(())
    }

    fn write(&self, folder: usize, file: &str, value: &str) -> Result<(), String> {
        let path = self.folders[folder].join(file);
        std::fs::write(&path, value).map_err(|e| format!("{}: {e}", path.display()))
    }

    /// The file that a shell writes its process id to, to be inside.
    pub fn procs(&self) -> String {
        self.folders[0].join("cgroup.procs").display().to_string()
    }

    /// Lets a command start inside.
    pub fn enter(&self, command: &mut Command) -> Result<(), String> {
        let open = |folder: &PathBuf| {
            let file = OpenOptions::new().write(true).open(folder.join("cgroup.procs"));
            file.map(OwnedFd::from).map_err(|e| format!("{}: {e}", folder.display()))
        };
        let files: Vec<OwnedFd> = self.folders.iter().map(open).collect::<Result<_, _>>()?;
        let join = move || {
            files.iter().try_for_each(|file| {
                // SAFETY: one byte of a constant is written to a descriptor that the closure owns.
                match unsafe { libc::write(file.as_raw_fd(), c"0".as_ptr().cast(), 1) } {
                    1 => Ok(()),
                    _ => Err(std::io::Error::last_os_error()),
                }
            })
        };
        // SAFETY: the closure runs between fork and exec and only writes, which is allowed there.
        unsafe { command.pre_exec(join) };
        Ok(())
    }

    /// Takes so many MiB from its programs, or as many as can be had.
    pub fn squeeze(&self, mib: u64) -> Result<(), String> {
        if self.version == 2 {
            // an error says that less was had
            let _ = self.write(0, "memory.reclaim", &(mib << 20).to_string());
            return Ok(());
        }
        let (limit, usage) = ("memory.limit_in_bytes", "memory.usage_in_bytes");
        let before = read(&self.folders[0].join(limit))?;
        let used: u64 = read(&self.folders[0].join(usage))?.trim().parse().map_err(|_| "usage is no number")?;
        // what can't be had at once is an error too, and by then much is gone: so, in steps
        for step in 1..=16 {
            let _ = self.write(0, limit, &used.saturating_sub((mib << 20) * step / 16).max(1 << 20).to_string());
        }
        self.write(0, limit, before.trim())
    }

    /// How many of its programs the kernel killed for memory.
    pub fn killed(&self) -> u64 {
        let file = if self.version == 1 { "memory.oom_control" } else { "memory.events" };
        let text = read(&self.folders[0].join(file)).unwrap_or_default();
        text.lines().find_map(|l| l.strip_prefix("oom_kill ")?.trim().parse().ok()).unwrap_or(0)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.folders.iter().for_each(|f| remove(f));
    }
}

fn remove(folder: &Path) {
    for _ in 0..100 {
        for pid in read(&folder.join("cgroup.procs")).unwrap_or_default().lines() {
            if let Ok(pid) = pid.parse::<i32>() {
                // SAFETY: kill has no memory of ours to harm; what is in the group was started by us.
                unsafe { libc::kill(pid, libc::SIGKILL) };
            }
        }
        match std::fs::remove_dir(folder) {
            Err(e) if e.raw_os_error() == Some(libc::EBUSY) => std::thread::sleep(Duration::from_millis(20)),
            _ => return,
        }
    }
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "30 20 0:26 / /tmp rw - tmpfs tmpfs rw\n\
        31 20 0:27 /docker/x /tmp rw,nosuid shared:9 - cgroup cgroup rw,cpu,memory\n\
        32 20 0:28 / /tmp/none rw - cgroup2 cgroup2 rw\n";

    #[test]
    fn the_mount_of_a_controller_is_found_among_others() {
        assert_eq!(mount(MOUNTS, "cgroup", Some("memory")), Some(("/tmp".into(), "/docker/x".into())));
        assert_eq!(mount(MOUNTS, "cgroup", Some("blkio")), None);
        assert_eq!(mount(MOUNTS, "cgroup2", None), Some(("/tmp/none".into(), "/".into())));
    }

    #[test]
    fn in_version_2_the_group_is_made_where_children_have_the_controllers() {
        let point = tempfile::tempdir().unwrap();
        let own = point.path().join("a.slice/b.service");
        std::fs::create_dir_all(&own).unwrap();
        for (folder, gives) in [("", "cpu memory io"), ("a.slice", "memory io"), ("a.slice/b.service", "")] {
            std::fs::write(point.path().join(folder).join("cgroup.subtree_control"), gives).unwrap();
        }
        assert_eq!(second_version(point.path(), &own), Ok((point.path().join("a.slice"), None)));
    }

    #[test]
    fn in_version_2_throttling_alone_may_be_missing_and_want_of_memory_is_said() {
        let point = tempfile::tempdir().unwrap();
        let control = point.path().join("cgroup.subtree_control");
        std::fs::write(&control, "cpu memory").unwrap();
        std::fs::write(point.path().join("cgroup.controllers"), "cpu memory").unwrap();
        assert_eq!(second_version(point.path(), point.path()).unwrap().0, point.path());
        std::fs::remove_file(&control).unwrap();
        std::fs::create_dir(&control).unwrap(); // as where it may not be written to
        let refused = second_version(point.path(), point.path()).unwrap_err();
        assert!(refused.starts_with("cgroup v2 gives no memory controller here: "), "{refused}");
    }

    #[test]
    fn a_path_outside_of_the_mount_is_the_mount_itself() {
        assert_eq!(first_version(MOUNTS, "4:cpu,memory:/elsewhere\n", "memory"), Some("/tmp".into()));
    }
}
