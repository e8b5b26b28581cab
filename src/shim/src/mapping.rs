//! What the mapping hooks do once the program's call has succeeded: which kind of region it made, and what rules want.
//!
//! What must hold here: memory that is merely reserved is left alone until it becomes writable; what the program itself
//! said about a range stands; a mapping is moved only while nobody knows its address.

use core::ffi::c_int;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};

use faultless_core::counters::C;
use faultless_core::matching::{Chosen, Region};
use faultless_core::reason::Reason;
use faultless_core::rules::{Kind, PageSize, Stay};

use crate::crew::ahead;
use crate::live::Live;
use crate::own_stack;
use crate::regions::{self, Record};
use crate::sys::{self, HUGE, PAGE, PATH_MAX, Stat};
use crate::target::{Range, Target, View};
use crate::{act, learnt, segments, watch};

/// The arguments of an mmap call that succeeded.
#[derive(Clone, Copy)]
pub struct Mapped {
    /// what the program asked for
    pub hint: usize,
    /// what it got
    pub at: usize,
    /// bytes, as asked for
    pub len: usize,
    /// PROT_…
    pub prot: c_int,
    /// MAP_…
    pub flags: c_int,
    /// descriptor, or −1
    pub fd: c_int,
    /// offset in the file
    pub offset: u64,
}

impl Mapped {
    fn range(&self) -> Range {
        Range { start: self.at, len: self.len.next_multiple_of(PAGE) }
    }

    fn is(&self, flag: c_int) -> bool {
        self.flags & flag != 0
    }

    fn is_private_anonymous(&self) -> bool {
        self.is(libc::MAP_ANONYMOUS) && self.flags & libc::MAP_TYPE == libc::MAP_PRIVATE
    }

    fn target(&self, kind: Kind, file: Option<View>) -> Target {
        Target {
            range: self.range(),
            kind,
            writable: self.prot & libc::PROT_WRITE != 0,
            shared: self.flags & libc::MAP_TYPE != libc::MAP_PRIVATE,
            hugetlb: false,
            segment: false,
            file,
        }
    }
}

/// After mmap. Returns the address to give to the program.
pub fn mapped(live: &Live<'_>, m: &Mapped) -> usize {
    live.page.add(C::MmapCalls, 1);
    live.page.add(C::MmapBytes, m.len as u64);
    if live.policy.rules().is_empty() || m.is(libc::MAP_GROWSDOWN | libc::MAP_HUGETLB) {
        return m.at;
    }
    if m.is(libc::MAP_ANONYMOUS) { anonymous(live, m) } else { file(live, m) }
}

fn anonymous(live: &Live<'_>, m: &Mapped) -> usize {
    let kind = if m.is_private_anonymous() { Kind::Anon } else { Kind::Shm };
    if !live.policy.may_match(kind) {
        return m.at;
    }
    // jemalloc maps what it is about to use with MAP_NORESERVE; what is larger than this is a reservation all the same.
    const MOST_NORESERVE: usize = 1 << 30;
    let is_reserved = m.is(libc::MAP_NORESERVE) && m.len > MOST_NORESERVE;
    if m.prot == libc::PROT_NONE || is_reserved {
        if kind == Kind::Anon {
            let range = m.range();
            let locked = if m.is(libc::MAP_LOCKED) { regions::PROGRAM_LOCK } else { 0 };
            let flags = regions::RESERVED | locked;
            regions::insert(&Record { start: range.start, end: range.end(), flags, ..Record::default() });
        }
        return m.at;
    }
    let region = Region { kind, size: m.range().len as u64, path: None };
    let mut chosen = live.policy.choose(&region, live.memory());
    if chosen.matched == 0 {
        return m.at;
    }
    if m.is(libc::MAP_LOCKED) {
        yield_to_program(live, &mut chosen, regions::PROGRAM_LOCK);
    }
    if m.is(libc::MAP_NORESERVE) {
        yield_to_program(live, &mut chosen, regions::PROGRAM_FAULTS); // it may never touch all of it
    }
    let at = match kind {
        Kind::Anon if wants_huge(&chosen) => aligned(m),
        Kind::Shm if wants_a_boundary(&chosen, m.range().len) => aligned_shared(m),
        _ => m.at,
    };
    act::apply(live, &Mapped { at, ..*m }.target(kind, None), &chosen);
    at
}

