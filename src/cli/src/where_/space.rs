//! The memory of one process as the kernel's records tell it: what is mapped where, which of it is a malloc block or
//! a thread's arena, which pages have been had before.
//!
//! What must hold here: the kinds are the rules' kinds. The kernel says nothing of munmap and mremap, so what is
//! known may be out of date: a record replaces what it covers, and an address that is not known is looked up.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::os::unix::fs::FileExt;
use std::rc::Rc;

use super::perf;
use super::record::Map;
use crate::maps;

/// The kinds of the rules, and what no rule is about.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Kind {
    /// a block that malloc maps for itself
    Malloc,
    /// brk and arenas
    Heap,
    /// private anonymous mappings
    Anon,
    /// mapped files
    File,
    /// shared anonymous memory
    Shm,
    /// of the main thread and others
    Stack,
    /// code
    Text,
    /// the data of programs and libraries, which only `any` is about
    Data,
    /// vdso and the like, and what was gone before it could be looked up
    Other,
}

impl Kind {
    /// Its name, as in rules where there is one.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Malloc => "malloc",
            Kind::Heap => "heap",
            Kind::Anon => "anon",
            Kind::File => "file",
            Kind::Shm => "shm",
            Kind::Stack => "stack",
            Kind::Text => "text",
            Kind::Data => "data",
            Kind::Other => "other",
        }
    }
}

/// A mapping.
#[derive(Clone, Debug)]
pub struct Piece {
    /// behind its last byte
    pub end: u64,
    /// bytes into the file
    pub offset: u64,
    /// PROT_…
    pub protection: u32,
    /// MAP_SHARED
    pub shared: bool,
    /// the kernel's name for it
    pub name: Rc<[u8]>,
}

/// A region that a fault is in.
#[derive(Clone, Debug)]
pub struct Region {
    /// first byte
    pub start: u64,
    /// behind its last byte
    pub end: u64,
    /// which rules it is for
    pub kind: Kind,
    /// of file, shm, text and data
    pub path: Option<Rc<[u8]>>,
    /// of malloc: what took it, as [`Space::add_block`] was told
    pub taker: Option<u32>,
}

struct Block {
    end: u64,
    taker: Option<u32>,
}

/// glibc's arenas are mapped in heaps of this size, aligned to it, on 64-bit machines.
const ARENA: u64 = 64 << 20;
/// How far below the stack pointer a stack is still touched, and how far above it is a stack at all.
const BELOW: u64 = 1 << 20;
const ABOVE: u64 = 8 << 20;
/// brk begins at most so far behind the program, at random.
const BRK_GAP: u64 = 1 << 30;
/// So often the mappings of a process are looked up between two that the kernel tells of.
const LOOKS: usize = 64;
/// Nothing is mapped below.
const LOWEST: u64 = 1 << 16;
/// The kernel's name for it.
const HEAP: &[u8] = b"[heap]";
/// The least that glibc maps a block of its own for, unless told otherwise.
const LEAST_BLOCK: u64 = 64 << 10;
/// IS_MMAPPED in the size of a chunk, whose other two low bits are then clear.
const MAPPED: u64 = 2;
const FLAGS: u64 = 7;

/// Pages that have been had, one bit each.
#[derive(Default)]
struct Stretch {
    /// since they were mapped
    now: [u64; 8],
    /// before that, or twice since
    before: [u64; 8],
}

/// Pages of a stretch.
const STRETCH: u64 = 512;

/// A process's memory.
#[derive(Default)]
pub struct Space {
    pieces: BTreeMap<u64, Piece>,
    blocks: BTreeMap<u64, Block>,
    /// paths that have been mapped for execution: their other mappings are data
    programs: HashSet<Rc<[u8]>>,
    /// the first of them, behind which the heap begins
    program: Option<Rc<[u8]>>,
    names: HashSet<Rc<[u8]>>,
    /// by their number, stretches of 512 pages
    seen: HashMap<u64, Stretch>,
    unknown: HashSet<u64>,
    /// who has taken blocks
    takers: HashSet<u32>,
    /// the last mapping that was guessed
    guessed: Option<u64>,
}

