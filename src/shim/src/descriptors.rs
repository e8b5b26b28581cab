//! What is known of the files that the program has opened: the table that the hooks of open and close write, and that the
//! watching thread reads.
//!
//! What must hold here: no lock: a slot is taken by one compare-and-swap, and each change gives it a new serial. A number is
//! never trusted: the program may have closed it, or put another file there, by ways that nobody sees, so whoever uses one
//! compares the file with the one that was opened. No descriptor of ours is in the program's table.

mod loan;

use core::ffi::c_int;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering::*};

use faultless_core::rules::{Kind, Policy, Rule};

use crate::budget::Budget;
use crate::live::Live;
use crate::{sys, watch};

pub use loan::Loan;

/// Files that are watched at one time.
pub const SLOTS: usize = 64;
/// Bytes of the pieces in which files are dropped: as large as the largest folio of the page cache, because of one that lies
/// in a range in part nothing is dropped.
pub const CHUNK: u64 = 2 << 20;
/// How long a close waits for the thread's last look (ns).
const LAST_LOOK_NS: u64 = 20_000_000;

/// What has been read is dropped.
pub const DROP_BEHIND: u32 = 1;
/// The same, or something else, as it turns out.
pub const AUTO: u32 = 2;
/// Read ahead of the program.
pub const POPULATE: u32 = 4;

/// [`Slot::word`] of a slot that is free, and of one that is changing; a descriptor is kept with 2 added.
const FREE: u32 = 0;
const TAKEN: u32 = 1;

/// Nobody waits for a last look; somebody does; it is over.
const NOT_ASKED: u32 = 0;
const ASKED: u32 = 1;
const DONE: u32 = 2;

/// An opened file, as plain values.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Opened {
    /// its descriptor in the program
    pub fd: c_int,
    /// device, inode
    pub id: (u64, u64),
    /// bytes in the file
    pub size: u64,
    /// [`DROP_BEHIND`] and its like
    pub wants: u32,
    /// on whose behalf, for access and for arrival
    pub rules: (u8, u8),
    /// of the first chunks, those that were in memory, in part or in whole, when it was opened; and of how many that is known
    pub there: u64,
    /// see there
    pub known: u8,
    /// what is to be read ahead: first byte, and exclusive end
    pub ahead: (u64, u64),
    /// what that has of populate-max
    pub budget: u64,
}

/// A place in the table.
pub struct Slot {
    word: AtomicU32,
    serial: AtomicU32,
    device: AtomicU64,
    inode: AtomicU64,
    size: AtomicU64,
    tag: AtomicU64,
    there: AtomicU64,
    from: AtomicU64,
    to: AtomicU64,
    budget: AtomicU64,
    /// the thread wants a last look before the file is closed
    wants_last: AtomicBool,
    /// how far that is: [`NOT_ASKED`] and its like
    last: AtomicU32,
    /// the program has given advice of its own
    advised: AtomicBool,
}

static TABLE: [Slot; SLOTS] = [const {
    Slot {
        word: AtomicU32::new(FREE),
        serial: AtomicU32::new(0),
        device: AtomicU64::new(0),
        inode: AtomicU64::new(0),
        size: AtomicU64::new(0),
        tag: AtomicU64::new(0),
        there: AtomicU64::new(0),
        from: AtomicU64::new(0),
        to: AtomicU64::new(0),
        budget: AtomicU64::new(0),
        wants_last: AtomicBool::new(false),
        last: AtomicU32::new(NOT_ASKED),
        advised: AtomicBool::new(false),
    }
}; SLOTS];
/// Slots in use.
#[unsafe(link_section = ".bss.start")]
static COUNT: AtomicUsize = AtomicUsize::new(0);
/// Slots beyond this one were never used.
static USED: AtomicUsize = AtomicUsize::new(0);
/// Some rule wants to know of opened files: until then the hooks pass by.
#[unsafe(link_section = ".bss.start")]
static WANTED: AtomicBool = AtomicBool::new(false);

/// Whether some rule wants to know of opened files.
#[inline(always)]
pub fn is_wanted() -> bool {
    WANTED.load(Relaxed)
}

/// Whether any opened file is watched.
#[inline(always)]
pub fn any() -> bool {
    COUNT.load(Relaxed) != 0
}

/// The constructor has read the policy.
pub fn start(policy: &Policy) {
    if policy.rules().iter().any(wants) {
        WANTED.store(true, Relaxed); // where nobody asks, not even a page is touched
    }
}

/// Whether a rule says something about opened files. To read all of whatever a program opens, because a rule for `any` populates
/// memory, would be a surprise.
pub fn wants(rule: &Rule) -> bool {
    match rule.kind {
        Kind::File => rule.actions.access.is_some() || rule.actions.arrival.is_some(),
        Kind::Any => rule.actions.access.is_some(),
        _ => false,
    }
}

