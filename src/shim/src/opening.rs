//! What malloc and heap rules need before they can act: looked at when the first countdown is used up, because most
//! processes of a tree never get so far, and their start must cost nothing.
//!
//! What must hold here: done once, by whoever comes first; everybody else passes through until it is done. Where the
//! allocator is the program's own, or somebody else stands before us, the rules can't be had, and the report says so.

use core::sync::atomic::{AtomicBool, Ordering::*};

use faultless_core::reason::Reason;
use faultless_core::rules::Kind;

use crate::live::Live;
use crate::{act, blocks, countdown, heap, real, small_path, state, sys};

static OPENED: AtomicBool = AtomicBool::new(false);

/// Opens what the policy asks for, at the first call.
pub fn ensure() {
    if OPENED.load(Relaxed) {
        return;
    }
    let Some(live) = state::enter() else { return };
    if !OPENED.swap(true, AcqRel) {
        let _errno = sys::KeepErrno::new();
        let (blocks, heap) = (open_blocks(&live), open_heap(&live));
        if !blocks && !heap {
            countdown::end();
        }
    }
}

fn open_blocks(live: &Live<'_>) -> bool {
    if !live.policy.may_match(Kind::Malloc) {
        return false;
    }
    let Some(bound) = live.policy.malloc_bound(live.memory()) else { return false };
    let why = match () {
        () if !real::is_allocator_ours() => Some(Reason::Allocator),
        () if state::malloc_rules_refused() => Some(Reason::Tuned),
        () if sys::rlimit(libc::RLIMIT_AS) != u64::MAX => Some(Reason::AddressSpace),
        () => None,
    };
    if let Some(why) = why {
        act::count_never(live, Kind::Malloc, why);
        log::warn!("malloc rules are not in force: {}", Reason::text(why as u8));
        return false;
    }
    for (known, end) in live.page.pool.iter().zip(blocks::open()) {
        known.store(end as u64, Relaxed);
    }
    small_path::BOUND.store(bound.max(1) as usize, Relaxed);
    true
}

fn open_heap(live: &Live<'_>) -> bool {
    if !live.policy.may_match(Kind::Heap) {
        return false;
    }
    if !real::is_allocator_ours() || !real::is_malloc_glibc() {
        act::count_never(live, Kind::Heap, Reason::Allocator);
        return false;
    }
    if heap::is_by_program() {
        act::count_never(live, Kind::Heap, Reason::Tuned);
        return false;
    }
    real::find_variables();
    heap::open(live);
    true
}
