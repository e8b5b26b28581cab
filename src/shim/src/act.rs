//! The actions: what a rule does to a region, and what came of it.
//!
//! What must hold here: the program's own call has succeeded before anything here runs; no action changes content
//! (nothing populates a private file mapping for writing, nothing locks one in a way that would copy it); each is
//! budgeted, bounded in time, done in chunks, and counted as applied, partly, skipped or failed with the reason. The order
//! is page size, arrival, staying, access: advice comes last, because readahead stops under MADV_RANDOM.

use faultless_core::counters::C;
use faultless_core::matching::Chosen;
use faultless_core::page::Outcome;
use faultless_core::reason::Reason;
use faultless_core::rules::{Access, Arrival, Axis, Kind, MAX_RULES, PageSize, Stay};

use crate::budget::Budget;
use crate::crew::{Work, ahead};
use crate::limits::Thp;
use crate::live::Live;
use crate::populate::{self, Populated};
use crate::regions::{self, Record};
use crate::sys::{self, PAGE};
use crate::target::{APPLIED, Range, Result, Target, failed, skipped};
use crate::{advice, heap, identity, limits, lock, scarce, segments, state, transit, watch};

use Arriving::{Ahead, Now};

/// Per rule: outcomes of its actions on one region, as bits by [`Outcome`].
pub struct Tally {
    seen: [u8; MAX_RULES],
}

impl Tally {
    /// Nothing done yet.
    pub fn new() -> Tally {
        Tally { seen: [0; MAX_RULES] }
    }

    /// What one action came to.
    pub fn add(&mut self, live: &Live<'_>, rule: u8, axis: Axis, result: Result) {
        let (outcome, reason, errno) = result;
        if let (Some(stats), Some(seen)) = (live.page.rules.get(rule as usize), self.seen.get_mut(rule as usize)) {
            if outcome != Outcome::Applied || reason != Reason::Done {
                stats.note(axis as u8, outcome, reason as u8, errno as u16);
            }
            // `any:huge+recycle` is done in full on memory that is never freed for the next.
            if reason != Reason::NotKept {
                *seen |= 1 << outcome as u8;
            }
        }
    }

    /// Counts the region, of so many bytes, for each of the rules that a bit of `matched` stands for.
    pub fn finish(&self, live: &Live<'_>, matched: u32, bytes: u64) {
        live.page.add(C::RegionsRuled, 1);
        for (rule, (stats, seen)) in live.page.rules.iter().zip(&self.seen).enumerate() {
            if matched >> rule & 1 == 0 {
                continue;
            }
            use core::sync::atomic::Ordering::Relaxed;
            stats.regions.fetch_add(1, Relaxed);
            stats.bytes.fetch_add(bytes, Relaxed);
            let has = |o: Outcome| seen >> o as u8 & 1 == 1;
            let outcome = match () {
                () if *seen == 1 << Outcome::Applied as u8 => Outcome::Applied,
                () if has(Outcome::Applied) || has(Outcome::Partly) => Outcome::Partly,
                () if has(Outcome::Failed) => Outcome::Failed,
                () => Outcome::Skipped,
            };
            stats.outcomes[outcome as usize].fetch_add(1, Relaxed);
        }
    }
}

/// Whether anything is to be done that malloc blocks can have: one with nothing to do stays with the real malloc.
pub fn has_work(chosen: &Chosen) -> bool {
    chosen.page_size.is_some()
        || chosen.arrival.is_some()
        || chosen.stay.is_some()
        || chosen.dontdump.is_some()
        || chosen.recycle.is_some()
}

/// Whether all that is wanted is no huge pages, where nobody gets any without asking: then it is done already.
pub fn only_wants_what_is(chosen: &Chosen) -> bool {
    matches!(chosen.page_size, Some((_, PageSize::Never)))
        && chosen.arrival.is_none()
        && chosen.stay.is_none()
        && chosen.dontdump.is_none()
        && chosen.recycle.is_none()
        && limits::thp() != Some(Thp::Always)
}

/// Whether huge pages are all that is to be done.
pub fn only_wants_huge(chosen: &Chosen) -> bool {
    matches!(chosen.page_size, Some((_, PageSize::Thp | PageSize::Collapse)))
        && chosen.arrival.is_none()
        && chosen.stay.is_none()
        && chosen.dontdump.is_none()
}

