//! What the open hooks do once the program's call has succeeded: which rules want something for the file.
//!
//! What must hold here: regular files on a disk alone, and not the small ones, of which a program may open thousands: these
//! cost one fstat(2). Nothing here reads the file, or waits for the disk; what does is the watching thread's.

use core::ffi::c_int;

use faultless_core::counters::C;
use faultless_core::matching::{Chosen, Region};
use faultless_core::page::Outcome;
use faultless_core::reason::Reason;
use faultless_core::rules::{Access, Arrival, Axis, Kind};
use faultless_core::size::Size;

use crate::act::Tally;
use crate::budget::Budget;
use crate::descriptors::{self, AUTO, CHUNK, DROP_BEHIND, Opened, POPULATE};
use crate::live::Live;
use crate::sys::{self, PAGE, PATH_MAX, Stat};
use crate::target::{APPLIED, Result, failed, skipped};
use crate::{crew, identity, limits, own_stack, watch};

/// Bytes: less is read at once, whatever the advice.
const LEAST: u64 = 128 << 10;
/// Bytes: what is smaller is not worth a thread's time.
const LEAST_WATCHED: u64 = 4 << 20;
/// How long an open may look at what is in memory (ns): the kernel takes a microsecond for each page that it remembers to
/// have evicted. The thread looks at the rest.
const LOOK_NS: u64 = 100_000;

/// After the program has opened a file.
pub fn opened(live: &Live<'_>, fd: c_int) {
    let Ok(st) = sys::fstat(fd) else { return };
    if st.mode & libc::S_IFMT != libc::S_IFREG || st.size < LEAST || !may_match(live, st.size) {
        return;
    }
    let Ok(flags) = sys::open_flags(fd) else { return };
    let is_read = flags & libc::O_ACCMODE != libc::O_WRONLY && flags & (libc::O_PATH | libc::O_DIRECT) == 0;
    if !is_read {
        return;
    }
    let Some(chosen) = choose(live, fd, &st) else { return };
    let is_wanted = |rule: u8| live.policy.rules().get(rule as usize).is_some_and(|rule| rule.kind == Kind::File);
    let arrival = chosen.arrival.filter(|(rule, _)| is_wanted(*rule));
    if chosen.access.is_none() && arrival.is_none() {
        return;
    }
    identity::arm();
    let began = sys::now(libc::CLOCK_MONOTONIC);
    let may_write = flags & libc::O_ACCMODE != libc::O_RDONLY;
    act(live, fd, &st, may_write, &Chosen { arrival, ..chosen });
    let took = sys::now(libc::CLOCK_MONOTONIC).saturating_sub(began);
    live.page.add(C::OwnNs, took);
    live.page.max(C::OwnLongestNs, took);
}

/// Whether the rules' bounds admit a file of so many bytes, as far as that can be told at once.
fn may_match(live: &Live<'_>, size: u64) -> bool {
    let bytes = |bound: Size| match limits::memory_known() {
        None if bound.is_relative() => None,
        memory => Some(bound.bytes(memory.unwrap_or(0))),
    };
    live.policy.rules().iter().any(|rule| {
        descriptors::wants(rule)
            && rule.min.and_then(bytes).is_none_or(|min| size >= min)
            && rule.below.and_then(bytes).is_none_or(|below| size < below)
    })
}

/// What the rules want for it. None: nothing, as its path is that of no file on a disk, or unknown.
fn choose(live: &Live<'_>, fd: c_int, st: &Stat) -> Option<Chosen> {
    let memory = live.memory(); // it takes the own stack itself
    let rules_of = |path: Option<&[u8]>| live.policy.choose(&Region { kind: Kind::File, size: st.size, path }, memory);
    if !live.policy.needs_path() && !st.has_no_disk() {
        return Some(rules_of(None));
    }
    // The path wants more room than a hook may take from a stack that it doesn't know.
    let found = own_stack::run(|| {
        let mut buffer = [0u8; PATH_MAX];
        let path = sys::path_of(fd, &mut buffer).ok()?;
        const NO_DISK: [&[u8]; 4] = [b"/proc/", b"/sys/", b"/dev/", b"/memfd:"];
        let is_on_disk = !NO_DISK.iter().any(|folder| path.starts_with(folder));
        is_on_disk.then(|| rules_of(Some(path)))
    });
    if found.is_none() {
        live.page.add(C::Raced, 1);
    }
    found.flatten()
}

