//! Whether running a file gives privileges (AT_SECURE), upon which the loader ignores LD_PRELOAD.
//!
//! What must hold here: the same answer as the kernel's `cap_bprm_creds_from_file`: what counts is the real user,
//! and nothing is gained on a nosuid mount or under no_new_privs.

use std::ffi::CString;
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::target::Why;

/// What of this file's mode or attributes makes the kernel set AT_SECURE for us.
pub fn gained(file: &Path) -> Option<Why> {
    let meta = file.metadata().ok()?;
    let path = CString::new(file.as_os_str().as_bytes()).ok()?;
    if no_new_privs() || is_nosuid(&path) {
        return None;
    }
    // SAFETY: getuid and getgid take nothing and cannot fail.
    let (uid, gid) = unsafe { (libc::getuid(), libc::getgid()) };
    if meta.mode() & libc::S_ISUID != 0 && meta.uid() != uid {
        return Some(Why::Setuid);
    }
    // Without the group's execute bit, setgid means something else and the kernel ignores it.
    let setgid = libc::S_ISGID | libc::S_IXGRP;
    if meta.mode() & setgid == setgid && meta.gid() != gid {
        return Some(Why::Setgid);
    }
    // Root gains nothing by file capabilities.
    (uid != 0 && has_capabilities(&path)).then_some(Why::Capabilities)
}

fn no_new_privs() -> bool {
    // SAFETY: PR_GET_NO_NEW_PRIVS reads one flag of this process; the other arguments must be 0.
    unsafe { libc::prctl(libc::PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 }
}

fn is_nosuid(path: &CString) -> bool {
    let mut about = MaybeUninit::<libc::statvfs>::zeroed();
    // SAFETY: `path` ends in NUL and `about` is large enough for statvfs to fill; all zeroes is a valid statvfs.
    let about = unsafe {
        libc::statvfs(path.as_ptr(), about.as_mut_ptr());
        about.assume_init()
    };
    about.f_flag & libc::ST_NOSUID != 0
}

/// Whether `security.capability` permits anything: two words of permitted and inheritable each (capability.h).
fn has_capabilities(path: &CString) -> bool {
    let mut data = [0u8; 24];
    // SAFETY: both strings end in NUL, and the kernel writes at most `data.len()` bytes.
    let len =
        unsafe { libc::getxattr(path.as_ptr(), c"security.capability".as_ptr(), data.as_mut_ptr().cast(), data.len()) };
    let permitted = [4..8, 12..16].into_iter().any(|word| data[word].iter().any(|b| *b != 0));
    len >= 12 && permitted
}
