//! The way out: the process is told from outside to let go while its threads map, lock and unmap.
//!
//! What must hold here: once the state is over, nobody enters; nothing stays locked, recorded or taken of a budget, also what
//! a thread that had entered before has locked since. Known, and left out: where the program unmaps a part of what is locked
//! at that very moment, munlock stops at the hole, and the rest stays locked until it is unmapped.

use faultless_races::budget::Budget;
use faultless_races::kernel::{self, Content};
use faultless_races::machine::{How, Mutation};
use faultless_races::program::{self, pages_at};
use faultless_races::regions::{self, Record};
use faultless_races::schedules::{find, hold, spawn};
use faultless_races::state;

/// The program maps, and a rule has it locked, in the order of `act`.
fn map_and_lock(first: usize, count: usize) {
    let (start, end) = pages_at(first, count);
    kernel::map(start, end, Content::Own);
    let Some(live) = state::enter() else { return };
    let (granted, _) = Budget::Lock.take(&live, (end - start) as u64);
    assert_eq!(granted as usize, end - start);
    assert!(kernel::mlock(start, end - start, false).is_ok());
    let record = Record { start, end, lock_start: start, lock_end: end, ..Record::default() };
    assert!(regions::insert(&record));
    state::recorded(&live, &record);
}

fn told_to_let_go() {
    let live = program::start();
    let threads = [
        spawn(|| map_and_lock(0, 2)),
        spawn(|| {
            map_and_lock(2, 2);
            program::munmap(pages_at(2, 2));
        }),
        spawn(|| {
            program::turn_off();
            assert!(state::enter().is_none(), "a thread enters after the process was told to let go");
        }),
    ];
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert!(state::enter().is_none(), "a thread enters after the process has let go");
    assert!(kernel::locked().is_empty(), "something stays locked");
    program::check_all_given_back(&live, 0);
}

#[test]
fn nothing_stays_locked_of_a_process_that_was_told_to_let_go() {
    hold(10_000, told_to_let_go);
}

#[test]
fn a_lock_that_outlives_the_way_out_is_found() {
    const FAULTS: &[Mutation] = &[
        // who has locked does not look again
        Mutation { file: "state.rs", text: "if STATE.load(Relaxed) == OVER", how: How::Reads(2) },
        // who lets go says so only after a while, so that others have looked before
        Mutation {
            file: "state.rs",
            text: "STATE.compare_exchange(ON, OVER, AcqRel, Relaxed).is_err()",
            how: How::Left,
        },
    ];
    find(20_000, told_to_let_go, FAULTS);
}
