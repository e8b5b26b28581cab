//! Finds the next definition of a symbol behind us, as `dlsym(RTLD_NEXT)` does, without calling it.
//!
//! Why not dlsym: it may allocate (glibc's error buffer), it looks at its return address (a tail call of it from a
//! constructor crashes in ld.so), and before glibc 2.34 it is in libdl, a second library to load in every process.
//! The dynamic tables of the loaded objects, which `dl_iterate_phdr(3)` names in search order, hold all we need.
//!
//! What must hold here: reads only. The loader's lists are walked in the constructor, when they are whole; what is looked
//! up later ([`late`]) is read from the tables of the objects that the walk met behind us, which stay loaded as long as
//! the program: no lock, no allocation, in any context. Tables that we can't make sense of mean "not found".

mod vdso;

use core::ffi::{CStr, c_int, c_void};
use core::ptr;
use core::sync::atomic::{AtomicUsize, Ordering::*};

pub use vdso::{clock, without_clock};

/// Most objects behind us up to the C library: with more, everything is looked up at the start.
const MOST_BEHIND: usize = 64;

/// Base address and dynamic section of each, in search order.
#[unsafe(link_section = ".bss.start")]
static BEHIND: [(AtomicUsize, AtomicUsize); MOST_BEHIND] =
    [const { (AtomicUsize::new(0), AtomicUsize::new(0)) }; MOST_BEHIND];
/// How many there are; 0: not known.
#[unsafe(link_section = ".bss.start")]
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// One loaded object's dynamic tables.
#[derive(Clone, Copy)]
struct Object {
    base: usize,
    symbols: *const libc::Elf64_Sym,
    strings: *const u8,
    gnu_hash: *const u32,
    sysv_hash: *const u32,
    versions: *const u16,
    needed: *const u8,
}

/// A function that is looked for.
pub struct Wanted {
    name: &'static CStr,
    hash: u32,
    /// where it is; 0: not found
    pub address: usize,
    /// load address of the object that defines it
    pub object: usize,
    /// where an object before this library defines it too; 0: none does
    pub before_us: usize,
}

impl Wanted {
    /// Not yet looked for.
    pub const fn new(name: &'static CStr) -> Wanted {
        let (bytes, mut hash, mut i) = (name.to_bytes(), 5381u32, 0);
        while i < bytes.len() {
            hash = hash.wrapping_mul(33).wrapping_add(bytes[i] as u32);
            i += 1;
        }
        Wanted { name, hash, address: 0, object: 0, before_us: 0 }
    }

    /// Whether both were found in one object.
    pub fn is_beside(&self, other: &Wanted) -> bool {
        self.address != 0 && other.address != 0 && self.object == other.object
    }
}

/// Where to look.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Where {
    /// in the objects after this library, in search order
    Next,
    /// in all of them but this library; what `Next` falls back to when we were loaded last (dlopen)
    Others,
}

struct Search<'a> {
    wanted: &'a mut [Wanted],
    scope: Where,
    passed_ours: bool,
    /// so many of the wanted, from the first, are also looked for in the objects before us
    family: usize,
    /// objects behind us are remembered
    keeps: bool,
    /// how many were met
    behind: usize,
}

/// Looks all of them up behind us, in one walk over the loaded objects; what nobody behind us defines, anywhere else.
pub fn real(wanted: &mut [Wanted]) {
    walk(wanted, Where::Next, 0, false);
    if wanted.iter().any(|w| w.address == 0) {
        walk(wanted, Where::Others, 0, false);
    }
}

/// The same for what every process needs, with a symbol of the C library's among it: the constructor's walk, after which
/// [`late`] may know where to look. Returns whether the program's own calls of the first `family` of them all reach this
/// library, which defines them.
pub fn first(wanted: &mut [Wanted], family: usize) -> bool {
    let behind = walk(wanted, Where::Next, family, true);
    if wanted.iter().any(|w| w.address == 0) {
        walk(wanted, Where::Others, 0, false);
    } else if behind <= MOST_BEHIND {
        // The C library is among them, and whatever stands before it: they came with the program, and stay.
        COUNT.store(behind, Release);
    }
    wanted.iter().all(|w| w.before_us == 0)
}