impl Space {
    /// What /proc/PID/maps shows, with the blocks that lie in it.
    pub fn look(&mut self, pid: u32) {
        for mapping in maps::read(pid as i32).unwrap_or_default() {
            let bit = |at: usize, flag: i32| if mapping.permissions[at] == b'-' { 0 } else { flag as u32 };
            let protection = bit(0, libc::PROT_READ) | bit(1, libc::PROT_WRITE) | bit(2, libc::PROT_EXEC);
            let (start, end, offset, shared) = (mapping.start, mapping.end, mapping.offset, mapping.is_shared());
            let name = if mapping.path.is_empty() { b"//anon".to_vec() } else { mapping.path };
            self.map(&Map { start, end, offset, protection, shared, name });
        }
        let Some(memory) = perf::memory(pid) else { return };
        let taker = self.only_taker();
        let anonymous = |p: &Piece| is_anonymous(&p.name) && !p.shared && p.protection & libc::PROT_WRITE as u32 != 0;
        let ranges: Vec<_> = self.pieces.iter().filter(|(_, p)| anonymous(p)).map(|(s, p)| (*s, p.end)).collect();
        for (mut start, end) in ranges {
            while let Some(size) = header(&memory, start).filter(|size| *size <= end - start) {
                self.blocks.entry(start).or_insert(Block { end: start + size, taker });
                start += size;
            }
        }
    }

    /// Something has been mapped, or has another protection.
    pub fn map(&mut self, map: &Map) {
        if map.start >= map.end {
            return;
        }
        self.cut(map.start, map.end);
        self.renew(map.start, map.end);
        let name: &[u8] = if self.begins_heap(map) { HEAP } else { &map.name };
        let name = self.names.get(name).map_or_else(|| Rc::from(name), Rc::clone);
        self.names.insert(Rc::clone(&name));
        if map.protection & libc::PROT_EXEC as u32 != 0 && is_path(&name) {
            self.programs.insert(Rc::clone(&name));
            self.program.get_or_insert_with(|| Rc::clone(&name));
        }
        let piece = Piece { end: map.end, offset: map.offset, protection: map.protection, shared: map.shared, name };
        self.pieces.insert(map.start, piece);
        self.unknown.clear();
    }

    /// The first stretch of brk has no name yet when the kernel tells of it: it lies a little behind the program.
    fn begins_heap(&self, map: &Map) -> bool {
        let before = |at: u64| self.pieces.range(..at).next_back();
        let is_program = |p: &Piece| self.program.as_ref() == Some(&p.name);
        let Some((start, below)) = before(map.start).filter(|_| is_anonymous(&map.name) && !map.shared) else {
            return false;
        };
        let is_bss =
            || is_anonymous(&below.name) && before(*start).is_some_and(|(_, p)| p.end == *start && is_program(p));
        let gap = map.start - below.end;
        gap != 0 && gap <= BRK_GAP && (is_program(below) || is_bss())
    }

    /// Takes a range out of what is known.
    fn cut(&mut self, start: u64, end: u64) {
        let before = self.pieces.range(..start).next_back().map(|(s, _)| *s);
        let within: Vec<u64> = before.into_iter().chain(self.pieces.range(start..end).map(|(s, _)| *s)).collect();
        for at in within {
            let Some(piece) = self.pieces.remove(&at).filter(|p| p.end > start || at < start) else { continue };
            if piece.end > end {
                let rest = Piece { offset: piece.offset.wrapping_add(end - at), ..piece.clone() };
                self.pieces.insert(end, rest);
            }
            if at < start {
                self.pieces.insert(at, Piece { end: piece.end.min(start), ..piece });
            }
        }
    }

    /// The mapping at this address.
    pub fn piece(&self, address: u64) -> Option<(u64, &Piece)> {
        self.pieces.range(..=address).next_back().filter(|(_, p)| address < p.end).map(|(start, p)| (*start, p))
    }

    /// All that can hold code.
    pub fn code(&self) -> impl Iterator<Item = (u64, &Piece)> {
        let runs = |p: &Piece| p.protection & libc::PROT_EXEC as u32 != 0 && is_path(&p.name);
        self.pieces.iter().filter(move |(_, p)| runs(p)).map(|(start, p)| (*start, p))
    }

    /// The mapping at this address; looked up if the kernel has not told of it (mremap), and guessed if it has gone
    /// since.
    pub fn find(&mut self, pid: u32, address: u64) -> Option<(u64, Piece)> {
        if self.piece(address).is_none() {
            let is_guessed = self.guessed.is_some_and(|start| self.gap(start, address).is_some());
            // Looked up a few times until something is mapped: it takes long.
            if !is_guessed && self.unknown.insert(address >> 12) && self.unknown.len() < LOOKS {
                let unknown = std::mem::take(&mut self.unknown);
                self.look(pid);
                self.unknown = unknown;
            }
            if self.piece(address).is_none() && address >= LOWEST {
                self.guess(address);
            }
        }
        self.piece(address).map(|(start, piece)| (start, piece.clone()))
    }

