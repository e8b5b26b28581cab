//! How much of the recorded regions is on huge pages.
//!
//! What must hold here: looks only; a look at what another thread is changing is left out.

use super::*;
use crate::coverage::{self, Seen};

/// Samples how much of the range is on huge pages, just before it goes.
pub fn sample_before(live: &Live<'_>, start: usize, len: usize) {
    let end = start.saturating_add(len);
    for entry in used() {
        let at = entry.start.load(Acquire);
        if is_there(at) && entry.flags.load(Relaxed) & HUGE != 0 && at < end && entry.end.load(Relaxed) > start {
            let (from, to) = (at.max(start), entry.end.load(Relaxed).min(end));
            if let Some(seen) = coverage::sample_bounded(from, to) {
                live.page.add(C::HugeGoneBytes, seen.huge);
                live.page.add(C::HugeGoneOf, seen.present);
            }
        }
    }
}

impl Entry {
    /// Looks again; of what is no longer resident, says how much was on huge pages when it went.
    fn note(&self, live: &Live<'_>, seen: &Seen) {
        let [huge, present] = &self.seen;
        let gone = present.swap(seen.present, Relaxed).saturating_sub(seen.present);
        let huge_gone = huge.swap(seen.huge, Relaxed).saturating_sub(seen.huge).min(gone);
        live.page.add(C::HugeGoneBytes, huge_gone);
        live.page.add(C::HugeGoneOf, gone);
    }
}

/// Samples the region that an address lies in, at most for a hundredth of the time: what is freed in a heap goes unseen.
pub fn sample_around(live: &Live<'_>, address: usize) {
    for entry in used() {
        let (at, end) = (entry.start.load(Acquire), entry.end.load(Relaxed));
        if is_there(at) && (at..end).contains(&address) && entry.flags.load(Relaxed) & HUGE != 0 {
            if let Some(seen) = coverage::sample_bounded(at, end) {
                entry.note(live, &seen);
            }
            return;
        }
    }
}

/// Samples how much of all recorded regions is on huge pages now.
pub fn sample_all(live: &Live<'_>) {
    let (mut huge, mut present, mut any) = (0, 0, false);
    for entry in used() {
        let at = entry.start.load(Acquire);
        if is_there(at)
            && entry.flags.load(Relaxed) & HUGE != 0
            && let Some(seen) = coverage::sample(at, entry.end.load(Relaxed))
        {
            entry.note(live, &seen);
            huge += seen.huge;
            present += seen.present;
            any = true;
        }
    }
    if any {
        live.page.set(C::HugeNow, huge);
        live.page.set(C::HugeNowOf, present);
    }
}
