//! `recycle`: freed blocks that keep their pages for the next.
//!
//! What must hold here: at most retain-max bytes, for the whole tree; a block on which the program made an address-space
//! call that the next one would notice (a guard page, MADV_DONTFORK, a file mapped over it) is never kept; what is kept
//! never stands in the way of what the program would get alone: nothing is kept where a limit counts what is mapped, and
//! all of it goes when memory is short, when a call fails for want of it, after ten seconds, and before a fork.
//!
//! A block is in the cache or live, never both. The slot has all that is to know of it in one word, so that whoever changes
//! this word by compare-and-swap has the very block that he read of; what a thread has taken out is its alone.

use faultless_core::counters::C;

use crate::blocks::{self, Block};
use crate::budget::{Budget, Room};
use crate::live::Live;
use crate::sync::{AtomicBool, AtomicU64, AtomicUsize, Ordering::*, fence};
use crate::sys::{self, HUGE, PAGE};
use crate::{captive, limits, state};

/// Blocks that are kept at one time.
const SLOTS: usize = 128;
/// Where fewer bytes are free nothing is kept: page tables, and what the kernel sets aside for each processor, also count.
const LEAST_FREE: usize = 16 << 20;
/// Seconds after which a block that nobody has taken goes.
const MOST_SECONDS: u64 = 10;
const SECOND_NS: u64 = 1_000_000_000;
const SECONDS_MASK: u64 = (1 << (64 - Kept::SECONDS_AT)) - 1;

/// The kept blocks, as [`Kept`] packs them; 0 is free.
static KEPT: [AtomicU64; SLOTS] = [const { AtomicU64::new(0) }; SLOTS];
/// Bytes in all of them.
static BYTES: AtomicUsize = AtomicUsize::new(0);
/// Which slot goes next when room is needed.
static OLDEST: AtomicUsize = AtomicUsize::new(0);
/// The program does what can't be followed, or wants its memory for itself: nothing is kept any more.
static NEVER: AtomicBool = AtomicBool::new(false);
/// The limits, as last looked at, count what is mapped.
static LIMITED: AtomicBool = AtomicBool::new(false);
/// CLOCK_MONOTONIC_COARSE in ns at the last looks.
static LIMITS_SEEN: AtomicU64 = AtomicU64::new(0);
static AGES_SEEN: AtomicU64 = AtomicU64::new(0);

/// What a slot says of a block.
#[derive(Clone, Copy)]
struct Kept(u64);

impl Kept {
    const PAGES_AT: u32 = 26;
    const IS_HUGE_AT: u32 = 48;
    const SECONDS_AT: u32 = 49;

    /// 26 bits for the place, 22 for the length (up to 8 GiB), 1 for huge pages, 15 for when it was freed.
    fn new(block: &Block, is_huge: bool, seconds: u64) -> Kept {
        let place = (block.start / HUGE) as u64 | ((block.len / PAGE) as u64) << Kept::PAGES_AT;
        Kept(place | u64::from(is_huge) << Kept::IS_HUGE_AT | seconds << Kept::SECONDS_AT)
    }

    fn is_huge(self) -> bool {
        self.0 >> Kept::IS_HUGE_AT & 1 == 1
    }

    fn data(self) -> usize {
        (self.0 & ((1 << Kept::PAGES_AT) - 1)) as usize * HUGE + blocks::PLAIN_ALIGN
    }

    fn len(self) -> usize {
        (self.0 >> Kept::PAGES_AT & ((1 << (Kept::IS_HUGE_AT - Kept::PAGES_AT)) - 1)) as usize * PAGE
    }

    fn is_old(self, seconds: u64) -> bool {
        seconds.wrapping_sub(self.0 >> Kept::SECONDS_AT) & SECONDS_MASK > MOST_SECONDS
    }
}

/// Takes a block out of its slot. False: it is no longer there.
fn remove(live: &Live<'_>, slot: &AtomicU64, kept: Kept) -> bool {
    let is_mine = slot.compare_exchange(kept.0, 0, AcqRel, Relaxed).is_ok();
    if is_mine {
        BYTES.fetch_sub(kept.len(), Relaxed);
        Budget::Retain.give(live, kept.len() as u64);
    }
    is_mine
}

fn drop_from(live: &Live<'_>, slot: &AtomicU64, kept: Kept) -> bool {
    let is_mine = remove(live, slot, kept);
    if is_mine && let Some(block) = blocks::claim_kept(kept.data()) {
        block.unmap();
    }
    is_mine
}

/// The slots that hold something.
fn filled() -> impl Iterator<Item = (&'static AtomicU64, Kept)> {
    KEPT.iter().map(|slot| (slot, Kept(slot.load(Acquire)))).filter(|(_, kept)| kept.0 != 0)
}

/// Nothing is kept from now on, and what is kept goes.
pub fn never_again() {
    NEVER.store(true, Relaxed);
    fence(SeqCst);
    give_way();
}

/// Whether anything may be kept, ever.
pub fn is_never() -> bool {
    NEVER.load(Relaxed)
}

