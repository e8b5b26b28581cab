//! The calls that are tried: each does what a policy would do, on memory of its own.
//!
//! What must hold here: each runs in a child process of its own ([`super::apart`]), so nothing is undone; an errno
//! comes back as it was; the numbers are those of linux/mman.h, linux/fs.h and the system call table.

use std::ptr;

use super::apart::check;

type Result = std::result::Result<(), i32>;

/// Two huge pages, so that one lies in it at a boundary.
const BYTES: usize = 4 << 20;
const HUGE: usize = 2 << 20;
const PAGE: usize = 4096;

const MADV_PAGEOUT: i32 = 21;
const MADV_POPULATE_READ: i32 = 22;
const MADV_POPULATE_WRITE: i32 = 23;
const MADV_DONTNEED_LOCKED: i32 = 24;
const MADV_COLLAPSE: i32 = 25;
const PAGEMAP_SCAN: libc::c_ulong = 0xc060_6610;
const PAGE_IS_PRESENT: u64 = 1 << 3;
const PAGE_IS_HUGE: u64 = 1 << 6;
const SYS_CACHESTAT: libc::c_long = 451;

/// struct pm_scan_arg of linux/fs.h.
#[repr(C)]
#[derive(Default)]
struct Scan {
    size: u64,
    flags: u64,
    start: u64,
    end: u64,
    walk_end: u64,
    vec: u64,
    vec_len: u64,
    max_pages: u64,
    category_inverted: u64,
    category_mask: u64,
    category_anyof_mask: u64,
    return_mask: u64,
}

fn map(flags: i32) -> std::result::Result<*mut u8, i32> {
    let (access, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | flags);
    // SAFETY: a new mapping at an address that the kernel chooses.
    let at = unsafe { libc::mmap(ptr::null_mut(), BYTES, access, flags, -1, 0) };
    if at == libc::MAP_FAILED { Err(super::apart::errno()) } else { Ok(at.cast()) }
}

/// The part of a mapping that one huge page can hold.
fn aligned(at: *mut u8) -> *mut u8 {
    at.wrapping_add(at.align_offset(HUGE))
}

fn advise(at: *mut u8, bytes: usize, advice: i32) -> Result {
    // SAFETY: the range is a part of a mapping of ours that nothing else uses.
    check(unsafe { libc::madvise(at.cast(), bytes, advice) }).map(|_| ())
}

fn touch(at: *mut u8, bytes: usize) {
    for offset in (0..bytes).step_by(PAGE) {
        // SAFETY: the range is a writable mapping of ours.
        unsafe { at.add(offset).write_volatile(1) };
    }
}

pub fn populate_read() -> Result {
    advise(map(0)?, BYTES, MADV_POPULATE_READ)
}

pub fn populate_write() -> Result {
    advise(map(0)?, BYTES, MADV_POPULATE_WRITE)
}

pub fn collapse() -> Result {
    let at = aligned(map(0)?);
    touch(at, HUGE);
    advise(at, HUGE, MADV_COLLAPSE)
}

pub fn pageout() -> Result {
    let at = map(0)?;
    touch(at, PAGE);
    advise(at, PAGE, MADV_PAGEOUT)
}

pub fn dontneed_locked() -> Result {
    let at = map(0)?;
    touch(at, PAGE);
    // SAFETY: a range of ours. Where nothing may be locked the advice is tried all the same.
    unsafe { libc::mlock(at.cast(), PAGE) };
    advise(at, PAGE, MADV_DONTNEED_LOCKED)
}

pub fn mlock_onfault() -> Result {
    let at = map(0)?;
    // SAFETY: a range of ours.
    check(unsafe { libc::syscall(libc::SYS_mlock2, at, PAGE, libc::MLOCK_ONFAULT) }).map(|_| ())
}

/// Touches memory that asked for huge pages; `Err(ENOENT)` if it did not get one.
pub fn huge_at_first_touch() -> Result {
    let at = aligned(map(0)?);
    advise(at, HUGE, libc::MADV_HUGEPAGE)?;
    touch(at, PAGE);
    if huge_bytes(at)? >= HUGE { Ok(()) } else { Err(libc::ENOENT) }
}

