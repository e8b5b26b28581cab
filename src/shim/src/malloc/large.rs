//! Large blocks: which of them come from the pool, and what happens when they go.
//!
//! What must hold here: as in `malloc`: whatever can't be had from the pool is had from the real allocator.

use core::ffi::c_void;

use faultless_core::counters::C;
use faultless_core::matching::{Chosen, Region};
use faultless_core::reason::Reason;
use faultless_core::rules::{Kind, PageSize, Policy};

use crate::act;
use crate::blocks::{self, Block};
use crate::live::Live;
use crate::real::*;
use crate::regions::Record;
use crate::sync::{AtomicBool, AtomicUsize, Ordering::*};
use crate::target::{Range, Target};
use crate::{heap, real, recycle, regions, small_path, state, sys, transit, watch};

/// Blocks of the pool at one time: a quarter of the mappings that a process may have (vm.max_map_count, 65,530 unless set).
const MOST_BLOCKS: u64 = 16_384;

/// glibc never maps a block below this by itself, however it tunes itself; calloc of a larger one touches nothing, so it
/// gets no kept block, which would have to be cleared.
const MOST_FROM_HEAP: usize = 32 << 20;

/// A large block from the pool if a rule wants it there, or None: the real allocator serves it then.
pub fn take(size: usize, align: usize, zero: bool) -> Option<*mut c_void> {
    // SAFETY of the size: more than PTRDIFF_MAX is the real allocator's to refuse.
    if size > isize::MAX as usize || !blocks::ready() {
        return None;
    }
    let live = state::enter()?;
    let _errno = sys::KeepErrno::new();
    live.page.add(C::MallocLarge, 1);
    live.page.add(C::MallocLargeBytes, size as u64);
    let chosen = choose(&live, size);
    if !act::has_work(&chosen) {
        act::count_only(&live, &chosen, size as u64);
        return None;
    }
    if act::only_wants_what_is(&chosen) {
        act::count_done(&live, &chosen, size as u64);
        return None;
    }
    // A mapping of its own would bring such a block nothing, and too many would use up max_map_count.
    let too_small = size < sys::HUGE && act::only_wants_huge(&chosen);
    if too_small || live.page.get(C::BlocksLive) >= MOST_BLOCKS {
        let why = if too_small { Reason::TooSmall } else { Reason::NoRoom };
        if too_small && want_only_huge(live.policy) {
            // Said once in the report; the next ones are not even looked at.
            small_path::BOUND.fetch_max(sys::HUGE, Relaxed);
        }
        act::count_skipped(&live, &chosen, why);
        return None;
    }
    show_the_real_one();
    let hugetlb = act::wants_hugetlb(&live, &chosen);
    let is_plain = align <= blocks::PLAIN_ALIGN && !hugetlb && (!zero || size <= MOST_FROM_HEAP);
    let kept = if is_plain { blocks::plain_len(size).and_then(|len| recycle::take(&live, len)) } else { None };
    let is_kept = kept.is_some();
    let Some((block, is_huge)) = kept.or_else(|| map(size, align, hugetlb).map(|block| (block, false))) else {
        act::count_skipped(&live, &chosen, Reason::NoRoom);
        return None;
    };
    if is_kept {
        live.page.add(C::Recycled, 1);
        if zero {
            // What malloc_usable_size says is clean in the C library's too.
            // SAFETY: the block is ours until it is published, and as large as this.
            unsafe { (block.data as *mut u8).write_bytes(0, block.usable()) };
        }
    }
    live.page.add(C::BlocksLive, 1);
    live.page.add(C::BlocksLiveBytes, block.len as u64);
    if is_huge && wants_huge_at_most(&chosen) {
        // The advice is still there: nothing is left to do.
        act::count_done(&live, &chosen, block.len as u64);
        let end = block.start + block.len;
        regions::insert(&Record { start: block.start, end, flags: regions::HUGE, ..Record::default() });
        live.page.add(C::HugeAskedBytes, target(&block).range.whole_huge_pages().len as u64);
    } else {
        act::apply(&live, &target(&block), &chosen);
    }
    Some(block.publish() as *mut c_void)
}

/// Whether advice for huge pages, given once, is all that a block needs.
fn wants_huge_at_most(chosen: &Chosen) -> bool {
    act::only_wants_huge(chosen)
        && chosen.access.is_none()
        && !matches!(chosen.page_size, Some((_, PageSize::Collapse)))
}

/// A block of pages that nobody has had, for which what is kept makes room.
fn map(size: usize, align: usize, hugetlb: bool) -> Option<Block> {
    recycle::make_room(size);
    let fresh = || blocks::take(size, align, hugetlb);
    fresh().or_else(|| if recycle::give_way() { fresh() } else { None })
}

/// Whether the rules for blocks want nothing but huge pages and reuse, which a block without a whole huge page can't have.
fn want_only_huge(policy: &Policy) -> bool {
    let is_for_blocks = |kind| matches!(kind, Kind::Malloc | Kind::Any);
    policy.rules().iter().filter(|rule| is_for_blocks(rule.kind)).map(|rule| &rule.actions).all(|a| {
        let is_huge = matches!(a.page_size, Some(PageSize::Thp | PageSize::Collapse));
        a.leave || is_huge && a.arrival.is_none() && a.stay.is_none() && !a.dontdump
    })
}

static SET_UP: AtomicBool = AtomicBool::new(false);