/// Whether a block should come from the hugetlb pool: not once the program has forked, because a child that finds the pool
/// empty dies of SIGBUS.
pub fn wants_hugetlb(live: &Live<'_>, chosen: &Chosen) -> bool {
    matches!(chosen.page_size, Some((_, PageSize::Hugetlb))) && live.page.get(C::Forks) == 0
}

/// Counts a region for whose rules there is nothing to do.
pub fn count_only(live: &Live<'_>, chosen: &Chosen, bytes: u64) {
    count_all(live, chosen, bytes, skipped(Reason::WrongKind));
}

/// Counts a region for whose rules everything is as they want it.
pub fn count_done(live: &Live<'_>, chosen: &Chosen, bytes: u64) {
    count_all(live, chosen, bytes, APPLIED);
}

/// Counts a block that could not be had where the rule wants it; its bytes may never come to be.
pub fn count_skipped(live: &Live<'_>, chosen: &Chosen, reason: Reason) {
    count_all(live, chosen, 0, skipped(reason));
}

/// Says of the rules for a kind that they cannot be had in this process at all.
pub fn count_never(live: &Live<'_>, kind: Kind, reason: Reason) {
    for (stats, rule) in live.page.rules.iter().zip(live.policy.rules()) {
        if rule.kind == kind {
            stats.note(Axis::PageSize as u8, Outcome::Skipped, reason as u8, 0);
        }
    }
}

/// Says of one action of a rule that it is not taken.
pub fn note_skipped(live: &Live<'_>, rule: u8, axis: Axis, reason: Reason) {
    if let Some(stats) = live.page.rules.get(rule as usize) {
        stats.note(axis as u8, Outcome::Skipped, reason as u8, 0);
    }
}

fn count_all(live: &Live<'_>, chosen: &Chosen, bytes: u64, result: Result) {
    if chosen.matched == 0 {
        return;
    }
    let mut tally = Tally::new();
    let mut add = |axis, rule: Option<u8>| {
        if let Some(rule) = rule {
            tally.add(live, rule, axis, result);
        }
    };
    add(Axis::PageSize, chosen.page_size.map(|c| c.0));
    add(Axis::Arrival, chosen.arrival.map(|c| c.0));
    add(Axis::Stay, chosen.stay.map(|c| c.0));
    add(Axis::Access, chosen.access.map(|c| c.0));
    add(Axis::Reuse, chosen.recycle);
    add(Axis::Dump, chosen.dontdump);
    tally.finish(live, chosen.matched, bytes);
}

