//! The thread: when it starts, how often it looks, when it ends.
//!
//! What must hold here: it never opens anything in the program's descriptor table; idle, it costs next to nothing (a look
//! is one getrusage); it ends when nothing is watched, when it is told to, and when the program has given up the user or
//! group that it started with (a thread of ours would keep them).

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering::*};

use faultless_core::counters::C;

use super::auto::Desk;
use super::pagemap::Pagemap;
use super::refresh::Refresh;
use super::table::{self, SLOTS};
use super::vitals::{Room, Vitals};
use super::{AUTO, DROP_BEHIND, REFRESH};
use crate::crew::Place;
use crate::live::Live;
use crate::{limits, state, sys};

/// How long the hooks wait for the thread to end, and a new one for the last one's stack (ns).
const PATIENCE_NS: u64 = 100_000_000;
/// Between two looks while something happens, and the most while nothing does (ns).
const BUSY_NS: u64 = 20_000_000;
const IDLE_NS: u64 = 250_000_000;
/// Between two looks at what changes slowly: memory, the program's user.
const SLOW_NS: u64 = 1_000_000_000;

static PLACE: Place = Place::new();
/// A thread is at work, or about to be.
static SERVED: AtomicBool = AtomicBool::new(false);
/// Changes with every request: what the thread sleeps on.
static ASKED: AtomicU32 = AtomicU32::new(0);
/// There will be no further thread.
static IS_OVER: AtomicBool = AtomicBool::new(false);
/// There is none until the program's call is over.
static IS_PAUSED: AtomicBool = AtomicBool::new(false);

/// What the thread knows of each slot.
struct Desks(UnsafeCell<[(Desk, Refresh); SLOTS]>);

// SAFETY: only the one thread looks at it.
unsafe impl Sync for Desks {}

static DESKS: Desks = Desks(UnsafeCell::new([const { (Desk::empty(), Refresh::new()) }; SLOTS]));

/// Wakes the thread, or starts one. False: there is none to be had.
pub fn see_to_it(live: &Live<'_>) -> bool {
    if IS_OVER.load(SeqCst) {
        return false;
    }
    ASKED.fetch_add(1, SeqCst);
    if SERVED.load(SeqCst) || IS_PAUSED.load(SeqCst) {
        sys::wake(&ASKED);
        return true;
    }
    // Nobody may jump out of this half-way.
    let mask = sys::block_signals();
    let mut served = SERVED.swap(true, SeqCst);
    if !served {
        served = PLACE.start_when_empty(live, serve, PATIENCE_NS);
        SERVED.store(served, SeqCst);
    }
    sys::restore_signals(mask);
    served
}

/// The thread.
fn serve() {
    sys::leave_realtime();
    let live = state::live();
    match sys::own_descriptors() {
        Ok(()) => work(&live),
        Err(_) => IS_OVER.store(true, SeqCst),
    }
    // SAFETY: this is the thread.
    for (desk, _) in unsafe { &mut *DESKS.0.get() } {
        desk.clear();
    }
    SERVED.store(false, SeqCst);
}

fn work(live: &Live<'_>) {
    // SAFETY: this is the thread.
    let desks = unsafe { &mut *DESKS.0.get() };
    let pagemap = Pagemap::open();
    let user = limits::user();
    let mut before = Vitals::take();
    let mut room = Room::read();
    let mut gap = BUSY_NS;
    let mut empty_since = None;
    loop {
        let asked = ASKED.load(SeqCst);
        if IS_OVER.load(SeqCst) || IS_PAUSED.load(SeqCst) || live.is_off() {
            return;
        }
        let began = sys::ticks();
        if began - room.read_at > SLOW_NS {
            room = Room::read();
            if limits::user() != user {
                return;
            }
        }
        let now = Vitals::take();
        let quiet = now.majors == before.majors && now.read == before.read;
        gap = if quiet { (gap * 2).min(IDLE_NS) } else { BUSY_NS };
        before = now;
        let all = files_watched();
        let mut is_empty = true;
        for (slot, (desk, refresh)) in table::slots().iter().zip(desks.iter_mut()) {
            let Some((watched, serial)) = slot.read() else {
                desk.clear();
                continue;
            };
            is_empty = false;
            desk.sit(serial, &watched);
            if watched.wants & REFRESH != 0 {
                gap = gap.min(refresh.look(slot, &watched, serial, now.at));
            }
            if watched.wants & (AUTO | DROP_BEHIND) != 0 {
                let is_tight = all.max(watched.file_bytes) > room.files;
                let room = is_tight.then_some(room.files);
                gap = gap.min(desk.look(live, &pagemap, slot, &watched, &now, room));
            }
        }
        let ended = sys::ticks();
        live.page.add(C::OwnThreadNs, ended - began);
        // Whoever adds something after this look starts another thread.
        if is_empty && ended - *empty_since.get_or_insert(ended) > PATIENCE_NS {
            SERVED.store(false, SeqCst);
            if table::is_empty() || SERVED.swap(true, SeqCst) {
                return;
            }
        }
        if !is_empty {
            empty_since = None;
        }
        sys::wait_while(&ASKED, asked, gap);
    }
}

/// Bytes of all files of which a mapping is watched, each once.
fn files_watched() -> u64 {
    let mut seen = [0u64; SLOTS];
    let mut sum = 0u64;
    for (watched, _) in table::slots().iter().filter_map(table::Slot::read) {
        let place = seen.iter_mut().find(|id| **id == 0 || **id == watched.identity);
        if let Some(place) = place.filter(|id| **id == 0) {
            *place = watched.identity;
            sum = sum.saturating_add(watched.file_bytes);
        }
    }
    sum
}

/// Something wants a look now.
pub fn wake() {
    ASKED.fetch_add(1, SeqCst);
    sys::wake(&ASKED);
}

/// No thread from here on.
pub fn end() {
    IS_OVER.store(true, SeqCst);
    leave();
}

/// None until [`resume`].
pub fn pause() {
    IS_PAUSED.store(true, SeqCst);
    leave();
}

/// See [`pause`].
pub fn resume(live: &Live<'_>) {
    IS_PAUSED.store(false, SeqCst);
    if !table::is_empty() {
        let _ = see_to_it(live);
    }
}

fn leave() {
    ASKED.fetch_add(1, SeqCst);
    if SERVED.load(SeqCst) {
        sys::wake(&ASKED);
    }
    PLACE.see_off(PATIENCE_NS);
}

/// In a forked child: there is no thread.
pub fn start_in_child() {
    SERVED.store(false, SeqCst);
    IS_OVER.store(false, SeqCst);
    IS_PAUSED.store(false, SeqCst);
    // SAFETY: the only thread here.
    for (desk, _) in unsafe { &mut *DESKS.0.get() } {
        desk.abandon();
    }
    PLACE.empty();
}
