//! Advice that corrects itself, and drop-behind: what the thread knows of a watched mapping, and what it makes of it.
//!
//! A mapping starts as the kernel would have it. Where the files that are watched fit in memory it stays so: readahead
//! then costs nothing that is not used later. Where they don't, each window (some hundred pages, or a second) says how
//! what came lies: **spread**, while far more was read from disk than was ever touched (readahead is wasted: random);
//! or **dense**, block after block (a scan: as the kernel has it, and dropped behind, unless there is nobody else whose
//! pages it could push out: then what it leaves is of use for the next reads). Advice that turns out to slow the
//! program down is taken back, and not tried again for a while.
//!
//! What must hold here: pages are only ever dropped that a scan has brought; nothing is dropped of a block that was in
//! memory before; every turn is counted with what was read per fault before and after it.

use core::sync::atomic::Ordering::*;

use faultless_core::counters::C;
use faultless_core::page::Outcome;
use faultless_core::reason::Reason;
use faultless_core::rules::Axis;

use super::blocks::{BLOCK, Blocks, Found};
use super::pagemap::Pagemap;
use super::table::{self, COLD, DROP_BEHIND, Slot, Watched};
use super::vitals::{Vitals, own_time};
use super::{act_firmly_on, behind};
use crate::limits;
use crate::live::Live;
use crate::sys::{self, PAGE};

/// A window ends with so many pages, or after so long with at least so few.
const WINDOW_PAGES: u64 = 512;
const WINDOW_NS: u64 = 1_000_000_000;
const WINDOW_LEAST: u64 = 16;
/// A block is dense in a window that brought so many of its pages: one look into a page that was there brings up to 16.
const DENSE_PAGES: u64 = 64;
/// So many dense windows in a row, with so many pages, are a scan.
const SCAN_WINDOWS: u32 = 3;
const SCAN_PAGES: u64 = (16 << 20) / PAGE as u64;
/// Under random advice a scan reads page by page, each from disk: so many pages are enough to see that they lie in few
/// blocks, and no block of so many others is one of a scan.
const RANDOM_PAGES: u64 = 32;
const RANDOM_DENSE_PAGES: u64 = 24;
const RANDOM_BLOCKS: u64 = 8;
/// Between two looks at the page tables (ns): while watching, beside a scan with nobody to protect, and during one; and so many times the processor time that
/// one takes. A scan at memory's speed brings 1 MiB a ms, and the more of it is there the longer a look takes: too late once
/// is later still the next time.
const LOOK_NS: u64 = 20_000_000;
const IDLE_LOOK_NS: u64 = 100_000_000;
const SCAN_LOOK_NS: u64 = 4_000_000;
const RANDOM_LOOK_NS: u64 = 5_000_000;
const LOOK_SHARE: u64 = 40;
const SCAN_LOOK_SHARE: u64 = 8;
/// During a scan only what is near its front is looked at, but for every so manieth look; and when nothing has come there, but
/// not more often than that, and the less often the longer it is in vain.
const WHOLE_EVERY: u32 = 32;
const WHOLE_AGAIN: u32 = 4;
/// However long a look took.
const LEAST_NS: u64 = 1_000_000;
/// With nothing to do.
const REST_NS: u64 = 250_000_000;
/// How long advice that did harm is not tried again: doubled each time.
const LOCKOUT_NS: u64 = 5_000_000_000;
const LONGEST_LOCKOUT_NS: u64 = 600_000_000_000;
/// How long it is taken for granted that nobody else's pages are there to be pushed out.
const NOBODY_NS: u64 = 2_000_000_000;
/// How long it must be of use at least.
const SHORT_NS: u64 = 1_000_000_000;
/// How long advice is on trial.
const TRIAL_NS: u64 = 200_000_000;

/// How a mapping is being read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// as the kernel has it
    Left,
    /// MADV_RANDOM
    Random,
    /// as the kernel has it, dropped behind
    Scan,
}

/// What happened in a stretch of time.
#[derive(Clone, Copy)]
struct Window {
    began: u64,
    majors: u64,
    read: u64,
    /// pages that came
    pages: u64,
    regretted: u64,
}

