//! What is locked of what is hot: how much may be, what is let go, what comes in its place.
//!
//! What must hold here: what has cooled goes before anything comes; nothing is locked where the program has just had locks
//! undone, nor beyond what RLIMIT_MEMLOCK and the budget leave; told to leave, the thread stops between two requests.

use faultless_core::counters::C;
use faultless_core::page::Outcome;
use faultless_core::reason::Reason;

use super::super::pressure;
use super::super::thread;
use super::super::vitals::Room;
use super::choose::{Chosen, Verdict, choose_of_all};
use super::picture::{IS_OUT, LOCKED, ON_TRIAL, Piece, WANTED};
use super::{Hot, Lend, Sight, locks, note, seated};
use crate::limits;
use crate::live::Live;
use crate::sys::PAGE;

impl Hot {
    /// How much may be locked, of files and of all together. Nothing where memory is tight, because what is locked can't make way;
    /// else half of what can. That is what files can have, and what is present of anonymous memory; or, for anonymous memory
    /// alone, what can go to swap, if that is more. What is locked already does not count as theirs any more.
    pub(super) fn capacity(&self, live: &Live<'_>, sight: &Sight<'_>) -> (u64, u64) {
        let most = live.bytes(live.config.lock_max);
        let (files, anonymous) = self.locked_then;
        let present: u64 = self.pictures.iter().map(|picture| picture.present).sum();
        let of_files = match sight.room.is_tight_for_files() {
            true => 0,
            false => ((sight.room.files + files + anonymous + present) / 2).min(most),
        };
        // Pages that are locked in part may count as swappable all the same.
        let swap = match self.can_make_way(sight.room) < pressure::floor() {
            true => 0,
            false => ((self.swappable + anonymous).min(limits::memory()) / 2).min(most),
        };
        (of_files, of_files.max(swap))
    }

    fn can_make_way(&self, room: &Room) -> u64 {
        room.files.saturating_add(self.swappable)
    }

    /// In how many ns, at the soonest, memory can be tight for what is locked.
    pub fn until_tight(&self, room: &Room) -> u64 {
        let has_files = self.pictures.iter().any(|picture| picture.locked > 0 && !picture.is_anonymous);
        pressure::until_tight(if has_files { room.files } else { self.can_make_way(room) })
    }

    /// Bytes that are locked: of files, and of anonymous memory.
    pub(super) fn locked_of_each(&self) -> (u64, u64) {
        self.pictures.iter().fold((0, 0), |(files, anonymous), picture| match picture.is_anonymous {
            true => (files, anonymous + picture.locked),
            false => (files + picture.locked, anonymous),
        })
    }

    /// Bytes that are locked.
    pub(super) fn locked(&self) -> u64 {
        self.pictures.iter().map(|picture| picture.locked).sum()
    }

    /// Nothing comes from disk any more: what is there is what the program uses, and somebody else may push it out while the
    /// program is idle, when no fault would tell. Locked where the budget holds all of it.
    pub(super) fn keep_what_has_settled(&mut self, live: &Live<'_>, sight: &Sight<'_>, lend: &mut Lend<'_>) {
        self.begin();
        if self.use_what_is_there(sight) <= self.capacity(live, sight).0 {
            self.lock_what_is_used(live, sight, lend);
        }
    }

    /// Pieces of which something is present count as hot from here on. Returns their bytes.
    pub(super) fn use_what_is_there(&mut self, sight: &Sight<'_>) -> u64 {
        let mut used = 0;
        for (picture, _, _) in seated(&mut self.pictures) {
            for index in 0..picture.count() {
                let (from, to) = picture.range(index);
                let is_locked = picture.pieces().get(index).is_none_or(|piece| piece.is(LOCKED));
                let is_used = is_locked || sight.pagemap.bytes(from, to).is_some_and(|bytes| bytes > 0);
                if let Some(piece) = picture.pieces().get_mut(index).filter(|_| is_used) {
                    (piece.heat, piece.tries) = (u8::MAX, u8::MAX);
                    used += (to - from) as u64;
                }
            }
        }
        used
    }

    /// Of files of which everything may be locked: a stretch of which half counts as hot does so whole. The rest comes with the
    /// requests that bring that half, where each fault of the program would bring a page or two of it.
    pub(super) fn use_what_lies_between(&mut self) {
        for (picture, _, _) in seated(&mut self.pictures).filter(|(_, _, watched)| locks::may_be_brought(watched)) {
            let stretch = (locks::STEP / picture.size()).max(1);
            for pieces in picture.pieces().chunks_mut(stretch) {
                let hot = pieces.iter().filter(|piece| piece.heat == u8::MAX).count();
                if hot * 2 >= pieces.len() {
                    pieces.iter_mut().for_each(|piece| (piece.heat, piece.tries) = (u8::MAX, u8::MAX));
                }
            }
        }
    }

