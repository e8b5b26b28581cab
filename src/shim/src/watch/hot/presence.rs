//! The sampling of all that can't be sampled block by block (anonymous memory, private mappings, older kernels): under
//! pressure, what is used stays in memory, or comes back at once, and what is not goes.
//!
//! What must hold here: nothing is brought in. What is locked always stays, so it is unlocked in turns, and locked again if it
//! stays all the same.

use super::super::hooks;
use super::super::thread;
use super::choose::is_hot;
use super::picture::{HAS_GONE, IS_THERE, LOCKED, ON_TRIAL, Picture, Piece, WANTED, WAS_THERE};
use super::{Hot, Sight, locks, seated};
use crate::live::Live;
use crate::sys::{self, PAGE};

/// Between two looks (ns), and so many times what one takes.
pub const EVERY_NS: u64 = 500_000_000;
pub const SHARE: u64 = 50;
/// What is locked is unlocked once in so many looks, to see whether it stays all the same: at first in the most, in the least once
/// several, and one in so many, did not, and in twice as many after each round in which they did.
const MOST_TURNS: u64 = 256;
const LEAST_TURNS: u64 = 32;
const LEAST_FAILED: u32 = 4;
const FAILED_SHARE: u32 = 4;

/// Those trials.
pub struct Trials {
    /// looks of a round
    turns: u64,
    /// the look at which it began
    since: u64,
    /// how many have ended in it, and failed
    ended: u32,
    failed: u32,
}

impl Trials {
    /// None yet.
    pub const NONE: Trials = Trials { turns: MOST_TURNS, since: 0, ended: 0, failed: 0 };

    fn end(&mut self, stays: bool) {
        self.ended += 1;
        self.failed += u32::from(!stays);
    }

    fn next_look(&mut self, look: u64) {
        let turns = match () {
            () if self.failed >= LEAST_FAILED && self.failed * FAILED_SHARE > self.ended => LEAST_TURNS,
            () if look - self.since >= self.turns => (self.turns * 2).min(MOST_TURNS),
            () => return,
        };
        *self = Trials { turns, since: look, ended: 0, failed: 0 };
    }
}

/// A look is due when as many pages as this share of what is present have come back: what came last goes last, used or not. So
/// after as many looks all that was there has been exchanged.
const TURNOVER: u8 = 3;

/// So many pieces that have gone and come back, and one in so many of those that are there, say that the program is losing what
/// it uses.
const LEAST_BACK: usize = 16;
const BACK_SHARE: usize = 64;
/// After so long without a look (ns), the next one is a first one.
const STALE_NS: u64 = 10_000_000_000;
/// Bytes looked at while a call of the program may wait for us to go: some 4 ms.
const STRETCH: usize = 1 << 30;
/// Between two looks for that, so many times what one takes.
const LOSSES_SHARE: u64 = 200;

/// Bytes, of all that is looked at in this way and not locked by us: present, and that could be.
pub struct There {
    present: u64,
    all: u64,
}

impl There {
    /// How much of a piece must be present, of so many bytes that could be, for it to look used. Nearly all, where most is. Where
    /// others push out so much, or the program comes by so seldom, that of what is hot itself but a part is there: clearly more
    /// than of the rest. That is twice the mean, and three standard deviations of what chance alone would bring (Poisson).
    fn enough(&self, bytes: u64) -> u64 {
        let page = PAGE as u64;
        let mean = (bytes / page) * (self.present / page) * 64 / (self.all / page).max(1); // 64ths of a page
        let deviation = mean.isqrt() * 8; // the same: √(64 n) is 8 √n
        ((2 * mean + 3 * deviation).div_ceil(64) * page).min(bytes / 8 * 7).max(1)
    }
}

