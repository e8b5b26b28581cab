//! What an earlier life found hot (FAULTLESS_HEAT), brought in and locked while the program's mmap waits.
//!
//! What must hold here: the budget is the same as ever; of a file that has changed since nothing is locked, and what is
//! locked is judged by samples like all else. All is read ahead before the first piece is locked: the disk does the most
//! when it has much to do.

use core::ops::Range;
use core::sync::atomic::Ordering::SeqCst;

use faultless_core::counters::C;
use faultless_core::heat::Region;
use faultless_core::page::Outcome;
use faultless_core::reason::Reason;

use super::super::table::Watched;
use super::super::thread;
use super::choose::Verdict;
use super::picture::{LOCKED, WANTED};
use super::{Hot, Lend, Sight, locks, note, seated};
use crate::learnt::Known;
use crate::live::Live;
use crate::sys::{self, PAGE};

/// Heat that a piece has at least which was chosen before: enough to stay until samples say otherwise.
const LEAST_HEAT: u8 = 128;

impl Hot {
    /// Does it for all mappings for which somebody waits.
    pub(super) fn warm(&mut self, live: &Live<'_>, sight: &Sight<'_>, lend: &mut Lend<'_>) {
        if seated(&mut self.pictures).all(|(_, slot, _)| slot.known().load(SeqCst) == 0) {
            return;
        }
        self.begin();
        let mut left = self.capacity(live, sight).0.saturating_sub(self.locked());
        let mut has_locked = false;
        for (picture, slot, watched) in seated(&mut self.pictures) {
            let Some(known) = Known::from_word(slot.known().load(SeqCst)) else { continue };
            let mut ahead = left;
            for range in hot_ranges(known, &watched) {
                ahead = ahead.saturating_sub(range.len() as u64);
                if ahead == 0 || thread::is_told_to_leave() {
                    break;
                }
                locks::read_ahead(slot, &watched, (range.start, range.end));
            }
            let why = if known.has_changed() { Reason::HeatOld } else { Reason::HeatKnown };
            note(live, &watched, if known.has_changed() { Outcome::Partly } else { Outcome::Applied }, why);
            let size = picture.size() as u64;
            for (range, heat) in hot_pieces(known, &watched).filter(|_| !known.has_changed()) {
                for index in picture.mostly_within(range.start, range.end) {
                    let piece_range = picture.range(index);
                    let Some(piece) = picture.pieces().get_mut(index) else { break };
                    (piece.heat, piece.tries) = (piece.heat.max(heat), u8::MAX);
                    piece.flags |= WANTED;
                    if piece.is(LOCKED) || left < size || thread::is_told_to_leave() {
                        continue;
                    }
                    lend(piece_range.0, ((piece_range.1 - piece_range.0) / PAGE) as u32);
                    match locks::lock(live, slot, &watched, piece_range) {
                        Ok(()) => {
                            piece.flags |= LOCKED;
                            picture.locked += size;
                            (has_locked, left) = (true, left - size);
                        }
                        Err(why) => {
                            note(live, &watched, Outcome::Partly, why);
                            left = 0;
                        }
                    }
                }
            }
            slot.known().store(0, SeqCst);
            sys::wake(slot.known());
        }
        if has_locked {
            self.verdict = Verdict::Hot;
            self.is_news = true;
        }
        live.page.set(C::HotLockedNow, self.locked());
    }
}

/// What was hot, as addresses in a mapping; neighbours as one.
fn hot_ranges(known: Known, watched: &Watched) -> impl Iterator<Item = Range<usize>> {
    let mut pieces = hot_pieces(known, watched).map(|(range, _)| range).peekable();
    core::iter::from_fn(move || {
        let mut range = pieces.next()?;
        while let Some(next) = pieces.next_if(|next| next.start == range.end) {
            range.end = next.end;
        }
        Some(range)
    })
}

/// The same piece by piece, with how hot each was.
fn hot_pieces(known: Known, watched: &Watched) -> impl Iterator<Item = (Range<usize>, u8)> {
    let watched = *watched;
    let hot = move |region: Region<'static>| {
        let pieces = region.pieces().filter(|piece| piece.is_wanted || piece.is_locked);
        pieces.map(move |piece| (region.offset + piece.from, region.offset + piece.to, piece.heat))
    };
    known.regions().flat_map(hot).filter_map(move |(from, to, heat)| {
        let length = (watched.end - watched.start) as u64;
        let place = |offset: u64| watched.start + offset.saturating_sub(watched.offset).min(length) as usize;
        let (from, to) = (place(from) & !(PAGE - 1), place(to) & !(PAGE - 1));
        (from < to).then_some((from..to, heat.map_or(0, |heat| heat * 17).max(LEAST_HEAT)))
    })
}
