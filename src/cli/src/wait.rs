//! `run --wait`: stays as the parent, forwards signals, and says how the program ended.
//!
//! What must hold here: signals are blocked and fetched one by one, so no handler runs and none is lost between
//! fork and wait; the program itself starts with the mask and the dispositions that `faultless` was given; a signal
//! from the terminal, which the program got as well, is not sent a second time.

use std::io;
use std::mem::MaybeUninit;
use std::time::{Duration, Instant};

use crate::blocked::Blocked;
use crate::exec::{self, Program};

/// What is handed on. SIGKILL and SIGSTOP cannot be; faults and SIGCHLD are nobody else's.
const FORWARDED: &[i32] = &[
    libc::SIGHUP,
    libc::SIGINT,
    libc::SIGQUIT,
    libc::SIGUSR1,
    libc::SIGUSR2,
    libc::SIGALRM,
    libc::SIGTERM,
    libc::SIGTSTP,
    libc::SIGTTIN,
    libc::SIGTTOU,
    libc::SIGCONT,
    libc::SIGURG,
    libc::SIGWINCH,
    libc::SIGIO,
    libc::SIGPWR,
];

/// How the program ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// with this status
    Exited(i32),
    /// by this signal
    Killed(i32),
    /// exec failed with this errno, nothing ran
    NotStarted(i32),
}

impl End {
    /// What `faultless` exits with: the program's status, or 128 and the signal.
    pub fn exit_code(self) -> i32 {
        match self {
            End::Exited(status) => status,
            End::Killed(signal) => 128 + signal,
            End::NotStarted(errno) => exec::exit_code(&io::Error::from_raw_os_error(errno)),
        }
    }
}

/// A program that has ended.
#[derive(Clone, Copy, Debug)]
pub struct Ended {
    /// its process id
    pub pid: i32,
    /// how
    pub end: End,
    /// from fork to wait
    pub ran: Duration,
}

/// Runs the program to its end.
///
/// # Errors
/// fork or a pipe was refused.
pub fn run(program: &Program) -> io::Result<Ended> {
    run_with(program, |_| ())
}

/// The same; the program begins when `before`, which is given its process id, is done.
///
/// # Errors
/// fork or a pipe was refused.
pub fn run_with(program: &Program, before: impl FnOnce(i32)) -> io::Result<Ended> {
    let signals = Signals(Blocked::block(FORWARDED)?);
    let (gate, opener) = pipe()?;
    // A close-on-exec pipe: it stays empty if exec worked, else it brings the errno.
    let (read, write) = pipe()?;
    // SAFETY: this process has one thread, so the child may do whatever it likes.
    let pid = unsafe { libc::fork() };
    match pid {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            if !is_opened(gate, opener) {
                // SAFETY: nobody is left who would wait for the program; _exit runs nothing of the parent's.
                unsafe { libc::_exit(127) };
            }
            signals.0.restore();
            let errno = program.exec().raw_os_error().unwrap_or(libc::ENOEXEC).to_ne_bytes();
            // SAFETY: `errno` is four readable bytes; _exit runs nothing of the parent's.
            unsafe {
                libc::write(write, errno.as_ptr().cast(), errno.len());
                libc::_exit(127)
            }
        }
        _ => {
            before(pid);
            let begun = Instant::now();
            let mut errno = [0u8; 4];
            // SAFETY: the descriptors are ours and open; one byte can be read, `errno` has room for four.
            let got = unsafe {
                libc::close(gate);
                libc::write(opener, [1u8].as_ptr().cast(), 1);
                libc::close(opener);
                libc::close(write);
                let got = libc::read(read, errno.as_mut_ptr().cast(), errno.len());
                libc::close(read);
                got
            };
            let mut end = signals.until_end_of(pid)?;
            if got == 4 {
                end = End::NotStarted(i32::from_ne_bytes(errno));
            }
            signals.0.restore();
            Ok(Ended { pid, end, ran: begun.elapsed() })
        }
    }
}

/// Waits in the child until the parent writes a byte; false if it has gone instead.
fn is_opened(gate: i32, opener: i32) -> bool {
    let mut byte = 0u8;
    // SAFETY: both descriptors are ours and open; room for one byte.
    unsafe {
        libc::close(opener);
        libc::read(gate, (&raw mut byte).cast(), 1) == 1
    }
}

fn pipe() -> io::Result<(i32, i32)> {
    let mut ends = [0; 2];
    // SAFETY: room for two descriptors.
    match unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) } {
        0 => Ok((ends[0], ends[1])),
        _ => Err(io::Error::last_os_error()),
    }
}

/// The forwarded signals and SIGCHLD, blocked.
struct Signals(Blocked);

impl Signals {
    fn until_end_of(&self, pid: i32) -> io::Result<End> {
        loop {
            let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
            // SAFETY: the set is initialised, `info` has room, and all zeroes is a valid siginfo_t.
            let (signal, info) = unsafe { (libc::sigwaitinfo(&self.0.set, info.as_mut_ptr()), info.assume_init()) };
            match signal {
                -1 => match io::Error::last_os_error() {
                    error if error.kind() == io::ErrorKind::Interrupted => {}
                    error => return Err(error),
                },
                libc::SIGCHLD => {
                    if let Some(end) = reap(pid)? {
                        return Ok(end);
                    }
                }
                // Positive codes are the kernel's: a terminal sends to the whole foreground group, so the program
                // has it already. What a process sent (kill, sigqueue, tgkill) came to us alone.
                _ if info.si_code <= 0 => {
                    // SAFETY: kill takes no memory; the child has not been reaped, so the id is still its own.
                    unsafe { libc::kill(pid, signal) };
                }
                _ => {}
            }
        }
    }
}

/// Collects what became of the child: its end, or a stop, upon which we stop too so that the shell sees it. As process 1 of a
/// container we are given whatever loses its parent, and collect that too: nobody else could.
fn reap(pid: i32) -> io::Result<Option<End>> {
    let whom = if std::process::id() == 1 { -1 } else { pid };
    loop {
        let mut status = 0;
        // SAFETY: `status` is writable.
        match unsafe { libc::waitpid(whom, &mut status, libc::WNOHANG | libc::WUNTRACED) } {
            0 => return Ok(None),
            -1 => return Err(io::Error::last_os_error()),
            other if other != pid => {}
            _ if libc::WIFEXITED(status) => return Ok(Some(End::Exited(libc::WEXITSTATUS(status)))),
            _ if libc::WIFSIGNALED(status) => return Ok(Some(End::Killed(libc::WTERMSIG(status)))),
            _ => {
                // SAFETY: stops this process; the shell's SIGCONT, which goes to the group, wakes both.
                unsafe { libc::raise(libc::SIGSTOP) };
            }
        }
    }
}
