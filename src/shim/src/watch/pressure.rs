//! When memory gets tight, what we hold goes first: the locks of rules, those of `hot` (which lets go by itself: here is when
//! that is), and the blocks that the pool keeps. The locks come back once there is room for a while.
//!
//! What must hold here: tight is when files, which can make way, are all but gone from what the limit leaves: page cache that
//! merely fills memory is no reason. The less room there is, the sooner the next look.

use faultless_core::page::Outcome;
use faultless_core::reason::Reason;
use faultless_core::rules::Axis;

use super::hot::locks;
use super::table::{self, HELD, SLOTS, Slot, WHOLE, Watched};
use super::thread;
use crate::live::Live;
use crate::{limits, recycle, sys};

/// Memory is tight with less room than this share of it, or than so many bytes: what a program may take between two looks. Of
/// little memory that would be all: then with less than the other share.
const SHARE: u64 = 32;
const LEAST: u64 = 32 << 20;
const MOST_SHARE: u64 = 8;
/// So much of memory may go in a second: the next look comes before the room can be gone.
const BYTES_A_SECOND: u64 = 2 << 30;
const SOONEST_NS: u64 = 20_000_000;
const LATEST_NS: u64 = 1_000_000_000;
/// How long there must be room before locks come back.
const CALM_NS: u64 = 10_000_000_000;
/// Bytes locked at a time.
const PIECE: usize = 32 << 20;

/// With less room than this, memory is tight.
pub fn floor() -> u64 {
    let memory = limits::memory();
    (memory / SHARE).max(LEAST.min(memory / MOST_SHARE))
}

/// In how many ns, at the soonest, so much room can be gone.
pub fn until_tight(room: u64) -> u64 {
    let gap = room.saturating_sub(floor()).saturating_mul(1_000_000_000 / 1024) / (BYTES_A_SECOND / 1024);
    gap.clamp(SOONEST_NS, LATEST_NS)
}

/// What is known of it.
pub struct Pressure {
    due: u64,
    /// CLOCK_MONOTONIC in ns of the last look at which memory was tight
    tight_at: u64,
    /// serials of the slots whose locks have been let go
    released: [u32; SLOTS],
}

impl Pressure {
    /// Nothing yet.
    pub const fn new() -> Pressure {
        Pressure { due: 0, tight_at: 0, released: [0; SLOTS] }
    }

    /// Looks, if something is held and it is time. Returns after how many ns to come back.
    pub fn look(&mut self, live: &Live<'_>, now: u64) -> u64 {
        if held().next().is_none() {
            return LATEST_NS;
        }
        if now < self.due {
            return self.due - now;
        }
        let room = limits::room_for_files();
        let floor = floor();
        if room < floor {
            self.tight_at = now;
            recycle::purge(live);
            self.let_go(live);
        } else if now - self.tight_at > CALM_NS {
            self.take_back(live, room - floor);
        }
        let gap = until_tight(room);
        self.due = sys::ticks() + gap;
        gap
    }

    fn let_go(&mut self, live: &Live<'_>) {
        for (index, slot, (watched, serial)) in held() {
            let Some(released) = self.released.get_mut(index) else { break };
            if *released != serial && locks::unlock(live, slot, &watched, (watched.start, watched.end)) {
                *released = serial;
                note(live, &watched, Outcome::Partly, Reason::Pressure);
            }
        }
    }

    fn take_back(&mut self, live: &Live<'_>, mut room: u64) {
        for (index, slot, (watched, serial)) in held() {
            let Some(released) = self.released.get_mut(index) else { break };
            let bytes = (watched.end - watched.start) as u64;
            if *released != serial || bytes > room / 2 {
                continue;
            }
            room -= bytes;
            let piece = if watched.wants & WHOLE != 0 { watched.end - watched.start } else { PIECE };
            for from in (watched.start..watched.end).step_by(piece) {
                if thread::is_told_to_leave() {
                    return; // whoever comes back begins with it anew
                }
                if let Err(why) = locks::lock(live, slot, &watched, (from, (from + piece).min(watched.end))) {
                    *released = 0;
                    return note(live, &watched, Outcome::Partly, why);
                }
            }
            *released = 0;
        }
    }
}

/// The slots whose locks are watched: their number, they, what they say and their serial.
fn held() -> impl Iterator<Item = (usize, &'static Slot, (Watched, u32))> {
    let read = |(index, slot): (usize, &'static Slot)| Some((index, slot, slot.read()?));
    table::slots().iter().enumerate().filter_map(read).filter(|(_, _, (watched, _))| watched.wants & HELD != 0)
}

fn note(live: &Live<'_>, watched: &Watched, outcome: Outcome, why: Reason) {
    if let Some(stats) = live.page.rules.get(watched.rule as usize) {
        stats.note(Axis::Stay as u8, outcome, why as u8, 0);
    }
}
