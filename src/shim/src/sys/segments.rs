//! The calls of System V shared memory.
//!
//! What must hold here: as in `sys`.

use core::ffi::c_int;

use super::{Errno, call};

/// What shmctl(IPC_STAT) says of a segment.
#[derive(Clone, Copy)]
pub struct Segment {
    /// bytes, as they were asked for
    pub bytes: usize,
    /// its key; 0 is IPC_PRIVATE
    pub key: u32,
}

/// shmctl(2) with IPC_STAT.
pub fn segment(id: c_int) -> Result<Segment, Errno> {
    // SAFETY: all zeroes is a valid shmid_ds, and the kernel writes one.
    unsafe {
        let mut about: libc::shmid_ds = core::mem::zeroed();
        call(libc::SYS_shmctl, [id as usize, libc::IPC_STAT as usize, (&raw mut about) as usize])?;
        Ok(Segment { bytes: about.shm_segsz, key: about.shm_perm.__key as u32 })
    }
}
