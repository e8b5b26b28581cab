//! The end of a thread, at which what was done to its stack is undone.
//!
//! What must hold here: it is noticed by a thread-specific value, whose destructor also runs for threads that exit and that are
//! cancelled. That takes one key of the program's (glibc has 1024), so it is taken only where there will be something to undo,
//! and kept only where its value lies in the thread itself: glibc allocates for keys from the 33rd on.

use core::ffi::{c_int, c_uint, c_void};
use core::sync::atomic::{AtomicU8, AtomicUsize, Ordering::*};

use faultless_core::counters::C;
use faultless_core::reason::Reason;
use faultless_core::rules::Kind;

use crate::live::Live;
use crate::symbols::{self, Wanted};
use crate::sys::{KeepErrno, PAGE};
use crate::target::Range;
use crate::{act, regions, state};

/// Keys below this have room in the thread's own memory (PTHREAD_KEY_2NDLEVEL_SIZE of glibc).
const ROOMY: c_uint = 32;

static SET: AtomicUsize = AtomicUsize::new(0);
static KEY: AtomicUsize = AtomicUsize::new(0);
static READY: AtomicU8 = AtomicU8::new(UNTRIED);
const UNTRIED: u8 = 0;
const BEGUN: u8 = 1;
const YES: u8 = 2;
const NO: u8 = 3;

/// Whether ends can be noticed. The first call sees to it; to others meanwhile, and where it can't be had: no.
pub fn can_be_noticed(live: &Live<'_>) -> bool {
    if READY.compare_exchange(UNTRIED, BEGUN, AcqRel, Relaxed).is_ok() {
        let has_key = take_key();
        if !has_key {
            act::count_never(live, Kind::Stack, Reason::NoKey);
        }
        READY.store(if has_key { YES } else { NO }, Release);
    }
    let ready = READY.load(Acquire);
    if ready == BEGUN {
        live.page.add(C::Raced, 1);
    }
    ready == YES
}

fn take_key() -> bool {
    type Destructor = unsafe extern "C" fn(*mut c_void);
    let mut wanted = [c"pthread_key_create", c"pthread_key_delete", c"pthread_setspecific"].map(Wanted::new);
    symbols::real_but_late(&mut wanted);
    let [create, delete, set] = wanted.map(|wanted| wanted.address);
    if create == 0 || delete == 0 || set == 0 {
        return false;
    }
    let mut key: c_uint = 0;
    // SAFETY: what the C library exports under these names; a key that we don't keep has had no value.
    unsafe {
        let create = core::mem::transmute::<usize, unsafe extern "C" fn(*mut c_uint, Destructor) -> c_int>(create);
        if create(&mut key, ends) != 0 {
            return false;
        }
        if key >= ROOMY {
            core::mem::transmute::<usize, unsafe extern "C" fn(c_uint) -> c_int>(delete)(key);
            return false;
        }
    }
    KEY.store(key as usize, Relaxed);
    SET.store(set, Relaxed);
    true
}

/// Has the end of the calling thread noticed. Only after [`can_be_noticed`] has said yes.
pub fn notice(stack: Range) -> bool {
    type Set = unsafe extern "C" fn(c_uint, *const c_void) -> c_int;
    let Some(word) = packed(stack) else { return false };
    // SAFETY: the function of that name; the key is ours.
    unsafe {
        core::mem::transmute::<usize, Set>(SET.load(Relaxed))(KEY.load(Relaxed) as c_uint, word as *const c_void) == 0
    }
}

/// The thread ends: the value is what [`notice`] has put together.
unsafe extern "C" fn ends(value: *mut c_void) {
    let _errno = KeepErrno::new();
    let range = unpacked(value as usize);
    if let Some(live) = state::enter() {
        regions::sample_before(&live, range.start, range.len);
        regions::let_go(&live, range.start, range.len);
        regions::forget(&live, range.start, range.len);
    }
}

const PAGES_BITS: u32 = 24;

/// A range of whole pages in one word: its first page's number above, how many below. None: too large.
fn packed(range: Range) -> Option<usize> {
    let (first, pages) = (range.start / PAGE, range.len / PAGE);
    let fits = pages < 1 << PAGES_BITS && first < 1 << (usize::BITS - PAGES_BITS);
    fits.then_some(first << PAGES_BITS | pages)
}

fn unpacked(word: usize) -> Range {
    Range { start: (word >> PAGES_BITS) * PAGE, len: (word & ((1 << PAGES_BITS) - 1)) * PAGE }
}
