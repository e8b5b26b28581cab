//! Warms the machine before a measured run: memory that went back to the hypervisor costs far more on its next first
//! touch, and the first contender would pay for it.
//!
//! What must hold here: everything mapped is gone when the call returns.

/// Maps `bytes`, makes them resident and drops them. The error says that there is not so much memory.
pub fn memory(bytes: usize) -> Result<(), String> {
    const KIND: i32 = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: a new mapping, placed by the kernel; the whole of it is unmapped below and no reference to it is made.
    let at = unsafe { libc::mmap(std::ptr::null_mut(), bytes, libc::PROT_READ | libc::PROT_WRITE, KIND, -1, 0) };
    if at == libc::MAP_FAILED {
        return Err(format!("cannot map {} MiB to warm the machine", bytes >> 20));
    }
    // Huge pages where there are any: what went back to the hypervisor did so in pieces of that size.
    // SAFETY: exactly the mapping made above, which nothing else refers to; it is writable, so a byte may be written
    // to each of its pages.
    unsafe {
        libc::madvise(at, bytes, libc::MADV_HUGEPAGE);
        for offset in (0..bytes).step_by(4096) {
            at.cast::<u8>().add(offset).write_volatile(1);
        }
        libc::munmap(at, bytes);
    }
    Ok(())
}