impl Slot {
    /// What is watched here, and the slot's serial. None: nothing, or it is changing.
    pub fn read(&self) -> Option<(Opened, u32)> {
        let serial = self.serial.load(SeqCst);
        let word = self.word.load(SeqCst);
        let opened = self.load(word);
        let is_whole = word > TAKEN && self.serial.load(SeqCst) == serial && self.word.load(SeqCst) == word;
        is_whole.then_some((opened, serial))
    }

    fn load(&self, word: u32) -> Opened {
        let tag = self.tag.load(Relaxed);
        Opened {
            fd: word.wrapping_sub(2) as c_int,
            id: (self.device.load(Relaxed), self.inode.load(Relaxed)),
            size: self.size.load(Relaxed),
            wants: tag as u32,
            rules: ((tag >> 32) as u8, (tag >> 40) as u8),
            there: self.there.load(Relaxed),
            known: (tag >> 48) as u8,
            ahead: (self.from.load(Relaxed), self.to.load(Relaxed)),
            budget: self.budget.load(Relaxed),
        }
    }

    fn write(&self, o: &Opened) {
        self.device.store(o.id.0, Relaxed);
        self.inode.store(o.id.1, Relaxed);
        self.size.store(o.size, Relaxed);
        let small = u64::from(o.rules.0) << 32 | u64::from(o.rules.1) << 40 | u64::from(o.known) << 48;
        self.tag.store(u64::from(o.wants) | small, Relaxed);
        self.there.store(o.there, Relaxed);
        self.from.store(o.ahead.0, Relaxed);
        self.to.store(o.ahead.1, Relaxed);
        self.budget.store(o.budget, Relaxed);
        self.wants_last.store(false, Relaxed);
        self.last.store(NOT_ASKED, Relaxed);
        self.advised.store(false, Relaxed);
        self.serial.fetch_add(1, SeqCst);
        self.word.store(o.fd as u32 + 2, SeqCst);
    }

    /// Takes the slot if this descriptor is watched there.
    fn take(&self, fd: c_int) -> Option<Opened> {
        let word = fd as u32 + 2;
        if self.word.load(Relaxed) != word || self.word.compare_exchange(word, TAKEN, SeqCst, Relaxed).is_err() {
            return None;
        }
        self.serial.fetch_add(1, SeqCst);
        Some(self.load(word))
    }

    /// Whether the program reads on from standard input what it is about to close: dd opens a file, duplicates it there and
    /// closes it. What is known of it stays. Another open of the same file would be no reason: that one is at another place.
    fn goes_on_as_stdin(&self, fd: c_int) -> bool {
        const STDIN: u32 = 2;
        fd != libc::STDIN_FILENO
            && sys::are_duplicates(fd, libc::STDIN_FILENO)
            && self.word.compare_exchange(fd as u32 + 2, STDIN, SeqCst, Relaxed).is_ok()
    }

    /// Whether what had this serial has another number by now.
    pub fn has_moved(&self, opened: &Opened, serial: u32) -> bool {
        self.read().is_some_and(|(now, then)| then == serial && now.fd != opened.fd)
    }

    /// Gives back a slot that was taken, and what it had of a budget.
    fn free(&self, live: &Live<'_>) {
        Budget::Populate.give(live, self.budget.swap(0, Relaxed));
        self.word.store(FREE, SeqCst);
        COUNT.fetch_sub(1, SeqCst);
    }

    /// Whether the slot has not changed since it had this serial.
    pub fn is_still(&self, serial: u32) -> bool {
        self.serial.load(SeqCst) == serial && self.word.load(SeqCst) > TAKEN
    }

    /// The same, and its descriptor has this number.
    fn is_still_at(&self, fd: c_int, serial: u32) -> bool {
        self.serial.load(SeqCst) == serial && self.word.load(SeqCst) == fd as u32 + 2
    }

    /// Nothing is done for it any more, unless it has changed since it had this serial.
    pub fn forget(&self, live: &Live<'_>, opened: &Opened, serial: u32) {
        if self.is_still(serial) && self.take(opened.fd).is_some() {
            self.free(live);
        }
    }

    /// Says whether there is something to do before the file is closed.
    pub fn say_wants_last(&self, wants_last: bool) {
        self.wants_last.store(wants_last, Relaxed);
    }

    /// Whether the program waits for the last look, because it is about to close the file.
    pub fn is_last_asked(&self) -> bool {
        self.last.load(SeqCst) == ASKED
    }

