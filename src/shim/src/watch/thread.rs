//! The thread: when it starts, how often it looks, when it ends.
//!
//! What must hold here: it never opens anything in the program's descriptor table; idle, it costs next to nothing (a look
//! is one getrusage); it ends when nothing is watched, when it is told to, and when the program has given up the user or
//! group that it started with (a thread of ours would keep them).

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::*};

use faultless_core::counters::C;

use super::REFRESH;
use super::auto::Desk;
use super::hot::{self, Maps, Sight};
use super::pagemap::Pagemap;
use super::pressure::Pressure;
use super::refresh::Refresh;
use super::scan::{self, Scans};
use super::table::{self, ACCESS, SLOTS};
use super::vitals::{self, Room, Vitals};
use crate::crew::Place;
use crate::live::Live;
use crate::{descriptors, limits, state, sys};

/// How long the end of the process waits for the thread to end, and a new one for the last one's stack (ns).
const PATIENCE_NS: u64 = 100_000_000;
/// Between two looks while something happens, and the most while nothing does (ns).
const BUSY_NS: u64 = 20_000_000;
const IDLE_NS: u64 = 250_000_000;
/// From one look to the next, however often something new is to be watched (ns).
const LEAST_NS: u64 = if hot::IS_HURRIED { 0 } else { 2_000_000 };
/// Between two looks at memory at least so many times what one takes.
const ROOM_SHARE: u64 = 50;
/// Between two looks at what changes slowly: memory, the program's user.
const SLOW_NS: u64 = 1_000_000_000;
/// The same for whether anybody but us is left.
const LEAVING_NS: u64 = 100_000_000;

static PLACE: Place = Place::new();
/// A thread is at work, or about to be.
static SERVED: AtomicBool = AtomicBool::new(false);
/// Changes with every request: what the thread sleeps on.
static ASKED: AtomicU32 = AtomicU32::new(0);
/// Somebody waits for the next look: it comes at once, and not only when the last one is [`LEAST_NS`] past.
static IS_URGENT: AtomicU32 = AtomicU32::new(0);
/// The program's user when the thread was started ([`limits::Standing`]).
static STARTED_AS: AtomicU64 = AtomicU64::new(0);
/// There will be no further thread.
static IS_OVER: AtomicBool = AtomicBool::new(false);
/// How many calls of the program want none meanwhile.
static PAUSES: AtomicU32 = AtomicU32::new(0);
/// How many of them want nothing kept. While there are none, what the thread knows stays for the next one.
static CLEARINGS: AtomicU32 = AtomicU32::new(0);
/// It has left so.
static IS_KEPT: AtomicBool = AtomicBool::new(false);

/// Why the thread leaves.
#[derive(PartialEq, Eq)]
enum Leaves {
    /// there is nothing to do, or there will be no other
    ForGood,
    /// the same, and another may wait for the stack already
    Replaced,
    /// for a call of the program's
    Briefly,
}

/// What the thread knows of each slot, and of memory.
struct Desks(UnsafeCell<([(Desk, Refresh); SLOTS], Pressure)>);

// SAFETY: only the one thread looks at it.
unsafe impl Sync for Desks {}

static DESKS: Desks = Desks(UnsafeCell::new(([const { (Desk::empty(), Refresh::new()) }; SLOTS], Pressure::new())));

/// Wakes the thread, or starts one. False: there is none to be had.
pub fn see_to_it(live: &Live<'_>) -> bool {
    if IS_OVER.load(SeqCst) {
        return false;
    }
    ASKED.fetch_add(1, SeqCst);
    if SERVED.load(SeqCst) || PAUSES.load(SeqCst) != 0 {
        sys::wake(&ASKED);
        return true;
    }
    // Nobody may jump out of this half-way.
    let Ok(mask) = sys::block_signals() else { return false };
    let mut served = SERVED.swap(true, SeqCst);
    if !served {
        // Where /proc says nothing of the process, nobody would tell the thread that it is the last one.
        let user = limits::standing().user;
        STARTED_AS.store(user, SeqCst);
        served = user != 0 && PLACE.start_when_empty(live, serve, PATIENCE_NS);
        SERVED.store(served, SeqCst);
    }
    sys::restore_signals(mask);
    served
}

