//! What an ELF file says about being preloaded into: class, machine, loader, AddressSanitizer.
//!
//! What must hold here: only headers, the dynamic section and the dynamic symbols are read, through a cache, so
//! that a program of any size costs a few pages; nothing in the file is trusted.

use std::fs::File;
use std::path::Path;

use anyhow::{Context, Result};
use object::elf::{DT_NEEDED, DT_SONAME, FileHeader32, FileHeader64, PT_INTERP, SHT_DYNSYM};
use object::read::elf::{Dyn, FileHeader, ProgramHeader, Sym};
use object::{Endianness, ReadCache, ReadRef};

/// The first four bytes of every ELF file.
pub const MAGIC: &[u8] = b"\x7fELF";

/// Class (32 or 64 bit), byte order and machine: what must be the same for a library to be loaded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    class: u8,
    order: u8,
    machine: [u8; 2],
}

impl Header {
    /// Reads the header from the first bytes of a file; `None` if these are not an ELF header.
    pub fn of(bytes: &[u8]) -> Option<Header> {
        if !bytes.starts_with(MAGIC) {
            return None;
        }
        Some(Header { class: *bytes.get(4)?, order: *bytes.get(5)?, machine: [*bytes.get(18)?, *bytes.get(19)?] })
    }

    fn is_64(self) -> bool {
        self.class == 2
    }
}

/// What the dynamic part of a program says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Facts {
    /// PT_INTERP names a loader, or the file is a loader itself
    pub has_loader: bool,
    /// links AddressSanitizer's runtime, or has it inside
    pub asan: bool,
}

/// Reads a program's file.
pub fn read(path: &Path) -> Result<Facts> {
    let cache = ReadCache::new(File::open(path)?);
    let head = cache.read_bytes_at(0, 20).ok().and_then(Header::of).context("not an ELF file")?;
    if head.is_64() {
        facts::<FileHeader64<Endianness>, _>(&cache)
    } else {
        facts::<FileHeader32<Endianness>, _>(&cache)
    }
}

fn facts<'data, H: FileHeader<Endian = Endianness>, R: ReadRef<'data>>(data: R) -> Result<Facts> {
    let header = H::parse(data)?;
    let endian = header.endian()?;
    let segments = header.program_headers(endian, data)?;
    let mut facts = Facts { has_loader: segments.iter().any(|s| s.p_type(endian) == PT_INTERP), asan: false };
    let sections = header.sections(endian, data)?;
    if let Some((entries, strings)) = sections.dynamic(endian, data)? {
        let strings = sections.strings(endian, data, strings)?;
        for entry in entries {
            let name = entry.string(endian, strings).unwrap_or(&[]);
            match entry.d_tag(endian) {
                DT_NEEDED => facts.asan |= is_asan_library(name),
                // `/lib64/ld-linux-x86-64.so.2 ./program`: the loader has no loader, and honours LD_PRELOAD.
                DT_SONAME => facts.has_loader |= name.starts_with(b"ld-"),
                _ => {}
            }
        }
    }
    let symbols = sections.symbols(endian, data, SHT_DYNSYM)?;
    facts.asan |= symbols.iter().any(|s| s.name(endian, symbols.strings()).is_ok_and(|n| n == b"__asan_init"));
    Ok(facts)
}

fn is_asan_library(name: &[u8]) -> bool {
    name.starts_with(b"libasan.so") || name.starts_with(b"libclang_rt.asan")
}
