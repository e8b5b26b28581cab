//! Limits that the program sets itself: what we keep for it counts against them.
//!
//! What must hold here: as in `exports`; the kernel is asked for the limit, whatever the program's pointers point to.

use super::*;

/// After a limit was set: what is kept goes, where it would count against it. Not in a vfork child, whose limit is its
/// own: between that and an exec is where most limits are set.
pub fn limited(result: c_int, process: c_int, resource: c_int, is_set: bool) -> c_int {
    let counts = matches!(resource as u32, libc::RLIMIT_AS | libc::RLIMIT_DATA);
    if result == 0 && counts && is_set && (process == 0 || process as u32 == sys::getpid()) {
        after(|live| {
            if sys::rlimit(resource as u32) != libc::RLIM_INFINITY {
                recycle::purge(live);
                heap::give_back();
            }
        });
    }
    result
}

macro_rules! limits {
    ($($set:ident $set_real:ident $change:ident $change_real:ident;)*) => {$(
        /// setrlimit(2).
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $set(resource: c_int, limit: *const libc::rlimit) -> c_int {
            // SAFETY: the program's own call.
            limited(unsafe { $set_real.get()(resource, limit) }, 0, resource, true)
        }

        /// prlimit(2).
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $change(
            process: c_int,
            resource: c_int,
            limit: *const libc::rlimit,
            before: *mut libc::rlimit,
        ) -> c_int {
            // SAFETY: as above.
            let result = unsafe { $change_real.get()(process, resource, limit, before) };
            limited(result, process, resource, !limit.is_null())
        }
    )*};
}
limits! {
    setrlimit SETRLIMIT prlimit PRLIMIT;
    setrlimit64 SETRLIMIT64 prlimit64 PRLIMIT64;
}