/// The thread.
fn serve() {
    sys::leave_realtime();
    let live = state::live();
    IS_KEPT.store(false, SeqCst);
    if sys::own_descriptors().is_err() {
        IS_OVER.store(true, SeqCst);
        return SERVED.store(false, SeqCst);
    }
    loop {
        let leaves = work(&live);
        if leaves != Leaves::Briefly {
            vitals::leave();
            forget();
            if leaves == Leaves::ForGood {
                SERVED.store(false, SeqCst);
            }
            return;
        }
        scan::is_away();
        IS_KEPT.store(true, SeqCst);
        SERVED.store(false, SeqCst);
        // Whoever let it come back before that has woken it, and started nobody.
        if is_told_to_leave() || is_idle() || SERVED.swap(true, SeqCst) {
            return vitals::leave();
        }
        IS_KEPT.store(false, SeqCst);
    }
}

/// What is known is forgotten, and advice that nobody corrects any more goes. For the thread, or while there is none.
fn forget() {
    // SAFETY: as the caller says, nobody else looks at it.
    let (desks, held) = unsafe { &mut *DESKS.0.get() };
    table::slots().iter().zip(desks).for_each(|(slot, (desk, _))| desk.leave(slot));
    *held = Pressure::new();
    // SAFETY: as above.
    unsafe { hot::state() }.clear();
    scan::end();
}

/// The same where the thread has gone for a moment, and will not come back.
fn forget_what_is_kept() {
    if IS_KEPT.load(SeqCst) && is_gone() && !SERVED.swap(true, SeqCst) {
        IS_KEPT.store(false, SeqCst);
        forget();
        SERVED.store(false, SeqCst);
    }
}