fn is_set_up() -> bool {
    SET_UP.load(Relaxed)
}

/// The real allocator has given the program a block: another one from us, of whatever size, might lie above all of its own
/// and keep the break from falling.
pub fn note_set_up() {
    if !is_set_up() {
        SET_UP.store(true, Relaxed);
    }
}

/// Large for glibc: the thread's cache holds none of this size, and what a search for one does, it does.
const LARGE_FOR_GLIBC: usize = 2048;

/// The program has called malloc, so the real one would have set itself up by now (glibc then calls getrandom, which a
/// sandbox that the program enters after its first malloc may not allow any more). And glibc would have put together what
/// freed small blocks have left, as it does whenever it is asked for a large one: that keeps heaps whole, and finds damage.
fn show_the_real_one() {
    let size = match (real::is_malloc_glibc(), is_set_up()) {
        (true, _) => LARGE_FOR_GLIBC,
        (false, false) => 1,
        (false, true) => return,
    };
    note_set_up();
    // SAFETY: a block of the real allocator's, given back to it.
    unsafe { FREE.get()(MALLOC.get()(size)) };
}

fn choose(live: &Live<'_>, size: usize) -> Chosen {
    let region = Region { kind: Kind::Malloc, size: size as u64, path: None };
    live.policy.choose(&region, live.memory())
}

fn target(block: &Block) -> Target {
    Target {
        range: Range { start: block.start, len: block.len },
        kind: Kind::Malloc,
        writable: true,
        shared: false,
        hugetlb: block.hugetlb,
        segment: false,
        file: None,
    }
}

/// glibc raises its thresholds to the largest mapped block that it has seen freed, which decides how it serves all smaller
/// ones: it is shown one of each new size that it would have seen without us.
fn teach_glibc(block: &Block) {
    static LARGEST: AtomicUsize = AtomicUsize::new(0);
    let size = block.usable();
    let is_larger = size > LARGEST.load(Relaxed) && size <= MOST_FROM_HEAP;
    // Heap rules set the thresholds themselves; under mlockall the block would be locked, after mallopt it would teach nothing.
    let may_learn = || real::is_malloc_glibc() && !heap::is_engaged() && !recycle::is_never();
    if is_larger && may_learn() && LARGEST.fetch_max(size, Relaxed) < size {
        // SAFETY: a block of the real allocator's, given back to it.
        unsafe { FREE.get()(MALLOC.get()(size)) };
    }
}

/// Gives a block of the pool back: its pages to the next one if a rule says so, or to the kernel.
pub fn release(block: &Block) {
    let _errno = sys::KeepErrno::new();
    let live = state::enter();
    let _passage = live.as_ref().and_then(|_| transit::going());
    watch::give_way(block.start, block.len);
    let account = |live: &Live<'_>| {
        live.page.sub(C::BlocksLive, 1);
        live.page.sub(C::BlocksLiveBytes, block.len as u64);
        regions::sample_before(live, block.start, block.len);
    };
    if let Some(live) = &live {
        teach_glibc(block);
        if is_kept_by_rule(live, block)
            && let Some(block) = blocks::keep(block.data)
        {
            account(live);
            let is_huge = regions::flags_around(block.start, block.len).is_some_and(|flags| flags & regions::HUGE != 0);
            regions::unlock(live, block.start, block.len);
            regions::forget(live, block.start, block.len);
            if !recycle::keep(live, &block, is_huge)
                && let Some(block) = blocks::claim_kept(block.data)
            {
                block.unmap();
            }
            return;
        }
    }
    let Some(block) = blocks::claim(block.data) else { return }; // freed twice at once: the other one has it
    if let Some(live) = &live {
        account(live);
        regions::forget(live, block.start, block.len);
    }
    block.unmap();
}

/// Whether the next block may have its pages. One that is left out of core dumps stays so, which the next may not want.
fn is_kept_by_rule(live: &Live<'_>, block: &Block) -> bool {
    let chosen = choose(live, block.usable());
    chosen.recycle.is_some() && chosen.dontdump.is_none()
}

/// Resizes a block of the pool, in place or by moving its page tables. None: it stays as it was.
pub fn resize(block: &Block, size: usize) -> Option<*mut c_void> {
    let _errno = sys::KeepErrno::new();
    let live = state::enter();
    if block.len_for(size) == Some(block.len) {
        return Some(block.data as *mut c_void);
    }
    watch::give_way(block.start, block.len);
    if let Some(live) = &live {
        // The lock would be charged for the new length before our budget is asked: taken again below.
        regions::unlock(live, block.start, block.len);
        regions::forget(live, block.start, block.len);
    }
    recycle::make_room(size.saturating_sub(block.usable()));
    let new = block.resize(size).or_else(|| super::make_way().and_then(|_turn| block.resize(size)));
    if new.is_none()
        && let Some(data) = block.leave(size)
    {
        if let Some(live) = &live {
            live.page.sub(C::BlocksLive, 1);
            live.page.sub(C::BlocksLiveBytes, block.len as u64);
        }
        return Some(data as *mut c_void);
    }
    let after = new.as_ref().unwrap_or(block);
    if let Some(live) = live {
        if new.is_some() {
            live.page.add(C::BlocksLiveBytes, after.len as u64);
            live.page.sub(C::BlocksLiveBytes, block.len as u64);
        }
        let chosen = choose(&live, size);
        act::apply(&live, &target(after), &chosen);
    }
    Some(new?.publish() as *mut c_void)
}