/// The mapping on a 2 MiB boundary: the kernel puts it there by itself only since 6.7, and only where its length is a
/// multiple of 2 MiB. Without that the first and last huge page are lost to 4K ones. Nobody knows the address yet, and the
/// program named none.
fn aligned(m: &Mapped) -> usize {
    let plain = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    let range = m.range();
    let may_move = m.hint == 0 && m.flags & !(libc::MAP_STACK) == plain && range.len >= HUGE;
    if !may_move || m.at.is_multiple_of(HUGE) || may_not_map_twice() {
        return m.at;
    }
    // SAFETY: a fresh mapping.
    let Ok(wide) = (unsafe { sys::mmap(0, range.len + HUGE, m.prot, m.flags, -1, 0) }) else { return m.at };
    let start = wide.next_multiple_of(HUGE);
    // SAFETY: the ends of our own fresh mapping, and the mapping that the program was about to be given, untouched so far.
    unsafe {
        if start > wide {
            let _ = sys::munmap(wide, start - wide);
        }
        let _ = sys::munmap(start + range.len, wide + HUGE - start);
        let _ = sys::munmap(range.start, range.len);
    }
    start
}

/// Whether a second mapping beside the first would count against a limit, or be populated as it is made (MCL_FUTURE).
fn may_not_map_twice() -> bool {
    crate::heap::are_future_locks() || sys::rlimit(libc::RLIMIT_AS) != u64::MAX
}

fn wants_huge(chosen: &Chosen) -> bool {
    matches!(chosen.page_size, Some((_, PageSize::Thp | PageSize::Collapse)))
}

/// Whether shared memory should begin on a boundary of 2 MiB: nothing of it can be on a huge page otherwise, because its
/// place in the file and its place in the address space must agree. The kernel sees to that itself only where
/// shmem_enabled gives huge pages.
pub fn wants_a_boundary(chosen: &Chosen, len: usize) -> bool {
    let size = chosen.page_size.map(|(_, size)| size);
    wants_huge(chosen) && len >= HUGE && size.is_some_and(segments::is_advice_enough)
}

/// A place on such a boundary where nothing is now; whoever maps there must replace nothing.
pub fn aligned_place(len: usize) -> Option<usize> {
    if may_not_map_twice() {
        return None;
    }
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: a fresh mapping, which goes at once.
    unsafe {
        let wide = sys::mmap(0, len + HUGE, libc::PROT_NONE, flags, -1, 0).ok()?;
        let _ = sys::munmap(wide, len + HUGE);
        Some(wide.next_multiple_of(HUGE))
    }
}

/// As [`aligned`], for shared memory: mapped once more, from its own beginning.
fn aligned_shared(m: &Mapped) -> usize {
    let beside = libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    let may_move = m.hint == 0 && m.flags & !beside == libc::MAP_SHARED && m.offset.is_multiple_of(HUGE as u64);
    let range = m.range();
    if !may_move || m.at.is_multiple_of(HUGE) {
        return m.at;
    }
    let Some(place) = aligned_place(range.len) else { return m.at };
    let flags = m.flags | libc::MAP_FIXED_NOREPLACE;
    // SAFETY: replaces nothing; kernels before 4.17 take the address as a wish. The mapping that goes is the one that the
    // program was about to be given, untouched so far.
    unsafe {
        match sys::mmap(place, range.len, m.prot, flags, m.fd, m.offset as i64) {
            Ok(at) if at == place => {
                let _ = sys::munmap(range.start, range.len);
                at
            }
            Ok(elsewhere) => {
                let _ = sys::munmap(elsewhere, range.len);
                m.at
            }
            Err(_) => m.at,
        }
    }
}