pub fn pagemap_scan() -> Result {
    let at = aligned(map(0)?);
    touch(at, PAGE);
    scan(at, PAGE_IS_PRESENT).and_then(|bytes| if bytes == 0 { Err(libc::ENODATA) } else { Ok(()) })
}

fn huge_bytes(at: *mut u8) -> std::result::Result<usize, i32> {
    match scan(at, PAGE_IS_HUGE) {
        Err(_) => smaps_huge(at as usize),
        found => found,
    }
}

/// How much of the huge page's range at `at` is of this category.
fn scan(at: *mut u8, category: u64) -> std::result::Result<usize, i32> {
    // SAFETY: a path that ends in NUL.
    let file = check(unsafe { libc::open(c"/proc/self/pagemap".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) })?;
    let mut found = [0u64; 3 * 8];
    let mut scan = Scan {
        size: size_of::<Scan>() as u64,
        start: at as u64,
        end: at as u64 + HUGE as u64,
        vec: found.as_mut_ptr() as u64,
        vec_len: 8,
        category_mask: category,
        return_mask: category,
        ..Scan::default()
    };
    // SAFETY: `scan` is what the call wants, and `found` has room for the eight ranges that it names.
    let ranges = check(unsafe { libc::ioctl(file as i32, PAGEMAP_SCAN, &raw mut scan) })?;
    let ranges = usize::try_from(ranges).unwrap_or(0);
    Ok(found.as_chunks::<3>().0.iter().take(ranges).map(|[start, end, _]| (end - start) as usize).sum())
}

/// AnonHugePages of the mapping that holds this address, in bytes.
fn smaps_huge(at: usize) -> std::result::Result<usize, i32> {
    let text = std::fs::read_to_string("/proc/self/smaps").map_err(|e| e.raw_os_error().unwrap_or(libc::EIO))?;
    let range = |line: &str| {
        let (start, end) = line.split(' ').next()?.split_once('-')?;
        Some(usize::from_str_radix(start, 16).ok()?..usize::from_str_radix(end, 16).ok()?)
    };
    let lines = text.lines().skip_while(|l| !range(l).is_some_and(|r| r.contains(&at)));
    let kib = lines.skip(1).find_map(|l| l.strip_prefix("AnonHugePages:")?.trim().strip_suffix(" kB")?.parse().ok());
    Ok(kib.unwrap_or(0usize) * 1024)
}

pub fn cachestat() -> Result {
    // SAFETY: a name that ends in NUL.
    let file = check(unsafe { libc::memfd_create(c"faultless-doctor".as_ptr(), libc::MFD_CLOEXEC) })?;
    let (range, mut found) = ([0u64; 2], [0u64; 5]);
    // SAFETY: cachestat_range has two words and cachestat five.
    check(unsafe { libc::syscall(SYS_CACHESTAT, file as i32, &range, &mut found, 0) }).map(|_| ())
}

pub fn close_range() -> Result {
    // SAFETY: no descriptor has such a number, so none is closed.
    check(unsafe { libc::syscall(libc::SYS_close_range, u32::MAX - 1, u32::MAX, 0) }).map(|_| ())
}

pub fn hugetlb() -> Result {
    // Where a control group limits them, the mapping is had and the touch kills.
    touch(map(libc::MAP_HUGETLB)?, PAGE);
    Ok(())
}

pub fn thp_disable() -> Result {
    // SAFETY: sets a flag of this child.
    check(unsafe { libc::prctl(libc::PR_SET_THP_DISABLE, 1, 0, 0, 0) }).map(|_| ())
}

/// Counts this child's own page faults, as `perf stat` would.
pub fn perf() -> Result {
    // struct perf_event_attr up to its first version: type SOFTWARE, its size, PAGE_FAULTS, exclude_kernel and
    // exclude_hv.
    let mut attributes = [0u32; 16];
    attributes[..4].copy_from_slice(&[1, 64, 2, 0]);
    attributes[10] = 1 << 5 | 1 << 6;
    // SAFETY: the attributes are as long as their second word says; the event is about this process alone.
    check(unsafe { libc::syscall(libc::SYS_perf_event_open, attributes.as_ptr(), 0, -1, -1, 0) }).map(|_| ())
}