    /// The last look is over.
    pub fn say_last_done(&self) {
        if self.last.compare_exchange(ASKED, DONE, SeqCst, Relaxed).is_ok() {
            sys::wake(&self.last);
        }
    }

    /// Asks for the last look.
    fn ask_for_the_last_look(&self, opened: &Opened) {
        // The thread may not have seen yet that anything was read.
        let was_read = || opened.wants & DROP_BEHIND != 0 && sys::position(opened.fd).is_ok_and(|at| at != 0);
        let is_due = self.wants_last.load(Relaxed) || was_read();
        if !is_due || self.last.compare_exchange(NOT_ASKED, ASKED, SeqCst, Relaxed).is_err() {
            return;
        }
        watch::look_now();
    }

    /// Waits for it, bounded, if it was asked for.
    fn wait_for_the_last_look(&self) {
        let until = sys::ticks() + LAST_LOOK_NS;
        let mut now = sys::ticks();
        while self.is_last_asked() && now < until && !watch::is_thread_gone() {
            sys::wait_while(&self.last, ASKED, until - now);
            now = sys::ticks();
        }
    }

    /// Whether the program has given advice of its own.
    pub fn is_advised(&self) -> bool {
        self.advised.load(Relaxed)
    }
}

/// The slots that were ever used.
pub fn slots() -> &'static [Slot] {
    TABLE.get(..USED.load(SeqCst).min(SLOTS)).unwrap_or(&TABLE)
}

/// Adds a file; what was known of its number is forgotten. False: the table is full.
pub fn insert(live: &Live<'_>, opened: &Opened) -> bool {
    if any() {
        for slot in slots() {
            if slot.take(opened.fd).is_some() {
                slot.free(live);
            }
        }
    }
    for (index, slot) in TABLE.iter().enumerate() {
        if slot.word.load(Relaxed) == FREE && slot.word.compare_exchange(FREE, TAKEN, SeqCst, Relaxed).is_ok() {
            COUNT.fetch_add(1, SeqCst);
            USED.fetch_max(index + 1, SeqCst);
            slot.write(opened);
            return true;
        }
    }
    false
}

/// Nothing is done for a descriptor any more.
pub fn forget(live: &Live<'_>, fd: c_int) {
    slots().iter().filter(|slot| slot.take(fd).is_some()).for_each(|slot| slot.free(live));
}

/// Whether this descriptor is watched, as far as can be seen at a glance.
pub fn is_watched(fd: c_int) -> bool {
    fd >= 0 && slots().iter().any(|slot| slot.word.load(Relaxed) == fd as u32 + 2)
}

/// The program has given advice of its own on a descriptor.
pub fn advised(fd: c_int) {
    let of_it = |slot: &&Slot| slot.word.load(Relaxed) == fd as u32 + 2;
    slots().iter().filter(of_it).for_each(|slot| slot.advised.store(true, Relaxed));
}

/// The program is about to close a descriptor: the thread drops what a scan has left of the file. What the thread has of it is
/// closed before, because a lock on the file (flock(2)) lasts until the last one is.
pub fn closing(live: &Live<'_>, fd: c_int) {
    for slot in slots() {
        let Some((opened, serial)) = slot.read().filter(|(opened, _)| opened.fd == fd) else { continue };
        if !slot.goes_on_as_stdin(fd) {
            slot.ask_for_the_last_look(&opened);
            slot.wait_for_the_last_look();
            slot.forget(live, &opened, serial);
        }
        loan::wait_until_given_back(fd);
    }
}

/// The same for all from `first` to `last`: where the process ends, for whatever is open.
pub fn closing_all(live: &Live<'_>, first: u32, last: u32) {
    if any() {
        let of_them = || {
            let read = slots().iter().filter_map(|slot| Some((slot, slot.read()?.0)));
            read.filter(|(_, opened)| (first..=last).contains(&(opened.fd as u32)))
        };
        // One look serves all.
        of_them().for_each(|(slot, opened)| slot.ask_for_the_last_look(&opened));
        of_them().for_each(|(_, opened)| closing(live, opened.fd));
    }
}

/// Told to let go: nothing is watched any more.
pub fn let_go(live: &Live<'_>) {
    WANTED.store(false, Relaxed);
    for (opened, _) in slots().iter().filter_map(Slot::read) {
        forget(live, opened.fd);
    }
}

/// In a forked child: nothing is watched, and nothing was taken of a budget.
pub fn start_in_child() {
    if COUNT.swap(0, SeqCst) != 0 {
        for slot in slots() {
            slot.budget.store(0, Relaxed);
            slot.serial.fetch_add(1, SeqCst);
            slot.word.store(FREE, SeqCst);
        }
    }
    loan::start_in_child();
}
