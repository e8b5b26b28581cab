//! The sampling of all that can't be sampled block by block (anonymous memory, private mappings, older kernels): under
//! pressure, what is used stays in memory, or comes back at once, and what is not goes.
//!
//! What must hold here: reads only. What is locked always stays, so it is unlocked in turns, and locked again if it stays
//! all the same.

use super::super::vitals::Vitals;
use super::picture::{LOCKED, Picture, WANTED, WAS_THERE};
use super::{Hot, Sight, locks, seated};
use crate::live::Live;
use crate::sys::{self, PAGE};

/// Between two looks (ns), and so many times what one takes.
pub const EVERY_NS: u64 = 500_000_000;
pub const SHARE: u64 = 50;
/// What is locked is unlocked once in so many looks.
const TURNS: u64 = 64;
/// A look is due when as many pages as this share of all have come back: what came last goes last, used or not, so that
/// nothing can be known before most of what is present has been exchanged.
const TURNOVER: u64 = 6;

/// The program is losing what it uses if so much of that (one in so many pieces, and at least a few) has gone between two looks.
const LOST_SHARE: usize = 64;
const LEAST_LOST: usize = 4;

impl Hot {
    /// Whether others push out of memory what the program goes on faulting in, although there is room for all of that. Nothing
    /// else tells, before all of it has been read twice: where a disk is slow, that takes long.
    pub(super) fn is_losing(&mut self, sight: &Sight<'_>) -> bool {
        if !self.tempo.is_faulting() || sight.now.at < self.next_look_for_losses {
            return false;
        }
        self.begin();
        let began = sys::ticks();
        let (mut kept, mut lost) = (0, 0);
        for (picture, _, _) in seated(&mut self.pictures) {
            for index in 0..picture.count() {
                let (from, to) = picture.range(index);
                let Some(bytes) = sight.pagemap.bytes(from, to) else { break };
                let Some(piece) = picture.pieces().get_mut(index) else { break };
                let was_there = piece.is(WAS_THERE);
                piece.flags = piece.flags & !WAS_THERE | if bytes > 0 { WAS_THERE } else { 0 };
                kept += usize::from(was_there && bytes > 0);
                lost += usize::from(was_there && bytes == 0);
            }
        }
        let ended = sys::ticks();
        self.next_look_for_losses = ended + EVERY_NS.max((ended - began) * SHARE);
        let is_losing = lost >= LEAST_LOST.max(kept / LOST_SHARE);
        if is_losing {
            self.tempo.is_losing();
        }
        is_losing
    }

    /// Whether enough has gone and come for another look.
    pub(super) fn has_turned_over(&mut self, now: &Vitals) -> bool {
        let by_presence = self.pictures.iter().filter(|picture| picture.is_begun && picture.origin.is_none());
        let pages = by_presence.map(Picture::bytes).sum::<u64>() / PAGE as u64;
        if self.looks == 0 {
            (self.looks, self.majors_then) = (1, now.majors);
        }
        let is_due = pages > 0 && (now.majors - self.majors_then) * TURNOVER >= pages;
        if is_due {
            self.majors_then = now.majors;
        }
        is_due
    }

    /// Looks which pieces are present.
    pub(super) fn look_for_presence(&mut self, live: &Live<'_>, sight: &Sight<'_>) {
        self.looks += 1;
        let turn = self.looks % TURNS;
        for (picture, slot, watched) in seated(&mut self.pictures) {
            if picture.origin.is_some() {
                continue;
            }
            let mut present = 0;
            for index in 0..picture.count() {
                let (from, to) = picture.range(index);
                let is_turn = index as u64 % TURNS == turn;
                let Some(piece) = picture.pieces().get_mut(index) else { break };
                if piece.is(LOCKED) {
                    if is_turn && locks::unlock(live, slot, &watched, (from, to)) {
                        piece.flags &= !(LOCKED | WANTED);
                        piece.tries = 0; // not chosen again before it has been seen to stay
                        self.locked = self.locked.saturating_sub((to - from) as u64);
                    }
                    continue;
                }
                let Some(bytes) = sight.pagemap.bytes(from, to) else { break };
                present += bytes as u64;
                let is_used = bytes * 8 >= (to - from) * 7;
                piece.sampled(is_used);
                self.tally.add(piece.is(WANTED), is_used);
            }
            picture.present = if watched.identity == 0 { present } else { 0 };
        }
    }
}
