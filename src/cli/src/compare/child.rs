//! One child: started in a process group of its own, waited for with what the kernel counted, or stopped.
//!
//! What must hold here: the child takes no copy-on-write faults before exec, which perf would not count, so it borrows
//! its maker's memory as posix_spawn's do; its maker is a fresh fork, because ru_maxrss begins with what that has
//! resident (exec_mmap), and a fork has little. It is our child nevertheless, dies with us, and allocates nothing.

use std::cell::Cell;
use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd;
use std::ptr;
use std::time::{Duration, Instant};

use super::guard::Guard;
use super::signals::{Event, Signals};
use crate::exec::{Prepared, Program};
use crate::wait::End;

/// Bytes of stack until exec; execvpe keeps a path of up to PATH_MAX and more there.
const STACK: usize = 64 << 10;
/// How long what was told to end is waited for, when a signal ends everything.
const GRACE: Duration = Duration::from_secs(2);
/// How long what was killed with its group may take to be gone: on a loaded machine it may still be making its counter page.
const GONE: Duration = Duration::from_secs(1);

/// A child that runs.
pub struct Child<'a> {
    pid: i32,
    begun: libc::timespec,
    /// once it has been waited for; from then on its id may be another's
    ended: Cell<Option<Ended>>,
    signals: &'a Signals,
    guard: &'a Guard,
}

/// A child that has ended.
#[derive(Clone, Copy)]
pub struct Ended {
    /// how
    pub end: End,
    /// from before it was made until it was waited for
    pub wall: Duration,
    /// its own, and that of the children for which it waited
    pub usage: libc::rusage,
}

/// Why it was not waited for to its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Left {
    /// a signal tells us to end
    Signal(i32),
    /// the time was over
    Timeout,
}

/// The descriptors of a child.
pub struct Stdio<'a> {
    /// 0
    pub input: &'a File,
    /// 1
    pub out: &'a File,
    /// 2
    pub err: &'a File,
}

/// What the child needs until exec.
struct Birth<'a> {
    program: &'a Prepared<'a>,
    stdio: [i32; 3],
    signals: &'a Signals,
    guard: &'a Guard,
    parent: i32,
    errno: i32,
}

/// What the midwife tells us.
#[repr(C)]
#[derive(Clone, Copy)]
struct Born {
    pid: i32,
    errno: i32,
    begun: libc::timespec,
}

impl<'a> Child<'a> {
    /// Starts it.
    ///
    /// # Errors
    /// No process could be made, or exec failed.
    pub fn start(
        program: &Program,
        stdio: &Stdio<'_>,
        signals: &'a Signals,
        guard: &'a Guard,
    ) -> io::Result<Child<'a>> {
        let prepared = program.prepare();
        let birth = Birth {
            program: &prepared,
            stdio: [stdio.input, stdio.out, stdio.err].map(AsRawFd::as_raw_fd),
            signals,
            guard,
            parent: std::process::id() as i32,
            errno: 0,
        };
        let born = midwife(birth)?;
        if born.pid < 0 {
            return Err(io::Error::from_raw_os_error(born.errno));
        }
        let child = Child { pid: born.pid, begun: born.begun, ended: Cell::new(None), signals, guard };
        match born.errno {
            0 => Ok(child),
            errno => {
                child.reap(0);
                guard.remove(born.pid);
                Err(io::Error::from_raw_os_error(errno))
            }
        }
    }

    /// Waits for its end; what it left running in its group is killed.
    ///
    /// # Errors
    /// [`Left`]: it still runs.
    pub fn wait(&self, limit: Option<Duration>) -> Result<Ended, Left> {
        let until = limit.map(|limit| Instant::now() + limit);
        loop {
            if let Some(ended) = self.ended.get() {
                return Ok(ended);
            }
            if let Some(ended) = self.reap(libc::WNOHANG) {
                self.sweep();
                return Ok(ended);
            }
            let limit = until.map(|until| until.saturating_duration_since(Instant::now()));
            match self.signals.next(limit) {
                Event::Child => {}
                Event::Ending(signal) => return Err(Left::Signal(signal)),
                Event::Timeout => return Err(Left::Timeout),
            }
        }
    }

    /// Tells it to end, and kills it after `grace` or at a signal; says which signal came meanwhile.
    pub fn stop(&self, grace: Duration) -> (Option<Ended>, Option<i32>) {
        self.kill(self.pid, libc::SIGTERM);
        match self.wait(Some(grace)) {
            Ok(ended) => (Some(ended), None),
            Err(left) => {
                let signal = if let Left::Signal(signal) = left { Some(signal) } else { None };
                self.kill(-self.pid, libc::SIGKILL);
                let ended = self.reap(0);
                self.sweep();
                (ended, signal)
            }
        }
    }

    /// Ends its whole group, when a signal ends everything.
    pub fn abandon(&self) {
        self.kill(-self.pid, libc::SIGTERM);
        self.kill(-self.pid, libc::SIGCONT);
        self.stop(GRACE);
    }

    fn kill(&self, whom: i32, signal: i32) {
        if self.ended.get().is_none() {
            // SAFETY: takes no memory; the child has not been waited for, so its id and its group's are its own.
            unsafe { libc::kill(whom, signal) };
        }
    }

    fn reap(&self, flags: i32) -> Option<Ended> {
        if let Some(ended) = self.ended.get() {
            return Some(ended);
        }
        let mut status = 0;
        let mut usage = MaybeUninit::<libc::rusage>::zeroed();
        loop {
            // SAFETY: both are writable; all zeroes is a valid rusage.
            let (got, usage) =
                unsafe { (libc::wait4(self.pid, &mut status, flags, usage.as_mut_ptr()), usage.assume_init()) };
            let wall = since(self.begun);
            match got {
                -1 if io::Error::last_os_error().raw_os_error() == Some(libc::EINTR) => {}
                0 | -1 => return None,
                _ => {
                    let end = if libc::WIFEXITED(status) {
                        End::Exited(libc::WEXITSTATUS(status))
                    } else {
                        End::Killed(libc::WTERMSIG(status))
                    };
                    self.ended.set(Some(Ended { end, wall, usage }));
                    return self.ended.get();
                }
            }
        }
    }

    /// Kills what is left of the group, so that it doesn't run beside the next, and waits a little until it is gone.
    fn sweep(&self) {
        let until = Instant::now() + GONE;
        // SAFETY: takes no memory; a group's id is not given again while it has members.
        while unsafe { libc::kill(-self.pid, libc::SIGKILL) } == 0 && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(1));
        }
        self.guard.remove(self.pid);
    }
}

