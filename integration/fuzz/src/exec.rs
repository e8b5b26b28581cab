//! ELF files and scripts, as the library looks at them in an exec: its own file, with the system calls under it replaced by
//! ones that read one file in memory.
//!
//! What must hold here: whatever the file holds, the look ends, and soon: it reads little, whatever the file says of itself.
#![no_main]

use std::cell::RefCell;

use libfuzzer_sys::fuzz_target;

#[allow(dead_code, reason = "the library's own file, of which this uses what reads")]
#[path = "../../../src/shim/src/text.rs"]
mod text;

#[allow(dead_code, reason = "the same")]
#[path = "../../../src/shim/src/elf.rs"]
mod elf;

/// What `elf` takes from the one file that knows the machine.
mod arch {
    /// x86-64
    pub const MACHINE: u16 = 62;
}

thread_local! {
    static FILE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    static READS: RefCell<usize> = const { RefCell::new(0) };
}

/// What `elf` asks of the kernel, about the one file.
mod sys {
    use std::ffi::CStr;

    pub struct Stat {
        pub mode: u32,
        pub uid: u32,
    }

    pub fn stat(_: &CStr, _: bool) -> Result<Stat, i32> {
        Ok(Stat { mode: libc::S_IFREG | 0o755, uid: 0 })
    }

    pub fn fstat(_: i32) -> Result<Stat, i32> {
        stat(c"", true)
    }

    pub fn open(_: &CStr, _: i32, _: u32) -> Result<i32, i32> {
        Ok(3)
    }

    pub fn close(_: i32) {}

    pub fn is_executable(_: &CStr) -> bool {
        true
    }

    pub fn geteuid() -> u32 {
        1
    }

    pub fn has_xattr(_: i32, _: &CStr) -> bool {
        false
    }

    pub fn pread(_: i32, into: &mut [u8], offset: u64) -> Result<usize, i32> {
        super::READS.with_borrow_mut(|reads| *reads += 1);
        super::FILE.with_borrow(|file| {
            let rest = usize::try_from(offset).ok().and_then(|at| file.get(at..)).unwrap_or(&[]);
            let got = rest.len().min(into.len());
            into[..got].copy_from_slice(&rest[..got]);
            Ok(got)
        })
    }
}

/// More than any program needs: three looks at up to 65,535 program headers, 4096 dynamic entries, a string table read
/// once in pieces of 512.
fn enough(len: usize) -> usize {
    4 * (3 * 65_536 + 4096 + len / 256 + 16)
}

fuzz_target!(|data: &[u8]| {
    FILE.with_borrow_mut(|file| data.clone_into(file));
    READS.set(0);
    let _ = elf::look(c"/program");
    assert!(READS.take() <= enough(data.len()));
});
