//! The counter page of this process: made, filled, left, removed.
//!
//! What must hold here: there is always a page to count into, if need be plain memory; space is written before it is
//! mapped, because the first touch of a full tmpfs is SIGBUS; a forked child never writes its parent's page.

pub mod folder;
mod others;

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, Ordering::*};

use faultless_core::counters::C;
use faultless_core::page::{End, FILE_BYTES, MAGIC, Page, State, VERSION, Why};
use faultless_core::rules::Policy;

use crate::text::Text;
use crate::{identity, own_stack, sys};

use folder::{HEAT, UNFINISHED, page_path};
pub use others::{ancestor_stood_down, before_us, map_tree, settle_dead};

#[repr(C, align(4096))]
struct Plain(UnsafeCell<[u8; FILE_BYTES]>);
const _: () = assert!(align_of::<Plain>() == sys::PAGE, "it has pages of its own");

// SAFETY: used as a Page, which is atomics only.
unsafe impl Sync for Plain {}

/// Where counters go while there is no shared page.
static PLAIN: Plain = Plain(UnsafeCell::new([0; FILE_BYTES]));
#[unsafe(link_section = ".bss.start")]
static CURRENT: AtomicPtr<Page> = AtomicPtr::new(core::ptr::null_mut());
/// Nothing has been counted yet: the page is made when something is.
#[unsafe(link_section = ".bss.start")]
static PENDING: AtomicBool = AtomicBool::new(false);
/// The page is a file in the folder (and not a memfd or plain memory).
#[unsafe(link_section = ".bss.start")]
static IN_FOLDER: AtomicBool = AtomicBool::new(false);
/// The folder has all the pages that it may have.
static IS_FULL: AtomicBool = AtomicBool::new(false);
/// The second half of the file's name.
#[unsafe(link_section = ".bss.start")]
static SUFFIX: AtomicU32 = AtomicU32::new(0);

fn plain() -> &'static Page {
    // SAFETY: PLAIN is as large and as aligned as a Page, and any bytes are valid atomics.
    unsafe { &*PLAIN.0.get().cast::<Page>() }
}

/// Makes the page of a process that is about to act, once.
pub fn ensure() {
    if !PENDING.load(Relaxed) || !PENDING.swap(false, AcqRel) {
        return;
    }
    let made = own_stack::run(|| {
        if plain().forked.load(Relaxed) != 0 {
            rename_for_child();
        }
        let uid = plain().uid.load(Relaxed);
        // One in 32 looks whether the folder fills up: together they keep it within its bounds.
        if SUFFIX.load(Relaxed).is_multiple_of(32) && folder::is_safe(uid) {
            IS_FULL.store(others::reap(), Relaxed);
        }
        share(uid);
    });
    if made.is_none() {
        PENDING.store(true, Release); // the stack was taken: at the next call
    }
}

/// Whether this process has not acted yet.
pub fn is_pending() -> bool {
    PENDING.load(Relaxed)
}

/// The page to count into.
pub fn current() -> &'static Page {
    let page = CURRENT.load(Acquire);
    // SAFETY: a mapping that stays for ever, or null.
    unsafe { page.as_ref() }.unwrap_or_else(plain)
}

/// The program is about to unmap a range, or to map something over it. What is ours in it, where a program unmaps every file that
/// it doesn't know, goes on in plain memory, and nobody else reads it any more.
#[inline]
pub fn give_way(start: usize, len: usize) {
    let page = CURRENT.load(Relaxed);
    if !page.is_null() && start < page as usize + FILE_BYTES && (page as usize) < start.saturating_add(len) {
        leave(page);
    }
}