impl Window {
    const fn begin(at: u64) -> Window {
        Window { began: at, majors: 0, read: 0, pages: 0, regretted: 0 }
    }

    fn add(&mut self, majors: u64, read: u64, found: Found) {
        self.majors += majors;
        self.read += read;
        self.pages += found.pages;
        self.regretted += found.regretted;
    }

    fn is_over(&self, now: u64, pages: u64) -> bool {
        self.pages >= pages || now - self.began > WINDOW_NS
    }

    /// Steps of the program: a fault from disk is one, and so is what one look into a page that was there brings (16 pages
    /// at a time).
    fn steps(&self) -> u64 {
        let from_disk = self.majors.min(self.pages);
        from_disk + (self.pages - from_disk) / 16
    }

    /// Steps per second.
    fn pace(&self, now: u64) -> u64 {
        self.steps() * 1_000_000_000 / (now - self.began).max(1)
    }
}

/// Advice on trial.
#[derive(Clone, Copy)]
struct Trial {
    /// steps and major faults per second before
    pace: u64,
    majors: u64,
    since: Window,
}

/// What the thread knows of one watched mapping.
pub struct Desk {
    serial: u32,
    mode: Mode,
    blocks: Option<Blocks>,
    window: Window,
    /// dense windows in a row, and their pages
    dense: (u32, u64),
    trial: Option<Trial>,
    last: Option<Vitals>,
    next_look: u64,
    /// after how many ns without news it looks for what brings none
    calm: u64,
    look: u32,
    /// the last that was at all of it
    whole_look: u32,
    /// and how many later it may be that again at the soonest
    whole_again: u32,
    dropped: u32,
    random_since: u64,
    locked_out: u64,
    lockout: u64,
    /// until then there is nobody to be protected from a scan
    nobody_until: u64,
    is_blind: bool,
}

impl Desk {
    /// Nobody sits there.
    pub const fn empty() -> Desk {
        Desk {
            serial: 0,
            mode: Mode::Left,
            blocks: None,
            window: Window::begin(0),
            dense: (0, 0),
            trial: None,
            last: None,
            next_look: 0,
            calm: SCAN_LOOK_NS,
            look: 0,
            whole_look: 0,
            whole_again: WHOLE_AGAIN,
            dropped: 0,
            random_since: 0,
            locked_out: 0,
            lockout: LOCKOUT_NS,
            nobody_until: 0,
            is_blind: false,
        }
    }

    /// What was known is forgotten.
    pub fn clear(&mut self) {
        if let Some(blocks) = &mut self.blocks {
            blocks.unmap();
        }
        self.abandon();
    }

    /// The same, without giving anything back: in a forked child.
    pub fn abandon(&mut self) {
        *self = Desk::empty();
    }

    /// The thread ends: nobody corrects the advice any more, so it goes.
    pub fn leave(&mut self, slot: &Slot) {
        if let Some((watched, _)) =
            slot.read().filter(|(_, serial)| *serial == self.serial && self.mode == Mode::Random)
        {
            advise(slot, &watched, libc::MADV_NORMAL);
        }
        self.clear();
    }

    /// Another mapping may be in the slot by now, or what is left of one that was given advice.
    pub fn sit(&mut self, slot: &Slot, serial: u32, watched: &Watched) {
        if self.serial == serial {
            return;
        }
        if self.mode == Mode::Random {
            advise(slot, watched, libc::MADV_NORMAL);
        }
        self.clear();
        self.serial = serial;
        if watched.wants & DROP_BEHIND != 0 {
            self.mode = Mode::Scan;
        }
    }

