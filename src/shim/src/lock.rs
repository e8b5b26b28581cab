//! mlock: what is resident stays.
//!
//! What must hold here: in chunks, because mlock is all or nothing against RLIMIT_MEMLOCK, but whole what must not be parted; what could not
//! be locked is left as it was.

use faultless_core::reason::Reason;

use crate::budget::Room;
use crate::live::Live;
use crate::sys::{self, Errno, PAGE};
use crate::target::{Range, Target};
use crate::{crew, populate, transit, watch};

const CHUNK: usize = 32 << 20;
/// Bytes of which all or nothing is touched; of these, between two that are tried; and how long that takes where it is slow (ns).
const TOUCHED: usize = 2 << 20;
const SAMPLE: usize = 64 << 10;
const SLOW_NS: u64 = 2_000;

/// What came of it.
pub struct Locked {
    /// bytes from the range's start that are locked now
    pub bytes: u64,
    /// Done, Time, or Memlock: the program needs the limit for itself
    pub reason: Reason,
    /// the kernel's word on the chunk that failed, or 0
    pub errno: Errno,
}

/// Locks a range, at once or (`on_fault`) each page once it is touched.
pub fn run(live: &Live<'_>, range: Range, on_fault: bool) -> Locked {
    let mut result = Locked { bytes: 0, reason: Reason::Done, errno: 0 };
    let mut chunk = CHUNK;
    let deadline = live.deadline();
    while (result.bytes as usize) < range.len && !live.is_off() {
        if result.bytes > 0 && sys::now(libc::CLOCK_MONOTONIC) > deadline {
            result.reason = Reason::Time;
            break;
        }
        if result.bytes > 0 && transit::is_wanted() {
            result.reason = Reason::Memlock;
            break;
        }
        let at = range.start + result.bytes as usize;
        let len = chunk.min(range.end() - at);
        match sys::mlock(at, len, on_fault) {
            Ok(_) => result.bytes += len as u64,
            // Another thread took some of the limit meanwhile: what is left may hold a smaller piece.
            Err(libc::ENOMEM | libc::EAGAIN) if len > 16 * PAGE => {
                let _ = sys::munlock(at, len); // it may have locked a part before it failed
                chunk = (len / 8).next_multiple_of(PAGE);
            }
            Err(errno) => {
                let _ = sys::munlock(at, len);
                result.errno = errno;
                return result;
            }
        }
    }
    result
}

/// Has a processor touch what is resident of a file, where that is found to take long. In a virtual machine the host may have no
/// memory behind a page that only a device has written (it was given back while it was free): the first touch waits for
/// it, up to 100 µs for each page, though it is in the page tables. Elsewhere this is 16 calls a MiB, 2 µs.
pub fn touch(live: &Live<'_>, range: Range, deadline: u64) {
    for piece in (range.start..range.end()).step_by(TOUCHED) {
        let end = (piece + TOUCHED).min(range.end());
        let is_slow = |at: usize| {
            let began = sys::now(libc::CLOCK_MONOTONIC);
            let _ = sys::is_readable(at);
            sys::now(libc::CLOCK_MONOTONIC) - began > SLOW_NS
        };
        if (piece..end).step_by(SAMPLE).any(is_slow) {
            // Where the file has ended meanwhile, it answers so, and no signal comes.
            (piece..end).step_by(PAGE).all(sys::is_readable);
        }
        if live.is_off() || sys::now(libc::CLOCK_MONOTONIC) > deadline {
            return;
        }
    }
}

/// Locks all of a range or nothing; what there is no time to bring, each page once it is touched.
pub fn all(live: &Live<'_>, range: Range) -> Locked {
    let locked = run(live, range, false);
    if locked.bytes as usize == range.len {
        return locked;
    }
    if locked.reason == Reason::Time && sys::mlock(range.start, range.len, true).is_ok() {
        return Locked { bytes: range.len as u64, ..locked };
    }
    let _ = sys::munlock(range.start, range.len);
    Locked { bytes: 0, ..locked }
}

/// Locks all of a range or nothing, by one call: each page once it is touched, which is soon done.
pub fn whole(range: Range) -> Locked {
    let Range { start, len } = range;
    let locked = match sys::mlock(start, len, true) {
        Err(libc::ENOSYS) => sys::mlock(start, len, false), // Linux before 4.4
        locked => locked,
    };
    match locked {
        Ok(_) => Locked { bytes: len as u64, reason: Reason::Done, errno: 0 },
        Err(errno) => {
            let _ = sys::munlock(start, len); // it may have locked it before it failed
            Locked { bytes: 0, reason: Reason::Done, errno }
        }
    }
}

/// Where RLIMIT_MEMLOCK leaves no room: has the mapping of a file looked up now and then instead, so that it stays as long as
/// others can make way. As the lock would, it brings what is missing before the program goes on. False: that is not to be
/// had, or memory is too short for it.
pub fn do_without(live: &Live<'_>, target: &Target, range: Range, rule: u8) -> bool {
    let is_fit = target.file.is_some() && !(target.copies_on_write() && target.writable);
    let most = live.bytes(live.config.lock_max);
    let has_room = || Room::read(Room::SOON_NS).is_some_and(|room| room.free / 2 >= range.len as u64);
    if !is_fit || range.len as u64 > most || !has_room() || !crew::may_start(live) {
        return false;
    }
    let _ = populate::run(live, target, range); // before there are rounds of looking up, which would read the same beside it
    watch::add(live, target, range, rule, watch::REFRESH).is_ok()
}
