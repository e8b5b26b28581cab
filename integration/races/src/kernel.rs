//! What the library's `sys` is here: system calls on an address space in which it is known of each page what lies there.
//!
//! What must hold here: each call comes after all stores of the thread before it, and others may run before it; what the
//! library may never do to a page of the program's fails at once. Blocks have real memory, so that the library can write to
//! them, until the run is over, so that what is wrongly used after its end is found by what it holds. Time stands still, unless a model lets patience run out.

use std::collections::BTreeMap;
use std::ffi::c_int;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::machine;
use crate::schedules::draw;

pub const PAGE: usize = 4096;
pub const HUGE: usize = 2 << 20;
pub type Errno = c_int;

/// What lies in a page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Content {
    /// of a file, shared: to take it out of the page tables loses nothing
    Shared,
    /// the program's own: a zap would lose it
    Own,
}

#[derive(Clone, Copy, Debug)]
struct Mapped {
    content: Content,
    is_locked: bool,
}

#[derive(Default)]
struct Space {
    pages: BTreeMap<usize, Mapped>,
    /// blocks and what the library maps for itself, by their start
    blocks: BTreeMap<usize, usize>,
    /// memory that they had in this run
    ever: Vec<(usize, usize)>,
}

static SPACE: Mutex<Space> = Mutex::new(Space { pages: BTreeMap::new(), blocks: BTreeMap::new(), ever: vec![] });
static LOSES_PATIENCE: AtomicBool = AtomicBool::new(false);
static CLOCK: AtomicU64 = AtomicU64::new(0);

fn space() -> MutexGuard<'static, Space> {
    SPACE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Nothing is mapped.
pub fn begin() {
    let ever = std::mem::take(&mut *space()).ever;
    for (start, len) in ever {
        // SAFETY: the last run's, which is over.
        unsafe { libc::munmap(start as *mut _, len) };
    }
    LOSES_PATIENCE.store(false, Ordering::Relaxed);
    CLOCK.store(1_000_000_000_000, Ordering::Relaxed);
}

/// Whoever waits may find that it has been too long.
pub fn let_patience_run_out() {
    LOSES_PATIENCE.store(true, Ordering::Relaxed);
}

fn pages(start: usize, end: usize) -> impl Iterator<Item = usize> {
    (start..end).step_by(PAGE)
}

/// The program maps something, which replaces what is there.
pub fn map(start: usize, end: usize, content: Content) {
    machine::barrier();
    machine::note("maps", start);
    for page in pages(start, end) {
        space().pages.insert(page, Mapped { content, is_locked: false });
    }
}

/// The program unmaps.
pub fn unmap(start: usize, end: usize) {
    machine::barrier();
    machine::note("unmaps", start);
    space().pages.retain(|page, _| !(start..end).contains(page));
}

/// MADV_DONTNEED_LOCKED, page after page: what it does to memory of the program's own can't be undone.
pub fn zap(start: usize, end: usize) {
    for page in pages(start, end) {
        machine::barrier();
        machine::note("zaps", page);
        let there = space().pages.get(&page).copied();
        assert!(!there.is_some_and(|there| there.content == Content::Own), "the program's own memory is lost");
    }
}

/// MADV_POPULATE_READ and its like, page after page.
pub fn populate(start: usize, end: usize) {
    for page in pages(start, end) {
        machine::barrier();
        let there = space().pages.get(&page).copied();
        let is_late = there.is_some_and(|there| there.content == Content::Own);
        assert!(!is_late || LOSES_PATIENCE.load(Ordering::Relaxed), "it is populated after the hook gave way");
    }
}

/// The pages that are locked.
pub fn locked() -> Vec<usize> {
    space().pages.iter().filter(|(_, there)| there.is_locked).map(|(page, _)| *page).collect()
}

/// How many blocks there are in a stretch.
pub fn blocks_in(stretch: &std::ops::Range<usize>) -> usize {
    space().blocks.range(stretch.clone()).count()
}

/// The program does something that takes a while.
pub fn rest() {
    machine::step();
}

pub fn mlock(addr: usize, len: usize, _: bool) -> Result<usize, Errno> {
    machine::barrier();
    machine::note("locks", addr);
    let mut space = space();
    for page in pages(addr, addr + len) {
        space.pages.get_mut(&page).ok_or(libc::ENOMEM)?.is_locked = true;
    }
    Ok(0)
}