    /// Whose a block is that realloc has moved, if all are of one.
    fn only_taker(&self) -> Option<u32> {
        self.takers.iter().next().copied().filter(|_| self.takers.len() == 1)
    }

    /// How far behind the mapping that begins at `start` an address is, with nothing between.
    fn gap(&self, start: u64, address: u64) -> Option<u64> {
        let (below, piece) = self.pieces.range(..=address).next_back()?;
        let gap = address.checked_sub(piece.end)?;
        (*below == start && gap <= (piece.end - start).max(ARENA)).then_some(gap)
    }

    /// What mremap has made and munmap has taken away again: nearly always a block that realloc has moved, as far as
    /// it is touched.
    fn guess(&mut self, address: u64) {
        let end = (address & !4095) + 4096;
        let start = match self.guessed.filter(|start| self.gap(*start, address).is_some()) {
            Some(start) => start,
            None => address & !4095,
        };
        let protection = (libc::PROT_READ | libc::PROT_WRITE) as u32;
        let piece = Piece { end, offset: 0, protection, shared: false, name: Rc::from(&b"//anon"[..]) };
        self.pieces.entry(start).or_insert(piece).end = end;
        if !self.takers.is_empty() {
            self.blocks.insert(start, Block { end, taker: self.only_taker() });
        }
        self.guessed = Some(start);
    }

    /// malloc has just written the head of a block that begins at this page.
    pub fn add_block(&mut self, pid: u32, base: u64, taker: u32) -> Option<u64> {
        let (_, piece) = self.piece(base)?;
        let limit = piece.end;
        // The block says it itself, if it still lives; else it reaches as far as the next one, or the mapping.
        let told = perf::memory(pid).and_then(|memory| header(&memory, base)).filter(|size| *size <= limit - base);
        let next = self.blocks.range(base + 1..limit).next().map_or(limit, |(start, _)| *start);
        let end = told.map_or(next, |size| base + size);
        if end - base < LEAST_BLOCK || base.is_multiple_of(ARENA) && told.is_none() {
            return None;
        }
        let stale: Vec<u64> = self.blocks.range(base..end).map(|(start, _)| *start).collect();
        for start in stale {
            self.blocks.remove(&start);
        }
        self.blocks.insert(base, Block { end, taker: Some(taker) });
        self.takers.insert(taker);
        Some(end - base)
    }

    /// The region of an address within a mapping, for a thread whose stack pointer is there.
    pub fn region(&self, address: u64, start: u64, piece: &Piece, stack: u64) -> Region {
        let region = |kind, path| Region { start, end: piece.end, kind, path, taker: None };
        let name = &piece.name;
        if is_anonymous(name) && !piece.shared {
            return self.anonymous(address, start, piece, stack);
        }
        if name.starts_with(b"[stack") {
            return region(Kind::Stack, None);
        }
        if **name == *HEAP {
            return region(Kind::Heap, None);
        }
        if !is_path(name) {
            return region(if is_anonymous(name) { Kind::Shm } else { Kind::Other }, None);
        }
        let path = Some(Rc::clone(name));
        if [&b"/memfd:"[..], b"/SYSV", b"/dev/zero", b"/anon_hugepage"].iter().any(|s| name.starts_with(s)) {
            // Private mappings of /dev/zero are an old way to ask for anonymous memory.
            return if piece.shared { region(Kind::Shm, path) } else { region(Kind::Anon, None) };
        }
        if piece.protection & libc::PROT_EXEC as u32 != 0 {
            return region(Kind::Text, path);
        }
        region(if self.programs.contains(name) { Kind::Data } else { Kind::File }, path)
    }

