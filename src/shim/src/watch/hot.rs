//! `lock=hot`: finds out which pieces of the watched mappings the program uses most, and keeps just these in memory.
//!
//! It idles until major faults say that there is something to win: nothing is sampled, and nothing locked, where all of it
//! fits. Then it samples in sweeps, of a block of each piece, a batch of the pieces at a time (`zap` has the way); chooses
//! the hottest pieces that the budget holds (`choose`); judges by further samples whether these are worth it; locks them
//! (`locks`), lets go of what has cooled, and slows down while nothing changes. How long a sample waits follows from how
//! many of the samples turn out to be in use: if nearly all or hardly any are, they don't tell one piece from another.
//!
//! What must hold here: it belongs to the one thread; what it costs is bounded by its own clock (a share of the time that
//! the samples take); locks of ours that the program has the hooks undo are not taken again for a while.

mod choose;
mod keep;
pub mod locks;
mod picture;
mod presence;
mod saved;
mod tempo;
mod warm;
mod zap;

use core::cell::UnsafeCell;

use faultless_core::counters::C;
use faultless_core::page::Outcome;
use faultless_core::reason::Reason;
use faultless_core::rules::Axis;

use super::HOT;
use super::pagemap::Pagemap;
use super::table::{self, SLOTS, Slot, Watched};
use super::vitals::{Room, Vitals};
use crate::live::Live;
use crate::{limits, regions, sys};

use choose::{Bar, Clarity, Tally, Verdict};
use picture::{LOCKED, Picture, WANTED};
use presence::Trials;
pub use tempo::IS_HURRIED;
use tempo::Tempo;
pub use zap::Maps;

/// Sweeps in which nothing was hot enough before we say so.
const BARREN_SWEEPS: u32 = 4;
/// Sweeps in which it is not taken for calm that nothing can be said yet.
const OPEN_SWEEPS: u64 = 32;
/// Between two looks where all of it may be locked (ns).
const SMALL_NS: u64 = 500_000_000;
/// With nothing to do (ns).
const REST_NS: u64 = 250_000_000;
/// After the program has had locks undone, none are taken for so long (ns).
const YIELD_NS: u64 = 10_000_000_000;

/// All that is known.
pub struct Hot {
    pictures: [Picture; SLOTS],
    tempo: Tempo,
    tally: Tally,
    bar: Bar,
    /// blocks of this sweep that were in use, and all
    sampled: (u32, u32),
    /// the batch that is out, and until when
    out: Option<u64>,
    /// what the batch that is out has cost (ns)
    cost: u64,
    next: u64,
    /// of so many batches (pieces that many apart), which one
    batches: usize,
    batch: usize,
    sweep: u64,
    barren: u32,
    /// nothing has been found to be hot, and the pace has not followed
    is_alike_for_few: bool,
    /// RLIMIT_MEMLOCK leaves no room for all that should be
    is_short: bool,
    /// when memory was last looked at: what was locked of files and of anonymous memory, and what of the latter could go to swap
    locked_then: (u64, u64),
    swappable: u64,
    room_read_at: u64,
    releases: u32,
    yields: u32,
    yields_until: u64,
    /// at what is present: how many, and when the next is due
    looks: u64,
    next_look: u64,
    /// whether what is locked stays without
    trials: Trials,
    /// the same at whether something has gone, and pieces that have come back so far
    next_look_for_losses: u64,
    back: usize,
    /// what [`super::hooks::given_up`] said then
    given_up: u32,
    majors_then: u64,
    verdict: Verdict,
    /// what is locked is sampled less often than the rest
    is_sparing: bool,
    /// something has changed since the picture was last saved, and when that may be again
    is_news: bool,
    next_save: u64,
    /// it has been said that nothing can be seen
    is_blind: bool,
}

struct Holder(UnsafeCell<Hot>);

// SAFETY: only the one thread looks at it.
unsafe impl Sync for Holder {}

static HOLDER: Holder = Holder(UnsafeCell::new(Hot::new()));

/// The one there is.
///
/// # Safety
/// For the watching thread alone, or in a forked child; and not twice at a time.
pub unsafe fn state() -> &'static mut Hot {
    // SAFETY: as the caller says.
    unsafe { &mut *HOLDER.0.get() }
}

