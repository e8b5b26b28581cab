//! What other processes have in the folder: pages of this tree's, what the tree shares, and what the dead have left.
//!
//! What must hold here: a page that is not ours is read, and but for what a dead process had taken of a budget never written; no
//! descriptor and no mapping outlives a call, but for the tree's.

use core::fmt::Write;
use core::sync::atomic::{AtomicU64, Ordering::*};

use faultless_core::counters::C;
use faultless_core::page::{End, FILE_BYTES, MAGIC, Page, VERSION, Why};

use super::folder::{TREE, entries, entry_path, owner_of, pid_of, tree_of};
use super::{current, is_in_folder};
use crate::budget::Shared;
use crate::live::Live;
use crate::text::Text;
use crate::{identity, limits, sys};

/// More pages than this in the folder, and no further one is made.
const CAP: usize = 2048;
/// From here on whoever starts removes those of dead processes.
const CROWDED: usize = 256;

/// Removes pages of dead processes, and files of trees of which nobody lives, when the folder is crowded with them. Returns
/// whether it has all the pages that it may have.
pub fn reap() -> bool {
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
    }
    if trees >= CROWDED {
        reap_trees();
    }
    count >= CAP
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
