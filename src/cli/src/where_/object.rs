//! What an ELF file says about its functions: their names, and how to unwind them.
//!
//! What must hold here: nothing in the file is trusted; a name from outside is shown without control characters.

use std::fs::{self, File};
use std::ops::{Deref, Range};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use framehop::{ExplicitModuleSectionInfo, Module};
use object::{Object as _, ObjectSection, ObjectSegment, ObjectSymbol, ReadCache, SymbolKind};

/// Bytes that modules share.
#[derive(Clone, Default)]
pub struct Bytes(Rc<[u8]>);

impl Deref for Bytes {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.0
    }
}

/// A section: where it is linked to, and its bytes.
type Section = (Range<u64>, Bytes);

/// An object file.
pub struct Object {
    /// its path as the process sees it
    pub path: PathBuf,
    /// code that others call on behalf of the program: the C library, the loader, the C++ runtime, allocators
    pub is_runtime: bool,
    segments: Vec<Segment>,
    /// by address; start, end, name
    symbols: Vec<(u64, u64, String)>,
    text: Option<Section>,
    eh_frame: Option<Section>,
    eh_frame_hdr: Option<Section>,
}

struct Segment {
    address: u64,
    offset: u64,
    size: u64,
}

/// The longest section that is read for unwinding, in bytes: programs of gigabytes exist.
const LARGEST_SECTION: u64 = 256 << 20;

impl Object {
    /// Reads the file of a mapping in this process; an object without anything if that cannot be.
    pub fn read(pid: u32, path: &Path) -> Object {
        let mut object = Object {
            path: path.to_owned(),
            is_runtime: is_runtime(path),
            segments: Vec::new(),
            symbols: Vec::new(),
            text: None,
            eh_frame: None,
            eh_frame_hdr: None,
        };
        let inside = Path::new("/proc").join(pid.to_string()).join("root");
        let inside = inside.join(path.strip_prefix("/").unwrap_or(path));
        let is_file = |p: &Path| fs::metadata(p).is_ok_and(|m| m.is_file());
        let file = [inside.as_path(), path].into_iter().filter(|p| is_file(p)).find_map(|p| File::open(p).ok());
        if let Some(file) = file {
            object.fill(&ReadCache::new(file));
        }
        object
    }

    fn fill(&mut self, data: &ReadCache<File>) {
        let Ok(file) = object::File::parse(data) else { return };
        self.segments = file
            .segments()
            .map(|s| Segment { address: s.address(), offset: s.file_range().0, size: s.file_range().1 })
            .collect();
        let section = |name: &str| {
            let section = file.section_by_name(name).filter(|s| s.size() <= LARGEST_SECTION)?;
            let data = section.data().ok()?;
            Some((section.address()..section.address() + data.len() as u64, Bytes(data.into())))
        };
        self.text = section(".text");
        self.eh_frame = section(".eh_frame");
        self.eh_frame_hdr = section(".eh_frame_hdr");
        let all = file.symbols().chain(file.dynamic_symbols());
        let functions = all.filter(|s| s.is_definition() && s.kind() == SymbolKind::Text && s.address() != 0);
        self.symbols = functions
            .filter_map(|s| Some((s.address(), s.address() + s.size(), s.name().ok()?.to_owned())))
            .filter(|(_, _, name)| !name.is_empty())
            .collect();
        // Of several names for one function the one that takes least reading.
        self.symbols.sort_by_key(|s| (s.0, plainness(&s.2)));
        self.symbols.dedup_by_key(|s| s.0);
        // Assembly may leave its size out: it reaches as far as the next.
        for i in 0..self.symbols.len() {
            if self.symbols[i].0 == self.symbols[i].1 {
                self.symbols[i].1 = self.symbols.get(i + 1).map_or(u64::MAX, |next| next.0);
            }
        }
    }

    /// How far the object was moved, given one of its mappings; `None` if no segment has that part of the file.
    pub fn bias(&self, start: u64, offset: u64) -> Option<u64> {
        let page = super::perf::page() as u64;
        let holds = |s: &&Segment| s.size != 0 && (s.offset & !(page - 1)..s.offset + s.size).contains(&offset);
        let segment = self.segments.iter().rev().find(holds)?;
        Some(start.wrapping_sub(segment.address.wrapping_add(offset).wrapping_sub(segment.offset)))
    }

    /// The function at this address as linked, readable.
    pub fn function(&self, address: u64) -> Option<String> {
        let at = self.symbols.partition_point(|s| s.0 <= address);
        let (_, end, name) = self.symbols.get(at.checked_sub(1)?)?;
        (address < *end).then(|| readable(name))
    }

