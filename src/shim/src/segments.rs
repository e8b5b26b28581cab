//! System V segments: what rules for shared memory do when one is attached, and what is undone when it is detached.
//!
//! What must hold here: shmdt(2) names no length, so each attachment that rules have touched is remembered with its own;
//! an attachment that is to lie on a boundary of 2 MiB is made there at once: attached elsewhere first and then moved, it
//! would be counted twice for a moment, and show a detachment (shm_dtime) that the program never made.

use core::ffi::c_int;
use core::fmt::Write;
use core::sync::atomic::{AtomicUsize, Ordering::*};

use faultless_core::matching::{Chosen, Region};
use faultless_core::reason::Reason;
use faultless_core::rules::{Kind, PageSize};

use crate::live::Live;
use crate::sys::{self, PAGE, Segment};
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

/// After mremap(2) has moved or resized an attachment.
pub fn moved(from: usize, to: usize, bytes: usize) {
    if detaching(from).is_some() {
        remember(Range { start: to, len: bytes });
    }
}

/// What rules choose for a segment of which so many bytes are attached.
fn choose(live: &Live<'_>, segment: &Segment, len: usize) -> Chosen {
    // As /proc/PID/maps shows it.
    let mut path = Text::<32>::new();
    let _ = write!(path, "/SYSV{:08x} (deleted)", segment.key);
    live.policy.choose(&Region { kind: Kind::Shm, size: len as u64, path: Some(path.as_bytes()) }, live.memory())
}

/// Before shmat(2) of a program that names no address: where rules want it. Without SHM_REMAP the kernel replaces nothing there.
pub fn place(live: &Live<'_>, id: c_int, flags: c_int) -> Option<usize> {
    if flags & libc::SHM_REMAP != 0 || !live.policy.may_match(Kind::Shm) || live.is_filtered() {
        return None;
    }
    let segment = sys::segment(id).ok()?;
    let len = segment.bytes.next_multiple_of(PAGE);
    let is_wanted = mapping::wants_a_boundary(&choose(live, &segment, len), len);
    if is_wanted { mapping::aligned_place(len) } else { None }
}

/// After shmat(2).
pub fn attached(live: &Live<'_>, id: c_int, at: usize, flags: c_int) {
    let replaces = flags & libc::SHM_REMAP != 0 && !regions::none();
    if !replaces && !live.policy.may_match(Kind::Shm) {
        return;
    }
    if live.is_filtered() {
        return act::count_never(live, Kind::Shm, Reason::Seccomp);
    }
    let Ok(segment) = sys::segment(id) else { return };
    let page = sys::page_size_at(at).unwrap_or(PAGE);
    let len = segment.bytes.next_multiple_of(page);
    if replaces {
        regions::forget(live, at, len); // only now is it known how much went
    }
    let chosen = choose(live, &segment, len);
    if chosen.matched == 0 {
        return;
    }
    let range = Range { start: at, len };
    if !remember(range) {
        return act::count_skipped(live, &chosen, Reason::TableFull);
    }
    let target = Target {
        range,
        kind: Kind::Shm,
        writable: flags & libc::SHM_RDONLY == 0,
        shared: true,
        hugetlb: page != PAGE,
        segment: true,
        file: None,
    };
    act::apply(live, &target, &chosen);
}

/// Whether huge pages for shared memory can be had by advice alone.
pub fn is_advice_enough(size: PageSize) -> bool {
    size == PageSize::Collapse || limits::shmem() != Some(limits::Thp::Never)
}
