//! The end of a process: last figures into the page, and the report if one is due.
//!
//! What must hold here: written once, by the process that the page belongs to; never into a file that happens to have
//! descriptor 2 by now; never a stall and never a signal: what can't be written is counted and left. Runs on a stack of our
//! own, because exit may be called on a small one.

use core::ffi::c_int;
use core::fmt::{self, Write};
use core::sync::atomic::{AtomicI32, AtomicU32, AtomicU64, Ordering::*};

use faultless_core::counters::C;
use faultless_core::options::{Report, ReportPath};
use faultless_core::page::{End, FILE_BYTES, Snapshot};
use faultless_core::report::{self, Totals};

use crate::live::Live;
use crate::text::Text;
use crate::{budget, crew, descriptors, identity, own_stack, pages, regions, state, sys, usage, watch};

/// A process that lived for less than this, and in which no rule matched, leaves no page: probes run every few seconds.
const WORTH_A_PAGE_NS: u64 = 1_000_000_000;

/// The process whose end has begun, and the one whose end is told: a forked child's is still to come.
#[unsafe(link_section = ".bss.start")]
static LEFT: AtomicU32 = AtomicU32::new(0);
#[unsafe(link_section = ".bss.start")]
static FINISHED: AtomicU32 = AtomicU32::new(0);
/// A duplicate of standard error as it was when the end began, or −1.
static STDERR: AtomicI32 = AtomicI32::new(-1);
/// Which file standard error was when the program started: device and inode.
#[unsafe(link_section = ".bss.start")]
static STDERR_ID: [AtomicU64; 2] = [AtomicU64::new(0), AtomicU64::new(0)];

/// Remembers which file standard error is. Constructor only.
pub fn remember_stderr() {
    if let Ok(st) = sys::fstat(2) {
        STDERR_ID[0].store(st.id.0, Relaxed);
        STDERR_ID[1].store(st.id.1, Relaxed);
    }
}

/// Whether a descriptor still is what standard error was at the start.
fn is_stderr(fd: c_int) -> bool {
    let id = (STDERR_ID[0].load(Relaxed), STDERR_ID[1].load(Relaxed));
    id != (0, 0) && sys::fstat(fd).is_ok_and(|st| st.id == id)
}

/// The end begins: says how, and keeps standard error for [`finish`].
pub fn leaving(end: End, status: c_int) {
    let _errno = sys::KeepErrno::new();
    let Some(live) = state::enter_to_end() else { return };
    if LEFT.swap(identity::pid(), AcqRel) == identity::pid() {
        return;
    }
    live.page.exit_status.store(status as u32 & 0xff, Relaxed);
    live.page.end.store(end as u32, Relaxed);
    if prints_to_stderr(&live) && is_stderr(2) {
        STDERR.store(sys::duplicate(2).unwrap_or(-1), Relaxed);
    }
}

/// Whether this process may have something to say on standard error.
fn prints_to_stderr(live: &Live<'_>) -> bool {
    match live.config.report {
        Report::Auto => live.page.get(C::RegionsRuled) > 0 && live.page.forked.load(Relaxed) == 0,
        Report::All => true,
        _ => false,
    }
}

/// In a forked child: standard error must not be kept open by our duplicate of it.
pub fn drop_inherited() {
    let fd = STDERR.swap(-1, Relaxed);
    if fd >= 0 && is_stderr(fd) {
        sys::close(fd);
    }
}

/// Last figures, and the report.
pub fn finish() {
    let _errno = sys::KeepErrno::new();
    let Some(live) = state::enter_to_end() else { return };
    if FINISHED.swap(identity::pid(), AcqRel) == identity::pid() {
        return;
    }
    descriptors::closing_all(&live, 0, u32::MAX);
    crew::end();
    watch::end();
    usage::sample(live.page);
    regions::sample_all(&live);
    live.page.end_ns.store(sys::now(libc::CLOCK_BOOTTIME), Relaxed);
    if live.page.end.load(Relaxed) == End::None as u32 {
        live.page.end.store(End::Exit as u32, Relaxed); // err() and errx() come by the destructor only
    }
    let fd = match STDERR.swap(-1, Relaxed) {
        -1 if prints_to_stderr(&live) && is_stderr(2) => sys::duplicate(2).unwrap_or(-1),
        // The program has closed all descriptors, ours among them, and the number is a file of its own by now.
        fd if fd >= 0 && !is_stderr(fd) => -1,
        fd => fd,
    };
    if own_stack::run(|| !due(&live, fd) || print(&live, fd)) != Some(true) {
        live.page.add(C::ReportErrors, 1);
    }
    if fd >= 0 {
        sys::close(fd);
    }
    budget::give_all(&live);
    let lived = live.page.end_ns.load(Relaxed).saturating_sub(live.page.start_ns.load(Relaxed));
    let nothing = live.page.get(C::RegionsRuled) == 0 && live.page.get(C::NotReached) == 0;
    if nothing && lived < WORTH_A_PAGE_NS && live.config.tree == 0 {
        pages::remove();
    }
}

