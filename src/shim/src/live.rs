//! The right to act, as it is handed from the hooks to the actions: the counter page, the rules, the options.
//!
//! What must hold here: made by `state` alone, for the process that it belongs to.

use faultless_core::options::Settings;
use faultless_core::page::Page;
use faultless_core::rules::Policy;
use faultless_core::size::Size;

use core::sync::atomic::Ordering::Relaxed;

use crate::{limits, own_stack, sys, trial};

/// The right to act in this process, now.
#[derive(Clone, Copy)]
pub struct Live<'a> {
    /// the counter page
    pub page: &'a Page,
    /// the rules
    pub policy: &'a Policy,
    /// the options
    pub config: &'a Settings<'static>,
}

impl Live<'_> {
    /// Bytes of memory here, or 0 where no rule asks for it.
    pub fn memory(&self) -> u64 {
        if self.policy.needs_memory() { memory() } else { 0 }
    }

    /// A size in bytes.
    pub fn bytes(&self, size: Size) -> u64 {
        size.bytes(if size.is_relative() { memory() } else { 0 })
    }

    /// Until when one action may hold up the program's call, by CLOCK_MONOTONIC in ns.
    pub fn deadline(&self) -> u64 {
        sys::now(libc::CLOCK_MONOTONIC).saturating_add(self.config.populate_time_max_ms.saturating_mul(1_000_000))
    }

    /// Whether the process was started under a seccomp filter, or that can't be known, and what it lets us do has not been
    /// tried: then only calls that a program which uses memory makes anyway.
    pub fn is_filtered(&self) -> bool {
        let filtered = limits::seccomp_at_start();
        if filtered {
            self.page.seccomp.fetch_max(1, Relaxed);
        }
        filtered && !trial::has_passed()
    }

    /// The same where a rule wants a call that only a trial can allow.
    pub fn is_filtered_when_tried(&self) -> bool {
        self.is_filtered() && !trial::passes()
    }

    /// Told from outside to let go.
    pub fn is_off(&self) -> bool {
        self.page.off.load(Relaxed) != 0
    }
}

/// Unknown while the stack for reading it is taken: then 0, so that no budget is too large.
fn memory() -> u64 {
    limits::memory_known().or_else(|| own_stack::run(limits::memory)).unwrap_or(0)
}
