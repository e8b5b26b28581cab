//! The lifecycle: off, starting, on, and the ways out of it. Owns the policy and the options.
//!
//! What must hold here: one atomic says whether hooks act, and anything but ON is pass-through; [`enter`] is the one
//! door to acting, and it is shut for vfork children, after `faultless off`, and once a seccomp filter has arrived. The
//! policy and the options are written by the constructor alone, before ON is published.

use core::cell::UnsafeCell;

use faultless_core::options::Settings;
use faultless_core::page::State;
use faultless_core::rules::Policy;

use crate::live::Live;
use crate::regions::Record;
use crate::sync::{AtomicBool, AtomicU32, Ordering::*, fence};
use crate::{
    captive, countdown, crew, descriptors, heap, identity, looks, own_stack, pages, real, recycle, regions, small_path,
    sys, transit, usage, watch,
};

/// Before the constructor, or stood down.
const OFF: u32 = 0;
/// The constructor is at work.
const STARTING: u32 = 1;
/// Hooks act.
const ON: u32 = 2;
/// A seccomp filter arrived, or we were told to let go: pass-through until the end.
const OVER: u32 = 3;

#[unsafe(link_section = ".bss.start")]
static STATE: AtomicU32 = AtomicU32::new(OFF);
/// Real functions have been looked for.
#[unsafe(link_section = ".bss.start")]
static RESOLVED: AtomicBool = AtomicBool::new(false);
/// The program has set M_MMAP_THRESHOLD or M_MMAP_MAX itself.
static MALLOPT: AtomicBool = AtomicBool::new(false);

struct Owned(UnsafeCell<(Settings<'static>, Policy)>);

// SAFETY: written by the constructor before ON is published (Release), read after ON was seen (Acquire).
unsafe impl Sync for Owned {}

static OWNED: Owned = Owned(UnsafeCell::new((Settings::new(), Policy::empty())));

/// What the constructor writes before anything is on.
///
/// # Safety
/// Only the constructor may call this, and only once.
pub unsafe fn owned() -> &'static mut (Settings<'static>, Policy) {
    // SAFETY: as the caller says, nobody else looks yet.
    unsafe { &mut *OWNED.0.get() }
}

/// The constructor begins. False: it has run before.
pub fn begin() -> bool {
    identity::take_over();
    STATE.compare_exchange(OFF, STARTING, AcqRel, Relaxed).is_ok()
}

/// The constructor is done: hooks act from here on.
pub fn publish() {
    STATE.store(ON, Release);
}

/// The constructor is done: nothing acts, ever.
pub fn stand_down() {
    STATE.store(OFF, Release);
    countdown::end();
}

/// Whether hooks act.
pub fn is_on() -> bool {
    STATE.load(Relaxed) == ON
}

/// The door to acting. None: pass through.
#[inline]
pub fn enter() -> Option<Live<'static>> {
    if STATE.load(Acquire) != ON {
        return None;
    }
    enter_on()
}

fn enter_on() -> Option<Live<'static>> {
    if !is_own() {
        return None; // a vfork child: its memory is its parent's
    }
    pages::ensure();
    let live = live();
    if live.is_off() {
        let_go(&live);
        return None;
    }
    usage::sample_sometimes(live.page);
    Some(live)
}

/// The door to undoing what we have done to memory: also for a child that shares it, as vfork's does, because its calls meet the
/// same locks, and what it unmaps is gone for all. Not where such a child can't be told from one with a copy.
pub fn enter_to_undo() -> Option<Live<'static>> {
    if STATE.load(Acquire) != ON {
        return None;
    }
    enter_on().or_else(|| {
        let shares = !captive::is_here() && identity::tells_children() && !identity::is_new_child();
        (shares && is_on()).then(live)
    })
}

/// Whether the state is this process's, which a raw clone's child makes it here: no handler of ours ran there.
pub fn is_own() -> bool {
    if captive::is_here() {
        return false;
    }
    // First, because a child in a new namespace may have the number of its parent: both are process 1.
    if identity::is_new_child() {
        become_child();
        return true;
    }
    identity::is_own_process()
}

/// The door for the end of the process: also after `faultless off`, and without making a page for a forked child that has
/// done nothing. Shut once a filter has arrived: then not even getpid is safe.
pub fn enter_to_end() -> Option<Live<'static>> {
    let state = STATE.load(Acquire);
    if state != ON && state != OVER || pages::is_pending() || identity::is_new_child() {
        return None;
    }
    let live = live();
    let sealed = live.page.state.load(Relaxed) == State::Sealed as u32;
    (!sealed && !captive::is_here() && identity::is_own_process()).then_some(live)
}

