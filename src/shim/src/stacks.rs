//! Stacks of threads: what rules do to one when its thread begins, and what is undone when it ends. The C library maps stacks
//! by calls of its own that no hook sees, so the thread asks it where its stack is.
//!
//! What must hold here: a thread acts on its own stack only, before its function runs, because nobody else knows how long
//! that stack is there; the function is then called in place of ours (no frame stays on the stack for whoever unwinds it);
//! the destructor of a thread-specific value undoes it, which also runs for threads that exit and that are cancelled. Where
//! no rule is about stacks: one look for the real function, at the first thread, and nothing else.

use core::ffi::{CStr, c_int, c_uint, c_void};
use core::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering::*};

use faultless_core::counters::C;
use faultless_core::matching::{Chosen, Region};
use faultless_core::reason::Reason;
use faultless_core::rules::{Kind, Policy, Stay};

use crate::live::Live;
use crate::symbols::{self, Wanted};
use crate::sys::{KeepErrno, PAGE};
use crate::target::{Range, Target};
use crate::trampolines::thread_begins;
use crate::{act, regions, state};

/// What a thread runs.
pub type Start = extern "C" fn(*mut c_void) -> *mut c_void;
type Create = unsafe extern "C" fn(*mut c_void, *const c_void, Start, *mut c_void) -> c_int;

/// Some rule is about stacks.
#[unsafe(link_section = ".bss.start")]
static WANTED: AtomicBool = AtomicBool::new(false);

/// Whether rules are about stacks. Constructor only.
pub fn start(policy: &Policy) {
    WANTED.store(policy.may_match(Kind::Stack), Relaxed);
}

/// pthread_create(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_create(
    thread: *mut c_void,
    attributes: *const c_void,
    function: Start,
    argument: *mut c_void,
) -> c_int {
    let Some(create) = real() else { return libc::EAGAIN };
    let slot = if WANTED.load(Relaxed) { claim(function, argument) } else { None };
    // SAFETY: the program's own call; or with a function of ours that calls the program's with its argument.
    unsafe {
        let Some(slot) = slot else { return create(thread, attributes, function, argument) };
        let result = create(thread, attributes, thread_begins, (&raw const *slot).cast_mut().cast());
        if result != 0 {
            slot.take();
        }
        result
    }
}

/// The real one. It is looked for when the first thread is made: most processes make none, and before glibc 2.34 the library
/// that has it may be loaded late.
fn real() -> Option<Create> {
    static REAL: AtomicUsize = AtomicUsize::new(0);
    if REAL.load(Relaxed) == 0 {
        let mut wanted = [const { Wanted::new(c"pthread_create") }];
        symbols::real_but_late(&mut wanted);
        REAL.store(wanted.first().map_or(0, |w| w.address), Relaxed);
    }
    // SAFETY: null, or what the C library exports under this name.
    unsafe { core::mem::transmute::<usize, Option<Create>>(REAL.load(Relaxed)) }
}

/// What a thread that has been asked for is to run, until it begins.
#[repr(C)]
pub struct Slot {
    /// the function; 0: free, 1: being written
    function: AtomicUsize,
    argument: AtomicUsize,
}

/// So many threads may be on their way at once; others begin as they would without us.
static SLOTS: [Slot; 64] = [const { Slot { function: AtomicUsize::new(0), argument: AtomicUsize::new(0) } }; 64];

/// What [`thread_begins`] calls next, in the registers that return two words.
#[repr(C)]
pub struct Begun {
    function: usize,
    argument: usize,
}

impl Slot {
    fn take(&self) -> Begun {
        let begun = Begun { function: self.function.load(Acquire), argument: self.argument.load(Relaxed) };
        self.function.store(0, Release);
        begun
    }
}

fn claim(function: Start, argument: *mut c_void) -> Option<&'static Slot> {
    let _errno = KeepErrno::new();
    // A vfork child, or a process that has been told to let go, has no more to do with stacks.
    let live = state::enter()?;
    let slot = SLOTS.iter().find(|slot| slot.function.compare_exchange(0, 1, Acquire, Relaxed).is_ok());
    let Some(slot) = slot.filter(|_| Calls::ready(&live)) else {
        slot.iter().for_each(|slot| slot.function.store(0, Release));
        live.page.add(C::Raced, 1);
        return None;
    };
    slot.argument.store(argument as usize, Relaxed);
    slot.function.store(function as usize, Release);
    Some(slot)
}

/// In the new thread, before its function.
pub extern "C" fn began(slot: &Slot) -> Begun {
    let begun = slot.take();
    let _errno = KeepErrno::new();
    if let Some(live) = state::enter() {
        apply(&live);
    }
    begun
}

#[inline(never)]
fn apply(live: &Live<'_>) {
    /// Bytes: musl lets a stack have less than what we need ourselves.
    const LEAST: usize = 16 << 10;
    if live.is_filtered() {
        return act::count_never(live, Kind::Stack, Reason::Seccomp);
    }
    let Some(range) = Calls::stack().filter(|range| range.len >= LEAST) else { return };
    let region = Region { kind: Kind::Stack, size: range.len as u64, path: None };
    let mut chosen = live.policy.choose(&region, live.memory());
    mitigate(live, &mut chosen);
    if chosen.matched == 0 {
        return;
    }
    if !Calls::remember(range) {
        return act::count_skipped(live, &chosen, Reason::TableFull);
    }
    let target =
        Target { range, kind: Kind::Stack, writable: true, shared: false, hugetlb: false, segment: false, file: None };
    act::apply(live, &target, &chosen);
}

