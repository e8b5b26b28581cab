//! The calls that bring a seccomp filter or a userfaultfd, and system calls made by way of syscall(2).
//!
//! What must hold here: as in `exports`. What is kept goes before a filter arrives: afterwards we make no system call.

use core::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};

use super::advised::{madvise, process_madvise};
use super::limited::limited;
use super::locked::*;
use super::*;

/// Runs a call that may bring a seccomp filter.
fn bringing_a_filter(call: impl FnOnce() -> c_long) -> c_long {
    if !state::is_on() || captive::is_here() {
        return call();
    }
    if !state::is_own() {
        return captive::bring(call);
    }
    state::ready_to_seal();
    recycle::give_way();
    let result = call();
    if result >= 0 {
        state::seal();
    } else {
        after(state::not_sealed);
    }
    result
}

/// prctl(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn prctl(option: c_int, a: c_ulong, b: c_ulong, c: c_ulong, d: c_ulong) -> c_int {
    // SAFETY: the program's own call.
    let call = || unsafe { PRCTL.get()(option, a, b, c, d) };
    match option {
        libc::PR_SET_SECCOMP => bringing_a_filter(|| c_long::from(call())) as c_int,
        libc::PR_SET_TSC => {
            symbols::without_clock(); // the vDSO reads it
            call()
        }
        libc::PR_SET_THP_DISABLE => {
            let result = call();
            limits::forget_thp();
            result
        }
        _ => call(),
    }
}

/// pkey_mprotect(2). Called by its number, because C libraries before glibc 2.27 don't have it; without a key it is
/// mprotect(2), as there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pkey_mprotect(at: *mut c_void, len: usize, prot: c_int, key: c_int) -> c_int {
    if key == -1 {
        // SAFETY: the program's own call.
        return unsafe { mprotect(at, len, prot) };
    }
    displace(at, len);
    if prot & libc::PROT_WRITE != 0 {
        watch::made_writable(at as usize, len);
    }
    // SAFETY: as above.
    unsafe { SYSCALL.get()(libc::SYS_pkey_mprotect, at as usize, len, prot as usize, key as usize, 0, 0) as c_int }
}

/// remap_file_pages(2): the kernel makes a new mapping of the same file in the range's place (since Linux 4.0), locked as the
/// range was, and only if all of that is one and the same: no lock of ours may be in it. Called by its number, as above.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn remap_file_pages(
    at: *mut c_void,
    len: usize,
    prot: c_int,
    page: usize,
    flags: c_int,
) -> c_int {
    taint(at, len);
    let (start, whole) = (at as usize & !(PAGE - 1), len & !(PAGE - 1));
    let mut turn = None;
    if is_range(start as *const c_void, whole) {
        watch::give_way(start, whole);
        if !regions::none() {
            after(|live| {
                turn = transit::turn();
                turn.iter().for_each(|turn| transit::unlock(live, turn, start, whole));
                regions::forget(live, start, whole);
            });
        }
    }
    let (prot, flags) = (prot as usize, flags as usize);
    // SAFETY: the program's own call.
    unsafe { SYSCALL.get()(libc::SYS_remap_file_pages, at as usize, len, prot, page, flags, 0) as c_int }
}

/// shmat(2): with SHM_REMAP it replaces what lies there. How much is the segment's own business, so whatever lies beyond is
/// taken to be replaced too.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmat(id: c_int, at: *const c_void, flags: c_int) -> *mut c_void {
    taint_by_shmat(id, at as usize, flags);
    // SAFETY: the program's own call.
    let attach =
        |at: usize| unsafe { SYSCALL.get()(libc::SYS_shmat, id as usize, at, flags as usize, 0, 0, 0) as usize };
    let mut place = None;
    if at.is_null() && state::is_on() {
        after(|live| place = segments::place(live, id, flags));
    }
    let before = sys::errno();
    let mut got = place.map_or(MAP_FAILED as usize, attach);
    if got == MAP_FAILED as usize {
        sys::set_errno(before);
        got = attach(at as usize);
    }
    if got != MAP_FAILED as usize && state::is_on() {
        after(|live| segments::attached(live, id, got, flags));
    }
    got as *mut c_void
}

/// shmdt(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmdt(at: *const c_void) -> c_int {
    let (mut len, mut had_locks) = (None, None);
    if state::is_on() {
        after(|_| len = segments::detaching(at as usize));
    }
    if let Some(len) = len {
        watch::close(at as usize, len);
        watch::give_way(at as usize, len);
        after(|live| regions::sample_before(live, at as usize, len));
        had_locks = forget(at.cast_mut(), len);
    }
    // SAFETY: the program's own call.
    let result = unsafe { SYSCALL.get()(libc::SYS_shmdt, at as usize, 0, 0, 0, 0, 0) as c_int };
    if result != 0 {
        had_locks.into_iter().for_each(unlock_after_all);
    }
    result
}

