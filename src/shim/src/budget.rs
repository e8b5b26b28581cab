//! Budgets: how much more may be populated and locked, in this process and in its whole tree.
//!
//! What must hold here: what is granted is taken at once (so that two processes can't both have the last byte) and
//! given back exactly; a grant is the least of the option, RLIMIT_MEMLOCK less what is in use, and half of what
//! memory and cgroups leave free; without a page folder a budget holds for the process alone.

use faultless_core::counters::C;
use faultless_core::reason::Reason;

use crate::live::Live;
use crate::sync::{AtomicI64, AtomicPtr, AtomicU64, Ordering::*};
use crate::{limits, own_stack, pages, sys};

/// What the processes of a tree share.
#[repr(C)]
pub struct Shared {
    populate: AtomicU64,
    lock: AtomicU64,
    retain: AtomicU64,
    growth: AtomicU64,
}

static PRIVATE: Shared = Shared {
    populate: AtomicU64::new(0),
    lock: AtomicU64::new(0),
    retain: AtomicU64::new(0),
    growth: AtomicU64::new(0),
};
static SHARED: AtomicPtr<Shared> = AtomicPtr::new(core::ptr::null_mut());

/// The program is about to unmap a range, or to map something over it: what the tree shares, if it lies there, is this process's own
/// from now on.
#[inline]
pub fn give_way(start: usize, len: usize) {
    let shared = SHARED.load(Relaxed);
    let own = (&raw const PRIVATE).cast_mut();
    if !shared.is_null()
        && shared != own
        && start < shared as usize + sys::PAGE
        && (shared as usize) < start.saturating_add(len)
    {
        // SAFETY: mapped until the program's call.
        let before = unsafe { &*shared };
        PRIVATE.populate.store(before.populate.load(Relaxed), Relaxed);
        PRIVATE.lock.store(before.lock.load(Relaxed), Relaxed);
        PRIVATE.retain.store(before.retain.load(Relaxed), Relaxed);
        PRIVATE.growth.store(before.growth.load(Relaxed), Relaxed);
        SHARED.store(own, Release);
    }
}

/// Which budget.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Budget {
    /// populate-max
    Populate,
    /// lock-max
    Lock,
    /// retain-max
    Retain,
    /// huge-growth-max
    Growth,
}

/// Every budget.
const ALL: [Budget; 4] = [Budget::Populate, Budget::Lock, Budget::Retain, Budget::Growth];

/// What a process had of each.
pub type Taken = [u64; ALL.len()];

impl Budget {
    fn gauge(self) -> C {
        match self {
            Budget::Populate => C::PopulateNow,
            Budget::Lock => C::LockNow,
            Budget::Retain => C::RetainNow,
            Budget::Growth => C::GrowthNow,
        }
    }

    /// Where the page keeps its size.
    fn column(self) -> usize {
        match self {
            Budget::Lock => 0,
            Budget::Populate => 1,
            Budget::Retain => 2,
            Budget::Growth => 3,
        }
    }