fn act(live: &Live<'_>, fd: c_int, st: &Stat, may_write: bool, chosen: &Chosen) {
    let mut tally = Tally::new();
    let mut file =
        Opened { fd, id: st.id, size: st.size, wants: 0, rules: (0, 0), there: 0, known: 0, ahead: (0, 0), budget: 0 };
    let mut matched = 0;
    if let Some((rule, access)) = chosen.access {
        matched |= 1 << rule;
        file.rules.0 = rule;
        match access {
            Access::DropBehind => file.wants |= DROP_BEHIND,
            Access::Auto => file.wants |= AUTO,
            Access::Random => tally.add(live, rule, Axis::Access, advise(live, fd, libc::POSIX_FADV_RANDOM)),
            Access::Sequential => tally.add(live, rule, Axis::Access, advise(live, fd, libc::POSIX_FADV_SEQUENTIAL)),
            Access::WillNeed => tally.add(live, rule, Axis::Access, advise(live, fd, libc::POSIX_FADV_WILLNEED)),
            Access::NoReuse => tally.add(live, rule, Axis::Access, advise(live, fd, libc::POSIX_FADV_NOREUSE)),
            Access::Cold | Access::PageOut => {} // refused where rules are read
        }
    }
    let why_not = if file.wants == 0 { Ok(()) } else { may_be_watched(live, &mut file, may_write) };
    if let Err(why) = why_not {
        file.wants = 0;
        tally.add(live, file.rules.0, Axis::Access, skipped(why));
    }
    let is_watched = file.wants != 0;
    let mut arrived = None;
    if let Some((rule, arrival)) = chosen.arrival {
        matched |= 1 << rule;
        file.rules.1 = rule;
        arrived = Some(arrive(live, &mut file, arrival));
    }
    if file.wants != 0 {
        let is_in = descriptors::insert(live, &file);
        let result = match is_in && watch::look_at_descriptors(live, file.wants & POPULATE != 0) {
            true => Ok(()),
            false if is_in => {
                descriptors::forget(live, fd);
                Err(skipped(Reason::Busy))
            }
            false => {
                Budget::Populate.give(live, file.budget);
                Err(skipped(Reason::TableFull))
            }
        };
        if is_watched {
            let watched = (Outcome::Applied, Reason::Watched, 0);
            tally.add(live, file.rules.0, Axis::Access, result.err().unwrap_or(watched));
        }
        if file.wants & POPULATE != 0 {
            arrived = arrived.map(|begun| result.err().unwrap_or(begun));
        }
    }
    if let Some(result) = arrived {
        tally.add(live, file.rules.1, Axis::Arrival, result);
    }
    live.page.add(C::FilesOpened, 1);
    tally.finish(live, matched, st.size);
}

fn advise(live: &Live<'_>, fd: c_int, advice: c_int) -> Result {
    if live.is_filtered_when_tried() {
        return skipped(Reason::Seccomp);
    }
    match sys::fadvise(fd, 0, 0, advice) {
        Ok(_) => APPLIED,
        Err(errno) => failed(errno),
    }
}

/// Whether the thread can watch how it is read; notes what of it is in memory before the program reads on.
fn may_be_watched(live: &Live<'_>, file: &mut Opened, may_write: bool) -> core::result::Result<(), Reason> {
    match () {
        () if may_write => return Err(Reason::WrongKind),
        () if file.size < LEAST_WATCHED => return Err(Reason::TooLittle),
        () if !crew::may_start(live) => return Err(Reason::Seccomp),
        () => {}
    }
    let until = sys::now(libc::CLOCK_MONOTONIC) + LOOK_NS;
    while file.known < 64 && (file.known == 0 || sys::now(libc::CLOCK_MONOTONIC) < until) {
        let cached = |at, len| sys::cached_pages(file.fd, at, len);
        match what_is_there(file.size, u64::from(file.known), 8, cached) {
            Ok(there) => file.there |= there << file.known,
            Err(libc::ENOSYS) => return Err(Reason::OldKernel),
            // Another user's file: what is in memory is not for us to know.
            Err(_) => return Err(Reason::WasThere),
        }
        file.known += 8;
    }
    Ok(())
}

/// Of at most 64 chunks of a file, `most` from `first` on, those that are in memory in part or in whole; in few calls where these are
/// few, or nearly all. `cached` says how many pages of a part are.
pub fn what_is_there(
    size: u64,
    first: u64,
    most: u64,
    cached: impl Fn(u64, u64) -> core::result::Result<u64, sys::Errno>,
) -> core::result::Result<u64, sys::Errno> {
    let count = size.div_ceil(CHUNK).saturating_sub(first).min(most);
    let (mut there, mut at) = (0u64, 0);
    // The widest step that holds nothing, or all, down to one chunk.
    let mut step = count.next_power_of_two();
    while at < count {
        let (from, to) = ((first + at) * CHUNK, ((first + at + step) * CHUNK).min(size));
        let pages = cached(from, to - from)?;
        if pages == 0 || pages == (to - from).div_ceil(PAGE as u64) || step == 1 {
            there |= if pages == 0 { 0 } else { (u64::MAX >> (64 - step)) << at };
            at += step;
            step = 1 << at.trailing_zeros().min(6);
        } else {
            step /= 2;
        }
    }
    Ok(there)
}

fn arrive(live: &Live<'_>, file: &mut Opened, arrival: Arrival) -> Result {
    let (from, to) = match arrival {
        Arrival::Full | Arrival::Async => (0, file.size),
        Arrival::First(size) => (0, live.bytes(size)),
        Arrival::Range(from, to) => (live.bytes(from), live.bytes(to)),
    };
    let from = from & !(PAGE as u64 - 1);
    let to = to.min(file.size).next_multiple_of(PAGE as u64);
    if from >= to {
        return APPLIED; // a part that this file doesn't have
    }
    if !crew::may_start(live) {
        return skipped(Reason::Seccomp);
    }
    let (granted, why) = Budget::Populate.take(live, to - from);
    if granted == 0 {
        return skipped(why);
    }
    file.wants |= POPULATE;
    file.ahead = (from, from + granted);
    file.budget = granted;
    match why {
        Reason::Done => (Outcome::Applied, Reason::Begun, 0),
        why => (Outcome::Partly, why, 0),
    }
}
