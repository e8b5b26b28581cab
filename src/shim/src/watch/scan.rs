//! Files that the program reads by read(2) and its like: the thread follows where it reads, and drops what lies behind it
//! (`drop-behind`), turns a file to random and back (`auto`), and reads ahead of it (`populate`).
//!
//! What must hold here: what was in memory when the file was opened stays; what the program's descriptor says of the place
//! (/proc/self/fdinfo) is believed only as far as it has read that much meanwhile, because a seek moves it too; the
//! descriptor that the thread borrows is given back after each call (`Loan`).

mod ahead;
mod chunks;
mod passing;

use core::cell::UnsafeCell;
use core::ffi::{CStr, c_int};
use core::fmt::Write;
use core::sync::atomic::{AtomicU64, Ordering::SeqCst};

use faultless_core::counters::C;
use faultless_core::page::Outcome;
use faultless_core::reason::Reason;
use faultless_core::rules::Axis;

use super::vitals::{Room, Vitals};
use crate::descriptors::{self, CHUNK, Loan, Opened, SLOTS, Slot};
use crate::live::Live;
use crate::sys;
use crate::text::Text;

use ahead::Ahead;
use passing::Passing;

/// Between two looks: at a file that is being read, and at one that is not (ns).
const BUSY_NS: u64 = 2_000_000;
const IDLE_NS: u64 = 50_000_000;
/// Where nothing is to be done for now.
const REST_NS: u64 = 250_000_000;
/// For so long after the last file was closed the thread comes back as often as this, so that who opens file after file need
/// not wake it each time (ns).
const LINGER_NS: u64 = 60_000_000;
const LINGER_GAP_NS: u64 = 20_000_000;

/// When the thread has looked last, if it is sure to come back after [`LINGER_GAP_NS`]; else 0.
static LAST_LOOK: AtomicU64 = AtomicU64::new(0);

/// Whether a new file will be looked at soon, without waking anybody.
pub fn is_due_soon() -> bool {
    sys::now(libc::CLOCK_MONOTONIC).saturating_sub(LAST_LOOK.load(SeqCst)) < LINGER_GAP_NS
}

/// What is known of the file in one slot.
struct Desk {
    serial: u32,
    passing: Passing,
    ahead: Ahead,
    gap: u64,
    next_look: u64,
    /// what the process had read at the last look, and what it had read from disk
    read: u64,
    from_disk: u64,
}

impl Desk {
    const fn empty() -> Desk {
        Desk {
            serial: 0,
            passing: Passing::new(),
            ahead: Ahead::none(),
            gap: BUSY_NS,
            next_look: 0,
            read: 0,
            from_disk: 0,
        }
    }
}

struct Desks(UnsafeCell<[Desk; SLOTS]>);

// SAFETY: only the one thread looks at it.
unsafe impl Sync for Desks {}

static DESKS: Desks = Desks(UnsafeCell::new([const { Desk::empty() }; SLOTS]));

/// What the thread needs for its looks.
pub struct Scans {
    /// the process, as a descriptor
    process: Option<c_int>,
    /// when any file was watched last
    last_any: u64,
}

/// What a look goes by.
struct Now<'a> {
    live: &'a Live<'a>,
    process: c_int,
    /// CLOCK_MONOTONIC in ns
    at: u64,
    /// bytes that the process has read so far, from wherever, and from disk
    read: u64,
    from_disk: u64,
    /// bytes that memory has for files, where those that are watched don't fit
    tight: Option<u64>,
    /// the program is about to close it
    is_last: bool,
}

impl Scans {
    /// In the thread, whose descriptor table is its own.
    pub fn open() -> Scans {
        Scans { process: sys::process_handle(sys::getpid()).ok(), last_any: 0 }
    }

    /// Looks at every file whose turn it is. Returns after how many ns to come back, or None if no file is watched, nor was a
    /// short while ago.
    pub fn look(&mut self, live: &Live<'_>, vitals: &Vitals, room: &Room) -> Option<u64> {
        let is_any = descriptors::any();
        self.last_any = if is_any { vitals.at } else { self.last_any };
        let lingers = vitals.at - self.last_any < LINGER_NS;
        LAST_LOOK.store(if lingers { vitals.at } else { 0 }, SeqCst);
        if !is_any {
            return lingers.then_some(LINGER_GAP_NS);
        }
        // SAFETY: this is the thread.
        let desks = unsafe { &mut *DESKS.0.get() };
        let tight = (bytes_watched() > room.files).then_some(room.files);
        let mut gap = LINGER_GAP_NS;
        let mut read = None;
        for (slot, desk) in descriptors::slots().iter().zip(desks) {
            let Some((opened, serial)) = slot.read() else { continue };
            let Some(process) = self.process else {
                note(live, &opened, Outcome::Skipped, Reason::OldKernel);
                slot.forget(live, &opened, serial);
                continue;
            };
            if desk.serial != serial {
                desk.passing.clear();
                *desk =
                    Desk { serial, passing: Passing::begin(&opened), ahead: Ahead::begin(&opened), ..Desk::empty() };
                desk.from_disk = vitals.read;
            }
            let is_last = slot.is_last_asked();
            if is_last || vitals.at >= desk.next_look {
                let read = *read.get_or_insert_with(bytes_read);
                let now = Now { live, process, at: vitals.at, read, from_disk: vitals.read, tight, is_last };
                desk.gap = desk.look(&now, slot, &opened, serial);
                desk.next_look = sys::ticks() + desk.gap;
                if is_last {
                    slot.say_last_done();
                }
            }
            gap = gap.min(desk.next_look.saturating_sub(vitals.at));
        }
        Some(gap)
    }
}

