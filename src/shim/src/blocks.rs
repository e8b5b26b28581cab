//! Large malloc blocks: where they lie, and which pointers are theirs.
//!
//! Each block is a mapping of its own that starts on a 2 MiB boundary, in a stretch of the address space that is
//! claimed but not reserved: the kernel never chooses addresses there by itself, and every mapping of ours is made
//! with MAP_FIXED_NOREPLACE. So nothing shows in VSZ but live blocks, mlockall and RLIMIT_AS see nothing else, and the
//! kernel's own map is the arbiter between threads: no lock.
//!
//! What must hold here: the table says exactly which pointers are live blocks; an entry is set after its mapping
//! exists and cleared (by compare-and-swap: a second free finds nothing) before it goes. A block is laid out as glibc
//! lays out an mmapped chunk (size with IS_MMAPPED before the data, whole pages around), so that a library with a C
//! library of its own (RTLD_DEEPBIND) that frees one unmaps it, and we merely see an address that is free again.

use crate::real;
use crate::small_path::{self, POOL};
use crate::sync::{AtomicPtr, AtomicU64, AtomicUsize, Ordering::*};
use crate::sys::{self, HUGE, PAGE};

/// The alignment that every block has: a cache line's.
pub const PLAIN_ALIGN: usize = 64;
/// The largest alignment that the pool serves; larger ones are the real allocator's.
pub const MAX_ALIGN: usize = HUGE;
/// 2 MiB pieces of it; a block's data begins in exactly one.
const SLOTS: usize = POOL / HUGE;
/// How often to try another place before the real allocator is asked.
const TRIES: usize = 64;
/// IS_MMAPPED in glibc's chunk size.
const IS_MMAPPED: usize = 2;
/// Bytes of glibc's chunk header.
const HEADER: usize = 16;
/// The first glibc whose size of a mapped chunk leaves the header out; it ends the program that frees one of the other
/// shape.
const SIZE_WITHOUT_HEADER: (u32, u32) = (42, 9000);

/// Pieces that one leaf of the table describes: 4 GiB of address space in 16 KiB.
const LEAF: usize = 2048;

/// Bytes of a chunk that its size leaves out.
static LEFT_OUT: AtomicUsize = AtomicUsize::new(0);
static BASE: AtomicUsize = AtomicUsize::new(0);
/// The table: leaves are mapped when they are first needed, because under mlockall every mapping counts.
static LEAVES: [AtomicPtr<AtomicU64>; SLOTS / LEAF] = [const { AtomicPtr::new(core::ptr::null_mut()) }; SLOTS / LEAF];
static CURSOR: AtomicUsize = AtomicUsize::new(0);

/// A live block.
pub struct Block {
    /// what malloc returned
    pub data: usize,
    /// first byte of the mapping
    pub start: usize,
    /// bytes of the mapping
    pub len: usize,
    /// on pages of the hugetlb pool
    pub hugetlb: bool,
    /// the program made an address-space call on it
    tainted: bool,
}

/// Whether the pool is there.
pub fn ready() -> bool {
    BASE.load(Acquire) != 0
}

/// Claims the address space. Returns where it begins and ends.
pub fn open() -> [usize; 2] {
    small_path::claim();
    let is_new = real::glibc_version() >= SIZE_WITHOUT_HEADER;
    LEFT_OUT.store(if is_new { HEADER } else { 0 }, Relaxed);
    let base = small_path::ours() + small_path::EARLY;
    BASE.store(base, Release);
    [base, base + POOL]
}

/// The leaf that describes a slot, if it is there.
fn leaf(slot: usize) -> Option<*mut AtomicU64> {
    let leaf = LEAVES.get(slot / LEAF)?.load(Acquire);
    (!leaf.is_null()).then_some(leaf)
}

/// The same, made if it isn't there.
fn make_leaf(slot: usize) -> Option<*mut AtomicU64> {
    let place = LEAVES.get(slot / LEAF)?;
    if let Some(leaf) = leaf(slot) {
        return Some(leaf);
    }
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: a fresh mapping.
    let fresh = unsafe { sys::mmap(0, LEAF * 8, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0) }.ok()?;
    if let Err(theirs) = place.compare_exchange(core::ptr::null_mut(), fresh as *mut AtomicU64, AcqRel, Acquire) {
        // SAFETY: our own mapping, which nobody has seen.
        let _ = unsafe { sys::munmap(fresh, LEAF * 8) };
        return Some(theirs);
    }
    Some(fresh as *mut AtomicU64)
}

