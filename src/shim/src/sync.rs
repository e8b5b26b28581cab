//! The atomics of what several threads change at once.
//!
//! What must hold here: core's own, and nothing else. The files that take them from here are checked as they stand, in
//! every order that threads can come in, by putting others in this place: integration/races.

pub use core::hint::spin_loop;
pub use core::sync::atomic::*;
