//! When huge pages are hard to come by: on fragmented memory the kernel puts them together in the very thread that touches
//! (direct compaction), which then stalls for milliseconds.
//!
//! What must hold here: a region is denied huge pages only where the kernel would compact directly and too little memory
//! lies ready in pieces of 2 MiB, as read just now. It then has 4K pages, as it would without us (on fragmented memory
//! huge ones take as long to touch in all, and stall besides), and gets huge ones from a thread of ours once it has
//! rested. What can't be read means no denial.

use core::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::Relaxed};

use faultless_core::buddyinfo;

use crate::live::Live;
use crate::own_stack;
use crate::sys;

/// A region is not asked to have more than this ready for it: the kernel makes more while it is being filled.
const MOST: u64 = 256 << 20;
/// So much beyond that: others take huge pages too.
const MARGIN: u64 = 64 << 20;
/// How long a reading holds that says yes, and one that says no. To read takes a descriptor for a moment.
const YES_HOLDS_NS: u64 = 100_000_000;
const NO_HOLDS_NS: u64 = 10_000_000;
/// What is not known is not scarce.
const UNKNOWN: u64 = u64::MAX;

/// Bytes in free pieces of 2 MiB and more, as last read; and what regions may have taken of them since.
static READY: AtomicU64 = AtomicU64::new(UNKNOWN);
static TAKEN: AtomicU64 = AtomicU64::new(0);
/// When that was read (CLOCK_MONOTONIC in ns).
static READ_AT: AtomicU64 = AtomicU64::new(0);
/// The last answer.
static SO: AtomicBool = AtomicBool::new(false);

/// Whether a region of so many bytes should do without huge pages for now.
pub fn for_region(live: &Live<'_>, bytes: usize) -> bool {
    let so = ask(live, bytes);
    SO.store(so, Relaxed);
    so
}

/// Whether the last region had to.
pub fn was_so() -> bool {
    SO.load(Relaxed)
}

fn ask(live: &Live<'_>, bytes: usize) -> bool {
    if live.is_filtered() || !compacts_directly() {
        return false;
    }
    let now = sys::now(libc::CLOCK_MONOTONIC);
    let wanted = (bytes as u64).min(MOST) + MARGIN;
    let was_ready = READY.load(Relaxed) >= wanted;
    let is_left = READY.load(Relaxed).saturating_sub(TAKEN.load(Relaxed)) >= wanted;
    // Where only what was given out since speaks against it, most of that may never have been touched.
    let holds = match (was_ready, is_left) {
        (true, true) => YES_HOLDS_NS,
        (true, false) => 0,
        _ => NO_HOLDS_NS,
    };
    if now >= READ_AT.load(Relaxed) + holds {
        READY.store(own_stack::run(read).flatten().unwrap_or(UNKNOWN), Relaxed);
        TAKEN.store(0, Relaxed);
        READ_AT.store(now, Relaxed);
    }
    if READY.load(Relaxed) < wanted {
        return true;
    }
    TAKEN.fetch_add(bytes as u64, Relaxed);
    false
}

fn read() -> Option<u64> {
    let mut text = [0u8; 8192];
    buddyinfo::free_huge(sys::read_file(c"/proc/buddyinfo", &mut text).ok()?)
}

/// Whether a touch of memory that has been advised puts huge pages together itself. Read once.
fn compacts_directly() -> bool {
    static MODE: AtomicU8 = AtomicU8::new(UNREAD);
    const UNREAD: u8 = 0;
    const NO: u8 = 1;
    const YES: u8 = 2;
    if MODE.load(Relaxed) == UNREAD {
        let mut text = [0u8; 96];
        let text = sys::read_file(c"/sys/kernel/mm/transparent_hugepage/defrag", &mut text).unwrap_or(&[]);
        let is = |word: &[u8]| text.windows(word.len()).any(|w| w == word);
        let yes = is(b"[madvise]") || is(b"[defer+madvise]") || is(b"[always]");
        MODE.store(if yes { YES } else { NO }, Relaxed);
    }
    MODE.load(Relaxed) == YES
}
