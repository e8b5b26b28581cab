//! A program that runs in a scene: beside others, in their cgroup, talked to over its standard input.
//!
//! What must hold here: none outlives the value that stands for it; one that fails or hangs has no sample.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Stdio};
use std::time::{Duration, Instant};

use regex_lite::Regex;

use super::Sample;
use super::group::Group;
use crate::child::Run;

/// The most time a program may take. It is there to end what hangs, not to judge what is slow.
const TIMEOUT: Duration = Duration::from_secs(3600);

/// A program that runs.
pub struct Actor {
    child: Child,
    said: BufReader<ChildStdout>,
    errors: tempfile::TempPath,
    started: Instant,
}

/// How it ended.
pub struct Ended {
    /// its last line of figures, and `wall`: seconds from start to end
    pub sample: Sample,
    /// its lines of figures before that
    pub watched: Vec<Sample>,
}

impl Actor {
    /// Starts it, in a group if one is given; what it complains of goes to a file in `folder`.
    pub fn start(run: &Run, group: Option<&Group>, folder: &Path) -> Result<Actor, String> {
        let errors = tempfile::NamedTempFile::new_in(folder).map_err(|e| e.to_string())?.into_temp_path();
        let mut command = run.command();
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        command.stderr(File::create(&errors).map_err(|e| e.to_string())?);
        if let Some(group) = group {
            group.enter(&mut command)?;
        }
        // SAFETY: the call runs between fork and exec and is a bare system call.
        unsafe {
            command.pre_exec(|| match libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) {
                0 => Ok(()),
                _ => Err(std::io::Error::last_os_error()),
            });
        }
        let started = Instant::now();
        let mut child = command.spawn().map_err(|e| format!("{}: {e}", run.argv.join(" ")))?;
        let said = BufReader::new(child.stdout.take().ok_or("no pipe")?);
        Ok(Actor { child, said, errors, started })
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the line `ready`.
    pub fn ready(&mut self) -> Result<(), String> {
        let mut line = String::new();
        let begun = Instant::now();
        loop {
            line.clear();
            if self.said.buffer().is_empty() && !self.speaks_within(TIMEOUT.saturating_sub(begun.elapsed())) {
                return Err(format!("hung: not ready after {} s", TIMEOUT.as_secs()));
            }
            match self.said.read_line(&mut line) {
                Ok(n) if n > 0 && line.trim() == "ready" => return Ok(()),
                Ok(n) if n > 0 => {}
                _ => return Err(format!("not ready: {}", self.complaint())),
            }
        }
    }

    fn speaks_within(&self, time: Duration) -> bool {
        let mut pipe = libc::pollfd { fd: self.said.get_ref().as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: the one descriptor of a local, open for as long as we are.
        unsafe { libc::poll(&mut pipe, 1, time.as_millis() as i32) > 0 }
    }

    /// Tells it to go on.
    pub fn go(&mut self) -> Result<(), String> {
        let pipe = self.child.stdin.as_mut().ok_or("no pipe")?;
        pipe.write_all(b"\n").map_err(|e| e.to_string())
    }

    /// MiB of its memory that are resident.
    pub fn resident(&self) -> f64 {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let kib = text.lines().find_map(|l| l.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse().ok());
        kib.unwrap_or(0.0) / 1024.0
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    fn complaint(&self) -> String {
        let text = std::fs::read_to_string(&self.errors).unwrap_or_default();
        text.lines().last().unwrap_or("no reason given").to_owned()
    }

    /// Waits for its end. An error is a hang, or an exit status other than 0.
    pub fn finish(mut self) -> Result<Ended, String> {
        drop(self.child.stdin.take());
        let group = self.child.id() as i32;
        let (done, waiting) = std::sync::mpsc::channel::<()>();
        let watch = std::thread::spawn(move || {
            let hung = waiting.recv_timeout(TIMEOUT) == Err(std::sync::mpsc::RecvTimeoutError::Timeout);
            if hung {
                // SAFETY: kill has no memory of ours to harm; the group is the child's, which is not yet waited for.
                unsafe { libc::kill(-group, libc::SIGKILL) };
            }
            hung
        });
        let lines: Vec<String> = self.said.by_ref().lines().map_while(Result::ok).collect();
        let status = self.child.wait().map_err(|e| e.to_string())?;
        let wall = self.started.elapsed().as_secs_f64();
        drop(done);
        if watch.join().unwrap_or(false) {
            return Err(format!("hung: not done after {} s", TIMEOUT.as_secs()));
        }
        if !status.success() {
            return Err(format!("{status}: {}", self.complaint()));
        }
        let mut watched: Vec<Sample> = lines.iter().map(|l| figures(l)).filter(|s| !s.is_empty()).collect();
        let mut sample = watched.pop().unwrap_or_default();
        sample.insert("wall".into(), wall);
        Ok(Ended { sample, watched })
    }
}

impl Drop for Actor {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            // SAFETY: kill has no memory of ours to harm; the child is its group's leader and not yet waited for.
            unsafe { libc::kill(-(self.child.id() as i32), libc::SIGKILL) };
            let _ = self.child.wait();
        }
    }
}

/// Every `"name": number` of a line.
fn figures(line: &str) -> Sample {
    let Ok(pair) = Regex::new(r#""(\w+)": ([0-9.]+)"#) else { return Sample::new() };
    pair.captures_iter(line).filter_map(|c| Some((c[1].to_owned(), c[2].parse().ok()?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ran(script: &str) -> Result<Ended, String> {
        let folder = tempfile::tempdir().unwrap();
        let run = Run::new(folder.path(), ["/bin/sh", "-c", script]);
        Actor::start(&run, None, folder.path()).unwrap().finish()
    }

    #[test]
    fn the_last_line_of_figures_is_the_sample() {
        let ended =
            ran("echo '{\"at\": 1.0, \"reads\": 7}'; echo words; echo '{\"reads\": 9, \"rate\": 2.5}'").unwrap();
        assert_eq!((ended.sample["reads"], ended.sample["rate"]), (9.0, 2.5));
        assert_eq!(ended.watched[0]["reads"], 7.0);
    }

    #[test]
    fn it_is_ready_when_it_says_so_and_not_when_it_ends() {
        let folder = tempfile::tempdir().unwrap();
        let start = |script| Actor::start(&Run::new(folder.path(), ["/bin/sh", "-c", script]), None, folder.path());
        let mut actor = start("echo words; echo ready; read -r word; echo '{\"word\": 1}'").unwrap();
        actor.ready().unwrap();
        actor.go().unwrap();
        assert_eq!(actor.finish().unwrap().sample["word"], 1.0);
        assert!(start("echo why >&2").unwrap().ready().unwrap_err().contains("why"));
    }

    #[test]
    fn what_fails_has_no_sample_but_a_reason() {
        let why = ran("echo '{\"reads\": 7}'; echo why >&2; exit 3").err().unwrap();
        assert!(why.ends_with("3: why"), "{why}");
    }
}
