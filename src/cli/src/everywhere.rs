//! The counter pages of all wrapped processes: of this host's users, and of containers through their roots.
//!
//! What must hold here: a folder that is reached on two ways is read once; an id that means one process here and
//! another in a container is settled by who has the page mapped; what may not be looked into is left out.

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use procfs::process::all_processes;

use crate::maps;
use crate::pages::{self, Found};
use crate::process::{Inhabitants, Live};

/// A page, and the process that writes it if that runs.
pub struct Seen {
    /// the page
    pub found: Found,
    /// who writes it
    pub writer: Option<Live>,
}

/// What was found.
#[derive(Default)]
pub struct Everywhere {
    /// the pages, those of one folder together and the oldest first
    pub pages: Vec<Seen>,
    /// how many processes of our own pid namespace run under a library whose pages are of another version
    pub unreadable: usize,
}

impl Everywhere {
    /// A line for whoever misses a process; `None` if nothing is missing.
    pub fn missing(&self) -> Option<String> {
        let (n, s) = (self.unreadable, if self.unreadable == 1 { "" } else { "es" });
        (n != 0).then(|| format!("{n} process{s} not shown: under a library of another version than this command"))
    }
}

/// A folder, and the pid namespaces from which it is reached; `None` is our own.
struct Place {
    folder: PathBuf,
    namespaces: Vec<Option<PathBuf>>,
}

/// All pages in the folders that `option` names, by default those of all users.
pub fn look(option: &OsStr) -> Everywhere {
    // By device and inode, since a container may have our own folder.
    let mut places: BTreeMap<(u64, u64), Place> = BTreeMap::new();
    let mut add = |folder: PathBuf, namespace: Option<PathBuf>| {
        let Ok(meta) = fs::metadata(&folder) else { return };
        let place = places.entry((meta.dev(), meta.ino())).or_insert(Place { folder, namespaces: Vec::new() });
        if !place.namespaces.contains(&namespace) {
            place.namespaces.push(namespace);
        }
    };
    pages::folders(option).into_iter().for_each(|folder| add(folder, None));
    for (root, namespace) in other_roots() {
        pages::folders_in(&root, option).into_iter().for_each(|folder| add(folder, namespace.clone()));
    }
    let is_foreign = places.values().flat_map(|p| &p.namespaces).any(Option::is_some);
    let foreign = if is_foreign { Inhabitants::of_each_namespace() } else { Default::default() };
    let ours = Inhabitants::ours();
    let mut all = Everywhere::default();
    for place in places.values() {
        let inhabitants: Vec<_> = place
            .namespaces
            .iter()
            .filter_map(|name| name.as_ref().map_or(Some(&ours), |name| foreign.get(name)))
            .collect();
        let mut others = Vec::new();
        for found in pages::read_folder_but(&place.folder, &mut others).unwrap_or_default() {
            let mut writers = inhabitants.iter().filter_map(|i| i.writer(&found.page));
            let writer = match inhabitants.len() {
                1 => writers.next(),
                _ => writers.find(|live| maps_it(live.pid, &found.path)),
            };
            all.pages.push(Seen { found, writer });
        }
        all.unreadable += others.iter().filter(|file| pid_of(file).is_some_and(|pid| maps_it(pid, file))).count();
    }
    all
}

/// The process that a page's name names.
fn pid_of(file: &Path) -> Option<i32> {
    file.file_name()?.to_str()?.split_once('.')?.0.parse().ok()
}

/// Whether the process has this page's file mapped.
fn maps_it(pid: i32, file: &Path) -> bool {
    let (Ok(mappings), Ok(meta), Some(name)) = (maps::read(pid), fs::metadata(file), file.file_name()) else {
        return false;
    };
    mappings.iter().any(|m| m.inode == meta.ino() && m.path.ends_with(name.as_bytes()))
}

/// A root for each pair of mount and pid namespaces but our own, and the pid namespace if that is another one.
fn other_roots() -> Vec<(PathBuf, Option<PathBuf>)> {
    let namespace = |pid: &str, kind: &str| fs::read_link(format!("/proc/{pid}/ns/{kind}")).ok();
    let pair = |pid: &str| Some((namespace(pid, "mnt")?, namespace(pid, "pid")?));
    let Some(ours) = pair("self") else { return Vec::new() };
    let mut known = HashSet::from([ours.clone()]);
    let mut roots = Vec::new();
    for process in all_processes().into_iter().flatten().flatten() {
        if let Some(pair) = pair(&process.pid.to_string()).filter(|pair| known.insert(pair.clone())) {
            let root = PathBuf::from(format!("/proc/{}/root", process.pid));
            roots.push((root, Some(pair.1).filter(|name| *name != ours.1)));
        }
    }
    roots
}
