//! Whether the seccomp filter that was there at the start lets us make the calls that rules need: tried in a child of ours,
//! which a filter that kills may kill. A container engine's default profile allows them all; without the trial nothing of
//! ours that needs a thread, a lock or a look into /proc could be had in a container.
//!
//! What must hold here: tried once, and only when a rule wants such a call; the child makes system calls only, changes
//! nothing that it shares with the program (its memory, descriptors and limits are copies), sends no signal when it ends,
//! and is waited for at once; no core is dumped. A process too large to be copied quickly is not copied, and goes without.

use core::ffi::c_int;
use core::sync::atomic::{AtomicU8, Ordering::*};

use crate::own_stack;
use crate::sys;

const UNTRIED: u8 = 0;
const PASSED: u8 = 1;
const FAILED: u8 = 2;

static OUTCOME: AtomicU8 = AtomicU8::new(UNTRIED);

/// Whether it was tried, and went well.
pub fn has_passed() -> bool {
    OUTCOME.load(Relaxed) == PASSED
}

/// Whether it goes well; tried now if it was not before.
pub fn passes() -> bool {
    if OUTCOME.load(Relaxed) == UNTRIED {
        let outcome = own_stack::run(|| if is_small() && survives() { PASSED } else { FAILED });
        OUTCOME.store(outcome.unwrap_or(FAILED), Relaxed);
    }
    has_passed()
}

/// Copying the page tables of more takes too long: some 5 ms a GiB.
fn is_small() -> bool {
    const MOST: u64 = 1 << 30;
    sys::rusage(libc::RUSAGE_SELF).is_some_and(|usage| (usage.ru_maxrss as u64) << 10 <= MOST)
}

/// The status with which the child ends that has come through.
const THROUGH: c_int = 42;

fn survives() -> bool {
    // SAFETY: the child only makes system calls and ends.
    match unsafe { sys::copy_of_process() } {
        Ok(0) => {
            try_all();
            sys::exit_group(THROUGH)
        }
        Ok(child) => sys::wait_for_copy(child as u32) == Some(THROUGH),
        Err(_) => false,
    }
}

/// Every call that a thread of ours, or an action, may make and that the program may not have made. What they answer does not
/// matter.
fn try_all() {
    sys::dump_no_core();
    sys::name_thread(c"faultless");
    let _ = sys::own_descriptors();
    if let Ok(fd) = sys::open(c"/proc/self/pagemap", libc::O_RDONLY, 0) {
        let mut word = [0u64; 1];
        let page = &raw const word as usize & !(sys::PAGE - 1);
        let mut found = [sys::PageRegion::NONE; 1];
        let _ = sys::page_regions(fd, page, page + sys::PAGE, sys::Kinds::Present, &mut found);
        let _ = sys::words(fd, page, &mut word);
        let _ = sys::read(fd, &mut []);
        let _ = sys::cached_pages(fd, 0, 0);
        let _ = sys::fadvise(fd, 0, 0, libc::POSIX_FADV_NORMAL);
        let _ = sys::fstat(fd);
        let _ = sys::fstat_as_known(fd);
        let _ = sys::stat(c"/proc/self/task", true);
        let mut buffer = [0u8; 64];
        let _ = sys::getdents(fd, &mut buffer);
        let _ = sys::are_duplicates(fd, fd);
        if let Ok(process) = sys::process_handle(sys::getpid()) {
            let _ = sys::borrow(process, fd);
        }
        sys::close(fd);
    }
    let _ = sys::rusage(libc::RUSAGE_THREAD);
    let word = core::sync::atomic::AtomicU32::new(0);
    sys::wait_while(&word, 1, 0);
    sys::wake(&word);
    sys::pause(0);
    sys::yield_now();
    sys::leave_realtime();
    sys::prefer_node(sys::node());
    let _ = sys::cpus_allowed();
    let _ = sys::is_thread(sys::getpid());
    let _ = sys::mincore(0, &mut []);
    let _ = sys::mlock(0, 0, true);
    let _ = sys::mlock(0, 0, false);
    let _ = sys::munlock(0, 0);
    // SAFETY: no bytes.
    let _ = unsafe { sys::madvise(0, 0, libc::MADV_RANDOM) };
    let _ = sys::ticks();
}