fn entry(data: usize) -> Option<&'static AtomicU64> {
    let offset = data.wrapping_sub(BASE.load(Relaxed));
    if !ready() || offset >= POOL {
        return None;
    }
    let leaf = leaf(offset / HUGE)?;
    // SAFETY: a leaf has LEAF entries, is zeroed by the kernel, and stays for ever.
    Some(unsafe { &*leaf.add(offset / HUGE % LEAF) })
}

/// Entry: pages of the mapping (40 bits), bytes from its start to the data / 16 (12 bits), hugetlb (1 bit), and whether
/// the data begins with its slot, the mapping a page before (1 bit).
fn pack(b: &Block) -> u64 {
    let back = b.data.is_multiple_of(HUGE);
    (b.len / PAGE) as u64
        | (((b.data - b.start) / 16) as u64) << 40
        | u64::from(b.hugetlb) << 52
        | u64::from(back) << 53
        | u64::from(b.tainted) << 54
}

/// The program made an address-space call on the block.
const TAINTED: u64 = 1 << 54;
/// The block is not live: its pages are kept for the next.
const KEPT: u64 = 1 << 55;

fn unpack(word: u64, data: usize) -> Option<Block> {
    let lead = (word >> 40 & 0xfff) as usize * 16;
    let slot = data & !(HUGE - 1);
    let expected = if word >> 53 & 1 == 1 { slot } else { slot + lead };
    (word != 0 && data == expected).then(|| Block {
        data,
        start: data - lead,
        len: (word & ((1 << 40) - 1)) as usize * PAGE,
        hugetlb: word >> 52 & 1 == 1,
        tainted: word & TAINTED != 0,
    })
}

/// The live block that begins at `data`.
pub fn find(data: usize) -> Option<Block> {
    let word = entry(data)?.load(Acquire);
    unpack(word, data).filter(|_| word & KEPT == 0)
}

/// The kept block whose data begin at `data`.
pub fn find_kept(data: usize) -> Option<Block> {
    let word = entry(data)?.load(Acquire);
    unpack(word, data).filter(|_| word & KEPT != 0)
}

/// Takes a live block out of the table: the caller must unmap it.
pub fn claim(data: usize) -> Option<Block> {
    change(data, 0, |_| Some(0))
}

/// Takes a kept block out of the table.
pub fn claim_kept(data: usize) -> Option<Block> {
    change(data, KEPT, |_| Some(0))
}

/// Marks a live block as kept: the program has freed it. None: it is not a live block, or tainted, or of a shape that is
/// not kept.
pub fn keep(data: usize) -> Option<Block> {
    let block = find(data)?;
    let is_plain = !block.hugetlb && block.data - block.start == lead(16) && block.len <= MAX_KEPT;
    if !is_plain || !block.has_its_header() {
        return None;
    }
    change(data, 0, |word| (word & TAINTED == 0).then_some(word | KEPT))
}

/// Changes the entry of a block whose KEPT bit is as given. Another thread may taint it meanwhile, and nothing else: if
/// the block is another one by then, somebody has freed it twice.
fn change(data: usize, kept: u64, to: impl Fn(u64) -> Option<u64>) -> Option<Block> {
    let entry = entry(data)?;
    let mut word = entry.load(Acquire);
    loop {
        let block = unpack(word, data).filter(|_| word & KEPT == kept)?;
        match entry.compare_exchange(word, to(word)?, AcqRel, Acquire) {
            Ok(_) => return Some(block),
            Err(now) if now | TAINTED == word | TAINTED => word = now,
            Err(_) => return None,
        }
    }
}

/// The program made an address-space call on a range: no block that it touches will be kept.
pub fn taint(start: usize, len: usize) {
    let base = BASE.load(Relaxed);
    let end = start.saturating_add(len).min(base + POOL);
    if !ready() || end <= base || start >= base + POOL {
        return;
    }
    // Where there is none any more, none is marked: another thread may be freeing it.
    let mark = |slot: usize| {
        let taint = |word: u64| (word != 0).then_some(word | TAINTED);
        entry(base + slot * HUGE).is_some_and(|entry| entry.fetch_update(AcqRel, Relaxed, taint).is_ok())
    };
    // The block that holds the first byte begins in its slot or in one of those before; others begin in the range itself.
    let first = (start.max(base) - base) / HUGE;
    (first.saturating_sub(MAX_KEPT / HUGE)..=first).rev().any(mark);
    let mut slot = first + 1;
    while slot < (end - base).div_ceil(HUGE) {
        if leaf(slot).is_some() {
            mark(slot);
            slot += 1;
        } else {
            slot = (slot / LEAF + 1) * LEAF;
        }
    }
}

