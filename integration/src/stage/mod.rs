//! Where scenes of memory pressure are played: memory cgroups, the disk with its readahead and throttle, files that are
//! out of the page cache, programs that run in a group together.
//!
//! What must hold here: whatever a scene changes on the machine is put back by the guard's process, however this one
//! ends; two runs on one machine take turns; a figure comes from a run in which no program failed.

pub mod actor;
pub mod disk;
pub mod group;
pub mod judge;
pub mod scene;
pub mod settings;
mod swap;

use std::collections::BTreeMap;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use crate::artefacts::{preload, workspace};
use crate::bench::guard::Guard;
use crate::child::Run;
use actor::Actor;
use disk::Disk;
use group::{Group, Hierarchy};

/// A tmpfs.
const SHM: &str = "/dev/shm";

/// What a program said of itself and what was found beside it, by name.
pub type Sample = BTreeMap<String, f64>;

/// What outlives one run of a scene.
pub struct Stage {
    // first, so that its process has put everything back before the lock is let go
    guard: Guard,
    hierarchy: Hierarchy,
    /// the disk that the files lie on
    pub disk: Disk,
    folder: PathBuf,
    scratch: tempfile::TempDir,
    pages: tempfile::TempDir,
    built: BTreeMap<String, PathBuf>,
    groups: usize,
    _turn: File,
}

