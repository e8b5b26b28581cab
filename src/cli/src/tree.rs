//! The pages of a process tree put together with what is known from outside, and printed.
//!
//! What must hold here: a page is removed only when its process is gone and its tree has been reported; what is
//! not known is handed on as unknown.

use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use faultless_core::heat::Map;
use faultless_core::options::Id;
use faultless_core::page::{BadPage, End as PageEnd, FILE_BYTES, Snapshot};
use faultless_core::report::{self, Facts, Fate, Memory, Title, Totals, Unreached};

use crate::cgroup;
use crate::config::Config;
use crate::heat;
use crate::pages::{self, Found};
use crate::process::Inhabitants;
use crate::style;
use crate::target::Target;
use crate::tell::tell;
use crate::wait::{End, Ended};

/// How a report is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// the table
    Text,
    /// one JSON object
    Json,
    /// Prometheus text
    Prom,
}

/// The pages of one tree, the one that is asked about first.
#[derive(Default)]
pub struct Tree {
    /// pages
    pub pages: Vec<Found>,
    /// for each page
    pub facts: Vec<Facts>,
    /// the memory limit
    pub memory: Memory,
    /// for each page, the text of its heat map
    pub heat: Vec<Option<Vec<u8>>>,
    /// for `again: faultless report PID`
    pub again: Option<u32>,
}

impl Tree {
    /// Takes the pages, and looks at the processes which still run.
    pub fn new(pages: Vec<Found>, inhabitants: &Inhabitants) -> Tree {
        let writers: Vec<_> = pages.iter().map(|f| inhabitants.writer(&f.page)).collect();
        let memory = writers.iter().flatten().next().map_or(Memory::default(), |live| cgroup::standing(live.pid));
        let facts = pages.iter().zip(&writers).map(|(found, writer)| match writer {
            Some(live) => live.facts(),
            None => Facts { fate: fate(&found.page), ..Facts::default() },
        });
        let heat = pages.iter().map(|found| heat::beside(&found.path)).collect();
        Tree { facts: facts.collect(), heat, pages, memory, again: None }
    }

    /// Renders it.
    ///
    /// # Errors
    /// None: a string takes all.
    pub fn render(&self, format: Format, title: Title<'_>, unreached: &[Unreached<'_>]) -> Result<String, fmt::Error> {
        let pages: Vec<&Snapshot> = self.pages.iter().map(|f| &*f.page).collect();
        let heat: Vec<Option<Map<'_>>> = self.heat.iter().map(|text| Map::read(text.as_deref()?).ok()).collect();
        let totals = Totals {
            title,
            facts: &self.facts,
            heat: &heat,
            is_plain: format != Format::Text || style::is_plain(),
            unreached,
            memory: self.memory,
            now_ns: now_ns(),
            again: self.again,
            ..Totals::new(&pages)
        };
        let mut text = String::new();
        let write: fn(&mut dyn fmt::Write, &Totals<'_>) -> fmt::Result = match format {
            Format::Text => report::text,
            Format::Json => report::json,
            Format::Prom => report::prom,
        };
        write(&mut text, &totals)?;
        Ok(text)
    }
}

/// The pages of one tree.
fn named(folders: &[PathBuf], name: u64) -> Vec<Found> {
    let all = folders.iter().filter_map(|f| pages::read_folder(f).ok()).flatten();
    all.filter(|f| f.page.tree == name).collect()
}

/// Takes the pages of a tree that began at `since`, and has ended, out of their folders; `option` names the folder, as
/// FAULTLESS_PAGES does.
pub fn take(option: &OsStr, name: u64, since: SystemTime) -> Tree {
    let folders = pages::folders(option);
    let tree = Tree::new(named(&folders, name), &Inhabitants::ours());
    clean_up(&tree, &folders, name);
    folders.iter().for_each(|folder| remove_unborn(folder, since));
    tree
}