pub fn munlock(addr: usize, len: usize) -> Result<usize, Errno> {
    machine::barrier();
    machine::note("unlocks", addr);
    let mut space = space();
    for page in pages(addr, addr + len) {
        space.pages.get_mut(&page).ok_or(libc::ENOMEM)?.is_locked = false;
    }
    Ok(0)
}

/// # Safety
/// Always: it does nothing.
pub unsafe fn madvise(_: usize, _: usize, _: c_int) -> Result<usize, Errno> {
    machine::barrier();
    Ok(0)
}

pub fn takes_advice(_: usize, _: c_int) -> bool {
    true
}

impl Space {
    /// Fresh memory, which whoever still holds what was there before may read and write without harm to the model.
    fn fresh(&mut self, start: usize, len: usize) -> usize {
        let fixed = if start == 0 { 0 } else { libc::MAP_FIXED };
        let (prot, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | fixed);
        // SAFETY: a place of the kernel's choice, or in the stretch for blocks, where nothing but the model's own lies.
        let got = unsafe { libc::mmap(start as *mut _, len, prot, flags, -1, 0) } as usize;
        assert!(start == 0 || got == start, "no memory for the model");
        self.ever.push((got, len));
        got
    }

    fn is_free(&self, start: usize, end: usize) -> bool {
        self.blocks.range(..end).next_back().is_none_or(|(at, len)| at + len <= start)
    }
}

/// # Safety
/// Always: with an address it is MAP_FIXED_NOREPLACE.
pub unsafe fn mmap(addr: usize, len: usize, _: c_int, _: c_int, _: c_int, _: i64) -> Result<usize, Errno> {
    machine::barrier();
    let mut space = space();
    if addr != 0 && !space.is_free(addr, addr + len) {
        return Err(libc::EEXIST);
    }
    let got = space.fresh(addr, len);
    space.blocks.insert(got, len);
    Ok(got)
}

/// # Safety
/// Always: it fails if it is not what was mapped.
pub unsafe fn munmap(addr: usize, len: usize) -> Result<usize, Errno> {
    machine::barrier();
    machine::note("unmaps", addr);
    let known = space().blocks.remove(&addr);
    assert_eq!(known, Some(len), "what is unmapped at {addr:x} is not what was mapped there");
    Ok(0)
}

/// # Safety
/// Always: it fails if it is not what was mapped.
pub unsafe fn mremap(old: usize, old_len: usize, len: usize, flags: c_int, to: usize) -> Result<usize, Errno> {
    machine::barrier();
    machine::note("moves", old);
    let mut space = space();
    assert_eq!(space.blocks.remove(&old), Some(old_len), "what is moved is not what was mapped");
    let (start, end) = (old + old_len, old + len);
    if flags & libc::MREMAP_FIXED != 0 {
        assert_eq!(space.blocks.get(&to), Some(&len), "it is moved to where nothing was set aside for it");
        // SAFETY: both are there, and no two blocks overlap.
        unsafe { std::ptr::copy_nonoverlapping(old as *const u8, to as *mut u8, old_len.min(len)) };
        return Ok(to);
    }
    if start < end && !space.is_free(start, end) {
        space.blocks.insert(old, old_len);
        return Err(libc::ENOMEM);
    }
    if start < end {
        space.fresh(start, end - start);
    }
    space.blocks.insert(old, len);
    Ok(old)
}

pub fn now(_: c_int) -> u64 {
    if LOSES_PATIENCE.load(Ordering::Relaxed) && draw(8) == 0 {
        CLOCK.fetch_add(1_000_000, Ordering::Relaxed);
    }
    CLOCK.load(Ordering::Relaxed)
}

pub fn ticks() -> u64 {
    now(libc::CLOCK_MONOTONIC)
}

/// Time goes on.
pub fn sleep(ns: u64) {
    CLOCK.fetch_add(ns, Ordering::Relaxed);
}

pub fn wait_while(word: &crate::sync::AtomicU32, value: u32, _: u64) {
    if word.load(crate::sync::Ordering::SeqCst) == value {
        machine::pause();
    }
}

pub fn wake(_: &crate::sync::AtomicU32) {}

pub fn leave_realtime() {}

pub fn getpid() -> u32 {
    1
}

pub fn block_signals() -> Result<u64, Errno> {
    Ok(0)
}

pub fn restore_signals(_: u64) {}

pub fn cached_pages(_: c_int, _: u64, _: u64) -> Result<u64, Errno> {
    Ok(0)
}

/// errno is nobody's concern here.
pub struct KeepErrno;

impl KeepErrno {
    pub fn new() -> KeepErrno {
        KeepErrno
    }
}
