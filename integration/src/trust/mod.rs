//! `make faults`: what must not change when something fails. One line per kind, and a dated section of docs/trust.md.
//!
//! What must hold here: a kind that could not be tried is a SKIP with its reason, never a PASS; what is made on the machine
//! (cgroups, mounts, settings) is gone when it ends, also when it is killed.

pub mod inject;
pub mod killed;
pub mod limits;
pub mod memory;
pub mod places;
pub mod section;
pub mod storm;
pub mod works;

use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use crate::prove::Part;

/// Every part, the quick ones first.
pub const PARTS: &[Part] = &[
    ("storm", storm::prove),
    ("places", places::prove),
    ("memory", memory::prove),
    ("limits", limits::prove),
    ("killed", killed::prove),
    ("inject", inject::prove),
];

/// Tells a person at a terminal how far something long is.
pub struct Trial {
    name: &'static str,
    done: AtomicUsize,
    of: usize,
}

impl Trial {
    /// So many steps to go.
    pub fn progress(name: &'static str, of: usize) -> Trial {
        Trial { name, done: AtomicUsize::new(0), of }
    }

    /// One more is done.
    pub fn step(&self) {
        let done = self.done.fetch_add(1, Relaxed) + 1;
        if std::io::stderr().is_terminal() && (done.is_multiple_of(8) || done == self.of) {
            let end = if done == self.of { "\r\x1b[K" } else { "" };
            let _ = write!(std::io::stderr(), "\r{}: {done} of {}{end}", self.name, self.of);
        } else if done.is_multiple_of(500) {
            eprintln!("{}: {done} of {}", self.name, self.of);
        }
    }
}