/// Runs a call for which there must be no thread of ours: because the kernel wants a single one, or because it changes for
/// one thread alone what all share.
fn alone(call: impl FnOnce() -> c_long) -> c_long {
    // A vfork child is alone as it is, and the thread its parent's; and under a filter that has arrived there is none.
    let mut stood_aside = false;
    after(|_| {
        state::stand_aside(crew::LONG_PATIENCE_NS);
        stood_aside = true;
    });
    let result = call();
    if stood_aside {
        after(state::come_back);
    }
    result
}

/// unshare(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn unshare(flags: c_int) -> c_int {
    // SAFETY: the program's own call.
    alone(|| unsafe { SYSCALL.get()(libc::SYS_unshare, flags as usize, 0, 0, 0, 0, 0) }) as c_int
}

/// setns(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn setns(fd: c_int, kind: c_int) -> c_int {
    // SAFETY: the program's own call.
    alone(|| unsafe { SYSCALL.get()(libc::SYS_setns, fd as usize, kind as usize, 0, 0, 0, 0) }) as c_int
}

fn taint_by_shmat(id: c_int, at: usize, flags: c_int) {
    if flags & libc::SHM_REMAP != 0 {
        // Ours that lies beyond it would be lost for nothing, so here its size counts.
        if let Ok(segment) = sys::segment(id) {
            pages::give_way(at, segment.bytes);
            budget::give_way(at, segment.bytes);
        }
        watch::give_way(at, usize::MAX);
        blocks::taint(at, usize::MAX);
    }
}

/// The numbers of the calls that [`syscall_watched`] is for, as bits.
pub static WATCHED: [AtomicU64; 8] = {
    let numbers = [
        libc::SYS_mmap,
        libc::SYS_mprotect,
        libc::SYS_munmap,
        libc::SYS_mremap,
        libc::SYS_madvise,
        libc::SYS_process_madvise,
        libc::SYS_remap_file_pages,
        libc::SYS_shmat,
        libc::SYS_shmdt,
        libc::SYS_mlock,
        libc::SYS_mlock2,
        libc::SYS_munlock,
        libc::SYS_mlockall,
        libc::SYS_munlockall,
        libc::SYS_mbind,
        libc::SYS_pkey_mprotect,
        SYS_SET_MEMPOLICY_HOME_NODE,
        SYS_MSEAL,
        libc::SYS_prctl,
        libc::SYS_seccomp,
        libc::SYS_userfaultfd,
        libc::SYS_unshare,
        libc::SYS_setns,
        libc::SYS_setrlimit,
        libc::SYS_prlimit64,
    ];
    let (mut bits, mut i) = ([0; 8], 0);
    while i < numbers.len() {
        bits[numbers[i] as usize / 64] |= 1 << (numbers[i] % 64);
        i += 1;
    }
    let [a, b, c, d, e, f, g, h] = bits;
    [
        AtomicU64::new(a),
        AtomicU64::new(b),
        AtomicU64::new(c),
        AtomicU64::new(d),
        AtomicU64::new(e),
        AtomicU64::new(f),
        AtomicU64::new(g),
        AtomicU64::new(h),
    ]
};

/// A rule wants to know of opened files.
pub fn watch_opens() {
    let opening = [libc::SYS_open, libc::SYS_openat, libc::SYS_openat2];
    let closing = [libc::SYS_close, libc::SYS_dup2, libc::SYS_dup3, libc::SYS_close_range];
    for number in opening.into_iter().chain(closing) {
        if let Some(word) = WATCHED.get(number as usize / 64) {
            word.fetch_or(1 << (number % 64), Relaxed);
        }
    }
}

const SYS_SET_MEMPOLICY_HOME_NODE: c_long = 450;
const SYS_MSEAL: c_long = 462;

/// Whether a library between us and the C library defines one of the calls that a hook of ours passes on.
fn has_others() -> bool {
    const UNKNOWN: u8 = 0;
    const NO: u8 = 1;
    const YES: u8 = 2;
    static HAS: AtomicU8 = AtomicU8::new(UNKNOWN);
    if HAS.load(Relaxed) == UNKNOWN && symbols::may_be_late() {
        let is_libc_alone = symbols::are_beside(&[
            c"syscall",
            c"mmap",
            c"mprotect",
            c"munmap",
            c"mremap",
            c"madvise",
            c"mlock",
            c"munlock",
            c"mlockall",
            c"munlockall",
            c"dup2",
            c"dup3",
            c"close_range",
        ]);
        HAS.store(if is_libc_alone { NO } else { YES }, Relaxed);
    }
    HAS.load(Relaxed) == YES
}

