//! A region as the actions need to know it, and what an action on it came to.
//!
//! What must hold here: ranges are whole pages; nothing beyond the last page of a file is ever touched.

use core::ffi::c_int;

use faultless_core::page::Outcome;
use faultless_core::reason::Reason;
use faultless_core::rules::Kind;

use crate::sys::{Errno, HUGE, PAGE};

/// A range of whole pages.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// first byte
    pub start: usize,
    /// bytes
    pub len: usize,
}

impl Range {
    /// Exclusive end.
    pub fn end(self) -> usize {
        self.start + self.len
    }

    /// The part that huge pages can hold.
    pub fn whole_huge_pages(self) -> Range {
        let first = self.start.next_multiple_of(HUGE);
        Range { start: first, len: self.end().saturating_sub(first) & !(HUGE - 1) }
    }
}

/// A region, as the actions need to know it.
#[derive(Clone, Copy)]
pub struct Target {
    /// where
    pub range: Range,
    /// what sort
    pub kind: Kind,
    /// the program may write to it
    pub writable: bool,
    /// MAP_SHARED
    pub shared: bool,
    /// on pages of the hugetlb pool
    pub hugetlb: bool,
    /// a System V segment: the kernel never puts together what a lock or advice on a part has parted, and each part counts
    /// as an attachment
    pub segment: bool,
    /// the file, if it maps one that is open
    pub file: Option<View>,
}

/// A mapped file.
#[derive(Clone, Copy)]
pub struct View {
    /// its descriptor during the program's call; −1 for what was mapped before we came
    pub fd: c_int,
    /// offset in the file of the region's first byte
    pub offset: u64,
    /// bytes in the file
    pub size: u64,
}

impl Target {
    /// The part that a file backs: beyond its last page every touch is SIGBUS.
    pub fn backed(&self) -> Range {
        let len = match self.file {
            Some(view) => {
                view.size.saturating_sub(view.offset).next_multiple_of(PAGE as u64).min(self.range.len as u64)
            }
            None => self.range.len as u64,
        };
        Range { start: self.range.start, len: len as usize }
    }

    /// The part between two offsets in the file, in whole pages.
    pub fn between(&self, from: u64, to: u64) -> Range {
        let base = self.file.map_or(0, |view| view.offset);
        let backed = self.backed();
        let clamp = |offset: u64| (offset.saturating_sub(base)).min(backed.len as u64) as usize;
        let start = clamp(from) & !(PAGE - 1);
        let end = clamp(to).next_multiple_of(PAGE).min(backed.len);
        Range { start: backed.start + start, len: end.saturating_sub(start) }
    }

    /// No huge page can hold any of it: its place in memory and in its file differ by no multiple of 2 MiB.
    pub fn is_misplaced(&self) -> bool {
        self.file.is_some_and(|view| !(self.range.start as u64).wrapping_sub(view.offset).is_multiple_of(HUGE as u64))
    }

    /// A private mapping of a file: mlock would copy the file where it may be written, and so would the mprotect that
    /// makes it writable later. Locked on fault, neither does.
    pub fn copies_on_write(&self) -> bool {
        self.file.is_some() && !self.shared
    }
}

/// What one action came to.
pub type Result = (Outcome, Reason, Errno);

/// Done in full.
pub const APPLIED: Result = (Outcome::Applied, Reason::Done, 0);

/// Not tried.
pub fn skipped(reason: Reason) -> Result {
    (Outcome::Skipped, reason, 0)
}

/// Refused by the kernel.
pub fn failed(errno: Errno) -> Result {
    (Outcome::Failed, Reason::Errno, errno)
}
