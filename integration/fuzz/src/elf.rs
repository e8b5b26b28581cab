//! ELF files: a program that may be anything, looked at by the command before it is started.
//!
//! What must hold here: no file makes the look panic, hang or take memory without bound; a refusal is an error.
#![no_main]

use std::fs::File;
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;

#[path = "../../../src/cli/src/elf.rs"]
mod elf;

/// One file in memory for all inputs.
fn file() -> &'static (File, PathBuf) {
    static FILE: OnceLock<(File, PathBuf)> = OnceLock::new();
    FILE.get_or_init(|| {
        // SAFETY: the name is a constant string.
        let fd = unsafe { libc::memfd_create(c"elf".as_ptr(), libc::MFD_CLOEXEC) };
        assert!(fd >= 0, "no memfd");
        // SAFETY: the descriptor was made just now and is nobody else's.
        let file = unsafe { File::from_raw_fd(fd) };
        let path = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
        (file, path)
    })
}

fuzz_target!(|data: &[u8]| {
    let (file, path) = file();
    file.set_len(0).expect("a file in memory");
    file.write_all_at(data, 0).expect("a file in memory");
    let _ = elf::Header::of(data);
    if let Ok(facts) = elf::read(path) {
        assert!(facts.needed.iter().all(|name| name.len() <= data.len()));
    }
});