#[cold]
fn leave(page: *mut Page) {
    let words = |at: *const Page| {
        // SAFETY: a page's bytes, which any bytes are; it is mapped, or PLAIN.
        unsafe { core::slice::from_raw_parts(at.cast::<AtomicU64>(), FILE_BYTES / 8) }
    };
    for (to, from) in words(plain()).iter().zip(words(page)) {
        to.store(from.load(Relaxed), Relaxed); // what another thread counts meanwhile may be lost
    }
    // A child that still has its parent's page, because no handler of ours ran there, leaves the file alone.
    if CURRENT.compare_exchange(page, core::ptr::null_mut(), AcqRel, Relaxed).is_ok() && identity::is_own_process() {
        remove();
        IN_FOLDER.store(false, Relaxed);
    }
}

/// Whether others can read the page under its name.
pub fn is_in_folder() -> bool {
    IN_FOLDER.load(Relaxed)
}

/// Fills a fresh page's head.
pub struct Birth<'a> {
    /// user id
    pub uid: u32,
    /// the tree that it belongs to
    pub tree: u64,
    /// base name of the executable
    pub exe: &'a [u8],
    /// the policy's name
    pub policy_name: &'a [u8],
    /// on, or stood down
    pub state: State,
    /// why it stood down
    pub why: Why,
    /// so many bits that no other process has
    pub random: u32,
    /// no page until something happens: most short processes need none
    pub lazy: bool,
}

fn fill(page: &Page, birth: &Birth<'_>, policy: &Policy) {
    page.version.store(VERSION, Relaxed);
    page.bytes.store(size_of::<Page>() as u32, Relaxed);
    page.pid.store(identity::pid(), Relaxed);
    page.ppid.store(sys::getppid(), Relaxed);
    page.uid.store(birth.uid, Relaxed);
    page.state.store(birth.state as u32, Relaxed);
    page.why.store(birth.why as u32, Relaxed);
    page.tree.store(birth.tree, Relaxed);
    page.start_ns.store(sys::now(libc::CLOCK_BOOTTIME), Relaxed);
    for (to, from) in page.exe.iter().zip(birth.exe.iter().take(63)) {
        to.store(*from, Relaxed);
    }
    for (to, from) in page.policy.iter().zip(birth.policy_name.iter().take(63)) {
        to.store(*from, Relaxed);
    }
    for (to, from) in page.text.iter().zip(policy.text()) {
        to.store(*from, Relaxed);
    }
    page.text_len.store(policy.text().len() as u32, Relaxed);
    for (to, rule) in page.rules.iter().zip(policy.rules()) {
        to.text_start.store(u32::from(rule.text.start), Relaxed);
        to.text_len.store(u32::from(rule.text.len), Relaxed);
    }
    page.rules_count.store(policy.rules().len() as u32, Relaxed);
    for budget in &page.budgets {
        budget.store(u64::MAX, Relaxed);
    }
    page.magic.store(MAGIC, Release);
}

/// Makes the page of a program that starts.
pub fn make(birth: &Birth<'_>, policy: &Policy) {
    let page = plain();
    fill(page, birth, policy);
    SUFFIX.store(birth.random, Relaxed);
    PENDING.store(true, Release);
    if !birth.lazy {
        ensure();
    }
}