impl Desk {
    /// Returns after how many ns the next is due.
    fn look(&mut self, now: &Now<'_>, slot: &Slot, opened: &Opened, serial: u32) -> u64 {
        let mut due = REST_NS;
        let file = Loan::new(now.process, slot, opened, serial);
        if self.ahead.is_wanted() {
            due = due.min(self.ahead.step(now.live, &file));
            if file.is_lost() {
                return self.give_up(now, slot, opened, serial);
            }
        }
        if !self.passing.is_wanted() {
            return due;
        }
        // The kernel has the file open while it says so.
        let Some(position) = file.keep(|| position_of(opened.fd)) else {
            return self.give_up(now, slot, opened, serial);
        };
        // From before the last look at the position to after this one.
        let read = bytes_read().saturating_sub(core::mem::replace(&mut self.read, now.read));
        let from_disk = now.from_disk.saturating_sub(core::mem::replace(&mut self.from_disk, now.from_disk));
        let news = passing::News { position, read, from_disk, is_last: now.is_last };
        if !self.passing.has_work(&news, now.tight) {
            return due.min((self.gap * 2).clamp(BUSY_NS, IDLE_NS));
        }
        let mut how = passing::How { live: now.live, slot, opened, room: now.tight, at: now.at };
        match self.passing.look(&mut how, &file, &news) {
            _ if file.is_lost() => self.give_up(now, slot, opened, serial),
            Ok(()) => due.min(BUSY_NS),
            Err(why) => {
                note(now.live, opened, Outcome::Skipped, why);
                self.passing.clear();
                due
            }
        }
    }

    /// The number is another file's, or nobody's: the program has closed it in a way that nobody saw.
    fn give_up(&mut self, now: &Now<'_>, slot: &Slot, opened: &Opened, serial: u32) -> u64 {
        if slot.has_moved(opened, serial) {
            return BUSY_NS;
        }
        self.passing.clear();
        slot.forget(now.live, opened, serial);
        REST_NS
    }
}

/// The thread leaves, and keeps what it has for the next one.
pub fn is_away() {
    LAST_LOOK.store(0, SeqCst);
}

/// Frees what the thread has: it ends.
pub fn end() {
    is_away();
    // SAFETY: this is the thread.
    for desk in unsafe { &mut *DESKS.0.get() } {
        desk.passing.clear();
        *desk = Desk::empty();
    }
}

/// In a forked child: what the thread had is the parent's.
pub fn start_in_child() {
    LAST_LOOK.store(0, SeqCst);
    // SAFETY: the only thread here.
    for desk in unsafe { &mut *DESKS.0.get() } {
        *desk = Desk::empty();
    }
}

/// Bytes of all files that are watched, each once.
fn bytes_watched() -> u64 {
    let mut seen = [(0u64, 0u64); SLOTS];
    let mut sum = 0u64;
    for (opened, _) in descriptors::slots().iter().filter_map(Slot::read) {
        let place = seen.iter_mut().find(|id| **id == (0, 0) || **id == opened.id);
        if let Some(place) = place.filter(|id| **id == (0, 0)) {
            *place = opened.id;
            sum = sum.saturating_add(opened.size);
        }
    }
    sum
}

/// Where the next read(2) of a descriptor of the program's goes on, without waiting for one that goes on now.
fn position_of(fd: c_int) -> Option<u64> {
    let mut path = Text::<40>::new();
    write!(path, "/proc/self/fdinfo/{fd}").ok()?;
    field(path.as_c(), b"pos:")
}

/// Bytes that the process has read by read(2) and its like. 0: unknown.
fn bytes_read() -> u64 {
    field(c"/proc/self/io", b"rchar:").unwrap_or(0)
}

/// The number behind a name at the beginning of a small file of /proc.
fn field(path: &CStr, name: &[u8]) -> Option<u64> {
    let mut buffer = [0u8; 64];
    let fd = sys::open(path, libc::O_RDONLY, 0).ok()?;
    let text = sys::read(fd, &mut buffer).map(|n| buffer.get(..n).unwrap_or(&[]));
    sys::close(fd);
    let rest = text.ok()?.strip_prefix(name)?.trim_ascii_start();
    let digits = rest.iter().take_while(|b| b.is_ascii_digit());
    Some(digits.fold(0u64, |value, b| value.wrapping_mul(10).wrapping_add(u64::from(b - b'0'))))
}

fn note(live: &Live<'_>, opened: &Opened, outcome: Outcome, why: Reason) {
    if let Some(stats) = live.page.rules.get(opened.rules.0 as usize) {
        stats.note(Axis::Access as u8, outcome, why as u8, 0);
    }
}

/// Drops chunks of a file, and counts them.
fn drop_chunks(live: &Live<'_>, file: &Loan<'_>, first: u64, count: u64) {
    for chunk in first..first + count {
        if file.call(|fd| sys::fadvise(fd, chunk * CHUNK, CHUNK, libc::POSIX_FADV_DONTNEED)).is_ok() {
            live.page.add(C::DroppedBytes, CHUNK);
        }
    }
}