impl Stage {
    /// Waits for its turn. The error says why no scene can be played here.
    pub fn new() -> Result<Stage, String> {
        // SAFETY: geteuid takes nothing and cannot fail.
        if unsafe { libc::geteuid() } != 0 {
            return Err("needs root: a memory cgroup, the disk's readahead".into());
        }
        let turn = turn()?;
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace().join("target"), PathBuf::from);
        let folder = target.join("prove");
        std::fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        let hierarchy = Hierarchy::find()?;
        hierarchy.clear_leftovers();
        let disk = Disk::under(&folder)?;
        let mut guard = Guard::new()?;
        guard.undo("groups", &hierarchy.removal())?;
        if let Some(undo) = hierarchy.undo() {
            guard.undo("controllers", undo)?;
        }
        guard.undo("ahead", &format!("echo {} >{}", disk.ahead()?, disk.ahead_file().display()))?;
        let scratch = tempfile::tempdir_in(&folder).map_err(|e| e.to_string())?;
        guard.undo("scratch", &format!("rm -rf '{}'", scratch.path().display()))?;
        // Where they are by default. On a disk they are dirty pages of a file: a reclaim that comes upon nothing else waits for
        // the flusher, 100 ms, in the program (cgroup v1, docs/kernel.md).
        let pages = tempfile::tempdir_in(SHM).map_err(|e| format!("{SHM}: {e}"))?;
        guard.undo("pages", &format!("rm -rf '{}'", pages.path().display()))?;
        Ok(Stage { guard, hierarchy, disk, folder, scratch, pages, built: BTreeMap::new(), groups: 0, _turn: turn })
    }

    /// A line on what the scenes run in.
    pub fn about(&self) -> String {
        format!("memory cgroup {}, disk {}", self.hierarchy.name(), self.disk.name())
    }

    /// Something that the end of this process must put back, however it ends.
    pub fn undo(&mut self, key: &str, command: &str) -> Result<(), String> {
        self.guard.undo(key, command)
    }

    /// A folder that lasts as long as the stage.
    pub fn scratch(&self) -> &Path {
        self.scratch.path()
    }

    /// The folder of the counter pages, which lasts as long.
    pub fn pages(&self) -> &Path {
        self.pages.path()
    }

    /// A workload of bench/, compiled once.
    pub fn program(&mut self, name: &str) -> Result<String, String> {
        if !self.built.contains_key(name) {
            let source = workspace().join("bench").join(name).with_extension("c");
            let program = self.scratch.path().join(name);
            let mut gcc = std::process::Command::new("gcc");
            gcc.args(["-O2", "-Wall", "-pthread", "-o"]).args([&program, &source]);
            let done = gcc.output().map_err(|e| format!("gcc: {e}"))?;
            if !done.status.success() {
                return Err(String::from_utf8_lossy(&done.stderr).into_owned());
            }
            self.built.insert(name.to_owned(), program);
        }
        Ok(self.built[name].to_string_lossy().into_owned())
    }

    /// Where a file of this name lies, made or not.
    pub fn place(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// A file of so many MiB that bench/mapped_reads.c can check; made once and kept under the target folder.
    pub fn file(&mut self, name: &str, mib: u64) -> Result<PathBuf, String> {
        let path = self.place(&format!("{name}-{mib}M.dat"));
        if std::fs::metadata(&path).is_ok_and(|m| m.len() == mib << 20) {
            return Ok(path);
        }
        let unfinished = path.with_extension("unfinished");
        let bytes = (mib << 20).to_string();
        let argv = [self.program("mapped_reads")?, "make".into(), bytes, unfinished.to_string_lossy().into_owned()];
        let ran = Run::new(&self.folder, argv).run()?;
        if ran.status != 0 {
            return Err(String::from_utf8_lossy(&ran.stderr).trim_end().to_owned());
        }
        std::fs::rename(&unfinished, &path).map_err(|e| e.to_string())?;
        Ok(path)
    }

    /// A new memory cgroup of so many MiB, its reads of the disk held to so many a second if that is asked for.
    pub fn group(&mut self, mib: u64, reads_a_second: Option<u32>) -> Result<Group, String> {
        self.groups += 1;
        Group::new(&self.hierarchy, self.groups, mib, reads_a_second.map(|n| (self.disk.number(), n)))
    }

    /// A program with its arguments, its working folder the stage's.
    pub fn run<S: Into<String>>(&self, argv: impl IntoIterator<Item = S>) -> Run {
        Run::new(self.scratch.path(), argv)
    }

    /// The environment of a program under a policy or rules, its report for [`Stage::reports`].
    pub fn under(&self, policy: &str) -> Vec<(String, String)> {
        let mut env = preload(policy, self.pages());
        let report = self.scratch.path().join("report.{pid}");
        env.push(("FAULTLESS_REPORT".into(), format!("text={}", report.display())));
        env
    }

    /// Starts a program in a group; outside of every group without one.
    pub fn start(&mut self, run: &Run, group: Option<&Group>) -> Result<Actor, String> {
        Actor::start(run, group, self.scratch.path())
    }

    /// The reports that programs wrote since they were last cleared.
    pub fn reports(&self) -> String {
        self.report_files().filter_map(|path| std::fs::read_to_string(path).ok()).collect()
    }

    /// Removes them.
    pub fn clear_reports(&self) {
        self.report_files().for_each(|path| drop(std::fs::remove_file(path)));
    }

    fn report_files(&self) -> impl Iterator<Item = PathBuf> {
        let files = std::fs::read_dir(self.scratch.path()).into_iter().flatten().flatten();
        files.filter(|f| f.file_name().to_string_lossy().starts_with("report.")).map(|f| f.path())
    }
}

/// Waits until no other run plays scenes on this machine: they would measure each other.
fn turn() -> Result<File, String> {
    // a folder of root's: in one that all may write to, the name could be a link to something else
    let path = Path::new("/run/faultless-prove.lock");
    let file = File::create(path).map_err(|e| format!("{}: {e}", path.display()))?;
    // SAFETY: the descriptor is open for as long as the file lives.
    let lock = |how| unsafe { libc::flock(file.as_raw_fd(), how) == 0 };
    if !lock(libc::LOCK_EX | libc::LOCK_NB) {
        eprintln!("prove: waits for another run on this machine");
        if !lock(libc::LOCK_EX) {
            return Err(format!("{}: {}", path.display(), std::io::Error::last_os_error()));
        }
    }
    Ok(file)
}
