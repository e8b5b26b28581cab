//! Which kind of region a mapping of another process is: for `policy explain` and `attach`.
//!
//! What must hold here: the same kinds as in the library, as far as they can be told from outside. A thread's stack, and
//! what the C library maps for a large block, look like any anonymous mapping.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use faultless_core::rules::Kind;

use crate::maps::Mapping;

/// The kind of a mapping and the size that rules compare; `None` for what no rule can be about.
pub fn classify(pid: i32, mapping: &Mapping) -> Option<(Kind, u64)> {
    let path = mapping.path.as_slice();
    if mapping.permissions[0..3] == *b"---" {
        return None; // reserved, not yet memory
    }
    Some(match path {
        b"" if mapping.is_shared() => (Kind::Shm, mapping.size()),
        b"" => (Kind::Anon, mapping.size()),
        b"[heap]" => (Kind::Heap, mapping.size()),
        b"[stack]" => (Kind::Stack, mapping.size()),
        _ if path.starts_with(b"[anon:") => (Kind::Anon, mapping.size()),
        _ if path.starts_with(b"[anon_shmem:") => (Kind::Shm, mapping.size()),
        _ if path.starts_with(b"/memfd:") || path.starts_with(b"/SYSV") => (Kind::Shm, mapping.size()),
        _ if path.starts_with(b"/dev/zero") && mapping.is_shared() => (Kind::Shm, mapping.size()),
        _ if path.starts_with(b"/") && mapping.inode != 0 => {
            let kind = if mapping.permissions[2] == b'x' { Kind::Text } else { Kind::File };
            (kind, file_size(pid, mapping)?)
        }
        _ => return None, // [vdso] and the like
    })
}

/// The size of the mapped file; of the mapping if the file cannot be reached; `None` for a device.
fn file_size(pid: i32, mapping: &Mapping) -> Option<u64> {
    let inside = Path::new(OsStr::from_bytes(mapping.path.strip_prefix(b"/").unwrap_or(&mapping.path)));
    let by_name = Path::new(&format!("/proc/{pid}/root")).join(inside);
    match fs::metadata(mapping.link(pid)).or_else(|_| fs::metadata(by_name)) {
        Ok(meta) if meta.file_type().is_char_device() || meta.file_type().is_block_device() => None,
        Ok(meta) => Some(meta.len()),
        Err(_) => Some(mapping.size()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(path: &str, permissions: &[u8; 4], inode: u64) -> Option<Kind> {
        let mapping = Mapping {
            start: 0x1000,
            end: 0x3000,
            permissions: *permissions,
            offset: 0,
            inode,
            path: path.as_bytes().to_vec(),
        };
        classify(std::process::id() as i32, &mapping).map(|(kind, _)| kind)
    }

    #[test]
    fn each_mapping_has_the_kind_that_the_library_gives_it() {
        assert_eq!(kind("", b"rw-p", 0), Some(Kind::Anon));
        assert_eq!(kind("", b"rw-s", 0), Some(Kind::Shm));
        assert_eq!(kind("[heap]", b"rw-p", 0), Some(Kind::Heap));
        assert_eq!(kind("[stack]", b"rw-p", 0), Some(Kind::Stack));
        assert_eq!(kind("/dev/zero (deleted)", b"rw-s", 7), Some(Kind::Shm));
        assert_eq!(kind("/memfd:x (deleted)", b"rw-s", 7), Some(Kind::Shm));
        assert_eq!(kind("/proc/self/exe", b"r-xp", 7), Some(Kind::Text));
        assert_eq!(kind("/proc/self/exe", b"r--p", 7), Some(Kind::File));
        assert_eq!(kind("/dev/null", b"rw-s", 7), None);
        assert_eq!(kind("[vdso]", b"r-xp", 0), None);
        assert_eq!(kind("", b"---p", 0), None);
    }
}