/// Forks a process that makes the child, as ours, and goes.
fn midwife(mut birth: Birth<'_>) -> io::Result<Born> {
    let mut stack = vec![0u128; STACK / size_of::<u128>()];
    let mut ends = [0; 2];
    let mut born = MaybeUninit::<Born>::zeroed();
    // SAFETY: room for two descriptors; this process has one thread, so the fork may do what it likes. There, the
    // stack is aligned, grows down from its end, and outlives the child's use of it, because with CLONE_VFORK the
    // caller sleeps until exec or exit; so does `birth`, read volatile because the child wrote it behind the
    // compiler's back. What is written and read is as long as `Born`, of which every bit pattern is valid.
    unsafe {
        if libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) != 0 {
            return Err(io::Error::last_os_error());
        }
        let [read, write] = ends;
        let midwife = libc::fork();
        if midwife == 0 {
            let begun = now();
            let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_PARENT | libc::SIGCHLD;
            let top = stack.as_mut_ptr().add(stack.len());
            let pid = libc::clone(be_born, top.cast(), flags, ptr::from_mut(&mut birth).cast());
            let refused = io::Error::last_os_error().raw_os_error().unwrap_or(libc::EAGAIN);
            let errno = if pid < 0 { refused } else { ptr::from_ref(&birth.errno).read_volatile() };
            let born = Born { pid, errno, begun };
            libc::write(write, ptr::from_ref(&born).cast(), size_of::<Born>());
            libc::_exit(0);
        }
        let error = io::Error::last_os_error();
        libc::close(write);
        let got = libc::read(read, born.as_mut_ptr().cast(), size_of::<Born>());
        libc::close(read);
        if midwife < 0 {
            return Err(error);
        }
        libc::waitpid(midwife, ptr::null_mut(), 0);
        if got == size_of::<Born>() as isize { Ok(born.assume_init()) } else { Err(io::ErrorKind::Interrupted.into()) }
    }
}

/// CLOCK_MONOTONIC, which a fork reads as we do.
fn now() -> libc::timespec {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` is writable; the clock always exists.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut now) };
    now
}

fn since(begun: libc::timespec) -> Duration {
    let now = now();
    let ns = (now.tv_sec - begun.tv_sec) * 1_000_000_000 + (now.tv_nsec - begun.tv_nsec);
    Duration::from_nanos(u64::try_from(ns).unwrap_or(0))
}

/// The child until exec. It shares our memory: it only makes calls to the kernel, and leaves by exec or _exit.
extern "C" fn be_born(birth: *mut libc::c_void) -> libc::c_int {
    // SAFETY: `midwife` passes a Birth that outlives us, and touches nothing of it meanwhile.
    let birth = unsafe { &mut *birth.cast::<Birth<'_>>() };
    // SAFETY: calls to the kernel with numbers; the descriptors are open.
    unsafe {
        libc::setpgid(0, 0);
        // Before exec: were we killed between the two, what the program starts would be nobody's.
        birth.guard.add(libc::getpid());
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        if libc::getppid() != birth.parent {
            libc::_exit(127);
        }
        for (to, from) in birth.stdio.iter().enumerate() {
            libc::dup2(*from, to as i32);
        }
    }
    birth.signals.restore();
    birth.errno = birth.program.exec().raw_os_error().unwrap_or(libc::ENOEXEC);
    127
}
