//! `recycle`: freed blocks that keep their pages for the next.
//!
//! What must hold here: at most retain-max bytes, for the whole tree; a block on which the program made any address-space
//! call (a guard page, MADV_DONTFORK, a file mapped over it) is never kept; a block is in the cache or live, never both: the
//! table entry's KEPT bit and the cache slot each change by one compare-and-swap. First simple home: a few dozen slots looked
//! through in order, the oldest goes when there is no room.

use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering::*};

use crate::blocks::{self, Block};
use crate::budget::Budget;
use crate::live::Live;

/// Blocks that are kept at one time.
const SLOTS: usize = 64;

/// Where the data of each kept block begins; 0 is free.
static KEPT: [AtomicUsize; SLOTS] = [const { AtomicUsize::new(0) }; SLOTS];
/// Which slot goes next when room is needed.
static OLDEST: AtomicUsize = AtomicUsize::new(0);
/// The program touches blocks in a way that can't be followed: nothing is kept any more.
static NEVER: AtomicBool = AtomicBool::new(false);

/// Nothing is kept from now on.
pub fn never_again() {
    NEVER.store(true, Relaxed);
}

/// Keeps a freed block that [`blocks::keep`] has marked. False: it must be unmapped.
pub fn keep(live: &Live<'_>, block: &Block) -> bool {
    let len = block.len as u64;
    if NEVER.load(Relaxed) || len > live.bytes(live.config.retain_max) {
        return false;
    }
    for _ in 0..=SLOTS {
        if Budget::Retain.try_take(live, len) {
            let free = |slot: &&AtomicUsize| {
                slot.load(Relaxed) == 0 && slot.compare_exchange(0, block.data, AcqRel, Relaxed).is_ok()
            };
            if KEPT.iter().find(free).is_some() {
                return true;
            }
            Budget::Retain.give(live, len);
        }
        if !drop_oldest(live) {
            return false;
        }
    }
    false
}

/// Takes a kept block for a mapping of `len` bytes, if one fits with at most an eighth to spare.
pub fn take(live: &Live<'_>, len: usize) -> Option<Block> {
    for slot in &KEPT {
        let data = slot.load(Acquire);
        let Some(block) = blocks::find_kept(data) else { continue };
        if block.len >= len && block.len - len <= len / 8 && slot.compare_exchange(data, 0, AcqRel, Relaxed).is_ok() {
            Budget::Retain.give(live, block.len as u64);
            return Some(block);
        }
    }
    None
}

/// Unmaps one kept block. False: there is none.
fn drop_oldest(live: &Live<'_>) -> bool {
    for _ in 0..SLOTS {
        let Some(slot) = KEPT.get(OLDEST.fetch_add(1, Relaxed) % SLOTS) else { return false };
        let data = slot.load(Acquire);
        if data != 0 && slot.compare_exchange(data, 0, AcqRel, Relaxed).is_ok() {
            if let Some(block) = blocks::claim_kept(data) {
                Budget::Retain.give(live, block.len as u64);
                block.unmap();
            }
            return true;
        }
    }
    false
}

/// In a forked child: the budget for what is kept is its parent's, so nothing is.
pub fn start_in_child() {
    for slot in &KEPT {
        if let Some(block) = blocks::claim_kept(slot.swap(0, AcqRel)) {
            block.unmap();
        }
    }
}

/// Unmaps all that is kept. True if there was something.
pub fn purge(live: &Live<'_>) -> bool {
    let mut any = false;
    while drop_oldest(live) {
        any = true;
    }
    any
}