    /// What framehop needs, for the object moved by `bias` and mapped in `range`.
    pub fn module(&self, range: Range<u64>, bias: u64) -> Module<Bytes> {
        let parts = |s: &Option<Section>| s.clone().map_or((None, None), |(range, bytes)| (Some(range), Some(bytes)));
        let (text_svma, text) = parts(&self.text);
        let (eh_frame_svma, eh_frame) = parts(&self.eh_frame);
        let (eh_frame_hdr_svma, eh_frame_hdr) = parts(&self.eh_frame_hdr);
        let sections = ExplicitModuleSectionInfo {
            text_svma,
            text,
            eh_frame_svma,
            eh_frame,
            eh_frame_hdr_svma,
            eh_frame_hdr,
            ..Default::default()
        };
        Module::new(String::new(), range, bias, sections)
    }
}

/// Fewer leading underscores first, then the shorter.
fn plainness(name: &str) -> (usize, usize) {
    (name.len() - name.trim_start_matches('_').len(), name.len())
}

/// Demangled, without the hash of Rust and without what no terminal should see.
fn readable(name: &str) -> String {
    // foo.constprop.0, foo.cold, foo.lto_priv.3: still foo.
    let bare = match name.split_once('.') {
        Some((bare, _)) if !bare.is_empty() => bare,
        _ => name,
    };
    let bare = bare.split('@').next().unwrap_or(bare);
    let text = if let Ok(rust) = rustc_demangle::try_demangle(bare) {
        format!("{rust:#}")
    } else if bare.starts_with("_Z") {
        let options = cpp_demangle::DemangleOptions::new().no_params().no_return_type();
        let symbol = cpp_demangle::Symbol::new(bare.as_bytes()).ok();
        symbol.and_then(|s| s.demangle_with_options(&options).ok()).unwrap_or_else(|| bare.to_owned())
    } else {
        bare.to_owned()
    };
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

fn is_runtime(path: &Path) -> bool {
    const BEGINNINGS: [&str; 10] = [
        "libc.so",
        "libc-2.",
        "libc.musl-",
        "libpthread",
        "libstdc++.so",
        "libc++",
        "libgcc_s",
        "libjemalloc",
        "libtcmalloc",
        "libmimalloc",
    ];
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    is_loader(&name) || BEGINNINGS.iter().any(|beginning| name.starts_with(beginning))
}

/// Whether a file of this name is a loader: it runs ahead of the program.
pub fn is_loader(name: &str) -> bool {
    ["ld-linux", "ld-musl-", "ld-2.", "ld64.so"].iter().any(|beginning| name.starts_with(beginning))
}

/// Whether a function hands out memory.
pub fn allocates(name: &str) -> bool {
    const NAMES: [&str; 12] = [
        "malloc",
        "calloc",
        "realloc",
        "reallocarray",
        "memalign",
        "aligned_alloc",
        "posix_memalign",
        "valloc",
        "pvalloc",
        "int_malloc",
        "sysmalloc",
        "libc_malloc",
    ];
    NAMES.contains(&name.trim_start_matches('_'))
}

/// Whether a function of the program's own file is the C library's, linked in: what copies, fills and allocates.
pub fn is_linked_in(name: &str) -> bool {
    let bare = name.trim_start_matches('_');
    let underscored = bare.len() != name.len();
    allocates(name)
        || name.starts_with("operator new")
        || ["memset", "memcpy", "memmove", "mempcpy", "free", "int_free", "int_realloc", "libc_calloc"].contains(&bare)
        || underscored && ["memset_", "memcpy_", "memmove_", "libc_", "strcpy_"].iter().any(|s| bare.starts_with(s))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_readable() {
        assert_eq!(readable("_ZN3foo3barEi"), "foo::bar");
        assert_eq!(readable("_ZN4core3fmt5write17h0123456789abcdefE"), "core::fmt::write");
        assert_eq!(readable("touch.constprop.0"), "touch");
        assert_eq!(readable("main"), "main");
        assert_eq!(readable("a\x1bb"), "a\u{fffd}b");
    }

    #[test]
    fn what_the_program_calls_for_memory_is_told_from_what_it_does() {
        for name in ["malloc", "__libc_malloc", "memset", "__memset_avx2_unaligned_erms", "_int_malloc", "sysmalloc"] {
            assert!(is_linked_in(name), "{name}");
        }
        for name in ["main", "memset_all", "touch", "my_malloc", "free_list"] {
            assert!(!is_linked_in(name), "{name}");
        }
    }

    #[test]
    fn our_own_functions_are_found_at_their_address() {
        let path = std::env::current_exe().unwrap();
        let object = Object::read(std::process::id(), &path);
        let here = our_own_functions_are_found_at_their_address as *const () as u64;
        let all = crate::maps::read(std::process::id() as i32).unwrap();
        let mapping = all.iter().find(|m| m.start <= here && here < m.end).unwrap();
        let bias = object.bias(mapping.start, mapping.offset).unwrap();
        let name = object.function(here - bias).unwrap();
        assert!(name.ends_with("our_own_functions_are_found_at_their_address"), "{name}");
    }

    #[test]
    fn a_file_that_is_none_is_an_object_without_functions() {
        assert_eq!(Object::read(std::process::id(), Path::new("/proc/self/status")).function(1), None);
        assert_eq!(Object::read(std::process::id(), Path::new("/nonexistent")).function(1), None);
    }
}
