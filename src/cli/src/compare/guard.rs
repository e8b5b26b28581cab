//! A process that cleans up behind us should we be killed: it ends the groups that run and removes their pages.
//!
//! What must hold here: it costs the measured nothing (it sleeps in one read until we are gone, and what it needs
//! to know lies in shared memory); nobody's signals reach it; it keeps no descriptor of ours open but its pipe.

use std::ffi::{OsStr, OsString};
use std::io;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use crate::tree;

/// How long killed processes may take to be gone.
const GONE: Duration = Duration::from_secs(5);

/// What is to be cleaned up. All zeroes: nothing.
#[repr(C)]
struct Shared {
    /// groups that run: the program, and one beside it (a server's load)
    groups: [AtomicI32; 2],
    /// the tree whose pages are not yet removed
    tree: AtomicU64,
}

/// Our end of it.
pub struct Guard {
    shared: NonNull<Shared>,
    pid: i32,
    pipe: i32,
}

impl Guard {
    /// Starts it. `pages` is the option that names the folder of the counter pages.
    ///
    /// # Errors
    /// No memory, pipe or process.
    pub fn start(pages: OsString) -> io::Result<Guard> {
        let mut ends = [0; 2];
        let since = SystemTime::now();
        // SAFETY: an anonymous shared mapping at no given place, and room for two descriptors.
        let shared = unsafe {
            let (access, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_ANONYMOUS);
            let memory = libc::mmap(ptr::null_mut(), size_of::<Shared>(), access, flags, -1, 0);
            if memory == libc::MAP_FAILED || libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) != 0 {
                return Err(io::Error::last_os_error());
            }
            NonNull::new(memory.cast::<Shared>()).ok_or(io::ErrorKind::OutOfMemory)?
        };
        // SAFETY: this process has one thread, so the child may do whatever it likes.
        match unsafe { libc::fork() } {
            -1 => Err(io::Error::last_os_error()),
            0 => {
                // SAFETY: the mapping was inherited and is never unmapped; all zeroes is a valid Shared.
                let shared = unsafe { shared.as_ref() };
                leave(ends[1]);
                until_closed(ends[0]);
                clean_up(shared, &pages, since);
                // SAFETY: ends this process without running anything of the parent's.
                unsafe { libc::_exit(0) }
            }
            pid => {
                // SAFETY: the guard's end of the pipe, which we don't need.
                unsafe { libc::close(ends[0]) };
                Ok(Guard { shared, pid, pipe: ends[1] })
            }
        }
    }

    fn shared(&self) -> &Shared {
        // SAFETY: the mapping stays for as long as this process; Shared is made of atomics.
        unsafe { self.shared.as_ref() }
    }

    /// This group runs.
    pub fn add(&self, group: i32) {
        let _ = self.shared().groups.iter().find(|slot| slot.compare_exchange(0, group, SeqCst, SeqCst).is_ok());
    }

    /// This group runs no longer.
    pub fn remove(&self, group: i32) {
        self.shared().groups.iter().for_each(|slot| {
            let _ = slot.compare_exchange(group, 0, SeqCst, SeqCst);
        });
    }

    /// From now on there may be pages of this tree; 0: there are none.
    pub fn tree(&self, tree: u64) {
        self.shared().tree.store(tree, SeqCst);
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // SAFETY: our end of the pipe, and our own child; nobody asks for its status.
        unsafe {
            libc::close(self.pipe);
            libc::waitpid(self.pid, ptr::null_mut(), 0);
        }
    }
}

/// Out of the session, deaf to signals, and off the descriptors that somebody may wait on.
fn leave(other_end: i32) {
    // SAFETY: calls to the kernel with numbers, a filled set and a NUL-terminated path.
    unsafe {
        libc::setsid();
        let mut all = std::mem::zeroed();
        libc::sigfillset(&mut all);
        libc::sigprocmask(libc::SIG_BLOCK, &all, ptr::null_mut());
        libc::close(other_end);
        let null = libc::open(c"/dev/null".as_ptr(), libc::O_RDWR | libc::O_CLOEXEC);
        for descriptor in 0..3 {
            libc::dup2(null, descriptor);
        }
    }
}

fn until_closed(pipe: i32) {
    let mut byte = 0u8;
    // SAFETY: one writable byte. Nobody ever writes, so this returns when the last other end is closed.
    while unsafe { libc::read(pipe, ptr::from_mut(&mut byte).cast(), 1) } == -1
        && io::Error::last_os_error().kind() == io::ErrorKind::Interrupted
    {}
}

fn clean_up(shared: &Shared, pages: &OsStr, since: SystemTime) {
    let until = Instant::now() + GONE;
    for group in shared.groups.iter().map(|slot| slot.load(SeqCst)).filter(|group| *group > 1) {
        // SAFETY: takes no memory. The group's leader died with our parent or dies now, and a group's id is not given
        // again while it has members.
        while unsafe { libc::kill(-group, libc::SIGKILL) } == 0 && Instant::now() < until {
            thread::sleep(Duration::from_millis(1));
        }
    }
    match shared.tree.load(SeqCst) {
        0 => {}
        name => drop(tree::take(pages, name, since)),
    }
}