/// The same where [`late`] can know them, and only otherwise by a walk: that waits for whoever is in one, or loads a library.
pub fn real_but_late(wanted: &mut [Wanted]) {
    for wanted in wanted.iter_mut() {
        wanted.address = late(wanted);
    }
    if wanted.iter().any(|w| w.address == 0) {
        real(wanted);
    }
}

/// Whether [`late`] knows where to look.
pub fn may_be_late() -> bool {
    COUNT.load(Acquire) != 0
}

/// Whether all of these are first defined by the same object behind us; true where that is not known.
pub fn are_beside(names: &[&'static CStr]) -> bool {
    let object = |name: &&'static CStr| {
        let wanted = Wanted::new(name);
        let defines = |(base, dynamic): &&(AtomicUsize, AtomicUsize)| {
            // SAFETY: an object that the constructor's walk met, and that stays loaded.
            let object = unsafe { Object::at(base.load(Relaxed), dynamic.load(Relaxed)) };
            // SAFETY: as above.
            object.is_some_and(|object| unsafe { object.index(&wanted, false) }.is_some())
        };
        BEHIND.iter().take(COUNT.load(Acquire)).find(defines).map(|(base, _)| base.load(Relaxed))
    };
    let mut objects = names.iter().filter_map(object);
    let first = objects.next();
    objects.all(|object| Some(object) == first)
}

/// Where the next definition behind us is; 0: nowhere, or [`may_be_late`] says no.
pub fn late(wanted: &Wanted) -> usize {
    behind(wanted, false)
}

/// The first definition behind us, of the default version or of another; 0: none.
fn behind(wanted: &Wanted, is_old: bool) -> usize {
    let find = |(base, dynamic): &(AtomicUsize, AtomicUsize)| {
        // SAFETY: an object that the constructor's walk met, and that stays loaded.
        unsafe { Object::at(base.load(Relaxed), dynamic.load(Relaxed))?.lookup(wanted, is_old) }
    };
    BEHIND.iter().take(COUNT.load(Acquire)).find_map(find).unwrap_or(0)
}

/// The program, as the kernel tells where it lies, if it holds the address. None, too: it tells of the loader, which was run with
/// the program as argument.
fn program_around(address: usize) -> Option<Object> {
    // SAFETY: getauxval only reads.
    let [start, count, loader] =
        [libc::AT_PHDR, libc::AT_PHNUM, libc::AT_BASE].map(|of| unsafe { libc::getauxval(of) as usize });
    if start == 0 || loader == 0 {
        return None;
    }
    // SAFETY: the program's own headers, mapped for as long as it runs.
    let headers = unsafe { core::slice::from_raw_parts(start as *const libc::Elf64_Phdr, count) };
    let of = |kind| headers.iter().find(|h| h.p_type == kind);
    let base = start.wrapping_sub(of(libc::PT_PHDR)?.p_vaddr as usize);
    if !lies_in(headers, base, address) {
        return None;
    }
    // SAFETY: the program is loaded.
    unsafe { Object::at(base, base.wrapping_add(of(libc::PT_DYNAMIC)?.p_vaddr as usize)) }
}