    fn anonymous(&self, address: u64, start: u64, piece: &Piece, stack: u64) -> Region {
        let block = self.blocks.range(..=address).next_back().filter(|(_, b)| address < b.end);
        if let Some((start, block)) = block {
            return Region { start: *start, end: block.end, kind: Kind::Malloc, path: None, taker: block.taker };
        }
        let region = |kind, path| Region { start, end: piece.end, kind, path, taker: None };
        let is_near = stack.saturating_sub(BELOW) <= address && address < stack.saturating_add(ABOVE);
        if (start..piece.end).contains(&stack) && is_near {
            return region(Kind::Stack, None);
        }
        if let Some(heap) = self.arena(address, start, piece) {
            return Region { start: heap, end: heap + ARENA, kind: Kind::Heap, path: None, taker: None };
        }
        // What follows the data of a program without a gap is its .bss.
        let before = self.pieces.range(..start).next_back().filter(|(_, p)| p.end == start);
        if let Some((_, before)) = before.filter(|(_, p)| is_path(&p.name) && self.programs.contains(&p.name)) {
            return region(Kind::Data, Some(Rc::clone(&before.name)));
        }
        region(Kind::Anon, None)
    }

    /// A thread's arena: writable from a boundary of 64 MiB on, and reserved up to the next.
    fn arena(&self, address: u64, start: u64, piece: &Piece) -> Option<u64> {
        let base = address & !(ARENA - 1);
        if start > base || piece.protection == 0 {
            return None;
        }
        let reserved = |at: u64| self.piece(at).is_some_and(|(_, p)| p.protection == 0 && is_anonymous(&p.name));
        // Full ones have nothing reserved behind them, but begin at the boundary.
        let full = start == base && piece.end == base + ARENA;
        (full || piece.end < base + ARENA && start == base && reserved(piece.end)).then_some(base)
    }

    /// Notes a page; whether it had been had, and given back, before. A page that is read and then written comes
    /// twice, which is no reuse.
    pub fn again(&mut self, address: u64) -> bool {
        let page = address >> 12;
        let stretch = self.seen.entry(page / STRETCH).or_default();
        let (word, bit) = ((page % STRETCH / 64) as usize, 1 << (page % 64));
        let had = stretch.before[word] & bit != 0;
        if stretch.now[word] & bit != 0 {
            stretch.before[word] |= bit;
        }
        stretch.now[word] |= bit;
        had
    }

    /// What is mapped anew there begins anew.
    fn renew(&mut self, start: u64, end: u64) {
        let pages = start >> 12..end >> 12;
        let stretches = pages.start / STRETCH..=pages.end.saturating_sub(1) / STRETCH;
        let renew = |number: u64, stretch: &mut Stretch| {
            for page in pages.start.max(number * STRETCH)..pages.end.min((number + 1) * STRETCH) {
                let (word, bit) = ((page % STRETCH / 64) as usize, 1 << (page % 64));
                stretch.before[word] |= stretch.now[word] & bit;
                stretch.now[word] &= !bit;
            }
        };
        // Reservations of terabytes are larger than all that was touched.
        if stretches.end() - stretches.start() > self.seen.len() as u64 {
            self.seen.iter_mut().filter(|(n, _)| stretches.contains(n)).for_each(|(n, stretch)| renew(*n, stretch));
        } else {
            stretches.for_each(|n| self.seen.get_mut(&n).into_iter().for_each(|stretch| renew(n, stretch)));
        }
    }

    /// A forked child begins with a copy; its pages are its own.
    pub fn forked(&self) -> Space {
        let blocks = self.blocks.iter().map(|(s, b)| (*s, Block { end: b.end, taker: b.taker })).collect();
        Space {
            pieces: self.pieces.clone(),
            blocks,
            programs: self.programs.clone(),
            program: self.program.clone(),
            takers: self.takers.clone(),
            names: self.names.clone(),
            ..Space::default()
        }
    }
}

/// The size of the chunk that begins here, if it is one that malloc has mapped.
fn header(memory: &std::fs::File, start: u64) -> Option<u64> {
    let mut words = [0u8; 16];
    memory.read_exact_at(&mut words, start).ok()?;
    let word = |at: usize| words[at..at + 8].try_into().map(u64::from_ne_bytes).ok();
    let (before, size) = (word(0)?, word(8)?);
    let bytes = size & !FLAGS;
    (before == 0 && size & FLAGS == MAPPED && bytes >= LEAST_BLOCK && bytes.is_multiple_of(4096)).then_some(bytes)
}

fn is_anonymous(name: &[u8]) -> bool {
    name.is_empty() || name == b"//anon" || name.starts_with(b"[anon")
}

/// Whether a name is a file's: the kernel's own begin with two slashes or a bracket.
pub fn is_path(name: &[u8]) -> bool {
    name.first() == Some(&b'/') && name.get(1) != Some(&b'/')
}

#[cfg(test)]
mod tests;