fn file(live: &Live<'_>, m: &Mapped) -> usize {
    let may = |kind| live.policy.may_match(kind);
    if m.prot == libc::PROT_NONE || !(may(Kind::File) || may(Kind::Shm) || may(Kind::Text)) {
        return m.at;
    }
    let Ok(st) = sys::fstat(m.fd) else { return m.at };
    if st.mode & libc::S_IFMT != libc::S_IFREG {
        return m.at; // a device decides itself how its pages arrive
    }
    let memory = live.memory(); // it takes the own stack itself
    let found = match needs_path(live, &st) {
        // The path wants more room than a hook may take from a stack that it doesn't know.
        true => own_stack::run(|| {
            let mut buffer = [0u8; PATH_MAX];
            let path = sys::path_of(m.fd, &mut buffer).ok();
            let (kind, chosen) = choose(live, m, &st, path, memory);
            let is_hot = matches!(chosen.stay, Some((_, Stay::Hot)));
            (kind, chosen, path.filter(|_| is_hot).and_then(|path| learnt::find(path, &st)))
        }),
        false => {
            let (kind, chosen) = choose(live, m, &st, None, memory);
            Some((kind, chosen, None))
        }
    };
    let Some((kind, mut chosen, known)) = found else {
        live.page.add(C::Raced, 1);
        return m.at;
    };
    if m.is(libc::MAP_LOCKED) {
        yield_to_program(live, &mut chosen, regions::PROGRAM_LOCK);
    }
    let hugetlb = kind == Kind::Shm && chosen.matched != 0 && sys::is_of_the_pool(m.fd);
    let moves = kind == Kind::Shm && !hugetlb && wants_a_boundary(&chosen, m.range().len);
    let at = if moves { aligned_shared(m) } else { m.at };
    let view = View { fd: m.fd, offset: m.offset, size: st.size };
    let target = Target { hugetlb, ..Mapped { at, ..*m }.target(kind, Some(view)) };
    act::apply(live, &target, &chosen);
    if let Some(known) = known {
        watch::warm(live, at, known);
    }
    at
}

/// Whether the path of a file says anything that matters. It is dear: three quarters of what a small file's hooks would cost.
fn needs_path(live: &Live<'_>, st: &Stat) -> bool {
    // What is memory, and no file, has no disk; and its path tells which.
    live.policy.needs_path() || st.has_no_disk() || learnt::is_any()
}

/// What a mapped file is, and what rules want for it. `path`: if it matters.
fn choose(live: &Live<'_>, m: &Mapped, st: &Stat, path: Option<&[u8]>, memory: u64) -> (Kind, Chosen) {
    let is_memory = path.is_some_and(|p| p.starts_with(b"/memfd:") || p.starts_with(b"/dev/zero"));
    let kind = match () {
        () if is_memory => Kind::Shm,
        () if m.prot & libc::PROT_EXEC != 0 => Kind::Text,
        () => Kind::File,
    };
    let size = if kind == Kind::Shm { m.range().len as u64 } else { st.size };
    (kind, live.policy.choose(&Region { kind, size, path }, memory))
}