/// What [`enter`] gives, without asking: for those who know that the state is ON, such as the end of the process.
pub fn live() -> Live<'static> {
    // SAFETY: ON has been seen, so the constructor is done with it, and nobody writes any more.
    let owned = unsafe { &*OWNED.0.get() };
    Live { page: pages::current(), policy: &owned.1, config: &owned.0 }
}

/// Told from outside: unlock, give back, and pass through from then on.
fn let_go(live: &Live<'_>) {
    if STATE.compare_exchange(ON, OVER, AcqRel, Relaxed).is_err() {
        return;
    }
    close_the_slow_path();
    crew::end();
    watch::end();
    descriptors::let_go(live);
    regions::unlock(live, 0, usize::MAX);
    regions::forget(live, 0, usize::MAX);
    recycle::purge(live);
    heap::let_go();
    live.page.state.store(State::Off as u32, Relaxed);
}

/// Whoever has just recorded a lock or a budget calls this: if we were told to let go meanwhile, and all records were looked
/// through before, or are forgotten without a look at this one's lock, it goes too.
pub fn recorded(live: &Live<'_>, record: &Record) {
    fence(SeqCst);
    if STATE.load(Relaxed) == OVER && live.page.state.load(Relaxed) != State::Sealed as u32 {
        regions::forget(live, record.start, record.end - record.start);
        let _ = sys::munlock(record.lock_start, record.lock_end.saturating_sub(record.lock_start));
    }
}

fn close_the_slow_path() {
    small_path::BOUND.store(usize::MAX, Relaxed);
    countdown::end();
}

/// The program makes a call for which there must be no thread of ours: they end, and come back with [`come_back`] to what they had.
/// They are waited for, bounded (ns).
pub fn stand_aside(patience: u64) {
    crew::stand_aside(patience);
    watch::stand_aside(patience);
}

/// See [`stand_aside`].
pub fn come_back(live: &Live<'_>) {
    crew::come_back(live);
    watch::come_back(live);
}

/// No thread of ours, because a filter can be put on all of them, and no lock: afterwards nothing could undo one that is in
/// the way of a call.
fn withdraw(live: &Live<'_>) {
    crew::withdraw();
    watch::close(0, usize::MAX);
    watch::withdraw();
    let _ = transit::unlock_all(live);
}

/// The same as [`ready_to_seal`] in a child that shares the memory: what it does is done to all who do.
pub fn ready_to_seal_all() {
    if let Some(live) = enter_to_undo() {
        withdraw(&live);
    }
}

/// The same as [`not_sealed`] in such a child: a thread of ours may be started again, but not by it.
pub fn not_sealed_all() {
    if enter_to_undo().is_some() {
        crew::go_on();
        watch::may_begin_anew();
    }
}

/// A seccomp filter is about to arrive: the last moment for system calls of ours, such as the end's figures.
pub fn ready_to_seal() {
    if let Some(live) = enter() {
        withdraw(&live);
        usage::sample(live.page);
    }
}

/// The kernel refused it.
pub fn not_sealed(live: &Live<'_>) {
    crew::come_back(live);
    watch::begin_anew(live);
}

/// A seccomp filter is in place from now on: not one system call of ours any more.
pub fn seal() {
    if STATE.compare_exchange(ON, OVER, AcqRel, Relaxed).is_ok() {
        close_the_slow_path();
        let page = pages::current();
        page.state.store(State::Sealed as u32, Relaxed);
        page.seccomp.store(2, Relaxed);
    }
}

/// A child after fork: fresh counters, nothing locked, no lock held. Runs once per fork, in the child's only thread: from
/// the fork handler, or after a raw clone from the first hook.
pub fn become_child() {
    if STATE.load(Acquire) != ON {
        return;
    }
    if captive::is_here() {
        return stand_down(); // the filter came along
    }
    if !identity::begin_as_child() {
        return;
    }
    captive::start_in_child();
    own_stack::start_in_child();
    crew::start_in_child();
    looks::start_in_child();
    watch::start_in_child();
    descriptors::start_in_child();
    regions::start_in_child();
    transit::start_in_child();
    recycle::start_in_child();
    heap::start_in_child();
    pages::start_in_child();
    identity::take_over();
}

/// Finds the real functions if the constructor has not yet done so: for hooks that can't do without, when another
/// library's constructor calls them.
pub fn resolve_early() {
    if STATE.load(Acquire) == OFF && !RESOLVED.swap(true, AcqRel) {
        real::resolve();
    }
}

/// Marks the real functions as found: the constructor did it.
pub fn resolved() -> bool {
    RESOLVED.swap(true, AcqRel)
}

/// The program has its own wish for large blocks.
pub fn refuse_malloc_rules() {
    MALLOPT.store(true, Relaxed);
}

/// Whether it has.
pub fn malloc_rules_refused() -> bool {
    MALLOPT.load(Relaxed)
}
