//! Stacks of threads: what rules do to one when its thread begins, and what is undone when it ends. The C library maps stacks
//! by calls of its own that no hook sees, so the thread finds its stack itself (`bounds`).
//!
//! What must hold here: a thread acts on its own stack only, before its function runs, because nobody else knows how long
//! that stack is there; nothing is allocated there; the function is then called in place of ours (no frame stays on the stack
//! for whoever unwinds it); what takes budget or a lock is undone when the thread ends (`end`). Where no rule is about stacks:
//! one look for the real function, at the first thread, and nothing else.

mod bounds;
mod end;

use core::ffi::{c_int, c_void};
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering::*};

use faultless_core::counters::C;
use faultless_core::matching::{Chosen, Region};
use faultless_core::reason::Reason;
use faultless_core::rules::{Axis, Kind, PageSize, Policy, Stay};

use crate::live::Live;
use crate::symbols::{self, Wanted};
use crate::sys::{self, KeepErrno, PAGE};
use crate::target::{Range, Target};
use crate::trampolines::thread_begins;
use crate::{act, crew, state};

use bounds::{Asked, Readers};

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
    // SAFETY: the program's own call; or with a function of ours that calls the program's with its argument.
    unsafe {
        let slot = if WANTED.load(Relaxed) { claim(attributes, function, argument) } else { None };
        let create = |function, argument| {
            crew::leaving_a_place(|| create(thread, attributes, function, argument), |result| *result == libc::EAGAIN)
        };
        let Some(slot) = slot else { return create(function, argument) };
        let result = create(thread_begins, (&raw const *slot).cast_mut().cast());
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
pub struct Slot {
    /// the function; 0: free, 1: being written
    function: AtomicUsize,
    argument: AtomicUsize,
    /// how large a stack it was promised
    bytes: AtomicUsize,
}

/// So many threads may be on their way at once; others begin as they would without us.
static SLOTS: [Slot; 64] =
    [const { Slot { function: AtomicUsize::new(0), argument: AtomicUsize::new(0), bytes: AtomicUsize::new(0) } }; 64];

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

/// Room for a thread that rules have something to do for. None: there is nothing to be done.
///
/// # Safety
/// As [`Readers::asked`].
unsafe fn claim(attributes: *const c_void, function: Start, argument: *mut c_void) -> Option<&'static Slot> {
    /// Bytes: musl lets a stack have less than what we need ourselves.
    const LEAST: usize = 16 << 10;
    let _errno = KeepErrno::new();
    // A vfork child, or a process that has been told to let go, has no more to do with stacks.
    let live = state::enter()?;
    let never = |why| act::count_never(&live, Kind::Stack, why);
    if live.is_filtered() {
        never(Reason::Seccomp);
        return None;
    }
    // SAFETY: as the caller says.
    let bytes = match Readers::find().map(|readers| unsafe { readers.asked(attributes) }) {
        Some(Asked::Bytes(bytes)) => Some(bytes).filter(|bytes| *bytes >= LEAST)?,
        Some(Asked::Given) => {
            never(Reason::GivenStack);
            return None;
        }
        Some(Asked::Unknown) | None => {
            never(Reason::Unknown);
            return None;
        }
    };
    let chosen = choose(&live, bytes);
    if chosen.matched == 0 || is_to_be_undone(&chosen) && !end::can_be_noticed(&live) {
        return None;
    }
    let slot = SLOTS.iter().find(|slot| slot.function.compare_exchange(0, 1, Acquire, Relaxed).is_ok());
    let Some(slot) = slot else {
        live.page.add(C::Raced, 1);
        return None;
    };
    slot.argument.store(argument as usize, Relaxed);
    slot.bytes.store(bytes, Relaxed);
    slot.function.store(function as usize, Release);
    Some(slot)
}

/// In the new thread, before its function.
pub extern "C" fn began(slot: &Slot) -> Begun {
    let bytes = slot.bytes.load(Relaxed);
    let begun = slot.take();
    let _errno = KeepErrno::new();
    if let Some(live) = state::enter() {
        apply(&live, bytes);
    }
    begun
}

#[inline(never)]
fn apply(live: &Live<'_>, bytes: usize) {
    let Some(range) = bounds::own(bytes) else { return act::count_never(live, Kind::Stack, Reason::Unknown) };
    let mut chosen = choose(live, bytes);
    if is_to_be_undone(&chosen) && !end::notice(range) {
        return act::count_skipped(live, &chosen, Reason::TableFull);
    }
    if chosen.stay.is_some()
        && is_locked(range)
        && let Some((rule, _)) = chosen.stay.take()
    {
        act::note_skipped(live, rule, Axis::Stay, Reason::VmLocked);
    }
    let target =
        Target { range, kind: Kind::Stack, writable: true, shared: false, hugetlb: false, segment: false, file: None };
    act::apply(live, &target, &chosen);
}

/// What rules choose for a thread's stack of so many bytes. A stack has 8 MiB, and a thread seldom uses one: rules for `any`
/// lock what it does use, and populate nothing.
fn choose(live: &Live<'_>, bytes: usize) -> Chosen {
    let mut chosen = live.policy.choose(&Region { kind: Kind::Stack, size: bytes as u64, path: None }, live.memory());
    let is_any = |rule: u8| live.policy.rules().get(usize::from(rule)).is_some_and(|rule| rule.kind == Kind::Any);
    chosen.arrival = chosen.arrival.filter(|(rule, _)| !is_any(*rule));
    if let Some((rule, stay)) = &mut chosen.stay
        && is_any(*rule)
    {
        *stay = Stay::OnFault;
    }
    chosen
}

/// Whether something of what was chosen must be settled when the thread ends: a lock, budget, and what has a record. Advice
/// alone stays with the stack, which the C library keeps for the next thread.
fn is_to_be_undone(chosen: &Chosen) -> bool {
    let is_huge = chosen.page_size.is_some_and(|(_, size)| size != PageSize::Never);
    chosen.arrival.is_some() || chosen.stay.is_some() || is_huge
}

/// Whether something of it is locked already: by the program's mlockall(MCL_FUTURE), or because it has locked what this thread
/// gets now. Such a lock is the program's, and no hook has seen it come here.
fn is_locked(stack: Range) -> bool {
    let here = (&raw const stack) as usize & !(PAGE - 1);
    // SAFETY: what lies a page below this frame holds nothing as yet, and nothing of a thread before is there to be found: the C
    // library drops it too when one ends.
    let dropped = unsafe { sys::madvise(stack.start, (here - PAGE).saturating_sub(stack.start), libc::MADV_DONTNEED) };
    dropped == Err(libc::EINVAL)
}
