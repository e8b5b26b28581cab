//! The handshake between the thread that takes pages of a shared file out of the page tables, or locks them, and hooks of
//! several threads that unmap or replace parts of the mapping.
//!
//! What must hold here: no byte that the program has written to memory of its own is lost to a zap; what is locked has a
//! record, and goes with its mapping; budgets are given back exactly.

use faultless_races::kernel::{self, Content, PAGE};
use faultless_races::machine::{How, Mutation};
use faultless_races::program::{self, pages_at};
use faultless_races::schedules::{draw, find, hold, spawn};
use faultless_races::state;
use faultless_races::sync::Ordering::SeqCst;
use faultless_races::watch::hot::locks;
use faultless_races::watch::table::{self, HOT, SHARED, Watched};
use faultless_races::watch::{self, thread};

/// Pages of the mapping that is watched.
const PAGES: usize = 6;

fn watched(first: usize, count: usize) -> Watched {
    let (start, end) = pages_at(first, count);
    Watched { start, end, file_bytes: (end - start) as u64, identity: 1, wants: HOT | SHARED, ..Watched::default() }
}

/// The program has mapped a file, which is watched from then on.
fn map_file(first: usize, count: usize) {
    let watched = watched(first, count);
    kernel::map(watched.start, watched.end, Content::Shared);
    watch::USED.store(true, SeqCst);
    assert!(table::insert(&watched));
}

/// A page of what is watched in a slot.
fn piece(watched: &Watched) -> (usize, usize) {
    let from = watched.start + draw((watched.end - watched.start) / PAGE) * PAGE;
    (from, (from + 2 * PAGE).min(watched.end))
}

/// The watching thread: it looks at the slots, and then acts on a piece of each.
fn watch_and(looks: usize, act: impl Fn(&'static table::Slot, &Watched, (usize, usize))) {
    for _ in 0..looks {
        for slot in table::slots() {
            if let Some((watched, _)) = slot.read() {
                act(slot, &watched, piece(&watched));
            }
        }
    }
    thread::leave();
}

fn zap(slot: &table::Slot, watched: &Watched, (from, to): (usize, usize)) {
    let _ = watch::act_firmly_on(slot, watched, from, to, || kernel::zap(from, to));
}

/// Three threads of the program replace parts of one mapping by memory of their own while it is sampled.
fn replaced_while_sampled() {
    program::start();
    if draw(2) == 0 {
        kernel::let_patience_run_out();
    }
    map_file(0, PAGES);
    thread::sit();
    let mut threads = vec![spawn(|| watch_and(3, zap))];
    for part in 0..3 {
        threads.push(spawn(move || program::replace(pages_at(part * 2, 1 + draw(2)))));
    }
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

/// One thread locks and lets go of pieces, while two unmap parts, and one of them maps a file there again.
fn unmapped_while_locked() {
    let live = program::start();
    map_file(0, PAGES);
    thread::sit();
    let lock = |slot: &'static table::Slot, watched: &Watched, piece| {
        let _ = locks::lock(&state::live(), slot, watched, piece);
        if draw(2) == 0 {
            locks::unlock(&state::live(), slot, watched, piece);
        }
    };
    let first = spawn(move || watch_and(2, lock));
    let second = spawn(|| program::munmap(pages_at(draw(3), 1 + draw(2))));
    let third = spawn(|| {
        program::munmap(pages_at(4, 2));
        map_file(4, 2);
    });
    [first, second, third].into_iter().for_each(|thread| thread.join().unwrap());
    program::check_books(&live);
    program::munmap(pages_at(0, PAGES));
    program::check_books(&live);
    assert!(table::is_empty());
}

/// Which faults must be found where a mapping is replaced.
const IN_THE_HANDSHAKE: &[Mutation] = &[
    // the thread acts without saying so first
    Mutation { file: "watch/flight.rs", text: "FLIGHT.1.store(end, SeqCst)", how: How::Left },
    // it says so, but is seen to only after it has looked
    Mutation { file: "watch/flight.rs", text: "FLIGHT.1.store(end, SeqCst)", how: How::Weak },
    // the hook doesn't look whether the range is in flight
    Mutation { file: "watch/flight.rs", text: "let to = FLIGHT.1.load(SeqCst)", how: How::Reads(0) },
    // the hook takes what would do harm for what is harmless, of which it waits for the end for a moment only
    Mutation { file: "watch/flight.rs", text: "IS_FIRM.store(1, SeqCst)", how: How::Left },
    // who finds a slot taken goes on as if nothing were
    Mutation { file: "watch/table.rs", text: "self.spoilt.fetch_add(1, SeqCst)", how: How::Left },
    // two can take one slot
    Mutation {
        file: "watch/table.rs",
        text: "self.start.compare_exchange(at, TAKEN, SeqCst, Relaxed)",
        how: How::Split,
    },
];

/// Which must be found where what is locked is unmapped.
const IN_THE_BOOKS: &[Mutation] = &[
    // the thread locks without saying so first
    Mutation { file: "watch/flight.rs", text: "FLIGHT.1.store(end, SeqCst)", how: How::Left },
    // what another gives back at the same time is lost
    Mutation { file: "budget.rs", text: "|v| Some(v.saturating_sub(bytes)))", how: How::Split },
    Mutation { file: "budget.rs", text: "fetch_update(Relaxed, Relaxed, more) {", how: How::Split },
];

#[test]
fn a_record_that_is_lost_or_counted_twice_is_found() {
    find(20_000, unmapped_while_locked, IN_THE_BOOKS);
}

#[test]
fn what_is_locked_of_a_mapping_goes_with_it() {
    hold(10_000, unmapped_while_locked);
}

#[test]
fn a_broken_handshake_is_found() {
    find(20_000, replaced_while_sampled, IN_THE_HANDSHAKE);
}

#[test]
fn what_replaces_a_mapping_is_never_zapped() {
    hold(20_000, replaced_while_sampled);
}
