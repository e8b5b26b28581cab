//! Budgets: how much more may be populated and locked, in this process and in its whole tree.
//!
//! What must hold here: what is granted is taken at once (so that two processes can't both have the last byte) and
//! given back exactly; a grant is the least of the option, RLIMIT_MEMLOCK less what is in use, and half of what
//! memory and cgroups leave free; without a page folder a budget holds for the process alone.

use core::sync::atomic::{AtomicPtr, AtomicU64, Ordering::*};

use faultless_core::counters::C;
use faultless_core::reason::Reason;

use crate::live::Live;
use crate::{limits, own_stack, pages, sys};

/// What the processes of a tree share.
#[repr(C)]
pub struct Shared {
    populate: AtomicU64,
    lock: AtomicU64,
}

static PRIVATE: Shared = Shared { populate: AtomicU64::new(0), lock: AtomicU64::new(0) };
static SHARED: AtomicPtr<Shared> = AtomicPtr::new(core::ptr::null_mut());

/// Which budget.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Budget {
    /// populate-max
    Populate,
    /// lock-max
    Lock,
}

impl Budget {
    fn gauge(self) -> C {
        match self {
            Budget::Populate => C::PopulateNow,
            Budget::Lock => C::LockNow,
        }
    }

    /// Where the page keeps its size.
    fn column(self) -> usize {
        match self {
            Budget::Lock => 0,
            Budget::Populate => 1,
        }
    }

    fn shared(self, live: &Live<'_>) -> &'static AtomicU64 {
        let mut shared = SHARED.load(Acquire);
        if shared.is_null() {
            shared = pages::map_tree(live).unwrap_or((&raw const PRIVATE).cast_mut().cast()).cast();
            if SHARED.compare_exchange(core::ptr::null_mut(), shared, AcqRel, Acquire).is_err() {
                shared = SHARED.load(Acquire); // another thread was first: its mapping counts, ours stays unused
            }
        }
        // SAFETY: PRIVATE, or a mapping of at least a page that stays for ever.
        let shared = unsafe { &*shared };
        match self {
            Budget::Populate => &shared.populate,
            Budget::Lock => &shared.lock,
        }
    }

    /// Takes up to `wanted` bytes (whole pages). Returns what was granted, and if that is less, why.
    pub fn take(self, live: &Live<'_>, wanted: u64) -> (u64, Reason) {
        let max = live.bytes(match self {
            Budget::Populate => live.config.populate_max,
            Budget::Lock => live.config.lock_max,
        });
        let mut least = wanted;
        let mut reason = Reason::Done;
        let mut cap = |limit: u64, why: Reason| {
            if limit < least {
                (least, reason) = (limit & !(sys::PAGE as u64 - 1), why);
            }
        };
        if let Some(known) = live.page.budgets.get(self.column()) {
            known.store(max, Relaxed);
        }
        // Where the limits can't be read because the stack for it is taken, nothing is granted.
        let lockable = || if self == Budget::Lock { limits::lockable(&limits::status()) } else { u64::MAX };
        let Some((lockable, free)) = own_stack::run(|| (lockable(), limits::available())) else {
            return (0, Reason::Busy);
        };
        cap(lockable, Reason::Memlock);
        cap(free / 2, Reason::BudgetLimit);
        let shared = self.shared(live);
        let mut used = shared.load(Relaxed);
        if used.saturating_add(least) > max && pages::settle_dead(live, shared, self.gauge()) {
            used = shared.load(Relaxed);
        }
        loop {
            let room = max.saturating_sub(used) & !(sys::PAGE as u64 - 1);
            let grant = least.min(room);
            match shared.compare_exchange_weak(used, used + grant, Relaxed, Relaxed) {
                Ok(_) => {
                    live.page.add(self.gauge(), grant);
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
            self.shared(live).fetch_add(bytes, Relaxed);
        }
    }

    /// Gives bytes back.
    pub fn give(self, live: &Live<'_>, bytes: u64) {
        if bytes == 0 {
            return;
        }
        live.page.sub(self.gauge(), bytes);
        let _ = self.shared(live).fetch_update(Relaxed, Relaxed, |v| Some(v.saturating_sub(bytes)));
    }
}

/// Gives back all that this process has of the tree's budgets: it ends, or becomes another program.
pub fn give_all(live: &Live<'_>) {
    if SHARED.load(Acquire).is_null() {
        return; // nothing was ever taken
    }
    for budget in [Budget::Populate, Budget::Lock] {
        budget.give(live, live.page.get(budget.gauge()));
    }
}
