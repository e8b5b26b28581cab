//! The system calls for threads of ours: their start, their waiting, their end, and where they run.
//!
//! What must hold here: none of these touches thread-local storage, so that a thread which has none may call them; a
//! thread of ours begins with every signal blocked.

use core::ffi::{c_int, c_void};
use core::sync::atomic::AtomicU32;

use super::{Errno, block_signals, call, restore_signals};
use crate::arch;

/// CLOCK_MONOTONIC in ns, by the system call: the C library's function may be another library's by now, one which wants
/// thread-local storage.
pub fn ticks() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel writes one timespec.
    let _ = unsafe { call(libc::SYS_clock_gettime, [libc::CLOCK_MONOTONIC as usize, &raw mut time as usize]) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// futex(2): sleeps while `word` is `value`, for at most this many ns. Any signal, and anybody's wake, may end it early.
pub fn wait_while(word: &AtomicU32, value: u32, ns: u64) {
    let time = libc::timespec { tv_sec: (ns / 1_000_000_000) as i64, tv_nsec: (ns % 1_000_000_000) as i64 };
    let args = [word.as_ptr() as usize, libc::FUTEX_WAIT as usize, value as usize, &raw const time as usize];
    // SAFETY: the kernel reads one word and one timespec.
    let _ = unsafe { call(libc::SYS_futex, args) };
}

/// futex(2): wakes whoever sleeps on `word`.
pub fn wake(word: &AtomicU32) {
    // SAFETY: wakes only.
    let _ = unsafe { call(libc::SYS_futex, [word.as_ptr() as usize, libc::FUTEX_WAKE as usize, i32::MAX as usize]) };
}

/// Whether a thread of this process is still known to the kernel: tgkill(2) with signal 0 says anything but ESRCH.
pub fn is_thread(tid: u32) -> bool {
    // SAFETY: signal 0 delivers nothing.
    let answer = unsafe { call(libc::SYS_tgkill, [super::getpid() as usize, tid as usize, 0]) };
    answer != Err(libc::ESRCH)
}

/// Starts a thread that runs `f(arg)` on the stack that ends at `top`, with the thread pointer `tls` and every signal
/// blocked. The kernel keeps its id in `tid` while it lives, then 0 (and wakes who waits there). Returns the id.
///
/// # Safety
/// The stack, `tls` and `arg` must stay valid until `tid` is 0.
pub unsafe fn start_thread(
    top: *mut u8,
    tls: *mut c_void,
    tid: &AtomicU32,
    f: unsafe extern "C" fn(*mut c_void) -> !,
    arg: *mut c_void,
) -> Result<u32, Errno> {
    const FLAGS: c_int = libc::CLONE_VM
        | libc::CLONE_FS
        | libc::CLONE_FILES
        | libc::CLONE_SIGHAND
        | libc::CLONE_THREAD
        | libc::CLONE_SYSVSEM
        | libc::CLONE_SETTLS
        | libc::CLONE_PARENT_SETTID
        | libc::CLONE_CHILD_CLEARTID;
    let mask = block_signals()?;
    // SAFETY: as the caller says.
    let result = unsafe { arch::clone_thread(FLAGS, top, tid.as_ptr(), tls, f, arg) };
    restore_signals(mask);
    if result < 0 { Err(-result as Errno) } else { Ok(result as u32) }
}

/// Whether the kernel wipes a word already when the calling thread ends: what clone(2) was given with CLONE_CHILD_CLEARTID.
/// False where it doesn't say (without CONFIG_CHECKPOINT_RESTORE).
pub fn has_a_word_wiped() -> bool {
    const PR_GET_TID_ADDRESS: c_int = 40;
    let mut word = 0usize;
    // SAFETY: the kernel writes one word.
    let _ = unsafe { super::prctl(PR_GET_TID_ADDRESS, &raw mut word as usize, 0, 0, 0) };
    word != 0
}

/// Has the kernel write 0 to this word when the calling thread ends or runs another program, while others have its memory.
/// False where a filter refuses.
pub fn have_wiped(word: Option<&'static AtomicU32>) -> bool {
    let at = word.map_or(0, |word| word.as_ptr() as usize);
    // SAFETY: the word is there for ever, and may change at any time.
    unsafe { call(libc::SYS_set_tid_address, [at]) }.is_ok()
}

/// Sleeps for so many ns, less than a second.
pub fn pause(ns: u64) {
    let time = libc::timespec { tv_sec: 0, tv_nsec: ns as i64 };
    // SAFETY: the kernel reads one timespec.
    let _ = unsafe { call(libc::SYS_nanosleep, [&raw const time as usize, 0]) };
}

/// Lets others run.
pub fn yield_now() {
    // SAFETY: no arguments.
    let _ = unsafe { call(libc::SYS_sched_yield, []) };
}

/// Ends the calling thread, and nothing else.
pub fn exit_thread(status: u32) -> ! {
    loop {
        // SAFETY: ends this thread.
        let _ = unsafe { call(libc::SYS_exit, [status as usize]) };
    }
}

/// Names the calling thread.
pub fn name_thread(name: &core::ffi::CStr) {
    // SAFETY: the kernel reads a C string.
    let _ = unsafe { call(libc::SYS_prctl, [libc::PR_SET_NAME as usize, name.as_ptr() as usize]) };
}

/// How many processors the calling thread may run on.
pub fn cpus_allowed() -> usize {
    let mut mask = [0u64; 16];
    // SAFETY: the kernel writes at most the mask.
    let filled = unsafe { call(libc::SYS_sched_getaffinity, [0, size_of_val(&mask), mask.as_mut_ptr() as usize]) };
    match filled {
        Ok(bytes) => mask.iter().take(bytes / 8).map(|word| word.count_ones() as usize).sum(),
        Err(_) => 1,
    }
}

/// Takes the calling thread out of a real-time class that it has inherited.
pub fn leave_realtime() {
    // SAFETY: asks only.
    let policy = unsafe { call(libc::SYS_sched_getscheduler, [0]) }.unwrap_or(0) as c_int & !libc::SCHED_RESET_ON_FORK;
    if matches!(policy, libc::SCHED_FIFO | libc::SCHED_RR) {
        let priority: c_int = 0;
        // SAFETY: the kernel reads one struct sched_param, which is one int.
        let _ = unsafe {
            call(libc::SYS_sched_setscheduler, [0, libc::SCHED_OTHER as usize, &raw const priority as usize])
        };
    }
}

/// The NUMA node that the calling thread runs on.
pub fn node() -> u32 {
    let mut node = 0u32;
    // SAFETY: the kernel writes one word.
    let _ = unsafe { call(libc::SYS_getcpu, [0, &raw mut node as usize, 0]) };
    node
}

/// Has the calling thread take memory from this node while it has any, unless the program has chosen a policy.
pub fn prefer_node(node: u32) {
    const MPOL_DEFAULT: c_int = 0;
    const MPOL_PREFERRED: usize = 1;
    let mut mode: c_int = -1;
    // SAFETY: the kernel writes one word.
    let known = unsafe { call(libc::SYS_get_mempolicy, [&raw mut mode as usize, 0, 0, 0, 0]) }.is_ok();
    let mut mask = [0u64; 16];
    if let Some(word) = mask.get_mut(node as usize / 64)
        && known
        && mode == MPOL_DEFAULT
    {
        *word = 1 << (node % 64);
        // SAFETY: the kernel reads the mask; its last bit doesn't count.
        let _ = unsafe { call(libc::SYS_set_mempolicy, [MPOL_PREFERRED, mask.as_ptr() as usize, 1024]) };
    }
}

/// Gives the calling thread a descriptor table of its own, with nothing in it: what it opens, the program never meets, and
/// what the program closes is closed. (No lock of the program's on a file is let go: those belong to its own table.)
pub fn own_descriptors() -> Result<(), Errno> {
    const MOST: u64 = 1 << 20;
    match leave_descriptors() {
        Ok(()) => Ok(()),
        Err(libc::ENOSYS | libc::EINVAL) => {
            // SAFETY: only this thread's table from here on.
            unsafe { call(libc::SYS_unshare, [libc::CLONE_FILES as usize]) }?;
            for fd in 0..super::rlimit(libc::RLIMIT_NOFILE).min(MOST) {
                super::close(fd as c_int);
            }
            Ok(())
        }
        Err(errno) => Err(errno),
    }
}

/// The same where the kernel does it in one call (Linux 5.9).
pub fn leave_descriptors() -> Result<(), Errno> {
    const CLOSE_RANGE_UNSHARE: usize = 2;
    // SAFETY: makes the copy without the descriptors that it would close; no other thread's table changes.
    unsafe { call(libc::SYS_close_range, [0, u32::MAX as usize, CLOSE_RANGE_UNSHARE]) }.map(|_| ())
}

/// A copy of the process, with the calling thread alone in it, that sends no signal when it ends: clone(2) without flags.
/// Returns 0 in the copy.
///
/// # Safety
/// The copy may only make system calls, and must end.
pub unsafe fn copy_of_process() -> Result<usize, Errno> {
    // SAFETY: as the caller says; without a stack the copy goes on here, on a copy of this one.
    unsafe { call(libc::SYS_clone, [0, 0, 0, 0, 0]) }
}

/// Waits for such a copy. The status that it exited with, or None if it was killed.
pub fn wait_for_copy(pid: u32) -> Option<c_int> {
    const WCLONE: usize = libc::__WCLONE as u32 as usize;
    let mut status: c_int = 0;
    loop {
        // SAFETY: the kernel writes one word.
        match unsafe { call(libc::SYS_wait4, [pid as usize, &raw mut status as usize, WCLONE, 0]) } {
            Ok(_) => return libc::WIFEXITED(status).then(|| libc::WEXITSTATUS(status)),
            Err(libc::EINTR) => {}
            Err(_) => return None,
        }
    }
}

/// The calling process leaves no core file, and starts no program that would take one: a limit of 1 byte means that, and 0 does
/// not. First the limit: programs ask for theirs when they start, so a filter that kills for that call is seldom.
pub fn dump_no_core() {
    let limit = [1u64; 2];
    // SAFETY: the kernel reads two words; changes this process's own limit.
    let _ = unsafe { call(libc::SYS_prlimit64, [0, libc::RLIMIT_CORE as usize, limit.as_ptr() as usize, 0]) };
    // SAFETY: changes this process's own memory flags.
    let _ = unsafe { call(libc::SYS_prctl, [libc::PR_SET_DUMPABLE as usize, 0]) };
}