/// Before exec: this image ends here unless the call fails. Returns what [`exec_failed`] must take back.
pub fn before_exec() -> Option<budget::Taken> {
    let live = state::enter_to_end()?;
    if live.page.end.swap(End::Exec as u32, Relaxed) != End::None as u32 {
        return None;
    }
    usage::sample(live.page);
    regions::sample_all(&live);
    live.page.end_ns.store(sys::now(libc::CLOCK_BOOTTIME), Relaxed);
    Some(budget::give_all(&live)) // locks are not inherited, and the next image has a page of its own
}

/// The exec failed: this image goes on.
pub fn exec_failed(taken: budget::Taken) {
    if let Some(live) = state::enter_to_end() {
        budget::retake(&live, taken);
        live.page.end.store(End::None as u32, Relaxed);
        live.page.end_ns.store(0, Relaxed);
    }
}

/// Whether this process has something to print.
fn due(live: &Live<'_>, stderr: c_int) -> bool {
    match live.config.report {
        Report::None => false,
        Report::Json(_) | Report::Text(_) | Report::Prom(_) => true,
        Report::All => stderr >= 0,
        // Only the first process of a tree, and only if a rule matched in it.
        Report::Auto => stderr >= 0 && prints_to_stderr(live) && !pages::before_us(live).is_some_and(|b| b.reports),
    }
}

/// Writes through a small buffer.
struct Out {
    fd: c_int,
    text: Text<2048>,
    failed: bool,
}

impl Out {
    fn flush(&mut self) {
        if !self.failed {
            self.failed = sys::write_quietly(self.fd, self.text.as_bytes()).is_err();
        }
        self.text.clear();
    }
}

impl Write for Out {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        for piece in s.as_bytes().chunks(512) {
            if self.text.push(piece).is_err() {
                self.flush();
                self.text.push(piece)?;
            }
        }
        Ok(())
    }
}

/// Whether a file is this user's or root's: another's would have been planted where we were told to write.
fn is_ours(fd: c_int) -> bool {
    sys::fstat(fd).is_ok_and(|st| st.uid == 0 || st.uid == sys::geteuid())
}

/// Whether a report fits under RLIMIT_FSIZE, if the descriptor is of a file: writing beyond it raises SIGXFSZ.
fn has_room(fd: c_int) -> bool {
    const LONGEST: u64 = 256 << 10;
    sys::file_limit() == u64::MAX
        || sys::fstat(fd)
            .is_ok_and(|st| st.mode & libc::S_IFMT != libc::S_IFREG || st.size + LONGEST <= sys::file_limit())
}

/// Writes the report. False: it could not be written.
fn print(live: &Live<'_>, stderr: c_int) -> bool {
    // SAFETY: the page's bytes, read as they are; counters of other threads may move meanwhile.
    let bytes = unsafe { core::slice::from_raw_parts((&raw const *live.page).cast::<u8>(), FILE_BYTES) };
    let Ok(snapshot) = Snapshot::read(bytes) else { return false };
    let pages = [&snapshot];
    let mut totals = Totals::new(&pages);
    totals.again = (pages::is_in_folder()).then_some(snapshot.pid);
    let render = |out: &mut Out, how: Report<'_>| -> bool {
        let written = match how {
            Report::Auto => report::line(out, &snapshot),
            Report::Json(_) => report::json(out, &totals),
            Report::Prom(_) => report::prom(out, &totals),
            _ => report::text(out, &totals),
        };
        out.flush();
        written.is_ok() && !out.failed
    };
    let how = live.config.report;
    let (Report::Json(template) | Report::Text(template) | Report::Prom(template)) = how else {
        return has_room(stderr) && render(&mut Out { fd: stderr, text: Text::new(), failed: false }, how);
    };
    let mut path = Text::<1024>::new();
    if (ReportPath { template, pid: snapshot.pid, exe: snapshot.exe() }).expand(&mut path).is_err() {
        return false;
    }
    // Prometheus' collector must never see half a file: written beside it, then renamed. The others are appended to, so
    // that processes of a tree which share a path don't overwrite each other.
    let mut beside = path;
    let is_prom = matches!(how, Report::Prom(_));
    if is_prom && write!(beside, ".{}.tmp", snapshot.pid).is_err() {
        return false;
    }
    let more = if is_prom { libc::O_TRUNC } else { libc::O_APPEND };
    let flags = libc::O_WRONLY | libc::O_CREAT | libc::O_NOFOLLOW | libc::O_NOCTTY | libc::O_NONBLOCK | more;
    let Ok(fd) = sys::open(beside.as_c(), flags, 0o600) else { return false };
    let mut done = is_ours(fd) && has_room(fd) && render(&mut Out { fd, text: Text::new(), failed: false }, how);
    sys::close(fd);
    if is_prom {
        done = done && sys::rename(beside.as_c(), path.as_c()).is_ok();
    }
    done
}
