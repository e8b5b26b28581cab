//! A part of a suite: one command, run to its end in a folder of its own.
//!
//! What must hold here: a part that hangs is killed; whatever it leaves behind, in other sessions too, is killed when it
//! ends; what it said is kept, so that a difference can be looked into.

use std::fs::File;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

use faultless_core::page::{Snapshot, State};

use crate::artefacts::preload;
use crate::bench::guard::Guard;
use crate::child::Run;

/// One command of a suite.
pub struct Part {
    /// its name, unique in the suite
    pub name: String,
    /// program and arguments; `{folder}` is the folder that it runs in
    pub argv: Vec<String>,
    /// environment besides what [`Run`] gives
    pub env: Vec<(String, String)>,
    /// the folder that it runs in, if not an empty one of its own
    pub folder: Option<PathBuf>,
    /// the most time it may take; there to end what hangs, not to judge what is slow
    pub limit: Duration,
}

impl Part {
    /// A command that runs in an empty folder.
    pub fn new(name: impl Into<String>, argv: impl IntoIterator<Item = impl Into<String>>) -> Part {
        Part {
            name: name.into(),
            argv: argv.into_iter().map(Into::into).collect(),
            env: vec![],
            folder: None,
            limit: Duration::from_secs(600),
        }
    }
}

/// How a part ended.
pub struct Ended {
    /// exit status as a shell shows it; `None` when it was killed for taking too long
    pub status: Option<i32>,
    /// what it wrote, both streams
    pub output: String,
    /// its scratch folder, as it left it
    pub folder: PathBuf,
    /// processes in which the policy was in force
    pub reached: usize,
}

impl Part {
    /// Runs it without the shim or under a policy. What it says goes to `log`; `seen` is called with its results' source
    /// while its folder is still there. An error is one of this machine, not of the part.
    pub fn run<T>(&self, policy: Option<&str>, log: &Path, seen: impl FnOnce(&Ended) -> T) -> Result<T, String> {
        let scratch = tempfile::Builder::new().prefix("suite").tempdir().map_err(|e| e.to_string())?;
        let (work, pages) = (scratch.path().join("work"), scratch.path().join("pages"));
        for (folder, mode) in [(scratch.path(), 0o755), (&work, 0o755), (&pages, 0o700)] {
            std::fs::create_dir_all(folder).map_err(|e| e.to_string())?;
            std::fs::set_permissions(folder, PermissionsExt::from_mode(mode)).map_err(|e| e.to_string())?;
        }
        let argv = self.argv.iter().map(|a| a.replace("{folder}", &work.to_string_lossy()));
        let mut run = Run::new(&work, argv).env(self.env.clone());
        if let Some(policy) = policy {
            // as `faultless run` does; a bare preload removes the page of a short process to which nothing happened
            let tree = [("FAULTLESS_TREE".to_owned(), "0000000000005017".to_owned())];
            run = run.env(preload(policy, &pages)).env(tree);
        }
        let mut command = run.command();
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        let out = File::create(log).map_err(|e| format!("{}: {e}", log.display()))?;
        command.stderr(out.try_clone().map_err(|e| e.to_string())?).stdout(out);
        // This may be interrupted, and what a part has started would go on.
        let mut guard = Guard::new()?;
        guard.undo("folder", &format!("rm -rf -- '{}'", scratch.path().display()))?;
        let child = command.spawn().map_err(|e| format!("{}: {e}", self.argv.join(" ")))?;
        guard.started(child.id())?;
        let status = wait(child, self.limit);
        guard.ended()?;
        kill_those_of(&work);
        let output = std::fs::read(log).map_err(|e| format!("{}: {e}", log.display()))?;
        let ended = Ended {
            status: status?,
            output: String::from_utf8_lossy(&output).into_owned(),
            folder: work,
            reached: reached(&pages),
        };
        Ok(seen(&ended))
    }
}

fn wait(mut child: Child, limit: Duration) -> Result<Option<i32>, String> {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait().map_err(|e| e.to_string())? {
            return Ok(status.code().or_else(|| status.signal().map(|s| 128 + s)));
        }
        if started.elapsed() > limit {
            // SAFETY: kill has no memory of ours to harm; the group is the child's own and not yet waited for.
            unsafe { libc::kill(-(child.id() as i32), libc::SIGKILL) };
            child.wait().map_err(|e| e.to_string())?;
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Kills what still has `folder` as its HOME: only what a part has left behind does.
pub fn kill_those_of(folder: &Path) {
    let home = format!("HOME={}", folder.display());
    for _ in 0..10 {
        let mut found = false;
        for process in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
            let Some(pid) = process.file_name().to_str().and_then(|n| n.parse::<i32>().ok()) else { continue };
            let environ = std::fs::read(process.path().join("environ")).unwrap_or_default();
            if environ.split(|b| *b == 0).any(|v| v == home.as_bytes()) {
                // SAFETY: kill has no memory of ours to harm.
                unsafe { libc::kill(pid, libc::SIGKILL) };
                found = true;
            }
        }
        if !found {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// How many counter pages are of a process in which the policy was in force.
fn reached(pages: &Path) -> usize {
    let files = std::fs::read_dir(pages).into_iter().flatten().flatten();
    // a page that was never written has no blocks
    let pages =
        files.filter(|f| f.metadata().is_ok_and(|m| m.blocks() > 0)).filter_map(|f| std::fs::read(f.path()).ok());
    pages.filter_map(|bytes| Snapshot::read(&bytes).ok()).filter(|p| p.state != State::StoodDown as u32).count()
}
