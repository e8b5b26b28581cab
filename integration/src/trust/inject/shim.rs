//! Which instructions of the shim make system calls of its own, and which make the program's.
//!
//! What must hold here: before the constructor has found the C library's functions, the hooks make the program's calls
//! themselves (`real::raw`, `raw_syscall`): these are never counted as ours.

use std::ops::Range;

use object::{Object, ObjectSymbol};

use crate::artefacts::library;

/// The library's file, and the parts of it that speak for the program.
pub struct Shim {
    /// its path, as /proc/PID/maps shows it
    pub path: String,
    /// addresses in the file's own space
    programs: Vec<Range<u64>>,
}

impl Shim {
    /// Reads the symbols of the library that is tested.
    pub fn read() -> Result<Shim, String> {
        let path = library();
        let bytes = std::fs::read(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        let file = object::File::parse(&*bytes).map_err(|e| e.to_string())?;
        let mut starts: Vec<u64> = file.symbols().map(|s| s.address()).collect();
        starts.sort_unstable();
        let end_of = |at: u64| starts.iter().copied().find(|s| *s > at).unwrap_or(u64::MAX);
        let speaks = |name: &str| name.contains("4real3raw") || name.contains("raw_syscall");
        let programs: Vec<_> =
            file.symbols().filter(|s| s.name().is_ok_and(speaks)).map(|s| s.address()..end_of(s.address())).collect();
        if programs.is_empty() {
            return Err(format!("{} has no symbols of real::raw", path.display()));
        }
        Ok(Shim { path: path.to_string_lossy().into_owned(), programs })
    }

    /// Where the library lies in a process: from its first byte to its last. None: not (yet) there.
    pub fn place(&self, pid: i32) -> Option<Range<u64>> {
        let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).ok()?;
        let mut place: Option<Range<u64>> = None;
        for line in maps.lines().filter(|l| l.ends_with(&self.path)) {
            let (start, end) = line.split_whitespace().next()?.split_once('-')?;
            let (start, end) = (u64::from_str_radix(start, 16).ok()?, u64::from_str_radix(end, 16).ok()?);
            place = Some(place.map_or(start..end, |p| p.start.min(start)..p.end.max(end)));
        }
        place
    }

    /// Whether the instruction before `rip` is one of ours, for ourselves.
    pub fn is_own(&self, place: &Range<u64>, rip: u64) -> bool {
        place.contains(&rip) && !self.programs.iter().any(|r| r.contains(&(rip - place.start - 1)))
    }
}