/// Removes pages that will never be whole, because their process was killed while it made them: they name no tree.
fn remove_unborn(folder: &Path, since: SystemTime) {
    // The clock of files is that of the last tick.
    let since = since - Duration::from_secs(1);
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let pid = name.to_str().filter(|name| pages::is_page_name(name)).and_then(|name| name.split_once('.'));
        let Some(pid) = pid.and_then(|(pid, _)| pid.parse::<i32>().ok()) else { continue };
        if !entry.metadata().and_then(|meta| meta.modified()).is_ok_and(|modified| modified >= since) {
            continue;
        }
        // SAFETY: signal 0 only asks whether there is such a process.
        let is_gone =
            unsafe { libc::kill(pid, 0) } == -1 && io::Error::last_os_error().raw_os_error() == Some(libc::ESRCH);
        let mut bytes = Vec::new();
        let read =
            pages::open(&entry.path(), false).and_then(|file| file.take(FILE_BYTES as u64).read_to_end(&mut bytes));
        let is_unborn = matches!(Snapshot::read(&bytes), Err(BadPage::Short | BadPage::NotAPage));
        if is_gone && read.is_ok() && is_unborn {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// What a page says of a process that no longer runs.
fn fate(page: &Snapshot) -> Fate {
    if page.end == PageEnd::None as u32 { Fate::Gone } else { Fate::Unknown }
}

/// What is wanted when the program has ended.
pub struct Says<'a> {
    /// the table
    pub table: bool,
    /// what was hot, in this file
    pub learn: Option<&'a Path>,
}

/// `run --wait` and `--learn`: the table on standard error, then the tree's pages go.
pub fn print_ended(ended: &Ended, target: &Target, config: &Config, name: u64, says: &Says<'_>) {
    let pid = ended.pid.unsigned_abs();
    let folders = pages::folders(config.get(Id::Pages));
    let mut found = named(&folders, name);
    found.sort_by_key(|f| (f.page.pid != pid, f.page.start_ns));
    let mut tree = Tree::new(found, &Inhabitants::ours());
    tree.memory = cgroup::standing(std::process::id() as i32);

    let fate = match ended.end {
        End::Exited(status) => Fate::Exited(status as u8),
        End::Killed(signal) => Fate::Signal(signal),
        End::NotStarted(_) => Fate::Unknown,
    };
    // The last image of the program itself is the one whose end we have seen.
    if let Some(last) = tree.pages.iter().rposition(|f| f.page.pid == pid) {
        tree.facts[last].fate = fate;
    }
    let why = target.not_reached().map(|why| why.short());
    let exe = Path::new(&target.name).file_name().unwrap_or(&target.name);
    let unreached: Vec<_> = why.iter().map(|why| Unreached { pid: Some(pid), exe: exe.as_bytes(), why }).collect();
    if tree.pages.is_empty() && unreached.is_empty() && config.get(Id::Policy) != "none" {
        tell("the program left no counter page, so nothing can be said about it");
    }
    let source = if config.policy_source == "built in" { "built in" } else { "" };
    let title =
        Title { command: target.name.as_bytes(), fate, ran_ns: u64::try_from(ended.ran.as_nanos()).ok(), source };
    if let Some(file) = says.learn {
        tell(heat::save(file, &tree.heat));
    }
    // Without a page or a program to name, all that is known stands in the first line.
    let lines = if tree.pages.is_empty() && unreached.is_empty() { 1 } else { usize::MAX };
    match tree.render(Format::Text, title, &unreached) {
        Ok(_) if !says.table => {}
        Ok(text) => text.lines().take(lines).for_each(|line| {
            let _ = writeln!(io::stderr(), "{line}");
        }),
        Err(error) => tell(format!("no report: {error}")),
    }
    clean_up(&tree, &folders, name);
}

/// Removes what the tree has left, but for the pages of processes which still run, and what these share.
fn clean_up(tree: &Tree, folders: &[PathBuf], name: u64) {
    let running = |index: usize| tree.facts.get(index).is_some_and(|f| f.fate == Fate::Running);
    let (kept, gone): (Vec<_>, Vec<_>) = tree.pages.iter().enumerate().partition(|(index, _)| running(*index));
    let shared = folders.iter().map(|folder| pages::shared_by_tree(folder, name)).filter(|_| kept.is_empty());
    let gone = gone.into_iter().flat_map(|(_, found)| [found.path.clone(), heat::path_beside(&found.path)]);
    for path in gone.chain(shared) {
        // Whoever starts next may have reaped it already.
        let _ = fs::remove_file(path);
    }
}

/// CLOCK_BOOTTIME, the clock of the pages, in ns.
fn now_ns() -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` is writable; CLOCK_BOOTTIME exists since Linux 2.6.39.
    unsafe { libc::clock_gettime(libc::CLOCK_BOOTTIME, &mut now) };
    u64::try_from(now.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or(0)
}
