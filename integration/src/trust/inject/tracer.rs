//! Runs a program and all that it starts under ptrace, counts the system calls that the shim makes for itself, and makes
//! one of them fail.
//!
//! What must hold here: the program's own calls are never touched; what fails is not carried out, but for calls which are
//! done although they fail; a program that hangs is killed with its process group. ptrace rather than a seccomp filter,
//! because the shim acts otherwise where a filter is there at the start.

use std::collections::HashMap;
use std::fs::File;
use std::ops::Range;
use std::os::unix::process::CommandExt;
use std::sync::mpsc;
use std::time::Duration;

use super::errnos::Call;
use super::shim::Shim;
use crate::child::Run;

/// The most seconds that a program may take: far more than any needs, also on a busy machine. Counted one by one, so that the
/// time for which this process itself was stopped is not in them.
const TIMEOUT: u32 = 120;
/// A call that was interrupted is made again, so this does not go on for ever.
const INTERRUPTIONS: u64 = 3;

/// Which of the calls fail.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// all
    Every,
    /// the first alone
    First,
    /// all but the first
    Later,
}

/// What is made to fail.
#[derive(Clone, Copy)]
pub struct Fault {
    /// the call
    pub call: &'static Call,
    /// with what
    pub errno: i32,
    /// which of them
    pub when: When,
    /// a call that fails too (ENOSYS): without that, this one would not be made
    pub also: Option<i64>,
}

/// What came of a run.
pub struct Traced {
    /// exit status as a shell shows it
    pub status: i32,
    /// what it wrote
    pub stdout: Vec<u8>,
    /// what it wrote there
    pub stderr: Vec<u8>,
    /// how often the shim made each call
    pub calls: HashMap<i64, u64>,
    /// how many of them were made to fail
    pub hits: u64,
}

/// A thread that is traced.
struct Thread {
    /// the next stop is the entry of a call
    is_entering: bool,
    /// what the call that it is in is to say
    answer: Option<i32>,
    /// where the shim lies
    place: Option<Range<u64>>,
    /// calls since its program started, for which the shim was looked for
    looks: u32,
    /// it has not had its first stop
    is_new: bool,
}

/// Looks for the shim in a program that never loads it.
const MOST_LOOKS: u32 = 400;

impl Thread {
    fn new(place: Option<Range<u64>>) -> Thread {
        Thread { is_entering: true, answer: None, place, looks: 0, is_new: true }
    }
}

/// ptrace(2); the result, or the errno.
fn ptrace(request: libc::c_uint, pid: i32, addr: usize, data: usize) -> Result<i64, i32> {
    // SAFETY: each caller passes what the request takes, and pointers to locals of its own.
    let result = unsafe { libc::ptrace(request, pid, addr, data) };
    if result == -1 { Err(std::io::Error::last_os_error().raw_os_error().unwrap_or(0)) } else { Ok(result) }
}

/// Runs it to its end.
pub fn run(run: &Run, shim: &Shim, fault: Option<Fault>) -> Result<Traced, String> {
    let scratch = tempfile::tempdir().map_err(|e| e.to_string())?;
    let create = |name: &str| File::create(scratch.path().join(name)).map_err(|e| e.to_string());
    let mut command = run.command();
    command.stdout(create("out")?).stderr(create("err")?);
    // SAFETY: one system call between fork and exec.
    unsafe {
        command.pre_exec(|| match libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0) {
            -1 => Err(std::io::Error::last_os_error()),
            _ => Ok(()),
        });
    }
    let child = command.spawn().map_err(|e| format!("{}: {e}", run.argv.join(" ")))?;
    let pid = child.id() as i32;
    let (done, waiting) = mpsc::channel::<()>();
    let guard = std::thread::spawn(move || {
        let is_over = || waiting.recv_timeout(Duration::from_secs(1)) != Err(mpsc::RecvTimeoutError::Timeout);
        let hangs = !(0..TIMEOUT).any(|_| is_over());
        if hangs {
            // SAFETY: kill has no memory of ours to harm; the group is the child's own.
            unsafe { libc::kill(-pid, libc::SIGKILL) };
        }
        hangs
    });
    let mut trace = Trace { shim, fault, threads: HashMap::new(), calls: HashMap::new(), hits: 0, seen: 0 };
    let status = trace.follow(pid);
    drop(done);
    if guard.join().unwrap_or(false) {
        return Err(format!("hung: not done after {TIMEOUT} s"));
    }
    let read = |name: &str| std::fs::read(scratch.path().join(name)).map_err(|e| e.to_string());
    Ok(Traced { status: status?, stdout: read("out")?, stderr: read("err")?, calls: trace.calls, hits: trace.hits })
}

struct Trace<'a> {
    shim: &'a Shim,
    fault: Option<Fault>,
    threads: HashMap<i32, Thread>,
    calls: HashMap<i64, u64>,
    hits: u64,
    /// calls of the one that is made to fail
    seen: u64,
}

