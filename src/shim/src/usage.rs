//! What getrusage says of the process.
//!
//! What must hold here: figures of the whole process, ours included; the report takes ours out.

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use faultless_core::counters::C;
use faultless_core::page::Page;

use crate::sys;

/// [`sample`], if the last one is a second old: a process that is killed leaves figures all the same.
pub fn sample_sometimes(page: &Page) {
    const EVERY_NS: u64 = 1_000_000_000;
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let now = sys::now(libc::CLOCK_MONOTONIC_COARSE);
    if now >= NEXT.load(Relaxed) {
        NEXT.store(now + EVERY_NS, Relaxed);
        sample(page);
    }
}

/// Writes it into the page.
pub fn sample(page: &Page) {
    let Some(usage) = sys::rusage(libc::RUSAGE_SELF) else { return };
    let us = |t: libc::timeval| t.tv_sec as u64 * 1_000_000 + t.tv_usec as u64;
    page.set(C::MinorFaults, usage.ru_minflt as u64);
    page.set(C::MajorFaults, usage.ru_majflt as u64);
    page.set(C::PeakRss, usage.ru_maxrss as u64 * 1024);
    page.set(C::InBlock, usage.ru_inblock as u64 * 512);
    page.set(C::UserUs, us(usage.ru_utime));
    page.set(C::SysUs, us(usage.ru_stime));
}