/// The version of a function that the object which `caller` lies in was linked with, where that is `version` and no longer the
/// default one: our export, which has no version, catches its calls too. None: it wants the default.
pub fn old(name: &'static CStr, version: &CStr, caller: usize) -> Option<usize> {
    struct Look<'a> {
        wanted: Wanted,
        version: &'a CStr,
        caller: usize,
        is_needed: bool,
    }
    unsafe extern "C" fn visit(info: *mut libc::dl_phdr_info, _size: usize, look: *mut c_void) -> c_int {
        // SAFETY: as for `super::visit`.
        let (info, look) = unsafe { (&*info, &mut *look.cast::<Look<'_>>()) };
        // SAFETY: the object is loaded.
        let object = tables(info).and_then(|(base, dynamic)| unsafe { Object::at(base, dynamic) });
        let Some(object) = object else { return 0 };
        // SAFETY: as above.
        unsafe {
            if holds(info, look.caller) {
                look.is_needed = object.needs(look.wanted.name, look.version);
                if !look.is_needed {
                    return 1;
                }
            }
            if look.wanted.address == 0 {
                look.wanted.address = object.lookup(&look.wanted, true).unwrap_or(0);
            }
        }
        c_int::from(look.is_needed && look.wanted.address != 0)
    }
    // Without the walk, where that can be had: it waits for whoever is in one.
    if let Some(program) = program_around(caller)
        && may_be_late()
    {
        let wanted = Wanted::new(name);
        // SAFETY: the program stays loaded.
        let needs = unsafe { program.needs(name, version) };
        return needs.then(|| behind(&wanted, true)).filter(|address| *address != 0);
    }
    let mut look = Look { wanted: Wanted::new(name), version, caller, is_needed: false };
    // SAFETY: the callback's type fits, and `look` outlives the call.
    unsafe { libc::dl_iterate_phdr(Some(visit), (&raw mut look).cast()) };
    (look.is_needed && look.wanted.address != 0).then_some(look.wanted.address)
}

/// Returns how many objects were met behind us.
fn walk(wanted: &mut [Wanted], scope: Where, family: usize, keeps: bool) -> usize {
    let mut search = Search { wanted, scope, passed_ours: false, family, keeps, behind: 0 };
    // SAFETY: `visit` matches the callback's type and does not keep the pointers; `search` outlives the call.
    unsafe { libc::dl_iterate_phdr(Some(visit), (&raw mut search).cast()) };
    search.behind
}

unsafe extern "C" fn visit(info: *mut libc::dl_phdr_info, _size: usize, search: *mut c_void) -> c_int {
    // SAFETY: dl_iterate_phdr hands us a valid info, and `walk` a valid Search.
    let (info, search) = unsafe { (&*info, &mut *search.cast::<Search<'_>>()) };
    if !search.passed_ours && holds(info, walk as *const () as usize) {
        search.passed_ours = true;
        return 0;
    }
    let Some((base, dynamic)) = tables(info) else { return 0 };
    if search.passed_ours && search.keeps {
        if let Some(place) = BEHIND.get(search.behind) {
            place.0.store(base, Relaxed);
            place.1.store(dynamic, Relaxed);
        }
        search.behind += 1;
    }
    // SAFETY: the object is loaded, so its dynamic tables are mapped.
    let Some(object) = (unsafe { Object::at(base, dynamic) }) else { return 0 };
    if !search.passed_ours && search.scope == Where::Next {
        for wanted in search.wanted.iter_mut().take(search.family).filter(|w| w.before_us == 0) {
            // SAFETY: as above.
            wanted.before_us = unsafe { object.lookup(wanted, false) }.unwrap_or(0);
        }
        return 0;
    }
    for wanted in search.wanted.iter_mut().filter(|w| w.address == 0) {
        // SAFETY: as above.
        if let Some(address) = unsafe { object.lookup(wanted, false) } {
            (wanted.address, wanted.object) = (address, object.base);
        }
    }
    c_int::from(search.passed_ours && search.wanted.iter().all(|w| w.address != 0))
}

/// The program headers of an object.
fn headers(info: &libc::dl_phdr_info) -> &[libc::Elf64_Phdr] {
    if info.dlpi_phdr.is_null() {
        return &[];
    }
    // SAFETY: the loader gives as many headers as it says.
    unsafe { core::slice::from_raw_parts(info.dlpi_phdr, info.dlpi_phnum as usize) }
}

/// Where an object was loaded, and its dynamic section.
fn tables(info: &libc::dl_phdr_info) -> Option<(usize, usize)> {
    let base = info.dlpi_addr as usize;
    let dynamic = headers(info).iter().find(|h| h.p_type == libc::PT_DYNAMIC)?;
    Some((base, base + dynamic.p_vaddr as usize))
}

fn holds(info: &libc::dl_phdr_info, address: usize) -> bool {
    lies_in(headers(info), info.dlpi_addr as usize, address)
}

/// Whether an object with these headers, loaded at `base`, holds the address.
fn lies_in(headers: &[libc::Elf64_Phdr], base: usize, address: usize) -> bool {
    let offset = address.wrapping_sub(base) as u64;
    headers.iter().any(|h| h.p_type == libc::PT_LOAD && offset.wrapping_sub(h.p_vaddr) < h.p_memsz)
}

impl Object {
    /// # Safety
    /// What [`tables`] gave of an object that is loaded.
    unsafe fn at(base: usize, dynamic: usize) -> Option<Object> {
        const DT_HASH: i64 = 4;
        const DT_STRTAB: i64 = 5;
        const DT_SYMTAB: i64 = 6;
        const DT_GNU_HASH: i64 = 0x6fff_fef5;
        const DT_VERSYM: i64 = 0x6fff_fff0;
        const DT_VERNEED: i64 = 0x6fff_fffe;
        let mut entry = dynamic as *const [i64; 2];
        let (mut symbols, mut strings, mut gnu, mut sysv, mut versions, mut needed) = (0, 0, 0, 0, 0, 0);
        loop {
            // SAFETY: the dynamic section ends with DT_NULL.
            let [tag, value] = unsafe { entry.read() };
            // glibc has relocated the pointers in place, musl and the vDSO have not.
            let address = if (value as usize) < base { base + value as usize } else { value as usize };
            match tag {
                0 => break,
                DT_HASH => sysv = address,
                DT_STRTAB => strings = address,
                DT_SYMTAB => symbols = address,
                DT_GNU_HASH => gnu = address,
                DT_VERSYM => versions = address,
                DT_VERNEED => needed = address,
                _ => {}
            }
            // SAFETY: not yet at DT_NULL.
            entry = unsafe { entry.add(1) };
        }
        (symbols != 0 && strings != 0).then_some(Object {
            base,
            symbols: symbols as *const libc::Elf64_Sym,
            strings: strings as *const u8,
            gnu_hash: gnu as *const u32,
            sysv_hash: sysv as *const u32,
            versions: versions as *const u16,
            needed: needed as *const u8,
        })
    }

    /// Whether the object's own reference to `name` asks for this version.
    ///
    /// # Safety
    /// The tables must be those of a loaded object.
    unsafe fn needs(&self, name: &CStr, version: &CStr) -> bool {
        if self.gnu_hash.is_null() || self.versions.is_null() || self.needed.is_null() {
            return false;
        }
        // SAFETY: undefined symbols come before the first one that the hash table knows (its second word); each version that
        // is needed has an entry (Elf64_Verneed) with a chain of names (Elf64_Vernaux), whose offsets end with 0.
        unsafe {
            let first_hashed = self.gnu_hash.add(1).read() as usize;
            let is_it = |i: &usize| {
                let symbol = &*self.symbols.add(*i);
                CStr::from_ptr(self.strings.add(symbol.st_name as usize).cast()) == name
            };
            let Some(index) = (1..first_hashed).find(is_it) else { return false };
            let wanted = self.versions.add(index).read() & 0x7fff;
            let mut need = self.needed;
            loop {
                let [_, count, _, _, aux, _, next, _]: [u16; 8] = need.cast::<[u16; 8]>().read_unaligned();
                let mut name = need.add(aux as usize);
                for _ in 0..count {
                    let [_, _, _, other, low, high, after, _]: [u16; 8] = name.cast::<[u16; 8]>().read_unaligned();
                    if other == wanted {
                        let at = low as usize | (high as usize) << 16;
                        return CStr::from_ptr(self.strings.add(at).cast()) == version;
                    }
                    name = name.add(after as usize);
                }
                if next == 0 {
                    return false;
                }
                need = need.add(next as usize);
            }
        }
    }

    /// # Safety
    /// The tables must be those of a loaded object.
    unsafe fn index(&self, wanted: &Wanted, hidden: bool) -> Option<usize> {
        // SAFETY: as the caller says.
        unsafe {
            if !self.gnu_hash.is_null() {
                self.gnu(wanted, hidden)
            } else if !self.sysv_hash.is_null() && !hidden {
                self.sysv(wanted.name)
            } else {
                None
            }
        }
    }

    /// # Safety
    /// The tables must be those of a loaded object.
    unsafe fn lookup(&self, wanted: &Wanted, hidden: bool) -> Option<usize> {
        // SAFETY: as the caller says.
        let index = unsafe { self.index(wanted, hidden) }?;
        // SAFETY: an index out of the hash table lies in the symbol table.
        let symbol = unsafe { &*self.symbols.add(index) };
        let address = self.base + symbol.st_value as usize;
        const STT_GNU_IFUNC: u8 = 10;
        Some(if symbol.st_info & 0xf == STT_GNU_IFUNC {
            // SAFETY: an IFUNC symbol's value is its resolver, which takes no argument that we would have to give.
            unsafe { core::mem::transmute::<usize, extern "C" fn() -> usize>(address)() }
        } else {
            address
        })
    }

    /// # Safety
    /// `gnu_hash` must be such a table (see the GNU gABI extension: nbuckets, symoffset, bloom_size, bloom_shift).
    unsafe fn gnu(&self, wanted: &Wanted, hidden: bool) -> Option<usize> {
        let hash = wanted.hash;
        // SAFETY: the table's own sizes bound every access below.
        unsafe {
            let [buckets, first, bloom_words, shift]: [u32; 4] = self.gnu_hash.cast::<[u32; 4]>().read();
            if buckets == 0 || bloom_words == 0 {
                return None;
            }
            let bloom = self.gnu_hash.add(4).cast::<u64>();
            let word = bloom.add((hash / 64 % bloom_words) as usize).read_unaligned();
            if word >> (hash % 64) & (word >> ((hash >> shift) % 64)) & 1 == 0 {
                return None;
            }
            let bucket = bloom.add(bloom_words as usize).cast::<u32>();
            let chain = bucket.add(buckets as usize);
            let mut index = bucket.add((hash % buckets) as usize).read();
            if index < first {
                return None;
            }
            let mut any = None;
            loop {
                let found = chain.add((index - first) as usize).read();
                if found | 1 == hash | 1 && self.is(index as usize, wanted.name) {
                    if self.is_default_version(index as usize) != hidden {
                        return Some(index as usize);
                    }
                    any = any.or((!hidden).then_some(index as usize));
                }
                if found & 1 == 1 {
                    return any;
                }
                index += 1;
            }
        }
    }

    /// # Safety
    /// `sysv_hash` must be a DT_HASH table: nbucket, nchain, buckets, chains.
    unsafe fn sysv(&self, name: &CStr) -> Option<usize> {
        // SAFETY: the table's own sizes bound every access below.
        unsafe {
            let count = self.sysv_hash.add(1).read() as usize;
            (1..count).find(|i| self.is(*i, name) && self.is_default_version(*i))
        }
    }

    /// # Safety
    /// `index` must lie in the symbol table.
    unsafe fn is(&self, index: usize, name: &CStr) -> bool {
        // SAFETY: names are NUL-terminated strings in the string table.
        unsafe {
            let symbol = &*self.symbols.add(index);
            symbol.st_shndx != 0
                && symbol.st_value != 0
                && CStr::from_ptr(self.strings.add(symbol.st_name as usize).cast()) == name
        }
    }

    /// # Safety
    /// `index` must lie in the symbol table.
    unsafe fn is_default_version(&self, index: usize) -> bool {
        const HIDDEN: u16 = 0x8000;
        // SAFETY: DT_VERSYM has an entry for each symbol.
        ptr::eq(self.versions, ptr::null()) || unsafe { self.versions.add(index).read() } & HIDDEN == 0
    }
}
