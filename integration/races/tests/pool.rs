//! The pool: large blocks that several threads of the program take, fill, free and resize, while what is freed is kept for the
//! next and dropped again.
//!
//! What must hold here: a block is never two threads', so that what one writes stays until it frees it; a pointer that is freed
//! twice is given back once; what is kept is within its budget, which is given back exactly; nothing stays mapped that nobody
//! has, and nothing is kept once the program has said that it may not be.

use faultless_core::counters::C;
use faultless_races::machine::{How, Mutation};
use faultless_races::program;
use faultless_races::schedules::{draw, find, hold, spawn};
use faultless_races::{blocks, kernel, large, recycle, state};

/// Sizes of blocks, some of which serve for one another.
const SIZES: [usize; 3] = [64 << 10, 68 << 10, 128 << 10];

/// A block that a thread has, with the thread's mark at both ends.
struct Mine {
    data: usize,
    size: usize,
    mark: usize,
}

impl Mine {
    fn take(mark: usize) -> Mine {
        let size = SIZES[draw(SIZES.len())];
        let data = large::take(size, 16, false).expect("the pool has room") as usize;
        let mine = Mine { data, size, mark };
        mine.write();
        mine
    }

    fn ends(&self) -> [*mut usize; 2] {
        [self.data, self.data + self.size - size_of::<usize>()].map(|at| at as *mut usize)
    }

    fn write(&self) {
        // SAFETY: the block is mapped and as large as that; if it is another's too, that is what is to be found.
        self.ends().into_iter().for_each(|end| unsafe { end.write(self.mark) });
    }

    fn check(&self) {
        kernel::rest();
        for end in self.ends() {
            // SAFETY: as above.
            assert_eq!(unsafe { end.read() }, self.mark, "a block is two threads'");
        }
    }

    fn free(self) {
        self.check();
        large::release(&blocks::find(self.data).expect("a live block is known"));
    }

    fn resize(mut self) -> Mine {
        self.check();
        let size = SIZES[draw(SIZES.len())];
        let block = blocks::find(self.data).expect("a live block is known");
        if let Some(data) = large::resize(&block, size) {
            (self.data, self.size) = (data as usize, size);
            // SAFETY: as in `ends`: what was at the start has come along.
            assert_eq!(unsafe { (self.data as *const usize).read() }, self.mark, "what a block held is lost");
            self.write();
        }
        self
    }
}

/// What must hold when all is freed: `kept` says whether something may be kept.
fn check_at_rest(may_keep: bool) {
    let live = state::live();
    // What is freed after the process was told to let go is counted no more.
    assert!(live.is_off() || live.page.get(C::BlocksLive) == 0, "a block is still counted as live");
    assert!(may_keep || !recycle::purge(&live), "something is kept that may not be");
    recycle::purge(&live);
    assert_eq!(kernel::blocks_in(&blocks_range()), 0, "something stays mapped that nobody has");
    program::check_all_given_back(&live, 0);
}

fn blocks_range() -> std::ops::Range<usize> {
    let [start, end] = blocks::open();
    start..end
}

/// Three threads take and free; one of them resizes, and one drops what is kept.
fn taken_and_freed() {
    program::start();
    let threads = [1, 2, 3].map(|mark| {
        spawn(move || {
            for _ in 0..2 {
                let mut mine = Mine::take(mark);
                if mark == 1 && draw(2) == 0 {
                    mine = mine.resize();
                }
                mine.free();
                if mark == 2 && draw(2) == 0 {
                    recycle::give_way();
                }
            }
        })
    });
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    check_at_rest(true);
}

/// Two threads free the same pointer, as broken programs do. (What `keep` reads of the block may be unmapped by then: such a
/// program may die of it, as it may alone.)
fn freed_twice() {
    program::start();
    let data = Mine::take(1).data;
    let block = blocks::find(data).expect("a live block is known");
    let twice = [(); 2].map(|()| spawn(move || blocks::claim(data).into_iter().for_each(blocks::Block::unmap)));
    twice.into_iter().for_each(|thread| thread.join().unwrap());
    assert!(blocks::claim(data).is_none() && kernel::blocks_in(&(block.start..block.start + 1)) == 0);
}

