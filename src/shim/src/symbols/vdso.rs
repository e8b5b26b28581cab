//! The clock of the kernel's own image in every process (vdso(7)).
//!
//! What must hold here: no other object's definition of clock_gettime is ever called, since it may be the program's own.

use core::ffi::c_int;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::{Object, Wanted};

/// The vDSO's clock_gettime(2).
pub type Clock = unsafe extern "C" fn(c_int, *mut libc::timespec) -> c_int;

const UNKNOWN_CLOCK: usize = 0;
const NO_CLOCK: usize = 1;
static CLOCK: AtomicUsize = AtomicUsize::new(UNKNOWN_CLOCK);

/// The program may no longer read the time stamp counter, or will not have others do so (PR_SET_TSC).
pub fn without_clock() {
    CLOCK.store(NO_CLOCK, Relaxed);
}

/// The kernel's own, which no other object's definition hides; None: there is no vDSO (valgrind, some sandboxes).
pub fn clock() -> Option<Clock> {
    let mut address = CLOCK.load(Relaxed);
    if address == UNKNOWN_CLOCK {
        address = in_vdso(&Wanted::new(c"__vdso_clock_gettime")).unwrap_or(NO_CLOCK);
        let _ = CLOCK.compare_exchange(UNKNOWN_CLOCK, address, Relaxed, Relaxed);
    }
    // SAFETY: what the kernel gives by this name is of this type (vdso(7)).
    (address != NO_CLOCK).then(|| unsafe { core::mem::transmute::<usize, Clock>(address) })
}

#[cold]
fn in_vdso(wanted: &Wanted) -> Option<usize> {
    // SAFETY: getauxval only reads.
    let base = unsafe { libc::getauxval(libc::AT_SYSINFO_EHDR) as usize };
    if base == 0 {
        return None;
    }
    // SAFETY: the kernel has mapped an ELF image there for as long as the process lives, linked at 0.
    unsafe {
        let header = &*(base as *const libc::Elf64_Ehdr);
        let first = (base + header.e_phoff as usize) as *const libc::Elf64_Phdr;
        let headers = core::slice::from_raw_parts(first, header.e_phnum.into());
        let dynamic = headers.iter().find(|h| h.p_type == libc::PT_DYNAMIC)?;
        Object::at(base, base + dynamic.p_vaddr as usize)?.lookup(wanted, false)
    }
}