/// Does to a region what was chosen for it.
pub fn apply(live: &Live<'_>, target: &Target, chosen: &Chosen) {
    if chosen.matched == 0 {
        return;
    }
    identity::arm();
    let cost = Cost::start(live, chosen.arrival.is_some() || chosen.stay.is_some());
    let mut tally = Tally::new();
    let mut record = Record { start: target.range.start, end: target.range.end(), ..Record::default() };
    let mut later = None;
    // What is shared need not have huge pages when it is touched, only when it is put together afterwards.
    let collapses = target.kind == Kind::Shm && matches!(chosen.page_size, Some((_, PageSize::Collapse)));
    if !collapses {
        later = give_size(live, target, chosen, &mut record, &mut tally);
    }
    // Whatever takes budget must be recorded, so that munmap gives it back: no room to record, no action.
    let has_room = !(chosen.arrival.is_some() || chosen.stay.is_some() || record.flags != 0) || regions::has_room();
    let mut ahead = None;
    let mut passage = None;
    if let Some((rule, arrival)) = chosen.arrival {
        match if has_room { arrive(live, target, arrival, &mut record) } else { Now(skipped(Reason::TableFull)) } {
            Now(result) => tally.add(live, rule, Axis::Arrival, result),
            Ahead(range, why) => ahead = Some((rule, range, why)),
        }
    }
    if collapses {
        later = give_size(live, target, chosen, &mut record, &mut tally);
    }
    if let Some((rule, stay)) = chosen.stay {
        passage = if has_room { transit::coming() } else { None };
        let result = match (has_room, &passage) {
            (true, Some(_)) => hold(live, target, stay, rule, &mut record),
            (true, None) => skipped(Reason::Memlock),
            (false, _) => skipped(Reason::TableFull),
        };
        tally.add(live, rule, Axis::Stay, result);
    }
    // What the program may say of a part matters where it may have the whole grown by mremap, as nobody does with a stack; and
    // of a thread's stack nobody says when it goes.
    let grows = target.kind != Kind::Stack;
    if let Some((rule, access)) = chosen.access {
        let result = advice::access(live, target, access, rule);
        if result.0 == Outcome::Applied && grows && matches!(access, Access::Random | Access::Sequential) {
            record.flags |= regions::ADVISED;
        }
        tally.add(live, rule, Axis::Access, result);
    }
    if let Some(rule) = chosen.recycle {
        let kept = target.kind == Kind::Malloc;
        tally.add(live, rule, Axis::Reuse, if kept { APPLIED } else { skipped(Reason::NotKept) });
    }
    if let Some(rule) = chosen.dontdump {
        let result = advice::give(target.range, libc::MADV_DONTDUMP);
        if result.0 == Outcome::Applied && grows {
            record.flags |= regions::NOT_DUMPED;
        }
        tally.add(live, rule, Axis::Dump, result);
    }
    let holds_something = record.flags != 0 || record.populated != 0 || record.lock_end > record.lock_start;
    let is_extended = holds_something && target.kind == Kind::Heap && regions::extend(&record);
    let is_recorded = !holds_something || is_extended || regions::insert(&record);
    if !is_recorded {
        // Filled up since `has_room`: let go of what nobody would account for.
        let _ = sys::munlock(record.lock_start, record.lock_end.saturating_sub(record.lock_start));
        Budget::Lock.give(live, record.lock_end.saturating_sub(record.lock_start) as u64);
        Budget::Populate.give(live, record.populated);
    }
    if holds_something && is_recorded {
        state::recorded(live, &record);
    }
    drop(passage); // the lock has its record
    // A segment was locked by one call, on fault: what is to be there comes in pieces, and while nobody waits for the passage.
    if let Some((rule, Stay::Full)) = chosen.stay
        && record.flags & regions::WHOLE != 0
        && is_recorded
    {
        let filled = populate::run(live, target, target.range);
        if filled.bytes < target.range.len as u64 {
            tally.add(live, rule, Axis::Stay, (Outcome::Partly, filled.reason, filled.errno));
        }
    }
    // Only now, because whoever unmaps the range makes way where there is a record.
    if let Some((rule, range, why)) = ahead {
        let ask = || populate_ahead(live, target, range, rule, why);
        tally.add(live, rule, Axis::Arrival, if is_recorded { ask() } else { skipped(Reason::TableFull) });
    }
    if let Some(rule) = later.filter(|_| is_recorded) {
        // A kernel before 6.1 leaves it on 4K pages.
        let _ = ahead::ask(live, target.range.whole_huge_pages(), Work::Collapse, rule);
    }
    tally.finish(live, chosen.matched, target.range.len as u64);
    cost.end(live);
}

/// Returns the rule whose huge pages are to come later.
fn give_size(live: &Live<'_>, target: &Target, chosen: &Chosen, record: &mut Record, tally: &mut Tally) -> Option<u8> {
    let (rule, size) = chosen.page_size?;
    let result = page_size(live, target, size);
    if matches!(result.0, Outcome::Applied | Outcome::Partly) && size != PageSize::Never {
        record.flags |= regions::HUGE;
    }
    tally.add(live, rule, Axis::PageSize, result);
    (result.1 == Reason::Scarce).then_some(rule)
}

fn page_size(live: &Live<'_>, target: &Target, size: PageSize) -> Result {
    if target.hugetlb {
        return APPLIED;
    }
    if size == PageSize::Never {
        return advice::give(target.range, libc::MADV_NOHUGEPAGE);
    }
    let whole = target.range.whole_huge_pages();
    if whole.len == 0 {
        return skipped(Reason::TooSmall);
    }
    let is_file = target.kind == Kind::File || target.kind == Kind::Text;
    if limits::is_thp_off_here() {
        return skipped(Reason::ThpOff);
    }
    if target.kind == Kind::Shm {
        if !segments::is_advice_enough(size) {
            return skipped(Reason::ShmemNever);
        }
    } else if !is_file && limits::thp() == Some(Thp::Never) {
        return skipped(Reason::ThpNever);
    }
    // There is no way back from MADV_NOHUGEPAGE to no advice, so none is given.
    if !is_file && size != PageSize::Collapse && scarce::for_region(live, whole.len) {
        return (Outcome::Partly, Reason::Scarce, 0);
    }
    let advised = match size {
        PageSize::Collapse => advice::collapse(target, whole),
        // The whole region, not only the part that holds whole huge pages: one VMA less.
        _ => advice::give(target.range, libc::MADV_HUGEPAGE),
    };
    if advised.0 == Outcome::Applied {
        live.page.add(C::HugeAskedBytes, whole.len as u64);
    }
    match size {
        // Larger readahead helps it all the same.
        _ if advised.0 == Outcome::Applied && target.is_misplaced() => (Outcome::Partly, Reason::Misplaced, 0),
        PageSize::Hugetlb if advised.0 == Outcome::Applied => (Outcome::Partly, Reason::NoHugetlb, 0),
        _ => advised,
    }
}

