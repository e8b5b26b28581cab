//! The counter page of a live process, found by what the process has mapped: a file (through its own root, so also
//! in a container), or memory that has no name.
//!
//! What must hold here: only a page that carries the process's own id is its page, since a forked child inherits
//! its parent's mapping; nothing but the `off` word is ever written.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::mem::offset_of;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use faultless_core::page::{Page, Snapshot};

use crate::maps::{self, Mapping};
use crate::pages;
use crate::process::Live;

/// A page of a live process.
pub struct LivePage {
    /// what was in it
    pub page: Box<Snapshot>,
    /// the folder of its file, where the pages of the rest of the tree are
    pub folder: Option<PathBuf>,
    path: PathBuf,
    at: u64,
}

impl LivePage {
    /// Finds the newest page that the process has written.
    ///
    /// # Errors
    /// It may not be looked into, or has no page.
    pub fn find(process: &Live) -> Result<LivePage> {
        let pid = process.pid;
        let mappings = maps::read(pid).with_context(|| format!("process {pid} may not be looked into"))?;
        let pages = mappings.iter().filter(|m| is_page(m)).filter_map(|m| read(pid, m));
        pages.filter(|p| process.wrote(&p.page)).max_by_key(|p| p.page.start_ns).with_context(|| {
            format!(
                "process {pid} has no counter page: it was not started with faultless, keeps its counters to itself, \
                 or nothing that counts has happened in it yet"
            )
        })
    }

    /// What it was read from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the `off` word.
    ///
    /// # Errors
    /// The page is another user's.
    pub fn switch_off(&self) -> Result<()> {
        let file = OpenOptions::new().write(true).open(&self.path);
        file.and_then(|f| f.write_all_at(&1u32.to_ne_bytes(), self.at + offset_of!(Page, off) as u64))
            .with_context(|| format!("cannot write {}", self.path.display()))
    }
}

fn is_page(mapping: &Mapping) -> bool {
    let name = mapping.path.rsplit(|b| *b == b'/').next().unwrap_or(&[]);
    let name = str::from_utf8(name).unwrap_or("");
    let name = name.strip_suffix(" (deleted)").unwrap_or(name);
    mapping.is_shared() && mapping.offset == 0 && (pages::is_page_name(name) || name.starts_with("memfd:faultless"))
}

/// Reads a page by its name as the process sees it, else by the mapping's link, else out of the process's memory.
fn read(pid: i32, mapping: &Mapping) -> Option<LivePage> {
    let inside = Path::new(OsStr::from_bytes(mapping.path.strip_prefix(b"/").unwrap_or(&mapping.path)));
    let named = Path::new(&format!("/proc/{pid}/root")).join(inside);
    if let Ok(found) = pages::read_file(&named) {
        return Some(LivePage { page: found.page, folder: named.parent().map(Path::to_owned), path: named, at: 0 });
    }
    let memory = PathBuf::from(format!("/proc/{pid}/mem"));
    [(mapping.link(pid), 0), (memory, mapping.start)].into_iter().find_map(|(path, at)| {
        let mut bytes = vec![0; size_of::<Page>()];
        File::open(&path).and_then(|f| f.read_exact_at(&mut bytes, at)).ok()?;
        Some(LivePage { page: pages::parse(&bytes).ok()?, folder: None, path, at })
    })
}