/// Moves the plain page's content into a shared page.
fn share(uid: u32) {
    let page = plain();
    // SAFETY: the page's bytes, read once; another thread may count meanwhile, which may be lost.
    let bytes = unsafe { core::slice::from_raw_parts((&raw const *page).cast::<u8>(), FILE_BYTES) };
    if sys::file_limit() < FILE_BYTES as u64 {
        return; // a write beyond RLIMIT_FSIZE raises SIGXFSZ
    }
    let in_folder = !IS_FULL.load(Relaxed) && folder::is_safe(uid);
    let path = page_path(identity::pid(), SUFFIX.load(Relaxed));
    // Under another name until it is whole: killed half-way, we leave nothing that looks like a page.
    let mut unfinished = path;
    let in_folder = in_folder && unfinished.push(UNFINISHED).is_ok();
    let flags = libc::O_RDWR | libc::O_CREAT | libc::O_EXCL | libc::O_NOFOLLOW;
    let file = if in_folder { sys::open(unfinished.as_c(), flags, 0o600) } else { Err(libc::EACCES) };
    let (fd, named) = match file {
        Ok(fd) => (fd, true),
        Err(_) => match sys::memfd(c"faultless") {
            Ok(fd) => (fd, false),
            Err(_) => return,
        },
    };
    // Written before it is mapped: a full tmpfs says ENOSPC here, and SIGBUS later.
    if sys::write(fd, bytes) == Ok(FILE_BYTES) {
        let prot = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a fresh mapping of our own file.
        if let Ok(at) = unsafe { sys::mmap(0, FILE_BYTES, prot, libc::MAP_SHARED, fd, 0) } {
            CURRENT.store(at as *mut Page, Release);
            IN_FOLDER.store(named && sys::rename(unfinished.as_c(), path.as_c()).is_ok(), Relaxed);
        }
    }
    if named && !IN_FOLDER.load(Relaxed) {
        sys::unlink(unfinished.as_c());
    }
    sys::close(fd);
}

/// In a forked child: from here on nothing of the parent's page is written.
pub fn start_in_child() {
    let shared = CURRENT.swap(core::ptr::null_mut(), AcqRel);
    IN_FOLDER.store(false, Relaxed);
    let child = plain();
    // SAFETY: the parent's page is mapped (in the child too), or it was PLAIN itself.
    let parent = unsafe { shared.as_ref() }.unwrap_or(child);
    let (live, live_bytes) = (parent.get(C::BlocksLive), parent.get(C::BlocksLiveBytes));
    // PLAIN still has the head of the program's start; its counters begin anew, but for the blocks that the child has too.
    for counter in &child.counters {
        counter.store(0, Relaxed);
    }
    for rule in &child.rules {
        let zero = |a: &AtomicU64| a.store(0, Relaxed);
        zero(&rule.regions);
        zero(&rule.bytes);
        rule.outcomes.iter().chain(&rule.notes).chain(&rule.note_counts).for_each(zero);
    }
    child.set(C::BlocksLive, live);
    child.set(C::BlocksLiveBytes, live_bytes);
    child.tree.store(parent.tree.load(Relaxed), Relaxed);
    child.end.store(End::None as u32, Relaxed);
    child.end_ns.store(0, Relaxed);
    child.forked.store(1, Relaxed);
    if !shared.is_null() {
        // Not unmapped: a hook that a signal handler interrupted to fork goes on here, and counts into what it has.
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED;
        // SAFETY: this process's view of the parent's page, replaced by memory of its own.
        let _ = unsafe { sys::mmap(shared as usize, FILE_BYTES, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0) };
    }
    PENDING.store(true, Release);
}

fn rename_for_child() {
    let page = plain();
    page.pid.store(identity::pid(), Relaxed);
    page.ppid.store(sys::getppid(), Relaxed);
    page.start_ns.store(sys::now(libc::CLOCK_BOOTTIME), Relaxed);
    let parents = SUFFIX.load(Relaxed);
    SUFFIX.store(parents.wrapping_mul(0x9e37_79b1).wrapping_add(sys::now(libc::CLOCK_MONOTONIC) as u32), Relaxed);
}

/// The path of such a file. None: the page is in no folder.
pub fn heat_path(end: &[u8]) -> Option<Text<256>> {
    let mut path = page_path(identity::pid(), SUFFIX.load(Relaxed));
    (is_in_folder() && path.push(end).is_ok()).then_some(path)
}

/// Removes this process's page: nothing happened in it that anybody would ask for.
pub fn remove() {
    if is_in_folder() {
        sys::unlink(page_path(identity::pid(), SUFFIX.load(Relaxed)).as_c());
        HEAT.iter().filter_map(|end| heat_path(end)).for_each(|path| sys::unlink(path.as_c()));
    }
}