/// After mprotect: a reservation has become writable, which is how allocators commit.
pub fn committed(live: &Live<'_>, start: usize, len: usize) {
    let range = Range { start, len: len.next_multiple_of(PAGE) };
    let Some(flags) = regions::flags_around(range.start, range.len) else { return };
    if flags & regions::RESERVED == 0 || flags & regions::COMMITTED != 0 {
        return; // not a reservation, or committed before
    }
    let region = Region { kind: Kind::Anon, size: range.len as u64, path: None };
    let mut chosen = live.policy.choose(&region, live.memory());
    yield_to_program(live, &mut chosen, flags);
    if has_userfaultfd() {
        // A fault in a range that it registered waits for the program, perhaps for this very thread.
        yield_to_program(live, &mut chosen, regions::PROGRAM_FAULTS);
    }
    if chosen.matched == 0 {
        return;
    }
    // One record that says so, whatever the actions come to: a range that is made writable again and again counts once.
    regions::insert(&Record { start: range.start, end: range.end(), flags: regions::COMMITTED, ..Record::default() });
    let target =
        Target { range, kind: Kind::Anon, writable: true, shared: false, hugetlb: false, segment: false, file: None };
    act::apply(live, &target, &chosen);
}

static USERFAULTFD: AtomicBool = AtomicBool::new(false);

/// The program has made a userfaultfd.
pub fn saw_userfaultfd() {
    USERFAULTFD.store(true, Relaxed);
    ahead::give_way(0, usize::MAX);
    watch::saw_userfaultfd();
}

/// Whether it has.
pub fn has_userfaultfd() -> bool {
    USERFAULTFD.load(Relaxed)
}

/// What the program said itself about this memory stands.
fn yield_to_program(live: &Live<'_>, chosen: &mut Chosen, flags: u32) {
    use faultless_core::page::Outcome;
    use faultless_core::rules::Axis;
    let note_why = |rule: u8, axis: Axis, why: Reason| {
        if let Some(stats) = live.page.rules.get(rule as usize) {
            stats.note(axis as u8, Outcome::Skipped, why as u8, 0);
        }
    };
    let note = |rule, axis| note_why(rule, axis, Reason::ProgramAdvice);
    if flags & regions::PROGRAM_LOCK != 0
        && let Some((rule, _)) = chosen.stay.take()
    {
        note_why(rule, Axis::Stay, Reason::VmLocked);
    }
    if flags & regions::PROGRAM_FAULTS != 0 {
        if let Some((rule, _)) = chosen.arrival.take() {
            note(rule, Axis::Arrival);
        }
        if let Some((rule, _)) = chosen.stay.take() {
            note(rule, Axis::Stay);
        }
    }
    if flags & regions::PROGRAM_PAGE_SIZE != 0
        && let Some((rule, _)) = chosen.page_size.take()
    {
        note(rule, Axis::PageSize);
    }
    if flags & regions::PROGRAM_ACCESS != 0
        && let Some((rule, _)) = chosen.access.take()
    {
        note(rule, Axis::Access);
    }
}

/// What of ours the program's own advice is about: the flag of a record, and the advice that takes ours back.
pub fn advice_like(advice: c_int) -> Option<(u32, c_int)> {
    match advice {
        libc::MADV_RANDOM | libc::MADV_SEQUENTIAL | libc::MADV_NORMAL => Some((regions::ADVISED, libc::MADV_NORMAL)),
        // Also where it says the same: what it says later of another part must leave this one as it has it.
        libc::MADV_DONTDUMP | libc::MADV_DODUMP => Some((regions::NOT_DUMPED, libc::MADV_DODUMP)),
        _ => None,
    }
}

/// Before the program's own advice of that kind.
pub fn is_advised(start: usize, len: usize, (flag, opposite): (u32, c_int)) {
    regions::take_back(start, len, flag, |from, to| {
        // SAFETY: takes back advice of ours that keeps content.
        let _ = unsafe { sys::madvise(from, to - from, opposite) };
    });
}

/// After it.
pub fn advised(start: usize, len: usize, advice: c_int) {
    match advice {
        libc::MADV_HUGEPAGE | libc::MADV_NOHUGEPAGE => regions::program_said(start, len, regions::PROGRAM_PAGE_SIZE),
        libc::MADV_RANDOM | libc::MADV_SEQUENTIAL | libc::MADV_NORMAL => {
            regions::program_said(start, len, regions::PROGRAM_ACCESS);
        }
        _ => {}
    }
}
