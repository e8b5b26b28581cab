//! When it is worth it to sample, how long a sample waits, and how long we rest between two batches.
//!
//! What must hold here: nothing is sampled while hardly anything comes from disk, nor where what is watched fits in memory,
//! has not been read more than once, and stays there; the rest follows from what a batch has cost.

use core::sync::atomic::AtomicU32;

use super::Sight;
use super::choose::Clarity;
use crate::sys;

/// Major faults per second below which there is nothing to win.
const LEAST_FAULTS: u64 = 4;
/// After so long without (ns), what is in use has settled.
const SETTLED_NS: u64 = 3_000_000_000;
/// Over how long they are counted (ns).
const WINDOW_NS: u64 = 200_000_000;
/// How long a sample waits (ns): at first, at least, at most.
const FIRST_NS: u64 = if IS_HURRIED { 20_000 } else { 20_000_000 };
const SHORTEST_NS: u64 = if IS_HURRIED { 20_000 } else { 2_000_000 };
const LONGEST_NS: u64 = if IS_HURRIED { 20_000 } else { 1_000_000_000 };
/// Built to torture: no rest, whatever it costs.
pub const IS_HURRIED: bool = cfg!(feature = "hurried");
/// Of 1024 samples, more than so many in use: they wait too long; fewer: not long enough.
const MANY: u32 = 384;
const FEW: u32 = 32;
/// Between two batches (ns): while there is news, and after long without.
const SHORT_REST_NS: u64 = 30_000_000;
const LONG_REST_NS: u64 = 480_000_000;
/// So many times what a batch costs we rest at least: while there is news, and after some time without.
const SHARE: u64 = 10;
const CALM_SHARE: u64 = 50;
/// Batches of a sweep.
const MOST_BATCHES: usize = 8;
/// Sweeps without news before the rest grows.
const CALM_SWEEPS: u32 = 4;
/// How often it doubles.
const MOST_DOUBLINGS: u32 = 4;

/// Where it is built to torture, what is guarded takes long enough for others to come in between, if they can.
pub fn hold_the_window_open() {
    static NEVER: AtomicU32 = AtomicU32::new(0);
    const OPEN_NS: u64 = 100_000;
    if IS_HURRIED {
        sys::wait_while(&NEVER, 0, OPEN_NS);
    }
}

/// See above.
pub struct Tempo {
    /// when the window began, and the major faults until then
    window: Option<(u64, u64)>,
    /// bytes read from disk before anything was watched
    read_first: u64,
    is_worth_it: bool,
    /// major faults went on in the last window
    is_faulting: bool,
    /// what was in memory has been seen to go, and to come back
    is_losing: bool,
    /// when the last window ended in which pages came from disk; 0: what has settled since has been seen to
    busy_at: u64,
    wait: u64,
    calm: u32,
}

impl Tempo {
    /// At the beginning.
    pub const fn new() -> Tempo {
        Tempo {
            window: None,
            read_first: 0,
            is_worth_it: false,
            is_faulting: false,
            is_losing: false,
            busy_at: 0,
            wait: FIRST_NS,
            calm: 0,
        }
    }

    /// Whether there is something to win by sampling. `all`: bytes of the mappings that are sampled.
    pub fn is_worth_it(&mut self, sight: &Sight<'_>, all: u64) -> bool {
        let now = sight.now;
        let Some((began, majors)) = self.window else {
            self.window = Some((now.at, now.majors));
            self.read_first = now.read;
            return false;
        };
        if now.at - began >= WINDOW_NS {
            let pace = now.majors.saturating_sub(majors) * 1_000_000_000 / (now.at - began);
            let is_tight = sight.all.max(all) > sight.room.files;
            // More than there is: some of it has been read before.
            let is_read_again = now.read - self.read_first > all + all / 4;
            self.is_faulting = pace >= LEAST_FAULTS;
            self.is_worth_it = self.is_faulting && (is_tight || is_read_again || self.is_losing);
            if self.is_faulting && is_tight {
                self.busy_at = now.at;
            }
            self.window = Some((now.at, now.majors));
        }
        self.is_worth_it || IS_HURRIED
    }

    /// Whether pages came from disk in the last window.
    pub fn is_faulting(&self) -> bool {
        self.is_faulting
    }

    /// From here on it is known that what was in memory goes, and comes back from disk.
    pub fn has_seen_losses(&mut self) {
        self.is_losing = true;
    }

    /// Whether the program, which maps more than memory holds, has had all that it uses for a while. True once: until pages
    /// come from disk again.
    pub fn has_settled(&mut self, now: u64) -> bool {
        let has = self.busy_at != 0 && now - self.busy_at > SETTLED_NS;
        if has {
            self.busy_at = 0;
        }
        has
    }

    /// How long a sample waits, in ns.
    pub fn wait(&self) -> u64 {
        self.wait
    }

    /// So many samples, of so many, were in use, and what is chosen shows so clearly. True: from here on they wait longer, or less
    /// long.
    pub fn adapt(&mut self, (used, all): (u32, u32), clarity: Clarity) -> bool {
        if all == 0 {
            return false;
        }
        let (used, before) = (used * 1024 / all, self.wait);
        // What is used now and then looks the less like what is hot the less long a sample waits.
        if used > MANY || clarity == Clarity::Certain && used > FEW * 2 {
            self.wait = (self.wait / 2).max(SHORTEST_NS);
        } else if used < FEW {
            self.wait = (self.wait * if used < FEW / 4 { 4 } else { 2 }).min(LONGEST_NS);
        } else if clarity == Clarity::Faint {
            self.wait = (self.wait * 2).min(LONGEST_NS);
        }
        self.wait != before
    }

    /// In how many batches a sweep is done. Where a sample waits for long, little of what is taken out of the page tables is
    /// used meanwhile, and more of it may be out at a time.
    pub fn batches(&self) -> usize {
        (MOST_BATCHES as u64 * FIRST_NS / self.wait).clamp(1, MOST_BATCHES as u64) as usize
    }

    /// A sweep is over.
    pub fn ended(&mut self, is_calm: bool) {
        self.calm = if is_calm { self.calm.saturating_add(1) } else { 0 };
    }

    /// There is little to be expected.
    pub fn slow_down(&mut self) {
        self.calm = CALM_SWEEPS + MOST_DOUBLINGS;
    }

    /// How long to rest after a batch that took so long, in ns.
    pub fn rest(&self, cost: u64) -> u64 {
        if IS_HURRIED {
            return 0;
        }
        let doublings = self.calm.saturating_sub(CALM_SWEEPS).min(MOST_DOUBLINGS);
        let share = if doublings == 0 { SHARE } else { CALM_SHARE };
        (SHORT_REST_NS << doublings).min(LONG_REST_NS).max(cost * share)
    }
}
