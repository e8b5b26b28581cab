//! The counter page of this process: made, found, ended; and what the processes of a tree share.
//!
//! What must hold here: there is always a page to count into, if need be plain memory; space is written before it is
//! mapped, because the first touch of a full tmpfs is SIGBUS; nothing is created through a link or in a folder that
//! another user could change; no descriptor outlives a call; a forked child never writes its parent's page.

use core::cell::UnsafeCell;
use core::fmt::Write;
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, Ordering::*};

use faultless_core::counters::C;
use faultless_core::page::{End, FILE_BYTES, MAGIC, Page, State, VERSION, Why};
use faultless_core::rules::Policy;

use crate::budget::Shared;
use crate::live::Live;
use crate::text::Text;
use crate::{identity, limits, own_stack, sys};

/// More pages than this in the folder, and no further one is made.
const CAP: usize = 2048;
/// From here on whoever starts removes those of dead processes.
const CROWDED: usize = 256;

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

struct Folder(UnsafeCell<Text<192>>);

// SAFETY: written by the constructor only, before anything is on.
unsafe impl Sync for Folder {}

#[unsafe(link_section = ".bss.start")]
static FOLDER: Folder = Folder(UnsafeCell::new(Text::new()));

fn plain() -> &'static Page {
    // SAFETY: PLAIN is as large and as aligned as a Page, and any bytes are valid atomics.
    unsafe { &*PLAIN.0.get().cast::<Page>() }
}

