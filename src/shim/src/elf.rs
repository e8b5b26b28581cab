//! Can the preload reach this program? A look at its file before it is run.
//!
//! What must hold here: works in a vfork child (stack and system calls only; what is mapped is unmapped); a file that
//! can't be read or makes no sense is "reached": the loader will say what is wrong with it.

use core::ffi::CStr;

use faultless_core::page::Unreached;

use crate::sys;
use crate::text::Text;

/// `#!` lines that are followed.
const SCRIPTS: usize = 4;

/// Looks at a program, or at the interpreter of a script.
pub fn look(path: &CStr) -> Unreached {
    let mut at = Text::<256>::new();
    if at.push(path.to_bytes()).is_err() {
        return Unreached::No;
    }
    for _ in 0..SCRIPTS {
        let Ok(fd) = sys::open(at.as_c(), libc::O_RDONLY | libc::O_NONBLOCK, 0) else { return Unreached::No };
        let mut head = [0u8; 256];
        let filled = sys::pread(fd, &mut head, 0).unwrap_or(0);
        let head = head.get(..filled).unwrap_or(&[]);
        if let Some(line) = head.strip_prefix(b"#!") {
            sys::close(fd);
            let mut words = line.split(|b| matches!(b, b' ' | b'\t' | b'\n')).filter(|w| !w.is_empty());
            at.clear();
            if words.next().is_none_or(|interpreter| at.push(interpreter).is_err()) {
                return Unreached::No;
            }
            continue;
        }
        let verdict = program(fd, head);
        sys::close(fd);
        return verdict;
    }
    Unreached::No
}

/// Whether execvp would take this file.
pub fn is_executable(path: &CStr) -> bool {
    sys::is_executable(path) && sys::stat(path, true).is_ok_and(|st| st.mode & libc::S_IFMT == libc::S_IFREG)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2)?.try_into().ok().map(u16::from_le_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..at.checked_add(8)?)?.try_into().ok().map(u64::from_le_bytes)
}

fn program(fd: i32, head: &[u8]) -> Unreached {
    const ELFCLASS64: u8 = 2;
    if !head.starts_with(b"\x7fELF") {
        return Unreached::No;
    }
    if head.get(4) != Some(&ELFCLASS64) || u16_at(head, 18) != Some(OUR_MACHINE) {
        return Unreached::Machine;
    }
    let Ok(st) = sys::fstat(fd) else { return Unreached::No };
    // AT_SECURE: the ids change, or capabilities are gained.
    let sets_user = st.mode & libc::S_ISUID != 0 && st.uid != sys::geteuid();
    let sets_group = st.mode & libc::S_ISGID != 0 && st.mode & libc::S_IXGRP != 0 && sys::geteuid() != 0;
    if sets_user || sets_group || sys::has_xattr(fd, c"security.capability") && sys::geteuid() != 0 {
        return Unreached::Privileged;
    }
    let len = st.size as usize;
    if len < 64 {
        return Unreached::No;
    }
    // SAFETY: a fresh mapping, read only, unmapped below.
    let Ok(at) = (unsafe { sys::mmap(0, len, libc::PROT_READ, libc::MAP_PRIVATE, fd, 0) }) else {
        return Unreached::No;
    };
    // SAFETY: mapped for so many bytes; a file that is cut short at this very moment is about to fail in exec as well.
    let verdict = tables(unsafe { core::slice::from_raw_parts(at as *const u8, len) });
    // SAFETY: our own mapping.
    let _ = unsafe { sys::munmap(at, len) };
    verdict.unwrap_or(Unreached::No)
}

/// e_machine of this build.
const OUR_MACHINE: u16 = 62;

fn tables(file: &[u8]) -> Option<Unreached> {
    const PT_LOAD: u32 = 1;
    const PT_DYNAMIC: u32 = 2;
    const PT_INTERP: u32 = 3;
    const DT_STRTAB: u64 = 5;
    const DT_STRSZ: u64 = 10;
    let (start, size, count) = (u64_at(file, 32)? as usize, u16_at(file, 54)? as usize, u16_at(file, 56)? as usize);
    let header = |i: usize| file.get(start.checked_add(i.checked_mul(size)?)?..)?.get(..56);
    let kind = |h: &[u8]| h.get(..4)?.try_into().ok().map(u32::from_le_bytes);
    let find = |wanted| (0..count).filter_map(header).find(|h| kind(h) == Some(wanted));
    if find(PT_INTERP).is_none() {
        return Some(Unreached::Static);
    }
    let dynamic = find(PT_DYNAMIC)?;
    let from = u64_at(dynamic, 8)? as usize;
    let dynamic = file.get(from..from.checked_add(u64_at(dynamic, 32)? as usize)?)?;
    let tag = |wanted| dynamic.chunks_exact(16).find(|e| u64_at(e, 0) == Some(wanted)).and_then(|e| u64_at(e, 8));
    let address = tag(DT_STRTAB)?;
    let load = (0..count).filter_map(header).find(|h| {
        let (base, len) = (u64_at(h, 16).unwrap_or(0), u64_at(h, 32).unwrap_or(0));
        kind(h) == Some(PT_LOAD) && address.wrapping_sub(base) < len
    })?;
    let from = (address - u64_at(load, 16)? + u64_at(load, 8)?) as usize;
    let strings = file.get(from..from.checked_add(tag(DT_STRSZ)? as usize)?)?;
    // gcc links libasan.so; clang puts the runtime in, which then defines its entry point.
    let is_asan = |s: &[u8]| s == b"__asan_init" || s.starts_with(b"libasan.so") || s.starts_with(b"libclang_rt.asan");
    Some(if strings.split(|b| *b == 0).any(is_asan) { Unreached::Sanitizer } else { Unreached::No })
}
