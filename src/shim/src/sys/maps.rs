//! What lies at an address, as the kernel's own map says (PROCMAP_QUERY, Linux 6.11); and memory of our own, apart from what
//! the program maps.
//!
//! What must hold here: nothing of the program's is changed.

use core::ffi::c_int;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::{Errno, PAGE, close, ioctl, mmap, open};

/// Maps memory for a thread of ours, where the kernel never puts a mapping by itself: a program that has just unmapped
/// something may map there again with MAP_FIXED, and must not meet us.
pub fn map_apart(bytes: usize) -> Result<usize, Errno> {
    const FIRST: usize = 0x6000_0000_0000;
    const MOST: usize = 1 << 40;
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let bytes = bytes.next_multiple_of(PAGE);
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED_NOREPLACE;
    let mut tries = 16;
    loop {
        let at = FIRST + NEXT.fetch_add(bytes + PAGE, Relaxed) % MOST;
        // SAFETY: replaces nothing; kernels before 4.17 take the address as a wish.
        match unsafe { mmap(at, bytes, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0) } {
            Err(libc::EEXIST) if tries > 0 => tries -= 1,
            result => return result,
        }
    }
}

/// struct procmap_query of linux/fs.h.
#[repr(C)]
#[derive(Default)]
struct Query {
    size: u64,
    query_flags: u64,
    query_addr: u64,
    vma_start: u64,
    vma_end: u64,
    vma_flags: u64,
    vma_page_size: u64,
    vma_offset: u64,
    inode: u64,
    dev_major: u32,
    dev_minor: u32,
    vma_name_size: u32,
    build_id_size: u32,
    vma_name_addr: u64,
    build_id_addr: u64,
}

const PROCMAP_QUERY: usize = 0xc068_6611;
const VMA_SHARED: u64 = 8;

/// A stretch of the kernel's map.
#[derive(Clone, Copy)]
pub struct Vma {
    /// exclusive end
    pub end: usize,
    /// bytes of its pages: more than [`PAGE`] for what is of the hugetlb pool
    pub page: usize,
    /// MAP_SHARED
    pub is_shared: bool,
    /// which file (0: none), on which device
    pub file: (u64, u32, u32),
    /// what to add to an address to get the offset in the file
    pub to_offset: u64,
}

/// What `at` lies in. `fd` is /proc/self/maps.
pub fn vma_at(fd: c_int, at: usize) -> Result<Vma, Errno> {
    let mut query = Query { size: size_of::<Query>() as u64, query_addr: at as u64, ..Query::default() };
    // SAFETY: the request takes this struct, and has no buffer to write to.
    unsafe { ioctl(fd, PROCMAP_QUERY, &mut query) }?;
    Ok(Vma {
        end: query.vma_end as usize,
        page: query.vma_page_size as usize,
        is_shared: query.vma_flags & VMA_SHARED != 0,
        file: (query.inode, query.dev_major, query.dev_minor),
        to_offset: query.vma_offset.wrapping_sub(query.vma_start),
    })
}

/// The same for whoever has no descriptor of /proc/self/maps.
pub fn mapping_at(at: usize) -> Result<Vma, Errno> {
    let fd = open(c"/proc/self/maps", libc::O_RDONLY, 0)?;
    let vma = vma_at(fd, at);
    close(fd);
    vma
}

/// Bytes of the pages of what is mapped at `at`.
pub fn page_size_at(at: usize) -> Option<usize> {
    mapping_at(at).ok().map(|vma| vma.page).filter(|page| page.is_power_of_two())
}
