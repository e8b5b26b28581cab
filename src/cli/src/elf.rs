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
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Facts {
    /// PT_INTERP names a loader, or the file is a loader itself
    pub has_loader: bool,
    /// links the runtime of a sanitizer that bears no library before it, or has it inside
    pub sanitizer: Option<Sanitizer>,
    /// the loader that PT_INTERP names
    pub loader: Option<Vec<u8>>,
    /// the libraries that it links (DT_NEEDED)
    pub needed: Vec<Vec<u8>>,
    /// has a `malloc` of its own that other objects see
    pub defines_malloc: bool,
    /// is a Go program
    pub go: bool,
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
    let loader = segments.iter().find(|s| s.p_type(endian) == PT_INTERP);
    let loader_name = loader.and_then(|s| s.interpreter(endian, data).ok().flatten()).map(<[u8]>::to_vec);
    let mut facts = Facts {
        has_loader: loader.is_some(),
        sanitizer: None,
        loader: loader_name,
        needed: Vec::new(),
        defines_malloc: false,
        go: false,
    };
    let sections = header.sections(endian, data)?;
    facts.go = sections.section_by_name(endian, b".go.buildinfo").is_some();
    if let Some((entries, strings)) = sections.dynamic(endian, data)? {
        let strings = sections.strings(endian, data, strings)?;
        for entry in entries {
            let name = entry.string(endian, strings).unwrap_or(&[]);
            match entry.d_tag(endian) {
                DT_NEEDED => {
                    facts.sanitizer = facts.sanitizer.or(Sanitizer::by(name, Sanitizer::libraries));
                    facts.needed.push(name.to_vec());
                }
                // `/lib64/ld-linux-x86-64.so.2 ./program`: the loader has no loader, and honours LD_PRELOAD.
                DT_SONAME => facts.has_loader |= name.starts_with(b"ld-"),
                _ => {}
            }
        }
    }
    let symbols = sections.symbols(endian, data, SHT_DYNSYM)?;
    for symbol in symbols.iter() {
        let name = symbol.name(endian, symbols.strings()).unwrap_or(&[]);
        facts.sanitizer = facts.sanitizer.or(Sanitizer::by(name, Sanitizer::entries));
        facts.defines_malloc |= name == b"malloc" && !symbol.is_undefined(endian);
    }
    Ok(facts)
}

/// A runtime that a program was built with, and that ends it when our library is loaded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sanitizer {
    /// must come first in the link map
    Address,
    /// bears mappings only where it expects them
    Thread,
    /// the same
    Memory,
}

impl Sanitizer {
    const ALL: [Sanitizer; 3] = [Sanitizer::Address, Sanitizer::Thread, Sanitizer::Memory];

    /// How the libraries are called that gcc and clang link.
    fn libraries(self) -> &'static [&'static [u8]] {
        match self {
            Sanitizer::Address => &[b"libasan.so", b"libclang_rt.asan"],
            Sanitizer::Thread => &[b"libtsan.so", b"libclang_rt.tsan"],
            Sanitizer::Memory => &[b"libclang_rt.msan"],
        }
    }

    /// What a program that has it inside defines.
    fn entries(self) -> &'static [&'static [u8]] {
        match self {
            Sanitizer::Address => &[b"__asan_init"],
            Sanitizer::Thread => &[b"__tsan_init"],
            Sanitizer::Memory => &[b"__msan_init"],
        }
    }

    fn by(name: &[u8], names: fn(Sanitizer) -> &'static [&'static [u8]]) -> Option<Sanitizer> {
        Sanitizer::ALL.into_iter().find(|kind| names(*kind).iter().any(|start| name.starts_with(start)))
    }
}