/// Is told where, and how many, pages were taken out of the page tables, or are brought in.
pub type Lend<'a> = dyn FnMut(usize, u32) + 'a;

/// What the thread knows when it looks.
pub struct Sight<'a> {
    /// which pages are present
    pub pagemap: &'a Pagemap,
    /// what lies where
    pub maps: &'a Maps,
    /// of the process
    pub now: &'a Vitals,
    /// of memory
    pub room: &'a Room,
    /// bytes of all files that are watched
    pub all: u64,
}

impl Hot {
    const fn new() -> Hot {
        Hot {
            pictures: [const { Picture::empty() }; SLOTS],
            tempo: Tempo::new(),
            tally: Tally::NONE,
            bar: Bar::LOW,
            sampled: (0, 0),
            out: None,
            cost: 0,
            next: 0,
            batches: 1,
            batch: 0,
            sweep: 0,
            barren: 0,
            is_alike_for_few: false,
            is_short: false,
            locked_then: (0, 0),
            swappable: 0,
            room_read_at: 0,
            releases: 0,
            yields: 0,
            yields_until: 0,
            looks: 0,
            next_look: 0,
            trials: Trials::NONE,
            next_look_for_losses: 0,
            back: 0,
            given_up: 0,
            majors_then: 0,
            verdict: Verdict::Open,
            is_sparing: false,
            is_news: false,
            next_save: 0,
            is_blind: false,
        }
    }

    /// What was known is forgotten.
    pub fn clear(&mut self) {
        self.pictures.iter_mut().for_each(Picture::clear);
        self.abandon();
    }

    /// The same, without giving anything back: in a forked child.
    pub fn abandon(&mut self) {
        self.pictures.iter_mut().for_each(Picture::abandon);
        (self.tempo, self.tally, self.verdict) = (Tempo::new(), Tally::NONE, Verdict::Open);
        (self.out, self.cost, self.next, self.batch, self.sweep, self.barren) = (None, 0, 0, 0, 0, 0);
        (self.locked_then, self.swappable, self.room_read_at, self.yields_until) = ((0, 0), 0, 0, 0);
        (self.looks, self.next_look, self.majors_then, self.sampled) = (0, 0, 0, (0, 0));
        (self.trials, self.bar) = (Trials::NONE, Bar::LOW);
        (self.next_look_for_losses, self.back, self.is_alike_for_few) = (0, 0, false);
        (self.is_news, self.next_save, self.is_blind, self.is_sparing) = (false, 0, false, false);
    }

    /// Does what is due. `lend` is told of pages that were taken out of the page tables. Returns after how many ns to come back.
    pub fn look(&mut self, live: &Live<'_>, sight: &Sight<'_>, lend: &mut Lend<'_>) -> u64 {
        let now = sight.now.at;
        if !self.sit() {
            return REST_NS;
        }
        self.warm(live, sight, lend);
        if self.cannot_see(live, sight) {
            if self.holds() {
                self.let_go_of_all(live); // nobody would, once it is cold
            }
            return REST_NS;
        }
        self.keep_books(live, sight, lend);
        if let Some(until) = self.out {
            if now < until {
                return until - now;
            }
            self.see(live, sight, lend);
            self.out = None;
            self.batch += 1;
            if self.batch >= self.batches {
                self.batch = 0;
                self.end_sweep(live, sight, lend);
            } else if self.is_short {
                self.bring_the_chosen(sight, lend);
            }
            let ended = sys::ticks();
            self.next = now + self.tempo.rest(self.cost + ended - now);
            live.page.add(C::HotNs, ended - now);
            return self.next.saturating_sub(ended);
        }
        let all = self.pictures.iter().map(Picture::bytes).sum();
        if !self.tempo.is_worth_it(sight, all) && !self.is_losing(sight) {
            if self.tempo.has_settled(now) {
                self.keep_what_has_settled(live, sight, lend);
            }
            return REST_NS;
        }
        if now < self.next {
            return self.next - now;
        }
        self.begin();
        if all <= self.capacity(live, sight).0 && !IS_HURRIED {
            self.use_what_is_there(sight);
            self.use_what_lies_between();
            self.lock_what_is_used(live, sight, lend);
            let ended = sys::ticks();
            live.page.add(C::HotNs, ended - now);
            self.next = ended + SMALL_NS;
            return SMALL_NS;
        }
        if self.batch == 0 {
            let by_blocks = self.pictures.iter().any(|picture| picture.origin.is_some() || !picture.is_begun);
            self.batches = if by_blocks { self.tempo.batches() } else { 1 };
        }
        self.send(live, sight, lend);
        let ended = sys::ticks();
        live.page.add(C::HotNs, ended - now);
        self.cost = ended - now;
        self.out = Some(ended + self.tempo.wait());
        self.tempo.wait()
    }

