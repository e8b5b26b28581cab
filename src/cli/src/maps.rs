//! /proc/PID/maps, as bytes: a path there may hold any byte.
//!
//! What must hold here: a line that cannot be read is passed over, since kernels add to the format.

use std::path::PathBuf;
use std::{fs, io};

/// One line of maps.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mapping {
    /// first byte
    pub start: u64,
    /// behind the last byte
    pub end: u64,
    /// `r`, `w`, `x`, and `s` for shared or `p` for private; `-` where not
    pub permissions: [u8; 4],
    /// bytes into the file
    pub offset: u64,
    /// 0 if nothing in a file system backs it
    pub inode: u64,
    /// as the kernel shows it; empty for anonymous memory
    pub path: Vec<u8>,
}

impl Mapping {
    /// Bytes.
    pub fn size(&self) -> u64 {
        self.end - self.start
    }

    /// Whether writes are seen by others who map it.
    pub fn is_shared(&self) -> bool {
        self.permissions[3] == b's'
    }

    /// Its link in /proc/PID/map_files, which opens what is mapped, also when the name is gone.
    pub fn link(&self, pid: i32) -> PathBuf {
        PathBuf::from(format!("/proc/{pid}/map_files/{:x}-{:x}", self.start, self.end))
    }
}

/// The mappings of a process, by address.
///
/// # Errors
/// No such process, or not ours to look into.
pub fn read(pid: i32) -> io::Result<Vec<Mapping>> {
    Ok(fs::read(format!("/proc/{pid}/maps"))?.split(|b| *b == b'\n').filter_map(line).collect())
}

/// The mapping of a line, also of smaps; `None` if it is no such line.
pub fn line(line: &[u8]) -> Option<Mapping> {
    let mut fields = line.splitn(6, |b| *b == b' ');
    let mut text = || std::str::from_utf8(fields.next()?).ok();
    let (start, end) = text()?.split_once('-')?;
    let permissions = text()?.as_bytes().try_into().ok()?;
    let offset = text()?;
    let _device = text()?;
    let inode = text()?;
    let hex = |s| u64::from_str_radix(s, 16).ok();
    Some(Mapping {
        start: hex(start)?,
        end: hex(end)?,
        permissions,
        offset: hex(offset)?,
        inode: inode.parse().ok()?,
        path: fields.next().unwrap_or(&[]).trim_ascii_start().to_vec(),
    })
    .filter(|m| m.start < m.end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_may_hold_blanks_and_bytes_that_are_no_utf8() {
        let mapping = line(b"7f00-7f01 r--s 00001000 08:01 42                   /a b\xff (deleted)").unwrap();
        assert_eq!(mapping.path, b"/a b\xff (deleted)");
        assert_eq!((mapping.start, mapping.end, mapping.offset, mapping.inode), (0x7f00, 0x7f01, 0x1000, 42));
        assert!(mapping.is_shared());
    }

    #[test]
    fn anonymous_memory_has_no_path() {
        assert_eq!(line(b"7f00-7f01 rw-p 00000000 00:00 0 ").unwrap().path, b"");
    }

    #[test]
    fn a_line_that_is_none_is_passed_over() {
        for bad in [&b""[..], b"7f01-7f00 rw-p 0 00:00 0", b"x-y rw-p 0 00:00 0", b"7f00-7f01 rw-p"] {
            assert_eq!(line(bad), None);
        }
    }

    #[test]
    fn our_own_maps_can_be_read() {
        let here = our_own_maps_can_be_read as *const () as u64;
        let all = read(std::process::id() as i32).unwrap();
        assert!(all.iter().any(|m| m.start <= here && here < m.end && m.permissions[2] == b'x'));
    }
}