/// A file in memory (tmpfs) that has holes: to bring all of it, or to lock it but on fault, would fill them, and make a sparse
/// file as large as it says it is.
fn has_holes(target: &Target) -> bool {
    let is_sparse = |fd| sys::fstat(fd).is_ok_and(|st| st.held < st.size) && sys::is_of_memory(fd);
    matches!(target.kind, Kind::File | Kind::Text) && target.file.is_some_and(|view| view.fd >= 0 && is_sparse(view.fd))
}

/// How far an arrival has come.
enum Arriving {
    /// as far as it will
    Now(Result),
    /// this range has budget, and is for a thread of ours; with the reason for which it is not all, or Done
    Ahead(Range, Reason),
}

fn arrive(live: &Live<'_>, target: &Target, arrival: Arrival, record: &mut Record) -> Arriving {
    let range = match arrival {
        Arrival::Full | Arrival::Async => target.backed(),
        Arrival::First(size) => {
            let backed = target.backed();
            let len = (live.bytes(size) as usize).next_multiple_of(PAGE).min(backed.len);
            // A stack is used from its end down.
            let start = if target.kind == Kind::Stack { backed.end() - len } else { backed.start };
            Range { start, len }
        }
        Arrival::Range(from, to) => target.between(live.bytes(from), live.bytes(to)),
    };
    if range.len == 0 {
        return Now(APPLIED); // an empty file, or a part that this mapping doesn't have
    }
    if target.hugetlb && target.kind == Kind::Malloc {
        return Now(APPLIED); // proven by populating it
    }
    if target.file.is_none() && !target.writable {
        return Now(skipped(Reason::NotWritable));
    }
    if has_holes(target) {
        return Now(skipped(Reason::WrongKind));
    }
    let (granted, why) = Budget::Populate.take(live, range.len as u64);
    if granted == 0 {
        return Now(skipped(why));
    }
    let in_budget = Range { start: range.start, len: granted as usize };
    if arrival == Arrival::Async {
        record.populated = granted;
        return Ahead(in_budget, why);
    }
    let Populated { bytes, reason, errno } = populate::run(live, target, in_budget);
    Budget::Populate.give(live, granted - bytes);
    record.populated = bytes;
    live.page.add(C::PopulatedBytes, bytes);
    Now(match (bytes, errno) {
        (0, 0) => skipped(reason),
        (0, _) => (Outcome::Failed, reason, errno),
        (b, _) if b == range.len as u64 && reason == Reason::Done => APPLIED,
        (b, _) if b == range.len as u64 => (Outcome::Applied, reason, 0),
        (b, _) if b == granted => (Outcome::Partly, why, 0),
        _ => (Outcome::Partly, reason, errno),
    })
}

/// Hands a range that has budget to a thread of ours.
fn populate_ahead(live: &Live<'_>, target: &Target, range: Range, rule: u8, why: Reason) -> Result {
    let work = if target.file.is_some() { Work::Read } else { Work::Write };
    match ahead::ask(live, range, work, rule) {
        Ok(()) if why == Reason::Done => (Outcome::Applied, Reason::Begun, 0),
        Ok(()) => (Outcome::Partly, why, 0),
        Err(why) => {
            regions::not_populated(live, range.start, range.len as u64);
            skipped(why)
        }
    }
}

/// Locks of less are not worth a thread that lets them go when memory gets tight.
const WORTH_LETTING_GO: u64 = 16 << 20;

/// Whether a lock that ended within the mapping could part it for good, so that it is locked whole or not at all: of private
/// memory each part gets an anon_vma of its own when it is first written, and in a forked child anyway, and mremap refuses what
/// was one mapping. What a rule asks for by offsets is the rule's wish.
fn is_whole(target: &Target, stay: Stay) -> bool {
    let is_moved = matches!(target.kind, Kind::Anon | Kind::File);
    let is_private = is_moved && !target.shared && (target.writable || target.file.is_none());
    target.segment || (is_private && !matches!(stay, Stay::Range(..)))
}