/// Larger blocks are not kept, so that [`taint`] has so far to look back, and no further.
const MAX_KEPT: usize = 8 << 30;

/// The mapping's length for a block of `size` bytes without further alignment.
pub fn plain_len(size: usize) -> Option<usize> {
    len_for(lead(16), size, PAGE)
}

/// Bytes from the mapping's start to the data. Up to a page the data follows in the first page; beyond that the mapping
/// starts one page before an aligned address, and only that page is not the program's. A cache line at least, so that
/// blocks aligned to one are as all others, and kept as they are.
fn lead(align: usize) -> usize {
    align.clamp(PLAIN_ALIGN, PAGE)
}

/// Finds a free stretch for a mapping of `len` bytes whose data has this alignment, and maps it with `prot`.
fn place(len: usize, align: usize, prot: i32, more_flags: i32) -> Option<usize> {
    const MAP_FIXED_NOREPLACE: i32 = 0x10_0000;
    let back = if align > PAGE { PAGE } else { 0 };
    let slots = (len + if back != 0 { HUGE } else { 0 }).div_ceil(HUGE);
    let base = BASE.load(Relaxed);
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | more_flags;
    for _ in 0..TRIES {
        let slot = CURSOR.fetch_add(slots, Relaxed);
        if slot + slots > SLOTS {
            if slots > SLOTS {
                return None;
            }
            CURSOR.store(0, Relaxed);
            continue;
        }
        let start = base + slot * HUGE + if back != 0 { HUGE - back } else { 0 };
        make_leaf((start + back - base) / HUGE)?; // where the data begins
        // SAFETY: NOREPLACE takes nothing from anybody; older kernels (before 4.17) read it as a hint.
        match unsafe { sys::mmap(start, len, prot, flags, -1, 0) } {
            Ok(got) if got == start => return Some(start),
            Ok(elsewhere) => {
                // SAFETY: our own mapping of a moment ago, which nobody knows.
                let _ = unsafe { sys::munmap(elsewhere, len) };
            }
            Err(libc::EEXIST) => {}
            Err(_) => return None,
        }
    }
    None
}

fn len_for(lead: usize, size: usize, unit: usize) -> Option<usize> {
    size.checked_add(lead)?.checked_next_multiple_of(unit).filter(|len| *len <= POOL / 4)
}

/// A new block, mapped but not yet published. With `hugetlb`, on pages of the pool, proven by populating them; where
/// that fails, on ordinary ones.
pub fn take(size: usize, align: usize, hugetlb: bool) -> Option<Block> {
    let lead = lead(align);
    let rw = libc::PROT_READ | libc::PROT_WRITE;
    if hugetlb && align <= PAGE {
        const MADV_POPULATE_WRITE: i32 = 23;
        const MAP_HUGE_2MB: i32 = 21 << 26;
        let len = len_for(lead, size, HUGE)?;
        if let Some(start) = place(len, align, rw, libc::MAP_HUGETLB | MAP_HUGE_2MB) {
            // SAFETY: our own fresh mapping.
            if unsafe { sys::madvise(start, len, MADV_POPULATE_WRITE) }.is_ok() {
                return Some(Block { data: start + lead, start, len, hugetlb: true, tainted: false });
            }
            // SAFETY: as above.
            let _ = unsafe { sys::munmap(start, len) };
        }
    }
    let len = len_for(lead, size, PAGE)?;
    let start = place(len, align, rw, 0)?;
    Some(Block { data: start + lead, start, len, hugetlb: false, tainted: false })
}

impl Block {
    /// Bytes that the program may use.
    pub fn usable(&self) -> usize {
        self.len - (self.data - self.start)
    }

    /// The mapping's length for a block of `size` bytes in the same place.
    pub fn len_for(&self, size: usize) -> Option<usize> {
        len_for(self.data - self.start, size, if self.hugetlb { HUGE } else { PAGE })
    }

