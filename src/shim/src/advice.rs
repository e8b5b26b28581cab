//! madvise and posix_fadvise, with the fallback of each.
//!
//! What must hold here: only advice that cannot change content; an advice that this kernel lacks is "skipped", said so.

use faultless_core::page::Outcome;
use faultless_core::reason::Reason;
use faultless_core::rules::{Access, Kind};

use crate::limits::{self, Thp};
use crate::live::Live;
use crate::target::{APPLIED, Range, Result, Target, failed, skipped};
use crate::{sys, watch};

/// Gives advice that this kernel has, or may have been built without (EINVAL).
pub fn give(range: Range, advice: i32) -> Result {
    // SAFETY: every caller passes advice that keeps content.
    match unsafe { sys::madvise(range.start, range.len, advice) } {
        Ok(_) => APPLIED,
        Err(libc::EINVAL | libc::ENOSYS) => skipped(Reason::OldKernel),
        Err(errno) => failed(errno),
    }
}

/// MADV_COLLAPSE (Linux 6.1), piece by piece of 2 MiB: it fails for a piece in which nothing is resident, and goes on. What
/// has no huge page after that may get one at its first touch (MADV_HUGEPAGE).
pub fn collapse(target: &Target, whole: Range) -> Result {
    const MADV_COLLAPSE: i32 = 25;
    let advised = give(target.range, libc::MADV_HUGEPAGE);
    let (mut done, mut refused) = (0, 0);
    for start in (whole.start..whole.end()).step_by(sys::HUGE) {
        // SAFETY: collapsing keeps content.
        match unsafe { sys::madvise(start, sys::HUGE, MADV_COLLAPSE) } {
            Ok(_) => done += 1,
            // Nothing resident there, which is how fresh memory is: the advice above is what helps it.
            Err(libc::EINVAL | libc::ENOSYS) if done == 0 && refused == 0 => {
                if target.kind == Kind::Shm && limits::shmem() == Some(Thp::Never) {
                    return skipped(Reason::ShmemNever); // the advice alone brings none
                }
                return match advised.0 {
                    Outcome::Applied if target.file.is_some() => (Outcome::Partly, Reason::InPageCache, 0),
                    Outcome::Applied => (Outcome::Applied, Reason::Fallback, 0),
                    _ => advised,
                };
            }
            Err(_) => refused += 1,
        }
    }
    match (done, refused) {
        (_, 0) => APPLIED,
        (0, _) if advised.0 != Outcome::Applied => advised,
        _ => (Outcome::Partly, Reason::Fallback, 0),
    }
}

/// How the program reads it, on behalf of a rule.
pub fn access(live: &Live<'_>, target: &Target, access: Access, rule: u8) -> Result {
    match access {
        Access::Random => give(target.range, libc::MADV_RANDOM),
        Access::Sequential => give(target.range, libc::MADV_SEQUENTIAL),
        Access::WillNeed => give(target.range, libc::MADV_WILLNEED),
        Access::NoReuse => no_reuse(target),
        Access::DropBehind => watched(live, target, rule, watch::DROP_BEHIND),
        Access::Auto => watched(live, target, rule, watch::AUTO),
        Access::Cold | Access::PageOut => skipped(Reason::WrongKind), // refused where rules are read
    }
}

/// What a thread of ours does as it sees the mapping being read.
pub fn watched(live: &Live<'_>, target: &Target, rule: u8, wants: u32) -> Result {
    /// Bytes: what is smaller is not worth a thread's time.
    const LEAST: usize = 4 << 20;
    let range = target.backed();
    match () {
        () if target.copies_on_write() && target.writable => skipped(Reason::WrongKind),
        () if target.file.is_none() && wants != watch::HOT => skipped(Reason::WrongKind),
        () if range.len < LEAST => skipped(Reason::TooLittle),
        () => match watch::add(live, target, range, rule, wants) {
            Ok(()) => (Outcome::Applied, Reason::Watched, 0),
            Err(why) => skipped(why),
        },
    }
}

/// POSIX_FADV_NOREUSE acts since Linux 6.3; before that it is accepted and does nothing.
fn no_reuse(target: &Target) -> Result {
    match target.file {
        Some(view) if view.fd >= 0 => {
            match sys::fadvise(view.fd, view.offset, target.range.len as u64, libc::POSIX_FADV_NOREUSE) {
                Ok(_) => APPLIED,
                Err(errno) => failed(errno),
            }
        }
        _ => skipped(Reason::WrongKind),
    }
}