    /// None: the stack for mapping it is taken, and nothing was ever taken of any budget. To take from the process's own for
    /// this time would give back to the tree what others have of it.
    fn shared(self, live: &Live<'_>) -> Option<&'static AtomicU64> {
        let mut shared = SHARED.load(Acquire);
        if shared.is_null() {
            let mapped = own_stack::run(|| pages::map_tree(live))?;
            shared = mapped.unwrap_or((&raw const PRIVATE).cast_mut().cast());
            if SHARED.compare_exchange(core::ptr::null_mut(), shared, AcqRel, Acquire).is_err() {
                shared = SHARED.load(Acquire); // another thread was first: its mapping counts, ours stays unused
            }
        }
        // SAFETY: PRIVATE, or a mapping of at least a page that stays for ever.
        Some(self.of(unsafe { &*shared }))
    }

    fn of(self, shared: &'static Shared) -> &'static AtomicU64 {
        match self {
            Budget::Populate => &shared.populate,
            Budget::Lock => &shared.lock,
            Budget::Retain => &shared.retain,
            Budget::Growth => &shared.growth,
        }
    }

    /// The option, in bytes; noted in the page.
    fn max(self, live: &Live<'_>) -> u64 {
        let max = live.bytes(match self {
            Budget::Populate => live.config.populate_max,
            Budget::Lock => live.config.lock_max,
            Budget::Retain => live.config.retain_max,
            Budget::Growth => live.config.huge_growth_max,
        });
        if let Some(known) = live.page.budgets.get(self.column()) {
            known.store(max, Relaxed);
        }
        max
    }

    /// Takes all of `bytes`, or nothing; without asking what the machine leaves free.
    pub fn try_take(self, live: &Live<'_>, bytes: u64) -> bool {
        self.try_take_or_missing(live, bytes).is_ok()
    }

    /// The same; the error says how many bytes there are too few.
    pub fn try_take_or_missing(self, live: &Live<'_>, bytes: u64) -> Result<(), u64> {
        let max = self.max(live);
        let more = |used: u64| used.checked_add(bytes).filter(|sum| *sum <= max);
        let shared = self.shared(live).ok_or(bytes)?;
        match shared.fetch_update(Relaxed, Relaxed, more) {
            Ok(_) => {
                live.page.add(self.gauge(), bytes);
                Ok(())
            }
            Err(used) => Err(used.saturating_add(bytes).saturating_sub(max)),
        }
    }

    /// Takes back what processes of the tree had that were killed. At most once a second: it reads the folder of pages. True
    /// if there was something.
    pub fn settle_dead(self, live: &Live<'_>) -> bool {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        const EVERY_NS: u64 = 1_000_000_000;
        let now = sys::now(libc::CLOCK_MONOTONIC_COARSE);
        let next = NEXT.load(Relaxed);
        let is_due = now >= next && NEXT.compare_exchange(next, now + EVERY_NS, Relaxed, Relaxed).is_ok();
        let Some(shared) = self.shared(live) else { return false };
        is_due && own_stack::run(|| pages::settle_dead(live, shared, self.gauge())) == Some(true)
    }

    /// Takes up to `wanted` bytes (whole pages). Returns what was granted, and if that is less, why.
    pub fn take(self, live: &Live<'_>, wanted: u64) -> (u64, Reason) {
        let max = self.max(live);
        let mut least = wanted;
        let mut reason = Reason::Done;
        let mut cap = |limit: u64, why: Reason| {
            if limit < least {
                (least, reason) = (limit & !(sys::PAGE as u64 - 1), why);
            }
        };
        // Where the limits can't be read because the stack for it is taken, nothing is granted.
        let Some(room) = Room::read(Room::SOON_NS) else { return (0, Reason::Busy) };
        if self == Budget::Lock {
            cap(room.lockable, Reason::Memlock);
        }
        cap(room.free / 2, Reason::BudgetLimit);
        let Some(shared) = self.shared(live) else { return (0, Reason::Busy) };
        let mut used = shared.load(Relaxed);
        if used.saturating_add(least) > max {
            own_stack::run(|| pages::settle_dead(live, shared, self.gauge()));
            used = shared.load(Relaxed);
        }
        loop {
            let room = max.saturating_sub(used) & !(sys::PAGE as u64 - 1);
            let grant = least.min(room);
            match shared.compare_exchange_weak(used, used + grant, Relaxed, Relaxed) {
                Ok(_) => {
                    live.page.add(self.gauge(), grant);
                    Room::spend(self, grant);
                    let why = if grant == wanted {
                        Reason::Done
                    } else if grant < least {
                        Reason::BudgetOption
                    } else {
                        reason
                    };
                    return (grant, why);
                }
                Err(now) => used = now,
            }
        }
    }

    /// Takes bytes that the kernel has taken already: a locked mapping grew.
    pub fn force(self, live: &Live<'_>, bytes: u64) {
        if bytes != 0 {
            live.page.add(self.gauge(), bytes);
            if let Some(shared) = self.shared(live) {
                shared.fetch_add(bytes, Relaxed);
            }
        }
    }

    /// Gives bytes back.
    pub fn give(self, live: &Live<'_>, bytes: u64) {
        if bytes == 0 {
            return;
        }
        live.page.sub(self.gauge(), bytes);
        if self == Budget::Lock {
            // Of what was last read, too: else threads that come and go would use it up within a moment.
            let more = |v: u64| (v != u64::MAX).then_some(v.saturating_add(bytes));
            let _ = LOCKABLE.fetch_update(Relaxed, Relaxed, more);
        }
        if let Some(shared) = self.shared(live) {
            let _ = shared.fetch_update(Relaxed, Relaxed, |v| Some(v.saturating_sub(bytes)));
        }
    }
}

/// What the machine leaves, as last read, less what has been asked for since. Reading opens files, and a program that
/// counts on getting the lowest free descriptor should hardly ever meet one of ours: so at most ten times a second.
pub struct Room {
    lockable: u64,
    /// bytes that nobody would have to be pushed out for
    pub free: u64,
    /// bytes that are mapped here, writable and private, and that nobody has touched yet
    pub untouched: u64,
}

static FREE: AtomicI64 = AtomicI64::new(0);
static LOCKABLE: AtomicU64 = AtomicU64::new(0);
static UNTOUCHED: AtomicU64 = AtomicU64::new(0);
/// CLOCK_MONOTONIC in ns of when they were read; 0: never.
static READ_AT: AtomicU64 = AtomicU64::new(0);

impl Room {
    /// How old it may be where much depends on it.
    pub const SOON_NS: u64 = 100_000_000;

    /// Reads it, unless that was done less than `age` ns ago. None: the stack for it is taken.
    pub fn read(age: u64) -> Option<Room> {
        let now = sys::now(libc::CLOCK_MONOTONIC);
        let read_at = READ_AT.load(Acquire);
        if read_at == 0 || now - read_at.min(now) >= age {
            let (status, free) = own_stack::run(|| (limits::status(), limits::available()))?;
            LOCKABLE.store(limits::lockable(&status), Relaxed);
            UNTOUCHED.store(status.untouched, Relaxed);
            FREE.store(i64::try_from(free).unwrap_or(i64::MAX), Relaxed);
            READ_AT.store(now, Release);
        }
        Some(Room {
            lockable: LOCKABLE.load(Relaxed),
            free: FREE.load(Relaxed).max(0) as u64,
            untouched: UNTOUCHED.load(Relaxed),
        })
    }

    /// Whether the program, which is about to take so much, finds it and leaves `reserve` bytes free. Asks anew, as often as may
    /// be, where what was last known says no.
    pub fn leaves(bytes: usize, reserve: usize) -> bool {
        let enough = |free: i64| free >= i64::try_from(reserve).unwrap_or(i64::MAX);
        let bytes = bytes as u64;
        READ_AT.load(Relaxed) == 0
            || enough(Room::ask(bytes))
            || Room::read(Room::SOON_NS).is_some_and(|room| room.free >= bytes && enough(Room::ask(bytes)))
    }

    /// The program asks for so many bytes. Returns what is free after it, which may be less than nothing.
    pub fn ask(bytes: u64) -> i64 {
        if READ_AT.load(Relaxed) == 0 {
            return 0;
        }
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        FREE.fetch_sub(bytes, Relaxed).saturating_sub(bytes)
    }

    /// Takes from what was read, until it is read again.
    fn spend(budget: Budget, bytes: u64) {
        Room::ask(bytes);
        if budget == Budget::Lock {
            let less = |v: u64| (v != u64::MAX).then_some(v.saturating_sub(bytes));
            let _ = LOCKABLE.fetch_update(Relaxed, Relaxed, less);
        }
    }
}

/// Takes back what [`give_all`] gave: the exec failed.
pub fn retake(live: &Live<'_>, taken: Taken) {
    for (budget, bytes) in ALL.into_iter().zip(taken) {
        budget.force(live, bytes);
    }
}

/// Gives back all that this process has of the tree's budgets: it ends, or becomes another program. Returns it.
pub fn give_all(live: &Live<'_>) -> Taken {
    if SHARED.load(Acquire).is_null() {
        return Taken::default(); // nothing was ever taken
    }
    ALL.map(|budget| {
        let taken = live.page.get(budget.gauge());
        budget.give(live, taken);
        taken
    })
}