/// What such a library (gperftools' tcmalloc) makes of the program's call is a system call by way of syscall(2): it comes from within
/// our own hook, and would go round for ever. So it, and a like one of the program's own, gets what must be before it and is as well
/// done twice, and goes to the kernel. False: it is another call.
fn is_passed_on(nr: c_long, at: *mut c_void, [b, c, d, e]: [usize; 4]) -> bool {
    let goes = |at: *mut c_void, len: usize| {
        displace(at, len);
        if is_range(at, len) {
            watch::close(at as usize, len);
            watch::give_way(at as usize, len);
            if !regions::none() {
                let _ = forget(at, len);
            }
        }
    };
    match nr {
        libc::SYS_mmap if d as c_int & libc::MAP_FIXED != 0 => goes(at, b),
        libc::SYS_munmap => goes(at, b),
        libc::SYS_mremap => {
            goes(at, b);
            if d as c_int & libc::MREMAP_FIXED != 0 {
                goes(e as *mut c_void, c);
            }
        }
        libc::SYS_mprotect if c as c_int & libc::PROT_WRITE != 0 => {
            taint(at, b);
            watch::made_writable(at as usize, b);
        }
        libc::SYS_mprotect => displace(at, b),
        libc::SYS_madvise => taint(at, b),
        libc::SYS_mlock | libc::SYS_munlock => {
            taint(at, b);
            watch::locks_itself(pages_of(at, b));
        }
        libc::SYS_mmap | libc::SYS_mlockall | libc::SYS_munlockall => {}
        libc::SYS_dup2 | libc::SYS_dup3 => opened::unseen_by_syscall(b as c_int),
        libc::SYS_close_range => {}
        _ => return false,
    }
    true
}

/// syscall(2) of what has a hook of its own, and of what brings a seccomp filter or a userfaultfd; the trampoline passes
/// all others on untouched.
pub unsafe extern "C" fn syscall_watched(
    nr: c_long,
    a: usize,
    b: usize,
    c: usize,
    d: usize,
    e: usize,
    f: usize,
) -> c_long {
    const SECCOMP_SET_MODE_FILTER: usize = 1;
    let at = a as *mut c_void;
    // SAFETY: the program's own call.
    let call = || unsafe { SYSCALL.get()(nr, a, b, c, d, e, f) };
    if has_others() && is_passed_on(nr, at, [b, c, d, e]) {
        return call();
    }
    // SAFETY: the program's own calls, which give what their hooks give.
    unsafe {
        match nr {
            libc::SYS_mmap => mmap(at, b, c as c_int, d as c_int, e as c_int, f as i64) as c_long,
            libc::SYS_mprotect => c_long::from(mprotect(at, b, c as c_int)),
            libc::SYS_munmap => c_long::from(munmap(at, b)),
            libc::SYS_mremap => mremap(at, b, c, d as c_int, e as *mut c_void) as c_long,
            libc::SYS_madvise => c_long::from(madvise(at, b, c as c_int)),
            libc::SYS_process_madvise => {
                process_madvise(a as c_int, b as *const _, c, d as c_int, e as c_uint) as c_long
            }
            libc::SYS_remap_file_pages => c_long::from(remap_file_pages(at, b, c as c_int, d, e as c_int)),
            libc::SYS_mlock => c_long::from(mlock(at, b)),
            libc::SYS_munlock => c_long::from(munlock(at, b)),
            libc::SYS_mlockall => c_long::from(mlockall(a as c_int)),
            libc::SYS_munlockall => c_long::from(munlockall()),
            libc::SYS_mlock2 => {
                watch::locks_itself(pages_of(at, b));
                c_long::from(lock_call(|| call() as c_int, pages_of(at, b)))
            }
            libc::SYS_mbind | libc::SYS_pkey_mprotect | SYS_SET_MEMPOLICY_HOME_NODE | SYS_MSEAL => {
                taint(at, b);
                call()
            }
            libc::SYS_setrlimit => c_long::from(limited(call() as c_int, 0, a as c_int, b != 0)),
            libc::SYS_prlimit64 => c_long::from(limited(call() as c_int, a as c_int, b as c_int, c != 0)),
            libc::SYS_shmat => shmat(a as c_int, b as *const c_void, c as c_int) as c_long,
            libc::SYS_shmdt => c_long::from(shmdt(at)),
            libc::SYS_unshare | libc::SYS_setns => alone(call),
            libc::SYS_open | libc::SYS_openat | libc::SYS_openat2 => opened::seen_by_syscall(call()),
            libc::SYS_close => {
                opened::unseen_by_syscall(a as c_int);
                call()
            }
            libc::SYS_dup2 => c_long::from(opened::dup2(a as c_int, b as c_int)),
            libc::SYS_dup3 => c_long::from(opened::dup3(a as c_int, b as c_int, c as c_int)),
            libc::SYS_close_range => c_long::from(opened::close_range(a as c_uint, b as c_uint, c as c_int)),
            libc::SYS_userfaultfd => {
                mapping::saw_userfaultfd();
                recycle::never_again();
                call()
            }
            libc::SYS_seccomp if a <= SECCOMP_SET_MODE_FILTER => bringing_a_filter(call),
            libc::SYS_prctl if a as c_int == libc::PR_SET_SECCOMP => bringing_a_filter(call),
            _ => call(),
        }
    }
}