    /// Looks at the mapping, if something happened and it is time. `is_tight`: the files watched don't fit in memory.
    /// Returns after how many ns to come back at the latest.
    pub fn look(
        &mut self,
        live: &Live<'_>,
        pagemap: &Pagemap,
        slot: &Slot,
        watched: &Watched,
        now: &Vitals,
        room: Option<u64>,
    ) -> u64 {
        if slot.scan().load(SeqCst) == table::CLOSING {
            self.close(live, pagemap, slot, watched);
            return REST_NS;
        }
        let wants_drop = watched.wants & DROP_BEHIND != 0;
        let Some(room) = room.or(wants_drop.then_some(0)) else {
            if self.mode != Mode::Left {
                self.turn(live, slot, watched, Mode::Left, Reason::TurnedBack); // there is room for all of it by now
            }
            self.last = None;
            return REST_NS;
        };
        if self.is_blind || now.at < self.next_look {
            return if self.is_blind { REST_NS } else { self.next_look - now.at };
        }
        if self.blocks.is_none() {
            self.begin(live, watched);
        }
        let Some(blocks) = &mut self.blocks else {
            self.is_blind = true;
            return REST_NS;
        };
        let last = self.last;
        let (majors, read) = last.map_or((0, 0), |last| (now.majors - last.majors, now.read - last.read));
        let is_quiet = last.is_some() && majors == 0 && read == 0;
        let settles = self.mode == Mode::Scan && behind::is_pending(blocks, self.look);
        if is_quiet && !settles {
            // A scan goes on through what was read ahead without a word but minor faults, which can be anything's; and what
            // it brought last is judged though nothing follows.
            let may_go_on = self.mode == Mode::Scan
                && (last.is_some_and(|last| last.minors != now.minors) || blocks.any_fresh(DENSE_PAGES));
            let due = last.map_or(0, |last| last.at + self.calm);
            if !may_go_on || now.at < due {
                return if may_go_on { due - now.at } else { REST_NS };
            }
        }
        self.last = Some(*now);
        self.look = self.look.wrapping_add(1);
        let all = (0, blocks.len());
        let near = match self.mode {
            Mode::Scan if self.look.wrapping_sub(self.whole_look) < WHOLE_EVERY => blocks.around_the_front(self.look),
            _ => all,
        };
        let room_blocks = (room / BLOCK as u64) as u32;
        let began = own_time();
        let mut found = blocks.count(pagemap, near, self.look, room_blocks, self.dropped);
        let finds_none = |found: Option<Found>| found.is_some_and(|found| found.pages == 0);
        let mut is_whole = near == all;
        // It may have begun anew, elsewhere: a whole look too late, it has filled memory.
        if finds_none(found) && !is_whole && self.look.wrapping_sub(self.whole_look) >= self.whole_again {
            is_whole = true;
            found = blocks.count(pagemap, all, self.look, room_blocks, self.dropped);
        }
        if is_whole {
            self.whole_look = self.look;
        }
        // It may as well rest, while the program reads something else.
        self.whole_again = match finds_none(found) {
            true if is_whole => (self.whole_again * 2).min(WHOLE_EVERY),
            true => self.whole_again,
            false => WHOLE_AGAIN,
        };
        let Some(found) = found else {
            self.is_blind = true;
            note(live, watched, Outcome::Skipped, Reason::Unknown);
            return REST_NS;
        };
        let (gap, share) = match self.mode {
            // A scan that harms nobody: there is nothing to turn to as long as it goes on.
            Mode::Left if now.at < self.nobody_until => (IDLE_LOOK_NS, LOOK_SHARE),
            Mode::Left => (LOOK_NS, LOOK_SHARE),
            Mode::Random => (RANDOM_LOOK_NS, LOOK_SHARE),
            Mode::Scan => (SCAN_LOOK_NS, SCAN_LOOK_SHARE),
        };
        self.next_look = now.at + gap.max((own_time() - began) * share);
        self.calm = if is_quiet && found.pages == 0 { (self.calm * 2).min(WINDOW_NS) } else { gap };
        // A mapping of which nothing was in memory has brought all that is there by now, also before the first look.
        let is_all_new = watched.wants & COLD != 0 && self.mode == Mode::Scan;
        if last.is_none() {
            self.window = Window::begin(now.at);
        }
        if last.is_some() || is_all_new {
            self.window.add(majors, read, found);
            if let Some(trial) = &mut self.trial {
                trial.since.add(majors, read, found);
            }
            self.judge(live, slot, watched, now.at, room);
        }
        if self.mode == Mode::Scan
            && let Some(blocks) = &mut self.blocks
        {
            let bytes = behind::drop(blocks, slot, watched, self.look, &mut self.dropped);
            live.page.add(C::DroppedBytes, bytes);
            let _ = slot.scan().compare_exchange(table::NO_SCAN, table::SCANNING, SeqCst, Relaxed);
        }
        self.next_look.saturating_sub(sys::ticks()).max(LEAST_NS)
    }