/// A stack has 8 MiB, and a thread seldom uses one: rules for `any` lock what it does use, and populate nothing.
fn mitigate(live: &Live<'_>, chosen: &mut Chosen) {
    let is_any = |rule: u8| live.policy.rules().get(usize::from(rule)).is_some_and(|rule| rule.kind == Kind::Any);
    chosen.arrival = chosen.arrival.filter(|(rule, _)| !is_any(*rule));
    if let Some((rule, stay)) = &mut chosen.stay
        && is_any(*rule)
    {
        *stay = Stay::OnFault;
    }
}

/// The thread ends: the value is what [`Calls::remember`] has put together.
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

/// pthread_attr_t is 56 bytes in glibc and in musl.
#[repr(C, align(16))]
struct Attributes([u8; 128]);

/// The functions of the C library by which a thread finds its stack, and has its end noticed.
struct Calls;

static SELF: AtomicUsize = AtomicUsize::new(0);
static ATTRIBUTES_OF: AtomicUsize = AtomicUsize::new(0);
static STACK_OF: AtomicUsize = AtomicUsize::new(0);
static GUARD_OF: AtomicUsize = AtomicUsize::new(0);
static DESTROY: AtomicUsize = AtomicUsize::new(0);
static SET: AtomicUsize = AtomicUsize::new(0);
static KEY: AtomicUsize = AtomicUsize::new(0);
static READY: AtomicU8 = AtomicU8::new(UNTRIED);
const UNTRIED: u8 = 0;
const BEGUN: u8 = 1;
const YES: u8 = 2;
const NO: u8 = 3;

impl Calls {
    /// Looks for them, once. False: they are not there, or another thread is at it.
    fn ready(live: &Live<'_>) -> bool {
        if READY.compare_exchange(UNTRIED, BEGUN, AcqRel, Relaxed).is_ok() {
            let found = Calls::find();
            if !found {
                act::count_never(live, Kind::Stack, Reason::Unknown);
            }
            READY.store(if found { YES } else { NO }, Release);
        }
        READY.load(Acquire) == YES
    }

    fn find() -> bool {
        const NAMES: [&CStr; 6] = [
            c"pthread_self",
            c"pthread_getattr_np",
            c"pthread_attr_getstack",
            c"pthread_attr_getguardsize",
            c"pthread_attr_destroy",
            c"pthread_setspecific",
        ];
        let mut wanted = NAMES.map(Wanted::new);
        let mut create = [const { Wanted::new(c"pthread_key_create") }];
        symbols::real_but_late(&mut wanted);
        symbols::real_but_late(&mut create);
        let places = [&SELF, &ATTRIBUTES_OF, &STACK_OF, &GUARD_OF, &DESTROY, &SET];
        for (place, wanted) in places.iter().zip(&wanted) {
            place.store(wanted.address, Relaxed);
        }
        let create = create.first().map_or(0, |w| w.address);
        if create == 0 || wanted.iter().any(|w| w.address == 0) {
            return false;
        }
        type Destructor = unsafe extern "C" fn(*mut c_void);
        let mut key: c_uint = 0;
        // SAFETY: what the C library exports under this name; it writes one key.
        let failed = unsafe {
            core::mem::transmute::<usize, unsafe extern "C" fn(*mut c_uint, Destructor) -> c_int>(create)(
                &mut key, ends,
            )
        };
        KEY.store(key as usize, Relaxed);
        failed == 0
    }

    /// The calling thread's stack, without its guard.
    fn stack() -> Option<Range> {
        let mut attributes = Attributes([0; 128]);
        let attributes = (&raw mut attributes).cast::<c_void>();
        let (mut start, mut len, mut guard) = (0usize, 0usize, 0usize);
        // SAFETY: these are the functions of those names (`find`); the attributes have room, and are given back.
        unsafe {
            type Of = unsafe extern "C" fn(*mut c_void, *mut usize) -> c_int;
            let this = core::mem::transmute::<usize, unsafe extern "C" fn() -> usize>(SELF.load(Relaxed))();
            let attributes_of = core::mem::transmute::<usize, unsafe extern "C" fn(usize, *mut c_void) -> c_int>(
                ATTRIBUTES_OF.load(Relaxed),
            );
            let stack_of = core::mem::transmute::<
                usize,
                unsafe extern "C" fn(*mut c_void, *mut usize, *mut usize) -> c_int,
            >(STACK_OF.load(Relaxed));
            let guard_of = core::mem::transmute::<usize, Of>(GUARD_OF.load(Relaxed));
            let destroy =
                core::mem::transmute::<usize, unsafe extern "C" fn(*mut c_void) -> c_int>(DESTROY.load(Relaxed));
            if attributes_of(this, attributes) != 0 {
                return None;
            }
            let known = stack_of(attributes, &mut start, &mut len) == 0 && guard_of(attributes, &mut guard) == 0;
            destroy(attributes);
            if !known {
                return None;
            }
        }
        // glibc has counted the guard in before 2.27, and not since: a page too little is no loss.
        let top = start.checked_add(len)?;
        let low = start.checked_add(guard)?.next_multiple_of(PAGE);
        let here = (&raw const len) as usize;
        // In musl, and where the program gives the stack, its last page may be shared with what lies above.
        let len = (top & !(PAGE - 1)).saturating_sub(low);
        (low..top).contains(&here).then_some(Range { start: low, len })
    }

    /// Has the end of the thread noticed.
    fn remember(range: Range) -> bool {
        type Set = unsafe extern "C" fn(c_uint, *const c_void) -> c_int;
        let Some(word) = packed(range) else { return false };
        // SAFETY: the function of that name; the key is ours.
        unsafe {
            core::mem::transmute::<usize, Set>(SET.load(Relaxed))(KEY.load(Relaxed) as c_uint, word as *const c_void)
                == 0
        }
    }
}
