//! Runs a program in an environment that is ours alone and says how it ended and what it cost.
//!
//! What must hold here: nothing of the caller's environment reaches the program; what the kernel counted for it
//! (wait4) belongs to it and the children that it waited for; a program that hangs is killed with its process group.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::artefacts::SEARCH_PATH;

/// The most time a program may take. It is there to end what hangs, not to judge what is slow.
const TIMEOUT: Duration = Duration::from_secs(180);

/// A program to be run.
pub struct Run {
    /// program and arguments
    pub argv: Vec<String>,
    /// environment besides PATH, HOME, LC_ALL and TZ
    pub env: Vec<(String, String)>,
    /// working folder, and HOME
    pub folder: PathBuf,
    /// resource limits, soft and hard alike
    pub limits: Vec<(libc::__rlimit_resource_t, u64)>,
}

/// How it ended and what it cost.
#[derive(Clone)]
pub struct Ran {
    /// exit status as a shell shows it: 128 and the signal when one killed it
    pub status: i32,
    /// what it wrote
    pub stdout: Vec<u8>,
    /// what it wrote there
    pub stderr: Vec<u8>,
    /// from start to end
    pub wall: Duration,
    /// minor faults, those that our own populate took included
    pub minor_faults: u64,
}

impl Run {
    /// A program in a folder of its own.
    pub fn new(folder: &Path, argv: impl IntoIterator<Item = impl Into<String>>) -> Run {
        Run {
            argv: argv.into_iter().map(Into::into).collect(),
            env: vec![],
            folder: folder.to_path_buf(),
            limits: vec![],
        }
    }

    /// Adds to its environment.
    pub fn env(mut self, env: impl IntoIterator<Item = (String, String)>) -> Run {
        self.env.extend(env);
        self
    }

    /// The command with environment, folder and limits, its input empty.
    pub fn command(&self) -> Command {
        let mut command = Command::new(self.argv.first().map_or("", |s| s));
        command.args(self.argv.iter().skip(1)).env_clear();
        command.envs([("PATH", SEARCH_PATH), ("LC_ALL", "C"), ("TZ", "UTC")]).env("HOME", &self.folder);
        command.envs(self.env.iter().map(|(n, v)| (n, v))).current_dir(&self.folder);
        command.stdin(Stdio::null()).process_group(0);
        if !self.limits.is_empty() {
            let limits = self.limits.clone();
            // SAFETY: the closure runs between fork and exec and only makes syscalls, which is all that is allowed there.
            unsafe { command.pre_exec(move || limits.iter().try_for_each(|(r, v)| limit(*r, *v))) };
        }
        command
    }

    /// Runs it to its end. An error is one of this machine or a hang, not of the program.
    pub fn run(&self) -> Result<Ran, String> {
        let scratch = tempfile::tempdir().map_err(|e| e.to_string())?;
        let (out, err) = (scratch.path().join("out"), scratch.path().join("err"));
        let create = |path: &Path| File::create(path).map_err(|e| e.to_string());
        let mut command = self.command();
        command.stdout(create(&out)?).stderr(create(&err)?);
        let start = Instant::now();
        let child = command.spawn().map_err(|e| format!("{}: {e}", self.argv.join(" ")))?;
        let pid = child.id() as i32;
        let (done, waiting) = mpsc::channel::<()>();
        let guard = std::thread::spawn(move || match waiting.recv_timeout(TIMEOUT) {
            Err(mpsc::RecvTimeoutError::Timeout) => {
                // SAFETY: kill has no memory of ours to harm; the group is the child's own and not yet waited for.
                unsafe { libc::kill(-pid, libc::SIGKILL) };
                true
            }
            _ => false,
        });
        let mut status = 0;
        // SAFETY: all zeroes is a valid rusage.
        let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
        // SAFETY: both pointers are to locals that outlive the call.
        let waited = unsafe { libc::wait4(pid, &mut status, 0, &mut usage) };
        let wall = start.elapsed();
        drop(done);
        let hung = guard.join().unwrap_or(false);
        if waited != pid || hung {
            return Err(format!("hung: not done after {} s", TIMEOUT.as_secs()));
        }
        let status = match libc::WIFEXITED(status) {
            true => libc::WEXITSTATUS(status),
            false => 128 + libc::WTERMSIG(status),
        };
        let read = |path: &Path| std::fs::read(path).map_err(|e| e.to_string());
        Ok(Ran { status, stdout: read(&out)?, stderr: read(&err)?, wall, minor_faults: usage.ru_minflt as u64 })
    }
}

fn limit(resource: libc::__rlimit_resource_t, value: u64) -> std::io::Result<()> {
    let both = libc::rlimit { rlim_cur: value, rlim_max: value };
    // SAFETY: the pointer is to a local that outlives the call.
    if unsafe { libc::setrlimit(resource, &both) } != 0 {
        return Err(std::io::Error::last_os_error());
    }
    if resource == libc::RLIMIT_MEMLOCK {
        const CAP_IPC_LOCK: i32 = 14;
        // RLIMIT_MEMLOCK binds nobody who has this. Without the right to drop it there is nothing to drop.
        // SAFETY: the call takes numbers only.
        unsafe { libc::prctl(libc::PR_CAPBSET_DROP, CAP_IPC_LOCK, 0, 0, 0) };
    }
    Ok(())
}

impl Ran {
    /// What differs from another run that ought to be the same; `None` when nothing does.
    pub fn differs(&self, alone: &Ran) -> Option<String> {
        if self.status != alone.status {
            let said = String::from_utf8_lossy(&self.stderr);
            let last = said.lines().last().unwrap_or_default().to_owned();
            return Some(format!("exit status {} instead of {}: {last}", self.status, alone.status));
        }
        let streams = [("stdout", &self.stdout, &alone.stdout), ("stderr", &self.stderr, &alone.stderr)];
        streams.into_iter().find(|(_, mine, theirs)| mine != theirs).map(|(name, mine, theirs)| {
            let lines = |bytes: &[u8]| bytes.split(|b| *b == b'\n').map(<[u8]>::to_vec).collect::<Vec<_>>();
            let (mine, theirs) = (lines(mine), lines(theirs));
            let at = mine.iter().zip(&theirs).take_while(|(a, b)| a == b).count();
            let show = |l: &[Vec<u8>]| l.get(at).map_or("(end)".into(), |l| String::from_utf8_lossy(l).into_owned());
            format!("{name} line {}: {:?} instead of {:?}", at + 1, show(&mine), show(&theirs))
        })
    }
}