    /// The program ends the scan: all that it left goes.
    fn close(&mut self, live: &Live<'_>, pagemap: &Pagemap, slot: &Slot, watched: &Watched) {
        self.look = self.look.wrapping_add(1);
        if let Some(blocks) = &mut self.blocks {
            let all = (0, blocks.len());
            if blocks.count(pagemap, all, self.look, 0, self.dropped).is_some() {
                live.page.add(C::DroppedBytes, behind::drop_all(blocks, slot, watched, self.look));
            }
        }
        slot.scan().store(table::CLOSED, SeqCst);
        sys::wake(slot.scan());
    }

    /// See [`Blocks::lend`].
    pub fn lend(&mut self, at: usize, pages: u32) {
        if let Some(blocks) = &mut self.blocks {
            blocks.lend(at, pages);
        }
    }

    fn begin(&mut self, live: &Live<'_>, watched: &Watched) {
        self.blocks = Blocks::new(watched.start, watched.end, watched.offset);
        if watched.wants & COLD == 0
            && let Some(blocks) = &mut self.blocks
        {
            blocks.note_what_is_there();
            if blocks.all().iter().all(|block| block.is_kept) && watched.wants & DROP_BEHIND != 0 {
                note(live, watched, Outcome::Partly, Reason::WasThere);
            }
        }
    }

    fn judge(&mut self, live: &Live<'_>, slot: &Slot, watched: &Watched, now: u64, room: u64) {
        if let Some(trial) = self.trial.filter(|trial| now - trial.since.began > TRIAL_NS) {
            self.trial = None;
            let elapsed = now - trial.since.began;
            let majors = trial.since.majors * 1_000_000_000 / elapsed;
            live.page.add(C::AutoFaultsAfter, trial.since.majors);
            live.page.add(C::AutoReadAfter, trial.since.read);
            // Fewer steps while as much of the time goes to faults as before: what readahead brought was used.
            if trial.since.pace(now) * 10 < trial.pace * 7 && majors * 10 > trial.majors * 9 {
                self.lock_out(now);
                self.turn(live, slot, watched, Mode::Left, Reason::TurnedBack);
                return;
            }
        }
        let is_random = self.mode == Mode::Random;
        if !self.window.is_over(now, if is_random { RANDOM_PAGES } else { WINDOW_PAGES }) {
            return;
        }
        let window = self.window;
        let least = if is_random { (window.pages / RANDOM_BLOCKS).clamp(RANDOM_DENSE_PAGES, 256) } else { DENSE_PAGES };
        let dense = self.dense_pages(least);
        self.window = Window::begin(now);
        if window.pages < WINDOW_LEAST {
            return;
        }
        let is_dense = dense * 10 >= window.pages * 6;
        let is_spread = dense * 10 <= window.pages * 3;
        self.dense = if is_dense { (self.dense.0 + 1, self.dense.1 + dense) } else { (0, 0) };
        let is_fixed = watched.wants & DROP_BEHIND != 0;
        match self.mode {
            Mode::Left => {
                let is_wasted = window.steps() * PAGE as u64 * 4 <= window.read && window.majors >= WINDOW_LEAST;
                if self.dense.0 >= SCAN_WINDOWS && self.dense.1 >= SCAN_PAGES && now >= self.locked_out {
                    if self.has_somebody_to_protect(now, room) {
                        self.turn(live, slot, watched, Mode::Scan, Reason::Scanned);
                    }
                } else if is_spread && is_wasted && now >= self.locked_out && is_full(room) {
                    live.page.add(C::AutoFaultsBefore, window.majors);
                    live.page.add(C::AutoReadBefore, window.read);
                    let majors = window.majors * 1_000_000_000 / (now - window.began).max(1);
                    self.turn(live, slot, watched, Mode::Random, Reason::TurnedRandom);
                    self.random_since = now;
                    self.trial = Some(Trial { pace: window.pace(now), majors, since: Window::begin(now) });
                }
            }
            // A page at a time, each a fault from disk: what readahead is for.
            Mode::Random if is_dense && window.majors * 2 >= window.pages => {
                // Between two scans there is less to win than each turn costs.
                if now - self.random_since < SHORT_NS {
                    self.lock_out(now);
                }
                self.turn(live, slot, watched, Mode::Left, Reason::TurnedBack);
            }
            Mode::Random => {}
            Mode::Scan if !is_fixed && window.regretted * 8 > window.pages => {
                self.lock_out(now);
                self.turn(live, slot, watched, Mode::Left, Reason::TurnedBack);
            }
            Mode::Scan if !is_fixed && is_spread => self.turn(live, slot, watched, Mode::Left, Reason::TurnedBack),
            Mode::Scan => {}
        }
    }

