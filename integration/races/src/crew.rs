//! Threads of ours: the library's queue, served by threads of the model's.
//!
//! What must hold here: a place is empty until a thread sits there, and again when it has ended.

#[path = "../../../src/shim/src/crew/ahead.rs"]
pub mod ahead;
#[path = "../../../src/shim/src/crew/entry.rs"]
mod entry;

pub use entry::Work;

use crate::live::Live;
use crate::machine;
use crate::schedules::spawn;
use crate::sync::{AtomicBool, Ordering::SeqCst};

mod piece {
    //! What is done to a piece.
    use super::Work;
    use super::entry::Entry;
    use crate::kernel;

    pub fn can(_: usize, _: Work) -> bool {
        true
    }

    /// Populates it: of what the program has put there since, only pages could come.
    pub fn run(piece: Entry, _: Option<Entry>) -> bool {
        kernel::populate(piece.start(), piece.end());
        true
    }
}

/// Where a thread sits.
pub struct Place(AtomicBool);

impl Place {
    pub const fn new() -> Place {
        Place(AtomicBool::new(false))
    }

    pub fn start_when_empty(&'static self, _: &Live<'_>, body: fn(), _: u64) -> bool {
        self.see_off(0);
        self.0.store(true, SeqCst);
        drop(spawn(move || {
            body();
            self.0.store(false, SeqCst);
        }));
        true
    }

    pub fn see_off(&self, _: u64) {
        while !self.is_empty() {
            machine::pause();
        }
    }

    pub fn is_empty(&self) -> bool {
        !self.0.load(SeqCst)
    }

    pub fn is_counted(&self) -> bool {
        !self.is_empty()
    }

    pub fn empty(&self) {
        self.0.store(false, SeqCst);
    }
}

pub fn may_start(_: &Live<'_>) -> bool {
    true
}

pub fn end() {
    ahead::end(0);
}

pub fn withdraw() {
    ahead::end(0);
}

pub fn stand_aside(_: u64) {
    ahead::pause(0);
}

pub fn come_back(live: &Live<'_>) {
    ahead::go_on();
    ahead::come_back(live);
}

pub fn go_on() {
    ahead::go_on();
}

pub fn start_in_child() {
    ahead::start_in_child();
}