/// Looks until there is nothing to look at, or for as long as it may.
fn work(live: &Live<'_>) -> Leaves {
    // SAFETY: this is the thread.
    let (desks, held) = unsafe { &mut *DESKS.0.get() };
    // SAFETY: as above.
    let hot = unsafe { hot::state() };
    let (pagemap, maps) = (Pagemap::open(), Maps::open());
    let mut scans = Scans::open();
    // Not read here first: the program may have given up its user between the thread's start and now.
    let user = STARTED_AS.load(SeqCst);
    let mut before = Vitals::take();
    let mut room = Room::read();
    let mut stood_at = room.read_at;
    let mut gap = BUSY_NS;
    let mut empty_since = None;
    let mut leader_seen_at = room.read_at;
    loop {
        let asked = ASKED.load(SeqCst);
        if is_told_to_leave() || live.is_off() {
            let is_pause = PAUSES.load(SeqCst) != 0 && !IS_OVER.load(SeqCst) && !live.is_off();
            if is_pause && CLEARINGS.load(SeqCst) == 0 {
                return Leaves::Briefly;
            }
            hot.save(&pagemap, u64::MAX);
            return Leaves::ForGood;
        }
        let began = sys::ticks();
        let soonest = if hot.holds() { hot.until_tight(&room) } else { SLOW_NS };
        if began - room.read_at > soonest.max(room.took * ROOM_SHARE) {
            room = Room::read();
        }
        if began - stood_at > SLOW_NS {
            stood_at = began;
            if limits::standing().user != user {
                hot.let_go_of_all(live); // nobody would
                return Leaves::ForGood;
            }
        }
        if began - leader_seen_at > LEAVING_NS {
            const LEADER_AND_US: u64 = 2;
            leader_seen_at = began;
            if let Some(status) = limits::left_with()
                && limits::standing().threads <= LEADER_AND_US
            {
                sys::exit_thread(status); // the process ends with us, as it would have without
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
            desk.sit(slot, serial, &watched);
            if watched.wants & REFRESH != 0 {
                gap = gap.min(refresh.look(slot, &watched, serial, now.at));
            }
            if watched.wants & ACCESS != 0 {
                let is_tight = all.max(watched.file_bytes) > room.files;
                let room = is_tight.then_some(room.files);
                gap = gap.min(desk.look(live, &pagemap, slot, &watched, &now, room));
            }
        }
        let sight = Sight { pagemap: &pagemap, maps: &maps, now: &now, room: &room, all };
        let mut lend = |at, pages| desks.iter_mut().for_each(|(desk, _)| desk.lend(at, pages));
        gap = gap.min(hot.look(live, &sight, &mut lend));
        if hot.holds() {
            gap = gap.min(hot.until_tight(&room));
        }
        hot.save(&pagemap, now.at);
        gap = gap.min(held.look(live, now.at));
        if let Some(due) = scans.look(live, &now, &room) {
            is_empty = false;
            gap = gap.min(due);
        }
        let ended = sys::ticks();
        live.page.add(C::OwnThreadNs, ended - began);
        // Whoever adds something after this look starts another thread.
        if is_empty && ended - *empty_since.get_or_insert(ended) > PATIENCE_NS {
            SERVED.store(false, SeqCst);
            if is_idle() || SERVED.swap(true, SeqCst) {
                return Leaves::Replaced;
            }
        }
        if !is_empty {
            empty_since = None;
        }
        sys::wait_while(&ASKED, asked, gap);
        let rest = (began + LEAST_NS.min(gap)).saturating_sub(sys::ticks());
        if rest > 0 {
            sys::wait_while(&IS_URGENT, 0, rest);
        }
        IS_URGENT.store(0, SeqCst);
    }
}

/// Whether nothing is watched.
fn is_idle() -> bool {
    table::is_empty() && !descriptors::any()
}

/// Bytes of all files of which a mapping is watched, each once.
fn files_watched() -> u64 {
    let mut seen = [0u64; SLOTS];
    let mut sum = 0u64;
    let all = table::slots().iter().filter_map(table::Slot::read);
    for (watched, _) in all.filter(|(watched, _)| !watched.is_anonymous()) {
        let place = seen.iter_mut().find(|id| **id == 0 || **id == watched.identity);
        if let Some(place) = place.filter(|id| **id == 0) {
            *place = watched.identity;
            sum = sum.saturating_add(watched.file_bytes);
        }
    }
    sum
}

/// Somebody waits for a look.
pub fn wake() {
    ASKED.fetch_add(1, SeqCst);
    IS_URGENT.store(1, SeqCst);
    sys::wake(&ASKED);
    sys::wake(&IS_URGENT);
}

/// Whether the thread is to end as soon as it can.
pub fn is_told_to_leave() -> bool {
    IS_OVER.load(SeqCst) || PAUSES.load(SeqCst) != 0
}

/// Whether there is no thread: it has ended, or died.
pub fn is_gone() -> bool {
    PLACE.is_empty()
}

/// Whether the kernel counts it: for a while after it is gone.
pub fn is_counted() -> bool {
    PLACE.is_counted()
}

/// No thread from here on.
pub fn end() {
    IS_OVER.store(true, SeqCst);
    leave(PATIENCE_NS);
    forget_what_is_kept();
}

/// None until [`resume`]; waits for that, bounded (ns). What it knows, and what it has locked and advised, stays for the next one.
pub fn pause(patience: u64) {
    PAUSES.fetch_add(1, SeqCst);
    leave(patience);
}

/// The same until [`resume_anew`], and nothing stays.
pub fn clear(patience: u64) {
    CLEARINGS.fetch_add(1, SeqCst);
    PAUSES.fetch_add(1, SeqCst);
    leave(patience);
    forget_what_is_kept();
}

/// See [`pause`]: from here on the next to ask may start one.
pub fn resume() {
    one_less(&PAUSES);
}

/// See [`clear`].
pub fn resume_anew() {
    one_less(&PAUSES);
    one_less(&CLEARINGS);
}

fn one_less(count: &AtomicU32) {
    let _ = count.fetch_update(SeqCst, SeqCst, |count| count.checked_sub(1));
}

/// After [`resume`]: what waits has a thread again.
pub fn go_on(live: &Live<'_>) {
    if !is_idle() {
        let _ = see_to_it(live);
    }
}

fn leave(patience: u64) {
    // No call where there never was one: a filter from the start may kill for it.
    if PLACE.is_empty() && !PLACE.is_counted() {
        return;
    }
    wake();
    PLACE.see_off(patience);
}

/// In a forked child: none of its calls wants no thread, whatever its parent's did.
pub fn nobody_waits() {
    PAUSES.store(0, SeqCst);
    CLEARINGS.store(0, SeqCst);
}

/// In a forked child: there is no thread.
pub fn start_in_child() {
    SERVED.store(false, SeqCst);
    IS_OVER.store(false, SeqCst);
    IS_KEPT.store(false, SeqCst);
    // SAFETY: the only thread here.
    let (desks, held) = unsafe { &mut *DESKS.0.get() };
    desks.iter_mut().for_each(|(desk, _)| desk.abandon());
    *held = Pressure::new();
    vitals::start_in_child();
    // SAFETY: as above.
    unsafe { hot::state() }.abandon();
    PLACE.empty();
}
