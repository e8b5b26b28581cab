//! Can the preload reach this program? A look at its file before it is run.
//!
//! What must hold here: works in a vfork child (stack and system calls only; what is mapped is unmapped); a file that
//! can't be read or makes no sense is "reached": the loader will say what is wrong with it.

use core::ffi::CStr;

use faultless_core::page::Unreached;

use crate::arch::MACHINE;
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
        // Nothing but a file: to open a FIFO would wake whoever waits at its other end.
        let is_file = sys::stat(at.as_c(), true).is_ok_and(|st| st.mode & libc::S_IFMT == libc::S_IFREG);
        if !is_file {
            return Unreached::No;
        }
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
    if head.get(4) != Some(&ELFCLASS64) || u16_at(head, 18) != Some(MACHINE) {
        return Unreached::Machine;
    }
    let Ok(st) = sys::fstat(fd) else { return Unreached::No };
    // AT_SECURE: the ids change, or capabilities are gained.
    let sets_user = st.mode & libc::S_ISUID != 0 && st.uid != sys::geteuid();
    let sets_group = st.mode & libc::S_ISGID != 0 && st.mode & libc::S_IXGRP != 0 && sys::geteuid() != 0;
    if sets_user || sets_group || sys::has_xattr(fd, c"security.capability") && sys::geteuid() != 0 {
        return Unreached::Privileged;
    }
    tables(fd, head).unwrap_or(Unreached::No)
}

/// Reads exactly N bytes. By pread and not by mapping the file: one that is being rewritten would be SIGBUS.
fn at<const N: usize>(fd: i32, offset: u64) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    (sys::pread(fd, &mut bytes, offset) == Ok(N)).then_some(bytes)
}

fn tables(fd: i32, head: &[u8]) -> Option<Unreached> {
    const PT_LOAD: u32 = 1;
    const PT_DYNAMIC: u32 = 2;
    const PT_INTERP: u32 = 3;
    const DT_STRTAB: u64 = 5;
    const DT_STRSZ: u64 = 10;
    const HEADER: usize = 56;
    let (start, size, count) = (u64_at(head, 32)?, u64::from(u16_at(head, 54)?), u64::from(u16_at(head, 56)?));
    let header = |i: u64| at::<HEADER>(fd, start.checked_add(i * size)?);
    let kind = |h: &[u8; HEADER]| h.get(..4).and_then(|k| k.try_into().ok()).map_or(0, u32::from_le_bytes);
    let find = |wanted: &dyn Fn(&[u8; HEADER]) -> bool| (0..count).filter_map(header).find(|h| wanted(h));
    if find(&|h| kind(h) == PT_INTERP).is_none() {
        return Some(Unreached::Static);
    }
    let dynamic = find(&|h| kind(h) == PT_DYNAMIC)?;
    let (from, len) = (u64_at(&dynamic, 8)?, u64_at(&dynamic, 32)?.min(1 << 16));
    let entries = (0..len / 16).filter_map(|i| at::<16>(fd, from.checked_add(i * 16)?));
    let (mut address, mut bytes) = (None, None);
    for entry in entries {
        match u64_at(&entry, 0) {
            Some(0) => break,
            Some(DT_STRTAB) => address = u64_at(&entry, 8),
            Some(DT_STRSZ) => bytes = u64_at(&entry, 8),
            _ => {}
        }
    }
    let address = address?;
    let within =
        |h: &[u8; HEADER]| address.checked_sub(u64_at(h, 16)?).filter(|at| u64_at(h, 32).is_some_and(|len| *at < len));
    let load = find(&|h| kind(h) == PT_LOAD && within(h).is_some())?;
    let from = within(&load)?.checked_add(u64_at(&load, 8)?)?;
    Some(if has_a_sanitizer(fd, from, bytes?) { Unreached::Sanitizer } else { Unreached::No })
}

/// Whether a string table names a sanitizer that ends the program when we are loaded: gcc links libasan.so or libtsan.so,
/// clang puts the runtime in, which then defines its entry point.
fn has_a_sanitizer(fd: i32, from: u64, len: u64) -> bool {
    const NAMES: [&[u8]; 8] = [
        b"\0__asan_init\0",
        b"\0libasan.so",
        b"\0libclang_rt.asan",
        b"\0__tsan_init\0",
        b"\0libtsan.so",
        b"\0libclang_rt.tsan",
        b"\0__msan_init\0",
        b"\0libclang_rt.msan",
    ];
    const CHUNK: usize = 512;
    const LONGEST: usize = 18;
    let mut chunk = [0u8; CHUNK];
    let mut done = 0;
    while done < len {
        let wanted = (CHUNK as u64).min(len - done) as usize;
        let Some(into) = chunk.get_mut(..wanted) else { return false };
        let Ok(got @ 1..) = sys::pread(fd, into, from.saturating_add(done)) else { return false };
        let seen = chunk.get(..got).unwrap_or(&[]);
        if NAMES.iter().any(|name| seen.windows(name.len()).any(|w| w == *name)) {
            return true;
        }
        if got <= LONGEST {
            return false;
        }
        done += (got - LONGEST) as u64; // a name may lie across two chunks
    }
    false
}
