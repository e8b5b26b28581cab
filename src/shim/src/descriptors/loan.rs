//! What the thread has of a file of the program's: a descriptor of its own, for one short call at a time.
//!
//! What must hold here: a file is open for as long as anybody has it, so what the program closes must not wait for a look at
//! all of it: a lock (flock(2)) would outlive the close, the end of a pipe not come. Hooks wait for the one call; what closes
//! in a way that nobody sees (io_uring, a system call of its own) finds it over soon.

use core::cell::Cell;
use core::ffi::c_int;
use core::sync::atomic::{AtomicU32, Ordering::SeqCst};

use super::{CHUNK, Opened, Slot};
use crate::sys::{self, Errno, PAGE};
use crate::watch;

/// How long a close waits until the thread has closed what it has of the file (ns): as a rule it has it for some µs, but it
/// may be on a slow disk, or preempted, and a lock that outlives the program's close would break the program.
const PATIENCE_NS: u64 = 1_000_000_000;
/// How long it sleeps between two looks (ns).
const ASLEEP_NS: u64 = 50_000;

/// A call that asks what is in memory is about as long as this (ns): longer, and the next one asks about less.
const LONG_NS: u64 = 200_000;
const SHORT_NS: u64 = 50_000;
/// Bytes that one such call asks about: the first, the least, the most. A page that is in memory takes the kernel some ns, one
/// that it remembers to have evicted a microsecond.
const FIRST: u64 = CHUNK / 4;
const LEAST: u64 = CHUNK / 8;
const MOST: u64 = CHUNK * 16;

/// The descriptor for which the thread has one of its own just now, or [`NONE`].
static HELD: AtomicU32 = AtomicU32::new(NONE);
const NONE: u32 = u32::MAX;

/// A file of the program's, for one look of the thread.
pub struct Loan<'a> {
    process: c_int,
    slot: &'a Slot,
    opened: &'a Opened,
    serial: u32,
    is_lost: Cell<bool>,
    piece: Cell<u64>,
}

impl<'a> Loan<'a> {
    /// Of what `slot` held, read with this serial. For the thread alone.
    pub fn new(process: c_int, slot: &'a Slot, opened: &'a Opened, serial: u32) -> Loan<'a> {
        Loan { process, slot, opened, serial, is_lost: Cell::new(false), piece: Cell::new(FIRST) }
    }

    /// Whether the slot has changed meanwhile, or the number is another file's, or nobody's: there is nothing more to be had.
    pub fn is_lost(&self) -> bool {
        self.is_lost.get()
    }

    /// Runs `f` while whoever closes the descriptor waits. None: lost.
    pub fn keep<R>(&self, f: impl FnOnce() -> Option<R>) -> Option<R> {
        if self.is_lost() {
            return None;
        }
        // Said first, then checked: whoever closes does it the other way round.
        HELD.store(self.opened.fd as u32, SeqCst);
        let is_there = self.slot.is_still_at(self.opened.fd, self.serial);
        let result = if is_there { f() } else { None };
        HELD.store(NONE, SeqCst);
        self.is_lost.set(result.is_none());
        result
    }

    /// Makes one short call with a descriptor of the thread's own. EBADF: lost.
    pub fn call<R>(&self, call: impl FnOnce(c_int) -> Result<R, Errno>) -> Result<R, Errno> {
        let called = self.keep(|| {
            let own = sys::borrow(self.process, self.opened.fd).ok()?;
            let is_it = sys::fstat(own).is_ok_and(|st| st.id == self.opened.id);
            let result = is_it.then(|| call(own));
            sys::close(own);
            result
        });
        called.unwrap_or(Err(libc::EBADF))
    }

    /// How many pages of a part of the file are in memory; asked in pieces.
    pub fn cached_pages(&self, from: u64, len: u64) -> Result<u64, Errno> {
        let (mut at, end, mut pages) = (from, from + len, 0);
        while at < end {
            let piece = self.piece.get();
            let began = sys::ticks();
            let bytes = piece.min(end - at);
            pages += self.call(|fd| sys::cached_pages(fd, at, bytes))?;
            at += bytes;
            self.piece.set(match sys::ticks() - began {
                took if took > LONG_NS => (piece / 2).max(LEAST),
                took if took < SHORT_NS && bytes == piece => (piece * 2).min(MOST),
                _ => piece,
            });
        }
        Ok(pages)
    }
}

const _: () = assert!(LEAST.is_multiple_of(PAGE as u64), "a piece is of whole pages");

/// The program is about to close a descriptor, of which the table says nothing any more: until the thread has closed its own.
pub fn wait_until_given_back(fd: c_int) {
    let fd = fd as u32;
    if HELD.load(SeqCst) != fd {
        return;
    }
    let until = sys::ticks() + PATIENCE_NS;
    while HELD.load(SeqCst) == fd && sys::ticks() < until && !watch::is_thread_gone() {
        sys::wait_while(&HELD, fd, ASLEEP_NS);
    }
}

/// In a forked child: the thread is the parent's.
pub fn start_in_child() {
    HELD.store(NONE, SeqCst);
}
