//! The process that is advised, and the calls.
//!
//! What must hold here: a pidfd, not a number, says which process it is; the four kinds of advice are those which the kernel
//! takes for another process, and none of them changes what memory holds.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd};

use anyhow::{Result, bail};

/// Advice for another process's memory, in the order in which it is given.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Advice {
    /// MADV_WILLNEED
    WillNeed,
    /// MADV_COLLAPSE
    Collapse,
    /// MADV_COLD
    Cold,
    /// MADV_PAGEOUT
    PageOut,
}

impl Advice {
    fn number(self) -> libc::c_int {
        match self {
            Advice::WillNeed => libc::MADV_WILLNEED,
            Advice::Collapse => 25,
            Advice::Cold => libc::MADV_COLD,
            Advice::PageOut => libc::MADV_PAGEOUT,
        }
    }
}

/// A process.
pub struct Target {
    pid: i32,
    fd: File,
}

impl Target {
    /// Takes hold of it.
    ///
    /// # Errors
    /// In words.
    pub fn open(pid: i32) -> Result<Target> {
        // SAFETY: takes no memory; a new descriptor is ours.
        match unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) } {
            // SAFETY: as above.
            fd @ 0.. => Ok(Target { pid, fd: unsafe { File::from_raw_fd(fd as i32) } }),
            _ => match io::Error::last_os_error() {
                e if e.raw_os_error() == Some(libc::ESRCH) => bail!("there is no process {pid}"),
                e if e.raw_os_error() == Some(libc::EINVAL) => bail!("{pid} is no process, but a thread of one"),
                e if e.raw_os_error() == Some(libc::ENOSYS) => bail!("this kernel cannot: attach wants Linux 5.10"),
                e => bail!("process {pid}: {e}"),
            },
        }
    }

    /// Asks for nothing, which takes the same leave as asking for something.
    ///
    /// # Errors
    /// In words, with the remedy.
    pub fn may_be_advised(&self) -> Result<()> {
        match self.advise(0, 0, Advice::Cold) {
            Ok(()) => Ok(()),
            Err(libc::EPERM | libc::EACCES) => bail!(
                "process {} may not be advised: that takes leave to trace it, and CAP_SYS_NICE; run this as root, in the \
                 process's own container or outside of it",
                self.pid
            ),
            Err(libc::ENOSYS) => bail!("this kernel cannot, or a seccomp filter forbids it: attach wants Linux 5.10"),
            Err(errno) => bail!("process {}: {}", self.pid, io::Error::from_raw_os_error(errno)),
        }
    }

    /// Advises a range of whole pages.
    ///
    /// # Errors
    /// The errno.
    pub fn advise(&self, at: u64, len: u64, advice: Advice) -> std::result::Result<(), i32> {
        let range = libc::iovec { iov_base: at as *mut libc::c_void, iov_len: len as usize };
        // SAFETY: the kernel reads one iovec, whose addresses are the other process's; the advice keeps content.
        let done = unsafe {
            libc::syscall(
                libc::SYS_process_madvise,
                self.fd.as_raw_fd(),
                &raw const range,
                1usize,
                advice.number(),
                0u32,
            )
        };
        match done {
            0.. => Ok(()),
            _ => Err(io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO)),
        }
    }
}