    /// Says so once where nothing can be found, because nothing can be seen.
    fn cannot_see(&mut self, live: &Live<'_>, sight: &Sight<'_>) -> bool {
        let is_blind = !sight.pagemap.can_see();
        if is_blind && !self.is_blind {
            for (_, _, watched) in seated(&mut self.pictures) {
                note(live, &watched, Outcome::Skipped, Reason::Blind);
            }
        }
        self.is_blind = is_blind;
        is_blind
    }

    /// Goes with the table. False: there is nothing for us in it.
    fn sit(&mut self) -> bool {
        let (mut any, mut is_new) = (false, false);
        for (picture, slot) in self.pictures.iter_mut().zip(table::slots()) {
            match slot.read().filter(|(watched, _)| watched.wants & HOT != 0) {
                Some((watched, serial)) => {
                    any = true;
                    is_new |= picture.sit(serial, &watched);
                }
                None if picture.is_seated() => {
                    is_new = true;
                    picture.clear();
                }
                None => {}
            }
        }
        if is_new {
            self.find_locks();
        }
        any
    }

    /// What is locked of the pieces, from the books.
    fn find_locks(&mut self) {
        self.releases = regions::releases();
        for picture in &mut self.pictures {
            picture.locked = 0;
            picture.pieces().iter_mut().for_each(|piece| piece.flags &= !LOCKED);
        }
        regions::each_lock(|from, to| {
            for picture in self.pictures.iter_mut().filter(|picture| picture.count() != 0) {
                let (range, size) = (picture.within(from, to), picture.size() as u64);
                if let Some(pieces) = picture.pieces().get_mut(range) {
                    pieces.iter_mut().for_each(|piece| piece.flags |= LOCKED | WANTED);
                    let bytes = size * pieces.len() as u64;
                    picture.locked += bytes;
                }
            }
        });
    }

    fn keep_books(&mut self, live: &Live<'_>, sight: &Sight<'_>, lend: &mut Lend<'_>) {
        if regions::releases() != self.releases {
            self.find_locks();
        }
        if regions::yields() != self.yields {
            self.yields = regions::yields();
            self.yields_until = sight.now.at + YIELD_NS;
        }
        if self.room_read_at != sight.room.read_at {
            self.room_read_at = sight.room.read_at;
            let is_any_anonymous = self.pictures.iter().any(|picture| picture.is_seated() && picture.is_anonymous);
            self.swappable = if is_any_anonymous { limits::swappable() } else { 0 };
            let (files, anonymous) = self.locked_of_each();
            self.locked_then = (files, anonymous);
            let (most_of_files, most) = self.capacity(live, sight);
            if files > most_of_files || files + anonymous > most {
                self.choose_and_lock(live, sight, lend);
                if most_of_files == 0 && files > 0 || most == 0 {
                    self.yields_until = sight.now.at + YIELD_NS;
                    self.say_that_memory_is_tight(live, most == 0);
                }
            }
        }
        live.page.set(C::HotLockedNow, self.locked());
    }

    /// `for_all`: not only for files.
    fn say_that_memory_is_tight(&mut self, live: &Live<'_>, for_all: bool) {
        for (_, _, watched) in seated(&mut self.pictures).filter(|(picture, _, _)| for_all || !picture.is_anonymous) {
            note(live, &watched, Outcome::Partly, Reason::Pressure);
        }
    }

