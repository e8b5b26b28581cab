//! One run of one program: what it printed, how long it took, and what the kernel counted for it.
//!
//! What must hold here: faults and peak memory are wait4's, of the program and the children that it waited for; the
//! program ends with us (guard.rs) and when it hangs; a program that failed has no figures.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::process::Child;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use super::guard::Guard;
use crate::child::Run;

/// The most time a run may take. It is there to end what hangs, not to judge what is slow.
const TIMEOUT: Duration = Duration::from_secs(300);

/// What one run came to.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    /// what the program printed, by name, and `wall`: seconds from start to end
    pub figures: BTreeMap<String, f64>,
    /// minor faults, those of MADV_POPULATE included
    pub faults: f64,
    /// MiB: the largest resident size of any one process
    pub peak_rss: f64,
}

/// A program that runs.
pub struct Running {
    /// its process id, which is its group's too
    pub pid: u32,
    child: Child,
    started: Instant,
    scratch: tempfile::TempDir,
}

/// Starts it, its output in files.
pub fn start(run: &Run, guard: &mut Guard) -> Result<Running, String> {
    let scratch = tempfile::tempdir().map_err(|e| e.to_string())?;
    let create = |name: &str| File::create(scratch.path().join(name)).map_err(|e| e.to_string());
    let mut command = run.command();
    command.stdout(create("out")?).stderr(create("err")?);
    let started = Instant::now();
    let child = command.spawn().map_err(|e| format!("{}: {e}", run.argv.join(" ")))?;
    guard.started(child.id())?;
    Ok(Running { pid: child.id(), child, started, scratch })
}

impl Running {
    /// Waits for its end. An error is a hang, an exit status other than 0, or one of this machine.
    pub fn finish(self, guard: &mut Guard) -> Result<Sample, String> {
        let pid = self.pid as i32;
        let (done, waiting) = mpsc::channel::<()>();
        let watch = std::thread::spawn(move || match waiting.recv_timeout(TIMEOUT) {
            Err(mpsc::RecvTimeoutError::Timeout) => {
                kill(pid);
                true
            }
            _ => false,
        });
        let mut status = 0;
        // SAFETY: all zeroes is a valid rusage.
        let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
        // SAFETY: both pointers are to locals that outlive the call.
        let waited = unsafe { libc::wait4(pid, &mut status, 0, &mut usage) };
        let wall = self.started.elapsed().as_secs_f64();
        drop(done);
        let hung = watch.join().unwrap_or(false);
        guard.ended()?;
        if waited != pid || hung {
            return Err(format!("hung: not done after {} s", TIMEOUT.as_secs()));
        }
        let read = |name: &str| std::fs::read(self.scratch.path().join(name)).map_err(|e| e.to_string());
        if status != 0 {
            let said = String::from_utf8_lossy(&read("err")?).trim_end().to_owned();
            let how = match libc::WIFEXITED(status) {
                true => format!("exit status {}", libc::WEXITSTATUS(status)),
                false => format!("signal {}", libc::WTERMSIG(status)),
            };
            return Err(format!("{how}: {}", said.lines().last().unwrap_or_default()));
        }
        let mut figures: BTreeMap<String, f64> =
            String::from_utf8_lossy(&read("out")?).lines().filter_map(figure).collect();
        figures.insert("wall".into(), wall);
        Ok(Sample { figures, faults: usage.ru_minflt as f64, peak_rss: usage.ru_maxrss as f64 / 1024.0 })
    }

    /// Kills it with its group, for when it can't be talked to any more.
    pub fn give_up(mut self, guard: &mut Guard) -> Result<(), String> {
        kill(self.pid as i32);
        self.child.wait().map_err(|e| e.to_string())?;
        guard.ended()
    }
}

fn kill(group: i32) {
    // SAFETY: kill has no memory of ours to harm; the group is the child's own and not yet waited for.
    unsafe { libc::kill(-group, libc::SIGKILL) };
}

/// `NAME VALUE`, or `NAME seconds=VALUE …` as the programs of `make run` have it.
fn figure(line: &str) -> Option<(String, f64)> {
    let (name, rest) = line.split_once(" seconds=").or_else(|| line.split_once(' '))?;
    Some((name.to_owned(), rest.split_whitespace().next()?.parse().ok()?))
}

/// Bytes that the kernel could give to programs now, in MiB.
pub fn available_mib() -> u64 {
    meminfo("MemAvailable") / 1024
}

/// One row of /proc/meminfo, in KiB; 0 when there is none.
pub fn meminfo(name: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let row = text.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(':'));
    row.and_then(|r| r.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// Warms the machine for a program that touches so many MiB. `warm` is the compiled bench/warm.c.
pub fn warm(warm: &Path, mib: u64, guard: &mut Guard) -> Result<(), String> {
    let folder = warm.parent().unwrap_or(Path::new("/"));
    let run = Run::new(folder, [warm.to_string_lossy().into_owned(), mib.to_string()]);
    start(&run, guard)?.finish(guard).map(drop).map_err(|why| format!("warming: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_in_both_spellings() {
        assert_eq!(figure("touch 0.25"), Some(("touch".into(), 0.25)));
        assert_eq!(figure("look up seconds=0.5 faults=7"), Some(("look up".into(), 0.5)));
        assert_eq!(figure("a sentence of the program"), None);
    }

    #[test]
    fn a_run_that_fails_has_no_figures() {
        let mut guard = Guard::new().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let run = Run::new(folder.path(), ["/bin/sh", "-c", "echo touch 1; echo why >&2; exit 3"]);
        let found = start(&run, &mut guard).unwrap().finish(&mut guard);
        assert_eq!(found.unwrap_err(), "exit status 3: why");
    }

    #[test]
    fn faults_and_memory_are_the_programs_own() {
        let mut guard = Guard::new().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let run = Run::new(folder.path(), ["/bin/sh", "-c", "echo touch 1"]);
        let found = start(&run, &mut guard).unwrap().finish(&mut guard).unwrap();
        assert_eq!(found.figures["touch"], 1.0);
        assert!(found.faults > 10.0 && found.peak_rss > 0.1, "{found:?}");
    }
}