/// The program says that nothing may be kept, or is told to let go, while threads free.
fn kept_no_more() {
    program::start();
    let mine = [1, 2].map(Mine::take);
    let mut threads: Vec<_> = mine.into_iter().map(|mine| spawn(move || mine.free())).collect();
    let is_told = draw(2) == 0;
    threads.push(spawn(move || match is_told {
        true => {
            program::turn_off();
            let _ = state::enter();
        }
        false => recycle::never_again(),
    }));
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let _ = state::enter();
    check_at_rest(false);
}

/// A thread makes a call on all of the address space while others free blocks, and take those that are kept.
fn tainted_while_freed() {
    program::start();
    let mine = Mine::take(1);
    let data = mine.data;
    let threads = [spawn(move || mine.free()), spawn(|| blocks::taint(0, usize::MAX)), spawn(|| Mine::take(2).free())];
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    // From here on there is nobody who could not see it.
    let mine = Mine::take(3);
    blocks::taint(mine.data, 4096);
    let tainted = mine.data;
    mine.free();
    for data in [data, tainted] {
        assert!(blocks::find(data).is_none(), "what is freed is still known as live");
    }
    assert!(blocks::find_kept(tainted).is_none(), "a tainted block is kept");
    check_at_rest(true);
}

#[test]
fn a_block_is_one_threads() {
    hold(3_000, taken_and_freed);
}

#[test]
fn what_is_freed_twice_is_given_back_once() {
    hold(3_000, freed_twice);
}

#[test]
fn nothing_is_kept_once_it_may_not_be() {
    hold(3_000, kept_no_more);
}

#[test]
fn a_tainted_block_is_not_kept() {
    hold(1_000, tainted_while_freed);
}

#[test]
fn a_block_that_is_handed_out_twice_is_found() {
    const FAULTS: &[Mutation] = &[
        // two can take one kept block out of its slot
        Mutation { file: "recycle.rs", text: "slot.compare_exchange(kept.0, 0, AcqRel, Relaxed)", how: How::Split },
        // two can fill one slot: a block is forgotten
        Mutation { file: "recycle.rs", text: "slot.compare_exchange(0, word, AcqRel, Relaxed)", how: How::Split },
        // two can make the leaf of the table
        Mutation { file: "blocks.rs", text: "place.compare_exchange(core::ptr::null_mut()", how: How::Split },
    ];
    find(20_000, taken_and_freed, FAULTS);
}

#[test]
fn a_block_that_is_given_back_twice_is_found() {
    const FAULTS: &[Mutation] =
        &[Mutation { file: "blocks.rs", text: "entry.compare_exchange(word, to(word)?, AcqRel", how: How::Split }];
    find(20_000, freed_twice, FAULTS);
}

#[test]
fn a_taint_that_brings_a_block_back_is_found() {
    const FAULTS: &[Mutation] =
        &[Mutation { file: "blocks.rs", text: "entry.fetch_update(AcqRel, Relaxed, taint)", how: How::Split }];
    find(20_000, tainted_while_freed, FAULTS);
}

#[test]
fn a_block_that_is_kept_for_ever_is_found() {
    const FAULTS: &[Mutation] = &[
        // who keeps looks before the other can see what he keeps
        Mutation { file: "recycle.rs", text: "NEVER.load(Relaxed) || live.is_off()", how: How::Reads(0) },
        // who says "never" looks before the others can see it
        Mutation { file: "recycle.rs", text: "NEVER.store(true, Relaxed);\n    fence(SeqCst)", how: How::Weak },
    ];
    find(20_000, kept_no_more, FAULTS);
}
