//! System V segments: what rules for shared memory do when one is attached, and what is undone when it is detached.
//!
//! What must hold here: shmdt(2) names no length, so each attachment that rules have touched is remembered with its own;
//! an attachment is moved to a boundary of 2 MiB only while nobody knows its address.

use core::ffi::c_int;
use core::fmt::Write;
use core::sync::atomic::{AtomicUsize, Ordering::*};

use faultless_core::matching::Region;
use faultless_core::reason::Reason;
use faultless_core::rules::{Kind, PageSize};

use crate::live::Live;
use crate::sys::{self, HUGE, PAGE};
use crate::target::{Range, Target};
use crate::text::Text;
use crate::{act, limits, mapping, regions};

/// Attachments remembered at once. Databases have a handful.
const ENTRIES: usize = 64;
/// (start or 0, bytes)
static TABLE: [[AtomicUsize; 2]; ENTRIES] = [const { [AtomicUsize::new(0), AtomicUsize::new(0)] }; ENTRIES];

fn remember(range: Range) -> bool {
    // A start that is there already is of an attachment that went by munmap(2).
    let is_free = |at: usize| at == 0 || at == range.start;
    TABLE.iter().any(|[start, len]| {
        let at = start.load(Relaxed);
        // No length for a moment: whoever detaches meanwhile finds nothing.
        let taken = is_free(at) && start.compare_exchange(at, usize::MAX, AcqRel, Relaxed).is_ok();
        if taken {
            len.store(range.len, Relaxed);
            start.store(range.start, Release);
        }
        taken
    })
}

/// Before shmdt(2): how many bytes are attached there, if rules had to do with them; they are remembered no longer.
pub fn detaching(at: usize) -> Option<usize> {
    let [start, len] = TABLE.iter().find(|[start, _]| at != 0 && start.load(Acquire) == at)?;
    let bytes = len.load(Relaxed);
    start.compare_exchange(at, 0, AcqRel, Relaxed).is_ok().then_some(bytes)
}

/// After shmat(2). Returns the address to give to the program.
pub fn attached(live: &Live<'_>, id: c_int, hint: usize, at: usize, flags: c_int) -> usize {
    let replaces = flags & libc::SHM_REMAP != 0 && !regions::none();
    if !replaces && !live.policy.may_match(Kind::Shm) {
        return at;
    }
    if live.is_filtered() {
        act::count_never(live, Kind::Shm, Reason::Seccomp);
        return at;
    }
    let Ok(segment) = sys::segment(id) else { return at };
    let page = sys::page_size_at(at).unwrap_or(PAGE);
    let len = segment.bytes.next_multiple_of(page);
    if replaces {
        regions::forget(live, at, len); // only now is it known how much went
    }
    // As /proc/PID/maps shows it.
    let mut path = Text::<32>::new();
    let _ = write!(path, "/SYSV{:08x} (deleted)", segment.key);
    let region = Region { kind: Kind::Shm, size: len as u64, path: Some(path.as_bytes()) };
    let chosen = live.policy.choose(&region, live.memory());
    if chosen.matched == 0 {
        return at;
    }
    let is_movable = hint == 0 && page == PAGE && mapping::wants_a_boundary(&chosen, len);
    let start = if is_movable && !at.is_multiple_of(HUGE) { moved(id, at, len, flags).unwrap_or(at) } else { at };
    let range = Range { start, len };
    if !remember(range) {
        act::count_skipped(live, &chosen, Reason::TableFull);
        return start;
    }
    let target = Target {
        range,
        kind: Kind::Shm,
        writable: flags & libc::SHM_RDONLY == 0,
        shared: true,
        hugetlb: page != PAGE,
        file: None,
    };
    act::apply(live, &target, &chosen);
    start
}

/// Attaches it once more, on a boundary of 2 MiB, and detaches it where it was.
fn moved(id: c_int, at: usize, len: usize, flags: c_int) -> Option<usize> {
    let place = mapping::aligned_place(len)?;
    // SAFETY: without SHM_REMAP the kernel replaces nothing; the first attachment is known to nobody yet.
    unsafe {
        let moved = sys::shmat(id, place, flags & !libc::SHM_REMAP).ok()?;
        let _ = sys::shmdt(at);
        Some(moved)
    }
}

/// Whether huge pages for shared memory can be had by advice alone.
pub fn is_advice_enough(size: PageSize) -> bool {
    size == PageSize::Collapse || limits::shmem() != Some(limits::Thp::Never)
}