impl Hot {
    /// Whether others push out of memory what the program uses again, although there is room for all of that. Nothing else tells,
    /// before all of it has been read twice: where a disk is slow, that takes long. What goes and does not come back, as behind a
    /// single pass, says nothing.
    pub(super) fn is_losing(&mut self, sight: &Sight<'_>) -> bool {
        if !self.tempo.is_faulting() || sight.now.at < self.next_look_for_losses {
            return false;
        }
        self.begin();
        let began = sys::ticks();
        // What the program itself has given up tells nothing of others.
        let given_up = hooks::given_up();
        let is_own_doing = core::mem::replace(&mut self.given_up, given_up) != given_up;
        // And between two looks that are far apart, it may have come to use something else.
        let is_stale = self.next_look_for_losses != 0 && sight.now.at > self.next_look_for_losses + STALE_NS;
        let is_first = is_own_doing || is_stale;
        self.back = if is_stale { 0 } else { self.back };
        let mut there = 0;
        // Anonymous memory goes and comes as its program, or an allocator, has it; and where there is no swap, nowhere.
        for (picture, _, _) in seated(&mut self.pictures).filter(|(_, _, watched)| locks::may_be_brought(watched)) {
            let (from, to) = picture.bounds();
            picture.pieces().iter_mut().for_each(|piece| piece.flags &= !IS_THERE); // the last look may have been broken off
            for at in (from..to).step_by(STRETCH) {
                if thread::is_told_to_leave() {
                    return false;
                }
                sight.pagemap.present(at, to.min(at.saturating_add(STRETCH)), |from, to| {
                    let range = picture.touched(from, to);
                    picture.pieces().get_mut(range).into_iter().flatten().for_each(|piece| piece.flags |= IS_THERE);
                });
            }
            for piece in picture.pieces() {
                let (is_there, was_there) = (piece.is(IS_THERE), piece.is(WAS_THERE));
                self.back += usize::from(is_there && piece.is(HAS_GONE) && !is_first);
                there += usize::from(is_there);
                let has_gone = !is_there && (was_there || piece.is(HAS_GONE)) && !is_first;
                piece.flags &= !(WAS_THERE | HAS_GONE);
                piece.flags |= if is_there { WAS_THERE } else { 0 } | if has_gone { HAS_GONE } else { 0 };
            }
        }
        let ended = sys::ticks();
        self.next_look_for_losses = ended + EVERY_NS.max((ended - began) * LOSSES_SHARE);
        let is_losing = self.back >= LEAST_BACK.max(there / BACK_SHARE);
        if is_losing {
            self.tempo.has_seen_losses();
        }
        is_losing
    }

    /// Whether enough has gone and come for another look: how much is there then.
    pub(super) fn has_turned_over(&mut self, sight: &Sight<'_>) -> Option<There> {
        let majors = sight.now.majors;
        if self.looks == 0 {
            (self.looks, self.majors_then) = (1, majors);
        }
        let came = majors.saturating_sub(self.majors_then) * PAGE as u64;
        if came == 0 {
            return None;
        }
        let (mut there, mut is_any) = (There { present: 0, all: 0 }, false);
        for (picture, _, _) in
            seated(&mut self.pictures).filter(|(picture, ..)| picture.is_begun && picture.origin.is_none())
        {
            for index in 0..picture.count() {
                if thread::is_told_to_leave() {
                    return None;
                }
                is_any = true;
                if picture.pieces().get(index).is_none_or(|piece| piece.is(LOCKED)) {
                    continue; // it stays whatever comes
                }
                let (present, all) = populated(picture, sight, index)?;
                there.present += present;
                there.all += all;
            }
        }
        let is_due = is_any && came * u64::from(TURNOVER) >= there.present;
        if is_due {
            self.majors_then = majors;
        }
        is_due.then_some(there)
    }

    /// Looks which pieces are present.
    pub(super) fn look_for_presence(&mut self, live: &Live<'_>, sight: &Sight<'_>, there: There) {
        self.looks += 1;
        let turns = self.trials.turns;
        let turn = self.looks % turns;
        for (picture, slot, watched) in seated(&mut self.pictures) {
            if picture.origin.is_some() {
                continue;
            }
            let mut sum = 0;
            for index in 0..picture.count() {
                if thread::is_told_to_leave() {
                    return;
                }
                let range = picture.range(index);
                let is_turn = index as u64 % turns == turn;
                let size = picture.size() as u64;
                let Some(piece) = picture.pieces().get_mut(index) else { break };
                if piece.is(LOCKED) {
                    if is_turn && locks::unlock(live, slot, &watched, range) {
                        piece.flags = piece.flags & !(LOCKED | WANTED) | ON_TRIAL;
                        piece.tries = 0; // not chosen again before it has been seen to stay
                        picture.locked = picture.locked.saturating_sub(size);
                    }
                    continue;
                }
                let Some((present, all)) = populated(picture, sight, index) else { break };
                sum += present;
                let Some(piece) = picture.pieces().get_mut(index).filter(|_| all > 0) else { continue };
                let is_used = present >= there.enough(all);
                piece.sampled(is_used);
                if !piece.is(ON_TRIAL) {
                    // What made it one of the chosen is there still, until all that is there has been exchanged.
                    let is_fresh = piece.is(WANTED) && piece.tries < Piece::KNOWN + TURNOVER;
                    if !is_fresh {
                        self.tally.add(piece.is(WANTED), is_used);
                    }
                } else if piece.is_known() {
                    piece.flags &= !ON_TRIAL;
                    self.tally.add(true, is_used);
                    self.trials.end(is_hot(piece, self.bar));
                }
            }
            picture.present = if picture.is_anonymous { sum } else { 0 };
        }
        self.trials.next_look(self.looks);
    }
}

/// Bytes of a piece that are present, and that could be: of a file, all of it.
fn populated(picture: &Picture, sight: &Sight<'_>, index: usize) -> Option<(u64, u64)> {
    let (from, to) = picture.range(index);
    match picture.is_anonymous {
        true => sight.pagemap.populated(from, to),
        false => sight.pagemap.bytes(from, to).map(|present| (present as u64, (to - from) as u64)),
    }
}
