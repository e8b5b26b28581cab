//! Real programs, each job a script in `integration/jobs`, alone and under a policy.
//!
//! What must hold here: a job prints the same bytes each time it runs alone; a job that the shim didn't reach, or in
//! which it stood down, proves nothing.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use faultless_core::page::State;

use crate::artefacts::{library, preload, present, workspace};
use crate::child::{Ran, Run};

/// Runs the job, having left a mark if the library is in the shell. (A process in which no rule matched takes its
/// counter page away with it, so that says nothing.)
const MARK: &str = "if grep -q libfaultless.so /proc/self/maps; then : >../reached; fi; exec /bin/bash \"$0\"";

/// One script and what it needs.
pub struct Job {
    /// the script's name without `.sh`
    pub name: String,
    /// programs that must be there, with the Debian package that has each
    needs: Vec<(String, String)>,
    script: PathBuf,
    alone: OnceLock<Result<Ran, String>>,
}

/// Every job, by name. An error says which script has no `# needs:` line.
pub fn jobs() -> Result<Vec<Job>, String> {
    let folder = workspace().join("integration/jobs");
    let mut jobs = Vec::new();
    for entry in std::fs::read_dir(&folder).map_err(|e| format!("{}: {e}", folder.display()))? {
        let script = entry.map_err(|e| e.to_string())?.path();
        let text = std::fs::read_to_string(&script).map_err(|e| format!("{}: {e}", script.display()))?;
        let line = text.lines().find_map(|l| l.strip_prefix("# needs: "));
        let line = line.ok_or_else(|| format!("{}: no `# needs:` line", script.display()))?;
        let pairs = line.split_whitespace().filter_map(|p| p.split_once('='));
        jobs.push(Job {
            name: script.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
            needs: pairs.map(|(program, package)| (program.into(), package.into())).collect(),
            script,
            alone: OnceLock::new(),
        });
    }
    jobs.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(jobs)
}

impl Job {
    /// The first program that isn't there, and how to get it.
    pub fn missing(&self) -> Option<String> {
        let (program, package) = self.needs.iter().find(|(program, _)| !present(program))?;
        Some(format!("no {program}; apt-get install {package}"))
    }

    /// Its script.
    pub fn script(&self) -> &Path {
        &self.script
    }

    /// Runs it under a policy and compares with the run alone. `size` is 1 for tests and more for proofs.
    pub fn holds(&self, policy: &str, size: u32) -> Result<(), String> {
        let alone = self.alone.get_or_init(|| self.run(None, size)).as_ref().map_err(|e| format!("alone: {e}"))?;
        let under = self.run(Some(policy), size)?;
        under.differs(alone).map_or(Ok(()), Err)
    }

    fn run(&self, policy: Option<&str>, size: u32) -> Result<Ran, String> {
        let scratch = tempfile::tempdir().map_err(|e| e.to_string())?;
        let (work, pages) = (scratch.path().join("work"), scratch.path().join("pages"));
        for folder in [&work, &pages] {
            std::fs::create_dir(folder).map_err(|e| e.to_string())?;
        }
        // Servers refuse to run as root, and their user must be able to come here.
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(scratch.path(), open).map_err(|e| e.to_string())?;
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        std::fs::set_permissions(&pages, private).map_err(|e| e.to_string())?;
        // A checkout may lie where that user can't read, so script and library are copied here.
        let copy = |from: &Path, name: &str| -> Result<String, String> {
            let to = scratch.path().join(name);
            std::fs::copy(from, &to).map_err(|e| format!("{}: {e}", from.display()))?;
            Ok(to.to_string_lossy().into_owned())
        };
        let mut run = Run::new(&work, ["/bin/bash", "-c", MARK, &copy(&self.script, "job.sh")?])
            .env([("SIZE".to_owned(), size.to_string())]);
        if let Some(policy) = policy {
            let copied = copy(&library(), "libfaultless.so")?;
            run = run.env(preload(policy, &pages)).env([("LD_PRELOAD".to_owned(), copied)]);
        }
        let ran = run.run()?;
        if policy.is_some() && !scratch.path().join("reached").exists() {
            return Err("the shim did not reach it".into());
        }
        if let Some(idle) = crate::pages::read(&pages)?.iter().find(|p| p.state == State::StoodDown as u32) {
            return Err(format!("the shim stood down in pid {}: reason {}", idle.pid, idle.why));
        }
        Ok(ran)
    }
}