    /// What did harm is not tried again for a while.
    fn lock_out(&mut self, now: u64) {
        self.locked_out = now + self.lockout;
        self.lockout = (self.lockout * 2).min(LONGEST_LOCKOUT_NS);
    }

    /// Whether memory holds files other than this one, which a scan would push out.
    fn has_somebody_to_protect(&mut self, now: u64, room: u64) -> bool {
        if now < self.nobody_until {
            return false;
        }
        let own = self.blocks.as_ref().and_then(Blocks::bytes_in_memory);
        let is_there = own.is_none_or(|own| limits::file_cache().saturating_sub(own) > room / 16);
        if !is_there {
            self.nobody_until = now + NOBODY_NS;
        }
        is_there
    }

    /// Pages of the window that came to blocks that got at least so many; the next window begins with none.
    fn dense_pages(&mut self, least: u64) -> u64 {
        let is_scan = self.mode == Mode::Scan;
        let Some(blocks) = &mut self.blocks else { return 0 };
        let mut dense = 0;
        for block in blocks.all().iter_mut().filter(|block| block.fresh != 0) {
            let fresh = u64::from(block.fresh);
            block.fresh = 0;
            dense += if fresh >= least { fresh } else { 0 };
            if fresh >= DENSE_PAGES {
                block.is_scanned |= !block.is_kept;
            } else if !is_scan {
                block.is_scanned = false;
            }
        }
        dense
    }

    fn turn(&mut self, live: &Live<'_>, slot: &Slot, watched: &Watched, mode: Mode, why: Reason) {
        let advice = match (self.mode, mode) {
            (_, Mode::Random) => Some(libc::MADV_RANDOM),
            (Mode::Random, _) => Some(libc::MADV_NORMAL),
            _ => None,
        };
        if advice.is_some_and(|advice| !advise(slot, watched, advice)) {
            return;
        }
        if self.mode == Mode::Scan {
            let _ = slot.scan().compare_exchange(table::SCANNING, table::NO_SCAN, SeqCst, Relaxed);
        }
        self.mode = mode;
        self.trial = None;
        self.dense = (0, 0);
        live.page.add(
            match why {
                Reason::TurnedRandom => C::AutoRandom,
                Reason::Scanned => C::AutoScan,
                _ => C::AutoBack,
            },
            1,
        );
        note(live, watched, Outcome::Applied, why);
    }
}

/// Gives advice on all of it; it stays, so that no other mapping may be there by then.
fn advise(slot: &Slot, watched: &Watched, advice: i32) -> bool {
    // SAFETY: advice that keeps content.
    let advise = || unsafe { sys::madvise(watched.start, watched.end - watched.start, advice) };
    matches!(act_firmly_on(slot, watched, watched.start, watched.end, advise), Some(Ok(_)))
}

/// Whether memory is full, so that each page read in vain takes another's place. Until then readahead fills memory at the
/// disk's full speed, and some of that will be of use.
fn is_full(room: u64) -> bool {
    limits::unused() < room / 16
}

fn note(live: &Live<'_>, watched: &Watched, outcome: Outcome, why: Reason) {
    if let Some(stats) = live.page.rules.get(watched.rule as usize) {
        stats.note(Axis::Access as u8, outcome, why as u8, 0);
    }
}