/// Keeps a freed block that [`blocks::keep`] has marked, and says whether it has been advised to be on huge pages. False: it
/// must be unmapped.
pub fn keep(live: &Live<'_>, block: &Block, is_huge: bool) -> bool {
    let len = block.len as u64;
    if NEVER.load(Relaxed) || len > live.bytes(live.config.retain_max) || !fits(live, len) {
        return false;
    }
    let seconds = look(live) / SECOND_NS;
    if LIMITED.load(Relaxed) {
        return false;
    }
    for _ in 0..=SLOTS {
        match Budget::Retain.try_take_or_missing(live, len) {
            Ok(()) => {
                let word = Kept::new(block, is_huge, seconds).0;
                let fill = |slot: &&AtomicU64| {
                    slot.load(Relaxed) == 0 && slot.compare_exchange(0, word, AcqRel, Relaxed).is_ok()
                };
                BYTES.fetch_add(block.len, Relaxed);
                if KEPT.iter().any(|slot| fill(&slot)) {
                    // Another thread has said "never again", and may have been here just before.
                    fence(SeqCst);
                    if NEVER.load(Relaxed) || live.is_off() || !state::is_on() {
                        purge(live);
                    }
                    return true;
                }
                BYTES.fetch_sub(block.len, Relaxed);
                Budget::Retain.give(live, len);
            }
            // Others of the tree have it: to drop what little is kept here would bring nothing.
            Err(missing) if BYTES.load(Relaxed) < missing as usize => {
                if !Budget::Retain.settle_dead(live) {
                    return false;
                }
                continue;
            }
            Err(_) => {}
        }
        if !drop_oldest(live) {
            return false;
        }
    }
    false
}

/// Whether memory is plentiful enough for so much to be kept: half of what is free, and what the program has mapped but not
/// yet touched finds its place without.
fn fits(live: &Live<'_>, len: u64) -> bool {
    let fits = |room: Room| {
        let untouched = room.untouched.min(live.page.get(C::BlocksLiveBytes));
        room.free / 2 >= (BYTES.load(Relaxed) as u64 + len).max(LEAST_FREE as u64) && room.free >= untouched
    };
    Room::read(SECOND_NS).is_some_and(fits) || Room::read(Room::SOON_NS).is_some_and(fits)
}

/// Takes a kept block for a mapping of `len` bytes, if one fits with at most an eighth to spare. To make another fit would split
/// huge pages, and was measured to be slower. Also tells whether it has been advised to be on them.
pub fn take(live: &Live<'_>, len: usize) -> Option<(Block, bool)> {
    if BYTES.load(Relaxed) == 0 {
        return None;
    }
    let fits = |kept: Kept| kept.len() >= len && kept.len() - len <= len / 8;
    let (_, kept) = filled().find(|(slot, kept)| fits(*kept) && remove(live, slot, *kept))?;
    blocks::find_kept(kept.data()).map(|block| (block, kept.is_huge()))
}

/// Unmaps one kept block. False: there is none.
fn drop_oldest(live: &Live<'_>) -> bool {
    for _ in 0..SLOTS {
        let Some(slot) = KEPT.get(OLDEST.fetch_add(1, Relaxed) % SLOTS) else { return false };
        let kept = Kept(slot.load(Acquire));
        if kept.0 != 0 && drop_from(live, slot, kept) {
            return true;
        }
    }
    false
}

/// In a forked child: the budget for what is kept is its parent's, so nothing is.
pub fn start_in_child() {
    BYTES.store(0, Relaxed);
    for slot in &KEPT {
        let kept = Kept(slot.swap(0, AcqRel));
        if kept.0 != 0
            && let Some(block) = blocks::claim_kept(kept.data())
        {
            block.unmap();
        }
    }
}

/// Unmaps all that is kept. True if there was something.
pub fn purge(live: &Live<'_>) -> bool {
    let mut any = false;
    for (slot, kept) in filled() {
        any |= drop_from(live, slot, kept);
    }
    any
}

/// The program needs what is kept: unmaps all of it. True if there was something.
pub fn give_way() -> bool {
    if BYTES.load(Relaxed) == 0 {
        return false;
    }
    let _errno = sys::KeepErrno::new();
    state::enter().is_some_and(|live| purge(&live))
}

/// The program is about to take so many bytes that are not kept: what is kept goes if there is too little for both.
pub fn make_room(bytes: usize) {
    match BYTES.load(Relaxed) {
        0 => {
            Room::ask(bytes as u64);
        }
        _ if captive::is_here() => {}
        kept if !Room::leaves(bytes, kept.max(LEAST_FREE)) => {
            give_way();
        }
        _ => {}
    }
}

/// What every slow path does first: [`make_room`], and what is kept goes if it is old or in the way.
pub fn tend(bytes: usize) {
    make_room(bytes);
    if BYTES.load(Relaxed) != 0 {
        let _errno = sys::KeepErrno::new();
        state::enter().iter().for_each(|live| {
            look(live);
        });
    }
}

/// Looks whether what is kept may stay, as far as the clock has moved on. Returns CLOCK_MONOTONIC_COARSE in ns.
fn look(live: &Live<'_>) -> u64 {
    let now = sys::now(libc::CLOCK_MONOTONIC_COARSE);
    // The program may lower its limits at any time; asked once a tick (1 to 10 ms).
    if LIMITS_SEEN.load(Relaxed) != now {
        LIMITS_SEEN.store(now, Relaxed);
        let limited = limits::counts_what_is_reserved();
        LIMITED.store(limited, Relaxed);
        if limited {
            purge(live);
        }
    }
    if now.saturating_sub(AGES_SEEN.load(Relaxed)) >= SECOND_NS {
        AGES_SEEN.store(now, Relaxed);
        let seconds = now / SECOND_NS;
        for (slot, kept) in filled().filter(|(_, kept)| kept.is_old(seconds)) {
            drop_from(live, slot, kept);
        }
        let kept = BYTES.load(Relaxed) as u64;
        if kept != 0 && Room::read(SECOND_NS).is_none_or(|room| room.free < kept.max(LEAST_FREE as u64)) {
            purge(live);
        }
    }
    now
}
