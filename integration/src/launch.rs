//! Runs one program, alone or under the shim, and says how it ended and what it left behind.
//!
//! What must hold here: nothing of the caller's environment that speaks to the shim, the loader or malloc reaches
//! the program; a program that hangs is killed with its process group; output goes to files, so that a child left
//! behind cannot hold up the test.

use std::fs::File;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use faultless_core::page::Snapshot;

use crate::directives::End;

/// The most time a program may take. It is there to end what hangs, not to judge what is slow.
const TIMEOUT: Duration = Duration::from_secs(60);

/// What to run it with.
pub struct Launch<'a> {
    /// the program
    pub program: &'a Path,
    /// value of LD_PRELOAD; empty is none
    pub preload: String,
    /// further environment
    pub env: Vec<(String, String)>,
    /// resource limits by name, soft and hard alike
    pub limits: &'a [(String, u64)],
    /// where the run gets its working folder
    pub scratch: &'a Path,
}

/// How it ended and what it left behind.
pub struct Ran {
    /// process id it had
    pub pid: u32,
    /// exit status or signal
    pub end: End,
    /// what it wrote
    pub stdout: Vec<u8>,
    /// what it wrote there
    pub stderr: Vec<u8>,
    /// its counter pages, or why one of them is none
    pub pages: Result<Vec<Snapshot>, String>,
}

impl Launch<'_> {
    /// Runs it to its end. An error is one of this machine or a hang, not of the program.
    pub fn run(&self) -> Result<Ran, String> {
        let folder = tempfile::tempdir_in(self.scratch).map_err(|e| e.to_string())?;
        let at = |name: &str| folder.path().join(name);
        for name in ["pages", "work"] {
            std::fs::create_dir(at(name)).map_err(|e| e.to_string())?;
        }
        let out = |name: &str| File::create(at(name)).map_err(|e| e.to_string());
        let mut command = Command::new(self.program);
        for (name, _) in std::env::vars_os() {
            let ours = [&b"FAULTLESS_"[..], b"LD_", b"GLIBC_", b"MALLOC"];
            if ours.iter().any(|prefix| name.as_encoded_bytes().starts_with(prefix)) {
                command.env_remove(name);
            }
        }
        if !self.preload.is_empty() {
            command.env("LD_PRELOAD", &self.preload);
        }
        command.env("FAULTLESS_PAGES", at("pages")).env("FAULTLESS_REPORT", "none");
        // as `faultless run` does; a bare preload removes the page of a short process to which nothing happened
        command.env("FAULTLESS_TREE", "00000000000c7e57");
        command.envs(self.env.iter().map(|(n, v)| (n, v)));
        command.current_dir(at("work")).process_group(0);
        command.stdin(Stdio::null()).stdout(out("stdout")?).stderr(out("stderr")?);
        limit(&mut command, self.limits)?;

        let mut child = command.spawn().map_err(|e| format!("{}: {e}", self.program.display()))?;
        let pid = child.id();
        let status = wait(&mut child)?;
        let read = |name: &str| std::fs::read(at(name)).map_err(|e| e.to_string());
        let end = match (status.code(), status.signal()) {
            (Some(code), _) => End::Exit(code),
            (None, signal) => End::Signal(signal.unwrap_or(0)),
        };
        Ok(Ran { pid, end, stdout: read("stdout")?, stderr: read("stderr")?, pages: crate::pages::read(&at("pages")) })
    }
}

fn wait(child: &mut Child) -> Result<ExitStatus, String> {
    let started = Instant::now();
    let mut pause = Duration::from_micros(500);
    loop {
        if let Some(status) = child.try_wait().map_err(|e| e.to_string())? {
            return Ok(status);
        }
        if started.elapsed() > TIMEOUT {
            // SAFETY: kill has no memory of ours to harm; the group is the child's own, made at its start.
            unsafe { libc::kill(-(child.id() as i32), libc::SIGKILL) };
            child.wait().map_err(|e| e.to_string())?;
            return Err(format!("hung: not done after {} s", TIMEOUT.as_secs()));
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(10));
    }
}

fn limit(command: &mut Command, limits: &[(String, u64)]) -> Result<(), String> {
    for (name, value) in limits {
        let resource = match name.as_str() {
            "as" => libc::RLIMIT_AS,
            "data" => libc::RLIMIT_DATA,
            "fsize" => libc::RLIMIT_FSIZE,
            "memlock" => libc::RLIMIT_MEMLOCK,
            "nofile" => libc::RLIMIT_NOFILE,
            "stack" => libc::RLIMIT_STACK,
            _ => return Err(format!("`{name}` is no limit")),
        };
        let value = *value;
        // SAFETY: the closure runs between fork and exec and makes two syscalls, which is all that is allowed there.
        unsafe {
            command.pre_exec(move || {
                let both = libc::rlimit { rlim_cur: value, rlim_max: value };
                if libc::setrlimit(resource, &both) != 0 {
                    return Err(std::io::Error::last_os_error());
                }
                // RLIMIT_MEMLOCK binds nobody who has this. Without the right to drop it there is nothing to drop.
                if resource == libc::RLIMIT_MEMLOCK {
                    const CAP_IPC_LOCK: i32 = 14;
                    libc::prctl(libc::PR_CAPBSET_DROP, CAP_IPC_LOCK, 0, 0, 0);
                }
                Ok(())
            });
        }
    }
    Ok(())
}