    /// Writes glibc's chunk header and makes the block known; returns its data. The header is the first thing written to
    /// the mapping, so the policy's advice must be in place before.
    pub fn publish(&self) -> usize {
        // SAFETY: the 16 bytes before the data are the mapping's, and not the program's.
        unsafe { ((self.data - HEADER) as *mut [usize; 2]).write(self.header()) };
        if let Some(entry) = entry(self.data) {
            // A block that was kept may be tainted just now, by a call on all of the address space.
            let _ = entry.fetch_update(Release, Relaxed, |before| Some(pack(self) | before & TAINTED));
        }
        self.data
    }

    /// glibc's chunk header, as it should stand before the data: the mapping's start, and its size with IS_MMAPPED.
    fn header(&self) -> [usize; 2] {
        let chunk = self.data - HEADER;
        [chunk - self.start, (self.start + self.len - chunk - LEFT_OUT.load(Relaxed)) | IS_MMAPPED]
    }

    /// Whether the header is as we wrote it: a C library that another library brought along (RTLD_DEEPBIND) may have
    /// resized the mapping, and says so there.
    fn has_its_header(&self) -> bool {
        // SAFETY: the 16 bytes before the data of a live block, which the program is just handing back.
        unsafe { ((self.data - HEADER) as *const [usize; 2]).read() == self.header() }
    }

    /// Unmaps a block that has been claimed.
    pub fn unmap(self) {
        // SAFETY: the program freed it, and the table no longer knows it.
        let _ = unsafe { sys::munmap(self.start, self.len) };
    }

    /// Another length, in place or elsewhere by moving page tables, with the same offset to 2 MiB. The new block is not
    /// yet published, and on success the old one is no longer known. None: nothing changed.
    pub fn resize(&self, size: usize) -> Option<Block> {
        let len = self.len_for(size)?;
        let lead = self.data - self.start;
        if self.hugetlb {
            return None; // mremap of hugetlb mappings is partial before 5.16: copied instead
        }
        let known = entry(self.data)?;
        let word = known.load(Acquire);
        let tainted = word & TAINTED != 0; // what the program did to it goes with it
        // SAFETY: the program's own block, in the middle of its realloc; in place, so nothing else is touched.
        if unsafe { sys::mremap(self.start, self.len, len, 0, 0) }.is_ok() {
            return Some(Block { data: self.data, start: self.start, len, hugetlb: false, tainted });
        }
        if len < self.len {
            return None;
        }
        let align = if self.start.is_multiple_of(HUGE) { lead } else { HUGE };
        let start = place(len, align, libc::PROT_NONE, libc::MAP_NORESERVE)?;
        // Cleared first: as soon as the mapping has moved, another thread may be given the old place.
        known.store(0, Release);
        let flags = libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED;
        // SAFETY: the target is our own placeholder of a moment ago.
        if unsafe { sys::mremap(self.start, self.len, len, flags, start) }.is_err() {
            known.store(word, Release);
            // SAFETY: the slots were ours alone to take, and nobody else is given them before the cursor has gone round.
            let _ = unsafe { sys::munmap(start, len) };
            return None;
        }
        Some(Block { data: start + lead, start, len, hugetlb: false, tainted })
    }

    /// A larger length, where a limit leaves no room for a second mapping beside the first: the block moves to wherever the kernel
    /// has it, and is glibc's from then on, whose header it has. Returns its data. None: nothing changed.
    pub fn leave(&self, size: usize) -> Option<usize> {
        let len = self.len_for(size).filter(|len| *len > self.len && !self.hugetlb && real::is_malloc_glibc())?;
        let known = entry(self.data)?;
        let word = known.swap(0, AcqRel);
        // SAFETY: the program's own block, in the middle of its realloc; the kernel chooses a place where nothing is.
        let Ok(start) = (unsafe { sys::mremap(self.start, self.len, len, libc::MREMAP_MAYMOVE, 0) }) else {
            known.store(word, Release);
            return None;
        };
        let moved = Block { data: start + (self.data - self.start), start, len, hugetlb: false, tainted: false };
        // SAFETY: the 16 bytes before the data are the mapping's, and not the program's.
        unsafe { ((moved.data - HEADER) as *mut [usize; 2]).write(moved.header()) };
        Some(moved.data)
    }
}