fn hold(live: &Live<'_>, target: &Target, stay: Stay, rule: u8, record: &mut Record) -> Result {
    if heap::are_future_locks() || heap::is_stack_locked() {
        return skipped(Reason::VmLocked);
    }
    let range = match stay {
        Stay::Hot => return advice::watched(live, target, rule, watch::HOT),
        Stay::Full | Stay::OnFault => target.backed(),
        Stay::Range(from, to) => target.between(live.bytes(from), live.bytes(to)),
    };
    if range.len == 0 {
        return APPLIED;
    }
    if live.is_filtered_when_tried() {
        return skipped(Reason::Seccomp);
    }
    let deadline = live.deadline();
    let is_sparse = has_holes(target);
    let on_fault = stay == Stay::OnFault || target.copies_on_write() || is_sparse;
    let is_whole = is_whole(target, stay);
    let (mut granted, why) = Budget::Lock.take(live, range.len as u64);
    if is_whole && granted < range.len as u64 {
        Budget::Lock.give(live, granted);
        granted = 0;
    }
    let refreshed = || {
        let rest = Range { start: range.start + granted as usize, len: range.len - granted as usize };
        why == Reason::Memlock && stay != Stay::OnFault && !is_sparse && lock::do_without(live, target, rest, rule)
    };
    if granted == 0 {
        return if refreshed() { (Outcome::Partly, Reason::Refreshed, 0) } else { skipped(why) };
    }
    let range_granted = Range { start: range.start, len: granted as usize };
    if on_fault && stay != Stay::OnFault && !is_sparse {
        let _ = populate::run(live, target, range_granted);
    }
    let locked = match (is_whole, on_fault || target.segment) {
        (true, true) => lock::whole(range),
        (true, false) => lock::all(live, range),
        _ => lock::run(live, range_granted, on_fault),
    };
    Budget::Lock.give(live, granted - locked.bytes);
    record.lock_start = range.start;
    record.lock_end = range.start + locked.bytes as usize;
    if target.segment && locked.bytes > 0 {
        record.flags |= regions::WHOLE;
    }
    live.page.add(C::LockedBytes, locked.bytes);
    let held = Range { start: range.start, len: locked.bytes as usize };
    if target.file.is_some() && stay != Stay::OnFault && !is_sparse {
        lock::touch(live, held, deadline);
    }
    if locked.bytes >= WORTH_LETTING_GO {
        let _ = watch::add(live, target, held, rule, watch::HELD); // without a thread it stays whatever happens
    }
    match (locked.bytes, locked.errno) {
        (0, 0) => skipped(if why == Reason::Done { locked.reason } else { why }),
        (0, errno) => failed(errno),
        // What there was no time to bring is locked once it is touched.
        (b, _) if b == range.len as u64 && locked.reason == Reason::Time => (Outcome::Partly, Reason::Time, 0),
        (b, _) if b == range.len as u64 => (Outcome::Applied, locked.reason, 0),
        (b, _) if b == granted && refreshed() => (Outcome::Partly, Reason::Refreshed, 0),
        (b, _) if b == granted => (Outcome::Partly, why, 0),
        (_, 0) => (Outcome::Partly, locked.reason, 0),
        (_, errno) => (Outcome::Partly, Reason::Errno, errno),
    }
}

/// Time and faults that an action takes in the program's own thread.
struct Cost {
    began: u64,
    usage: Option<libc::rusage>,
}

impl Cost {
    fn start(live: &Live<'_>, may_fault: bool) -> Cost {
        // Under a filter, only calls that a program which uses memory makes anyway.
        let ask = may_fault && !live.is_filtered();
        let usage = if ask { sys::rusage(libc::RUSAGE_THREAD) } else { None };
        Cost { began: sys::now(libc::CLOCK_MONOTONIC), usage }
    }

    fn end(self, live: &Live<'_>) {
        let took = sys::now(libc::CLOCK_MONOTONIC).saturating_sub(self.began);
        live.page.add(C::OwnNs, took);
        live.page.max(C::OwnLongestNs, took);
        if let (Some(before), Some(after)) = (self.usage, self.usage.and_then(|_| sys::rusage(libc::RUSAGE_THREAD))) {
            live.page.add(C::OwnMinorFaults, (after.ru_minflt - before.ru_minflt) as u64);
            live.page.add(C::OwnMajorFaults, (after.ru_majflt - before.ru_majflt) as u64);
        }
    }
}
