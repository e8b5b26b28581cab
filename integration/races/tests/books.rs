//! The records and the budgets, changed by several threads of the program at once.
//!
//! What must hold here: what is recorded of a range goes with it, whoever else changes the same record, and the budgets are
//! given back exactly, also of what the other processes of the tree have taken.

use faultless_races::budget::Budget;
use faultless_races::kernel::{self, Content, PAGE};
use faultless_races::live::Live;
use faultless_races::machine::{How, Mutation};
use faultless_races::program::{self, pages_at};
use faultless_races::regions::{self, Record};
use faultless_races::schedules::{draw, find, hold, spawn};

/// The program has mapped a range, which a rule has locked and populated.
fn map_and_lock(live: &Live<'_>, first: usize, count: usize) {
    let (start, end) = pages_at(first, count);
    let bytes = (end - start) as u64;
    kernel::map(start, end, Content::Own);
    assert_eq!(Budget::Populate.take(live, bytes).0, bytes);
    assert_eq!(Budget::Lock.take(live, bytes).0, bytes);
    assert!(kernel::mlock(start, end - start, false).is_ok());
    let record = Record { start, end, lock_start: start, lock_end: end, populated: bytes, flags: 0 };
    assert!(regions::extend(&record) || regions::insert(&record));
}

/// Three threads unmap, or unlock, parts of one mapping; one of them maps something new.
fn parts_of_one() {
    let live = program::start();
    map_and_lock(&live, 0, 6);
    let threads: Vec<_> = (0..3)
        .map(|part| {
            spawn(move || {
                let (start, end) = pages_at(part * 2, 1 + draw(2));
                match draw(3) {
                    0 => drop(regions::unlock(&live, start, end - start)),
                    _ => program::munmap((start, end)),
                }
                if part == 0 {
                    map_and_lock(&live, 6, 2);
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    program::check_books(&live);
    program::munmap(pages_at(0, 8));
    program::check_all_given_back(&live, 0);
}

/// Two threads take a budget of which others of the tree have most, and give it back, while the stack for mapping what the
/// tree shares may be another's.
fn budget_of_a_tree() {
    const OTHERS: u64 = 100 * PAGE as u64;
    let live = program::start();
    program::others_take(OTHERS);
    program::let_the_stack_be_scarce();
    let threads = [(); 3].map(|()| {
        spawn(move || {
            for _ in 0..2 {
                let bytes = ((1 + draw(3)) * PAGE) as u64;
                if Budget::Retain.try_take(&live, bytes) {
                    Budget::Retain.give(&live, bytes);
                }
                let (granted, _) = Budget::Lock.take(&live, bytes);
                Budget::Lock.give(&live, granted);
            }
        })
    });
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    program::check_all_given_back(&live, OTHERS);
}

/// Three threads want a budget that has room for two.
fn the_last_bytes() {
    let live = program::start();
    program::others_take(live.bytes(live.config.lock_max) - 2 * PAGE as u64);
    let threads = [(); 3].map(|()| spawn(move || _ = Budget::Lock.take(&live, PAGE as u64)));
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(program::locked_by_the_tree(), live.bytes(live.config.lock_max), "two have taken the same bytes");
}

#[test]
fn a_record_goes_with_its_range_whoever_else_changes_it() {
    hold(20_000, parts_of_one);
}

#[test]
fn a_budget_is_given_back_to_where_it_was_taken() {
    hold(10_000, budget_of_a_tree);
}

#[test]
fn no_two_have_the_last_byte() {
    hold(5_000, the_last_bytes);
}

#[test]
fn records_that_are_lost_or_changed_by_two_are_found() {
    const FAULTS: &[Mutation] = &[
        // two can take one record
        Mutation {
            file: "regions.rs",
            text: "self.start.compare_exchange(at, taken, Acquire, Relaxed)",
            how: How::Split,
        },
        // two can take one free entry
        Mutation {
            file: "regions.rs",
            text: "entry.start.compare_exchange(FREE, taken, Acquire, Relaxed)",
            how: How::Split,
        },
        // who drops records doesn't look for the part that another has moved meanwhile
        Mutation { file: "regions.rs", text: "SPLITS.fetch_add(1, SeqCst)", how: How::Left },
        // what another gives back at the same time is lost
        Mutation { file: "budget.rs", text: "|v| Some(v.saturating_sub(bytes)))", how: How::Split },
    ];
    find(40_000, parts_of_one, FAULTS);
}

#[test]
fn a_budget_that_two_can_take_is_found() {
    const FAULTS: &[Mutation] =
        &[Mutation { file: "budget.rs", text: "shared.compare_exchange_weak(used, used + grant", how: How::Split }];
    find(5_000, the_last_bytes, FAULTS);
}
