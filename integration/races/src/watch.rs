//! What watches: the library's table, handshake, hooks' side and locks, with a thread that is the model's.
//!
//! What must hold here: the thread is gone when it says so, and `end` waits for that, as the library's does.

#[path = "../../../src/shim/src/watch/flight.rs"]
pub mod flight;
#[path = "../../../src/shim/src/watch/hooks.rs"]
pub mod hooks;
#[path = "hot.rs"]
pub mod hot;
#[path = "../../../src/shim/src/watch/table.rs"]
pub mod table;

pub use flight::{act_firmly_on, act_on};
pub use hooks::*;

use crate::live::Live;

pub mod thread {
    //! The watching thread, as others see it.
    use crate::machine;
    use crate::sync::{AtomicBool, Ordering::SeqCst};

    static IS_OVER: AtomicBool = AtomicBool::new(false);
    static SITS: AtomicBool = AtomicBool::new(false);

    /// It begins.
    pub fn sit() {
        SITS.store(true, SeqCst);
    }

    /// It ends, as the kernel says.
    pub fn leave() {
        SITS.store(false, SeqCst);
    }

    pub fn is_told_to_leave() -> bool {
        IS_OVER.load(SeqCst)
    }

    pub fn is_gone() -> bool {
        !SITS.load(SeqCst)
    }

    pub fn end() {
        IS_OVER.store(true, SeqCst);
        while !is_gone() {
            machine::pause();
        }
    }
}

pub fn end() {
    if USED.load(crate::sync::Ordering::SeqCst) {
        thread::end();
    }
}

pub fn close(_: usize, _: usize) {}

pub fn stand_aside(_: u64) {
    end();
}

pub fn withdraw() {
    end();
}

pub fn may_begin_anew() {}

pub fn begin_anew(_: &Live<'_>) {}

pub fn come_back(_: &Live<'_>) {}

pub fn start_in_child() {}
