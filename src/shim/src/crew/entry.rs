//! One word that says what is to be done to which range: so that it can be changed by one compare-and-swap.
//!
//! What must hold here: no word of a range is [`Entry::NONE`]; what doesn't fit (more than 16 GiB) is cut, and the caller
//! sees by the end how much is left.

use crate::sys::PAGE;

/// What a thread of ours does to a range.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// has its pages arrive, for writing
    Write = 0,
    /// has its pages arrive, for reading only
    Read = 1,
    /// puts what is there on huge pages
    Collapse = 2,
}

/// A range of whole pages, what is to be done to it, and for which rule.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Entry(u64);

/// From the lowest bit: the rule, the work, how many pages, the first page.
const RULE_BITS: u32 = 5;
const WORK_AT: u32 = RULE_BITS;
const PAGES_AT: u32 = WORK_AT + 2;
const PAGES_BITS: u32 = 22;
const FIRST_AT: u32 = PAGES_AT + PAGES_BITS;
const MOST_PAGES: usize = (1 << PAGES_BITS) - 1;

const _: () = assert!(faultless_core::rules::MAX_RULES <= 1 << RULE_BITS && FIRST_AT + 35 == u64::BITS);

impl Entry {
    /// No address at or above this fits.
    pub const HIGHEST: usize = PAGE << (u64::BITS - FIRST_AT);
    /// The word of no range.
    pub const NONE: u64 = 0;

    /// The range, or as much of it as fits. Both ends are page boundaries, at most [`Entry::HIGHEST`].
    pub fn new(start: usize, end: usize, work: Work, rule: u8) -> Entry {
        let pages = ((end - start) / PAGE).min(MOST_PAGES);
        let tag = u64::from(rule) & ((1 << RULE_BITS) - 1) | (work as u64) << WORK_AT;
        Entry(((start / PAGE) as u64) << FIRST_AT | (pages as u64) << PAGES_AT | tag)
    }

    /// What a word says.
    pub fn of(word: u64) -> Option<Entry> {
        (word != Entry::NONE).then_some(Entry(word))
    }

    /// The word for it.
    pub fn word(self) -> u64 {
        self.0
    }

    /// First byte.
    pub fn start(self) -> usize {
        (self.0 >> FIRST_AT) as usize * PAGE
    }

    /// Bytes.
    pub fn len(self) -> usize {
        (self.0 >> PAGES_AT) as usize % (MOST_PAGES + 1) * PAGE
    }

    /// Exclusive end.
    pub fn end(self) -> usize {
        self.start() + self.len()
    }

    /// What is to be done.
    pub fn work(self) -> Work {
        match self.0 >> WORK_AT & 3 {
            0 => Work::Write,
            1 => Work::Read,
            _ => Work::Collapse,
        }
    }

    /// The rule that wants it.
    pub fn rule(self) -> u8 {
        (self.0 & ((1 << RULE_BITS) - 1)) as u8
    }

    fn part(self, start: usize, end: usize) -> Option<Entry> {
        (start < end).then(|| Entry::new(start, end, self.work(), self.rule()))
    }

    /// What lies before `at`, and what after it; `at` is beyond the first byte.
    pub fn split_at(self, at: usize) -> (Entry, Option<Entry>) {
        (self.part(self.start(), at.min(self.end())).unwrap_or(self), self.part(at, self.end()))
    }

    /// What lies before, and what behind, the range from `start` to `end`.
    pub fn without(self, start: usize, end: usize) -> (Option<Entry>, Option<Entry>) {
        (self.part(self.start(), start.min(self.end())), self.part(end.max(self.start()), self.end()))
    }
}