fn folder() -> &'static Text<192> {
    // SAFETY: see Folder.
    unsafe { &*FOLDER.0.get() }
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
        if SUFFIX.load(Relaxed).is_multiple_of(32) && folder_is_safe(uid) {
            reap();
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

fn file_name(pid: u32, suffix: u32) -> Text<256> {
    let mut name = Text::<32>::new();
    let _ = write!(name, "{pid}.{suffix:08x}");
    entry_path(name.as_bytes())
}

/// Decides on the folder: the option, or /dev/shm/faultless-UID. Constructor only.
///
/// # Safety
/// Nothing else may run yet.
pub unsafe fn choose_folder(option: &[u8], uid: u32) {
    // SAFETY: as the caller says.
    let folder = unsafe { &mut *FOLDER.0.get() };
    if option.is_empty() {
        let _ = write!(folder, "/dev/shm/faultless-{uid}");
    } else {
        let _ = folder.push(option);
    }
}

/// Whether the folder is ours alone: a real folder, owned by us, open to nobody else. Made if it isn't there.
fn folder_is_safe(uid: u32) -> bool {
    let path = folder().as_c();
    let is_safe = |st: sys::Stat| st.mode & libc::S_IFMT == libc::S_IFDIR && st.uid == uid && st.mode & 0o022 == 0;
    match sys::stat(path, false) {
        Ok(st) => is_safe(st),
        Err(libc::ENOENT) => {
            let _ = sys::mkdir(path, 0o700);
            sys::stat(path, false).is_ok_and(is_safe)
        }
        Err(_) => false,
    }
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
    let in_folder = !IS_FULL.load(Relaxed) && folder_is_safe(uid);
    let path = file_name(identity::pid(), SUFFIX.load(Relaxed));
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

/// Calls `each` with the name of every entry of the folder.
fn entries(mut each: impl FnMut(&[u8])) {
    let Ok(fd) = sys::open(folder().as_c(), libc::O_RDONLY | libc::O_DIRECTORY | libc::O_NOFOLLOW, 0) else { return };
    let mut buffer = [0u8; 2048];
    while let Ok(filled @ 1..) = sys::getdents(fd, &mut buffer) {
        let mut rest = buffer.get(..filled).unwrap_or(&[]);
        // struct linux_dirent64: inode 8, offset 8, length 2, type 1, name.
        while let Some(length) = rest.get(16..18).map(|l| u16::from_ne_bytes([l[0], l[1]]) as usize) {
            let name = rest.get(19..length).unwrap_or(&[]);
            each(name.split(|b| *b == 0).next().unwrap_or(&[]));
            rest = rest.get(length.max(1)..).unwrap_or(&[]);
        }
    }
    sys::close(fd);
}

/// A page's name ends so until all of it is there.
const UNFINISHED: &[u8] = b"~";

/// What is hot of a process stands beside its page, under the page's name and this; the second while it is being written.
pub const HEAT: [&[u8]; 2] = [b".heat", b".heat~"];

/// The path of such a file. None: the page is in no folder.
pub fn heat_path(end: &[u8]) -> Option<Text<256>> {
    let mut path = file_name(identity::pid(), SUFFIX.load(Relaxed));
    (is_in_folder() && path.push(end).is_ok()).then_some(path)
}

/// The process id in the name of a page, or of what stands beside one.
fn owner_of(name: &[u8]) -> Option<u32> {
    let name = name.strip_suffix(UNFINISHED).unwrap_or(name);
    pid_of(name.strip_suffix(HEAT[0]).unwrap_or(name))
}

/// The process id in a page's file name.
fn pid_of(name: &[u8]) -> Option<u32> {
    let (pid, suffix) = core::str::from_utf8(name).ok()?.split_once('.')?;
    (suffix.len() == 8).then(|| pid.parse().ok()).flatten()
}

fn entry_path(name: &[u8]) -> Text<256> {
    let mut path = Text::new();
    let _ = path.push(folder().as_bytes());
    let _ = path.push(b"/");
    let _ = path.push(name);
    path
}

/// The name of a tree's file begins so.
const TREE: &str = "tree.";

/// The tree in the name of such a file.
fn tree_of(name: &[u8]) -> Option<u64> {
    let digits = core::str::from_utf8(name).ok()?.strip_prefix(TREE)?;
    u64::from_str_radix(digits, 16).ok()
}

/// Removes pages of dead processes, and files of trees of which nobody lives, when the folder is crowded with them.
fn reap() {
    let (mut count, mut trees) = (0, 0);
    entries(|name| {
        count += usize::from(pid_of(name).is_some());
        trees += usize::from(tree_of(name).is_some());
    });
    if count >= CROWDED {
        entries(|name| {
            if owner_of(name).is_some_and(|pid| !sys::is_alive(pid)) {
                sys::unlink(entry_path(name).as_c());
            }
        });
        IS_FULL.store(count >= CAP, Relaxed);
    }
    if trees >= CROWDED {
        reap_trees();
    }
}

/// Who maps the file of a tree has a page that names it, and had before. Of any page that is there, because one whose process is
/// not to be seen may live in another namespace.
fn reap_trees() {
    let (mut living, mut count) = ([0u64; CAP], 0);
    other_pages(
        |_| true,
        |page| {
            if let Some(place) = living.get_mut(count) {
                *place = page.tree.load(Relaxed);
            }
            count += 1;
        },
    );
    let Some(living) = living.get(..count) else { return };
    entries(|name| {
        if tree_of(name).is_some_and(|tree| !living.contains(&tree)) {
            sys::unlink(entry_path(name).as_c());
        }
    });
}

/// Calls `each` with the pages in the folder that are of these processes, mapped read-write.
fn other_pages(mut wanted: impl FnMut(u32) -> bool, mut each: impl FnMut(&Page)) {
    entries(|name| {
        if !pid_of(name).is_some_and(&mut wanted) {
            return;
        }
        let Ok(fd) = sys::open(entry_path(name).as_c(), libc::O_RDWR | libc::O_NOFOLLOW, 0) else { return };
        if sys::fstat(fd).is_ok_and(|st| st.size >= FILE_BYTES as u64) {
            let prot = libc::PROT_READ | libc::PROT_WRITE;
            // SAFETY: a fresh mapping of a file that is long enough; unmapped below.
            if let Ok(at) = unsafe { sys::mmap(0, FILE_BYTES, prot, libc::MAP_SHARED, fd, 0) } {
                // SAFETY: atomics only, so whatever the bytes are.
                let page = unsafe { &*(at as *const Page) };
                if page.magic.load(Acquire) == MAGIC && page.version.load(Relaxed) == VERSION {
                    each(page);
                }
                // SAFETY: our own mapping.
                let _ = unsafe { sys::munmap(at, FILE_BYTES) };
            }
        }
        sys::close(fd);
    });
}

/// What a process of this tree before us left.
#[derive(Clone, Copy)]
pub struct Before {
    /// the tree
    pub tree: u64,
    /// it is our parent (and not ourselves before exec), and a rule matched in it: it reports for the tree
    pub reports: bool,
}

/// Our parent, if it has a page, or ourselves as we were before exec.
pub fn before_us(live: &Live<'_>) -> Option<Before> {
    let (own, parent) = (identity::pid(), live.page.ppid.load(Relaxed));
    let mine = live.page.start_ns.load(Relaxed);
    let mut before: Option<Before> = None;
    other_pages(
        |pid| pid == parent || pid == own,
        |page| {
            let is_own = page.pid.load(Relaxed) == own;
            let is_older = page.start_ns.load(Relaxed) < mine;
            if is_older && (!is_own || page.end.load(Relaxed) == End::Exec as u32) {
                let reports = !is_own && page.get(C::RegionsRuled) > 0 || before.is_some_and(|b| b.reports);
                before = Some(Before { tree: page.tree.load(Relaxed), reports });
            }
        },
    );
    before
}

/// Whether an ancestor, or ourselves before exec, has stood down because of a value that can't be read.
pub fn ancestor_stood_down() -> bool {
    const GENERATIONS: usize = 16; // subshells in between have no page
    let mine = current().start_ns.load(Relaxed);
    let mut next = Some(identity::pid());
    for _ in 0..GENERATIONS {
        let Some(pid) = next.filter(|pid| *pid > 1) else { break };
        let mut found = false;
        let is_it = |page: &Page| page.why.load(Relaxed) == Why::BadValue as u32 && page.start_ns.load(Relaxed) < mine;
        other_pages(|of| of == pid, |page| found |= is_it(page));
        if found {
            return true;
        }
        next = limits::parent_of(pid);
    }
    false
}

/// Maps what the processes of this tree share, as a file beside the pages. None: this process has no folder.
pub fn map_tree(live: &Live<'_>) -> Option<*mut Shared> {
    if !is_in_folder() {
        return None;
    }
    if live.config.tree == 0
        && let Some(before) = before_us(live)
    {
        live.page.tree.store(before.tree, Relaxed);
    }
    let mut name = Text::<32>::new();
    let _ = write!(name, "{TREE}{:016x}", live.page.tree.load(Relaxed));
    let fd =
        sys::open(entry_path(name.as_bytes()).as_c(), libc::O_RDWR | libc::O_CREAT | libc::O_NOFOLLOW, 0o600).ok()?;
    let is_there = sys::fstat(fd).is_ok_and(|st| st.size >= 4096)
        || sys::file_limit() >= 4096 // a write beyond RLIMIT_FSIZE raises SIGXFSZ
            && sys::write(fd, &[0; 512]) == Ok(512) && sys::ftruncate(fd, 4096).is_ok();
    let prot = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: a fresh mapping of our own file; its first bytes have been written, so they can't be SIGBUS.
    let at = if is_there { unsafe { sys::mmap(0, 4096, prot, libc::MAP_SHARED, fd, 0) } } else { Err(libc::ENOSPC) };
    sys::close(fd);
    at.ok().map(|at| at as *mut Shared)
}

/// Gives back what dead processes of the tree had taken of a budget. True if there was something.
pub fn settle_dead(live: &Live<'_>, shared: &AtomicU64, gauge: C) -> bool {
    let tree = live.page.tree.load(Relaxed);
    let mut any = false;
    if !is_in_folder() {
        return false;
    }
    other_pages(
        |pid| !sys::is_alive(pid),
        |page| {
            if page.tree.load(Relaxed) == tree {
                let taken = page.counters[gauge as usize].swap(0, Relaxed);
                let _ = shared.fetch_update(Relaxed, Relaxed, |v| Some(v.saturating_sub(taken)));
                any |= taken > 0;
            }
        },
    );
    any
}

/// Removes this process's page: nothing happened in it that anybody would ask for.
pub fn remove() {
    if is_in_folder() {
        sys::unlink(file_name(identity::pid(), SUFFIX.load(Relaxed)).as_c());
        HEAT.iter().filter_map(|end| heat_path(end)).for_each(|path| sys::unlink(path.as_c()));
    }
}