    /// Whether anything is locked.
    pub fn holds(&self) -> bool {
        self.locked() > 0
    }

    /// Has room for what is to be known.
    fn begin(&mut self) {
        if self.pictures.iter_mut().fold(false, |is_new, picture| picture.begin() | is_new) {
            self.find_locks();
        }
    }

    fn decide(&mut self, verdict: Verdict, live: &Live<'_>) {
        if self.verdict == verdict || verdict == Verdict::Open {
            return;
        }
        self.verdict = verdict;
        let why = if verdict == Verdict::Hot { Reason::HotFound } else { Reason::NoHotSet };
        for (_, _, watched) in seated(&mut self.pictures) {
            note(live, &watched, Outcome::Applied, why);
        }
    }

    fn end_sweep(&mut self, live: &Live<'_>, sight: &Sight<'_>, lend: &mut Lend<'_>) {
        self.sweep += 1;
        if sight.now.at >= self.next_look {
            let began = sys::ticks();
            if let Some(there) = self.has_turned_over(sight) {
                self.look_for_presence(live, sight, there);
            }
            let ended = sys::ticks();
            self.next_look = ended + presence::EVERY_NS.max((ended - began) * presence::SHARE);
        }
        let stays = self.holds() || self.verdict == Verdict::Hot;
        let (before, verdict, is_sure) = (self.verdict, self.tally.verdict(stays), self.tally.is_sure());
        self.decide(verdict, live);
        let has_cooled = before == Verdict::Hot && self.tally.has_cooled();
        let clarity = self.tally.clarity();
        let is_new_wait = self.tempo.adapt(self.sampled, clarity);
        if self.tally.is_sure() {
            self.is_sparing = self.verdict == Verdict::Hot && clarity != Clarity::Faint && !self.tally.has_cooled();
        }
        let has_news = self.tally.has_news();
        self.bar = self.tally.bar().unwrap_or(self.bar);
        // What waited for another time says something else.
        self.tally.next_sweep(!is_sure && !is_new_wait);
        self.sampled = (0, 0);
        let chosen = self.choose_and_lock(live, sight, lend);
        match has_news {
            true if chosen.hot > 0 || is_new_wait => self.barren = 0,
            true => self.barren += 1,
            false => {}
        }
        if self.barren >= BARREN_SWEEPS {
            self.decide(Verdict::Alike, live);
        }
        // What was said of few samples may be taken back: until as many as it takes have said it, there is no less hurry.
        self.is_alike_for_few = self.verdict == Verdict::Alike && (before == Verdict::Open || self.is_alike_for_few);
        let pieces: usize = self.pictures.iter().map(Picture::count).sum();
        let by_presence = self.pictures.iter().all(|picture| picture.origin.is_none());
        let is_open = (self.verdict == Verdict::Open || self.is_alike_for_few) && self.sweep < OPEN_SWEEPS;
        let is_calm =
            !is_new_wait && !has_cooled && !is_open && chosen.changes as usize * 64 <= pieces && self.sweep > 4;
        self.tempo.ended(is_calm || by_presence);
        // What can't be locked is only looked up now and then: worth so little that it must cost next to nothing.
        if self.is_short {
            self.tempo.slow_down();
        }
        if self.is_alike_for_few && (is_sure || self.barren >= BARREN_SWEEPS) {
            self.is_alike_for_few = false;
            self.tempo.slow_down();
        }
    }
}

/// The mappings that are as they were when their pictures were begun.
fn seated(pictures: &mut [Picture]) -> impl Iterator<Item = (&mut Picture, &'static Slot, Watched)> {
    pictures.iter_mut().zip(table::slots()).filter_map(|(picture, slot)| {
        let (watched, serial) = slot.read()?;
        picture.is_of(serial).then_some((picture, slot, watched))
    })
}

fn note(live: &Live<'_>, watched: &Watched, outcome: Outcome, why: Reason) {
    if let Some(stats) = live.page.rules.get(watched.rule as usize) {
        stats.note(Axis::Stay as u8, outcome, why as u8, 0);
    }
}