impl Trace<'_> {
    /// Until nothing is left of it. The status of the first process.
    fn follow(&mut self, first: i32) -> Result<i32, String> {
        let mut ended = None;
        loop {
            let mut status = 0;
            // SAFETY: the pointer is to a local. Only what this very thread traces: others trace their own.
            let pid = unsafe { libc::waitpid(-1, &mut status, libc::__WALL | libc::__WNOTHREAD) };
            if pid < 0 {
                match std::io::Error::last_os_error().raw_os_error() {
                    Some(libc::EINTR) => continue,
                    _ => return ended.ok_or_else(|| "the program was lost".into()),
                }
            }
            if libc::WIFEXITED(status) || libc::WIFSIGNALED(status) {
                self.threads.remove(&pid);
                if pid == first {
                    ended = Some(match libc::WIFEXITED(status) {
                        true => libc::WEXITSTATUS(status),
                        false => 128 + libc::WTERMSIG(status),
                    });
                }
                continue;
            }
            let signal = self.stopped(pid, status, pid == first);
            // A thread that was killed meanwhile is gone (ESRCH).
            let _ = ptrace(libc::PTRACE_SYSCALL, pid, 0, signal as usize);
        }
    }

    /// A stop: what is to be delivered with the next step.
    fn stopped(&mut self, pid: i32, status: i32, is_first: bool) -> i32 {
        let signal = libc::WSTOPSIG(status);
        let thread = self.threads.entry(pid).or_insert_with(|| Thread::new(None));
        if thread.is_new && (signal == libc::SIGSTOP || is_first) {
            thread.is_new = false;
            if is_first {
                let options = libc::PTRACE_O_TRACESYSGOOD
                    | libc::PTRACE_O_EXITKILL
                    | libc::PTRACE_O_TRACEFORK
                    | libc::PTRACE_O_TRACEVFORK
                    | libc::PTRACE_O_TRACECLONE
                    | libc::PTRACE_O_TRACEEXEC;
                let _ = ptrace(libc::PTRACE_SETOPTIONS, pid, 0, options as usize);
            }
            return 0;
        }
        match status >> 16 {
            0 => {}
            libc::PTRACE_EVENT_EXEC => {
                *thread = Thread { is_entering: false, is_new: false, ..Thread::new(None) };
                return 0;
            }
            libc::PTRACE_EVENT_FORK | libc::PTRACE_EVENT_VFORK | libc::PTRACE_EVENT_CLONE => {
                let place = thread.place.clone();
                let mut child: libc::c_ulong = 0;
                if ptrace(libc::PTRACE_GETEVENTMSG, pid, 0, (&raw mut child) as usize).is_ok() {
                    let child = self.threads.entry(child as i32).or_insert_with(|| Thread::new(None));
                    child.place = place;
                }
                return 0;
            }
            _ => return 0,
        }
        match signal == libc::SIGTRAP | 0x80 {
            true => self.at_call(pid).map_or(0, |()| 0),
            false => signal,
        }
    }

    /// The entry of a call, or its end.
    fn at_call(&mut self, pid: i32) -> Option<()> {
        let thread = self.threads.get_mut(&pid)?;
        let is_entering = thread.is_entering;
        thread.is_entering = !is_entering;
        if !is_entering {
            let answer = thread.answer.take()?;
            let mut regs = registers(pid)?;
            regs.rax = -i64::from(answer) as u64;
            return set_registers(pid, &regs);
        }
        let mut regs = registers(pid)?;
        if thread.place.is_none() && thread.looks < MOST_LOOKS {
            thread.looks += 1;
            thread.place = self.shim.place(pid);
        }
        let nr = regs.orig_rax as i64;
        if !thread.place.as_ref().is_some_and(|place| self.shim.is_own(place, regs.rip)) {
            return Some(());
        }
        *self.calls.entry(nr).or_default() += 1;
        if self.fault.is_some_and(|fault| fault.also == Some(nr)) {
            thread.answer = Some(libc::ENOSYS);
            regs.orig_rax = u64::MAX;
            return set_registers(pid, &regs);
        }
        let fault = self.fault.filter(|fault| fault.call.nr == nr)?;
        self.seen += 1;
        let fails = match fault.when {
            _ if fault.errno == libc::EINTR => self.hits < INTERRUPTIONS,
            When::Every => true,
            When::First => self.seen == 1,
            When::Later => self.seen > 1,
        };
        if fails {
            self.hits += 1;
            thread.answer = Some(fault.errno);
            if !fault.call.is_done_all_the_same {
                regs.orig_rax = u64::MAX;
                return set_registers(pid, &regs);
            }
        }
        Some(())
    }
}

fn registers(pid: i32) -> Option<libc::user_regs_struct> {
    // SAFETY: all zeroes is a valid set of registers.
    let mut regs: libc::user_regs_struct = unsafe { std::mem::zeroed() };
    ptrace(libc::PTRACE_GETREGS, pid, 0, (&raw mut regs) as usize).ok().map(|_| regs)
}

fn set_registers(pid: i32, regs: &libc::user_regs_struct) -> Option<()> {
    ptrace(libc::PTRACE_SETREGS, pid, 0, std::ptr::from_ref(regs) as usize).ok().map(drop)
}
