//! `faultless policy explain`: each mapping of a running process, and the rules that take it.
//!
//! What must hold here: the same matching as in the library, on the rules that the process itself was given; what
//! cannot be told from outside (which mapping is a thread's stack, which a malloc block of the C library's) is
//! said and not guessed.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use anyhow::{Context, Result, bail};
use faultless_core::matching::{Chosen, Region};
use faultless_core::parse::Form;
use faultless_core::rules::{Kind, Policy};
use faultless_core::size::Human;

use crate::attach::Attached;
use crate::cgroup;
use crate::maps::{self, Mapping};
use crate::policy::{lines, rules, table};
use crate::process::Live;

const NOTES: &str = "\
Stacks of threads, and what the C library maps for blocks that no rule took, are shown as anon: from outside they look the same.
The kernel joins neighbours and splits by advice, so a row may be several regions, or a part of one.
";

/// The table.
///
/// # Errors
/// No such process, no page, or no permission.
pub fn explain(pid: i32) -> Result<String> {
    let Some(live) = Live::find(pid) else { bail!("there is no process {pid}") };
    let page = Attached::find(&live)?.page;
    let mut policy = Policy::empty();
    // The text of each rule, one a line: a page has them as the library read them.
    for (_, text) in page.rules() {
        policy.append(text, Form::Line).ok().with_context(|| format!("the page of {pid} holds no rules"))?;
    }
    let memory = cgroup::memory(pid).context("cannot read how much memory there is")?;

    let mut table = table(["range", "kind", "size", "rules", "path"]);
    let mut untouched = 0;
    for mapping in maps::read(pid).with_context(|| format!("process {pid} may not be looked into"))? {
        let Some((mut kind, size)) = classify(pid, &mapping) else { continue };
        if (page.pool[0]..page.pool[1]).contains(&mapping.start) {
            kind = Kind::Malloc;
        }
        let path = Some(mapping.path.as_slice()).filter(|p| !p.is_empty());
        let chosen = policy.choose(&Region { kind, size, path }, memory);
        if chosen.matched == 0 {
            untouched += 1;
            continue;
        }
        table.add_row([
            format!("{:x}-{:x}", mapping.start, mapping.end),
            format!("{kind:?}").to_lowercase(),
            Human(mapping.size()).to_string(),
            winners(&chosen),
            String::from_utf8_lossy(&mapping.path).into_owned(),
        ]);
    }
    let (exe, name) = (String::from_utf8_lossy(page.exe()), String::from_utf8_lossy(page.policy()));
    let table = if table.row_count() == 0 { String::new() } else { lines(&table) + "\n" };
    let rest = format!("No rule is about the other mappings ({untouched}).\n");
    Ok(format!("{exe}[{pid}], policy {name}\n{}\n{table}{rest}{NOTES}", rules(&policy)))
}

/// The numbers of the rules that give an axis.
fn winners(chosen: &Chosen) -> String {
    let won: Vec<_> = (0..32).filter(|i| chosen.matched & 1 << i != 0).map(|i| (i + 1).to_string()).collect();
    won.join(",")
}

/// The kind of a mapping and the size that rules compare; `None` for what no rule can be about.
fn classify(pid: i32, mapping: &Mapping) -> Option<(Kind, u64)> {
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