    /// What is used at all is worth a lock.
    pub(super) fn lock_what_is_used(&mut self, live: &Live<'_>, sight: &Sight<'_>, lend: &mut Lend<'_>) {
        self.decide(Verdict::Hot, live);
        self.choose_and_lock(live, sight, lend);
    }

    /// Chooses anew, within `capacity`; lets go of what is not chosen any more and locks what is.
    pub(super) fn choose_and_lock(&mut self, live: &Live<'_>, sight: &Sight<'_>, lend: &mut Lend<'_>) -> Chosen {
        let capacity = self.capacity(live, sight);
        self.is_news = true;
        let chosen = choose_of_all(&mut self.pictures, capacity, self.bar);
        live.page.set(C::HotBytes, chosen.hot);
        let let_go = self.let_go_of_the_rest(live);
        let may = self.verdict == Verdict::Hot && sight.now.at >= self.yields_until;
        let is_short = may && self.lock_the_chosen(live, sight, lend);
        if is_short && !self.is_short {
            for (_, _, watched) in seated(&mut self.pictures) {
                note(live, &watched, Outcome::Partly, Reason::Refreshed);
            }
        }
        self.is_short = is_short;
        live.page.add(C::HotLetGo, let_go);
        live.page.set(C::HotLockedNow, self.locked());
        chosen
    }

    /// Returns the bytes.
    fn let_go_of_the_rest(&mut self, live: &Live<'_>) -> u64 {
        let mut let_go = 0;
        for (picture, slot, watched) in seated(&mut self.pictures) {
            let size = picture.size() as u64;
            for index in 0..picture.count() {
                let range = picture.range(index);
                let Some(piece) = picture.pieces().get_mut(index) else { break };
                let keeps = piece.is(WANTED) && self.verdict != Verdict::Alike;
                if piece.is(LOCKED) && !keeps && locks::unlock(live, slot, &watched, range) {
                    piece.flags &= !LOCKED;
                    picture.locked = picture.locked.saturating_sub(size);
                    let_go += size;
                }
            }
        }
        let_go
    }

    /// Unlocks all that is locked.
    pub fn let_go_of_all(&mut self, live: &Live<'_>) {
        self.verdict = Verdict::Alike; // keeps nothing, whatever is wanted
        let let_go = self.let_go_of_the_rest(live);
        live.page.add(C::HotLetGo, let_go);
        live.page.set(C::HotLockedNow, self.locked());
    }

    /// Has what is chosen, and could not be locked, brought back, and count as used.
    pub(super) fn bring_the_chosen(&mut self, sight: &Sight<'_>, lend: &mut Lend<'_>) {
        for (picture, slot, watched) in seated(&mut self.pictures) {
            for index in 0..picture.count() {
                let (from, to) = picture.range(index);
                if thread::is_told_to_leave() {
                    return;
                }
                if picture.pieces().get(index).is_some_and(Piece::is_to_be_locked) {
                    let there = sight.pagemap.bytes(from, to).unwrap_or(0);
                    lend(from, ((to - from).saturating_sub(there) / PAGE) as u32);
                    locks::bring(slot, &watched, (from, to));
                }
            }
        }
    }

    /// Returns whether RLIMIT_MEMLOCK left no room for all.
    fn lock_the_chosen(&mut self, live: &Live<'_>, sight: &Sight<'_>, lend: &mut Lend<'_>) -> bool {
        let mut is_short = false;
        let mut left = limits::lockable(&limits::status());
        for (picture, slot, watched) in seated(&mut self.pictures) {
            let size = picture.size() as u64;
            let mut ahead = 0;
            for index in 0..picture.count() {
                let range = picture.range(index);
                let Some(piece) = picture.pieces().get(index) else { break };
                if !piece.is_to_be_locked() {
                    continue;
                }
                // It may take long on a slow disk, and a call of the program waits for us to go.
                if thread::is_told_to_leave() {
                    break;
                }
                // In one request what lies together: a disk that does few a second does as few of small ones. One is waited for
                // at a time, because the program's own wait behind it.
                if index >= ahead {
                    ahead = picture.end_of_run(index, locks::STEP);
                    locks::read_ahead(slot, &watched, (range.0, picture.range(ahead - 1).1));
                }
                let Some(piece) = picture.pieces().get_mut(index) else { break };
                let there = sight.pagemap.bytes(range.0, range.1).unwrap_or(0);
                lend(range.0, ((range.1 - range.0).saturating_sub(there) / PAGE) as u32);
                if left < size {
                    locks::bring(slot, &watched, range);
                    is_short = true;
                    continue;
                }
                match locks::lock(live, slot, &watched, range) {
                    Ok(()) => {
                        piece.flags = piece.flags & !(ON_TRIAL | IS_OUT) | LOCKED; // all of it is back
                        picture.locked += size;
                        picture.present = picture.present.saturating_sub(there as u64);
                        left -= size;
                    }
                    Err(why) => {
                        note(live, &watched, Outcome::Partly, why);
                        left = 0;
                    }
                }
            }
        }
        is_short
    }
}
