//! `faultless report`: a process with its tree, one page, or all pages of a folder.
//!
//! What must hold here: nothing is changed; a process that is gone is still reported as long as its page lies there.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io;
use std::path::Path;

use anyhow::{Context, Result, bail};
use faultless_core::options::Id;
use faultless_core::report::Title;

use crate::args::Report;
use crate::config::Config;
use crate::environment::Environment;
use crate::live_page::LivePage;
use crate::pages::{self, Found};
use crate::process::{Inhabitants, Live};
use crate::tell::answer;
use crate::tree::{Format, Tree};
use crate::wss;

/// Prints it.
///
/// # Errors
/// There is no page, or it may not be read.
pub fn report(report: &Report) -> Result<i32> {
    if report.wss {
        return wss::report(report);
    }
    let format = match (report.json, report.prom) {
        (true, _) => Format::Json,
        (_, true) => Format::Prom,
        _ => Format::Text,
    };
    let path = Path::new(&report.of);
    let trees = match report.of.to_str().and_then(|s| s.parse::<i32>().ok()) {
        Some(pid) => vec![of_process(pid)?],
        None if path.is_dir() => of_folder(path, format)?,
        None => vec![Tree::new(vec![pages::read_file(path)?], &Inhabitants::ours())],
    };
    for tree in trees {
        answer(&tree.render(format, Title::default(), &[])?)?;
    }
    Ok(0)
}

fn of_process(pid: i32) -> Result<Tree> {
    let Some(live) = Live::find(pid) else { return of_the_dead(pid) };
    let attached = LivePage::find(&live)?;
    let (tree, start_ns) = (attached.page.tree, attached.page.start_ns);
    let beside = attached.folder.as_deref().and_then(|f| pages::read_folder(f).ok()).unwrap_or_default();
    let mut all: Vec<Found> = beside.into_iter().filter(|f| f.page.tree == tree).collect();
    if !all.iter().any(|f| (f.page.pid, f.page.start_ns) == (live.pid_inside, start_ns)) {
        all.push(Found { path: attached.path().to_owned(), page: attached.page });
    }
    all.sort_by_key(|f| ((f.page.pid, f.page.start_ns) != (live.pid_inside, start_ns), f.page.start_ns));
    Ok(Tree { again: u32::try_from(pid).ok(), ..Tree::new(all, &Inhabitants::beside(&live)) })
}

/// A process that has ended: its newest page, where pages are by the options in force here.
fn of_the_dead(pid: i32) -> Result<Tree> {
    let config = Config::resolve(&Environment::read()?, &[])?;
    let folders = pages::folders(config.get(Id::Pages));
    let mut all: Vec<Found> = folders.iter().filter_map(|f| pages::read_folder(f).ok()).flatten().collect();
    let is_asked = |f: &Found| i32::try_from(f.page.pid) == Ok(pid);
    let newest = all.iter().filter(|f| is_asked(f)).max_by_key(|f| f.page.start_ns);
    let (tree, path) = match newest {
        Some(found) => (found.page.tree, found.path.clone()),
        None if folders.is_empty() => bail!("there is no process {pid}, and no counter page at all"),
        None => {
            let list: Vec<_> = folders.iter().map(|f| f.display().to_string()).collect();
            bail!("there is no process {pid}, and no counter page of it in {}", list.join(", "))
        }
    };
    all.retain(|f| f.page.tree == tree);
    all.sort_by_key(|f| (f.path != path, f.page.start_ns));
    Ok(Tree { again: u32::try_from(pid).ok(), ..Tree::new(all, &Inhabitants::ours()) })
}

/// All trees of a folder, the oldest first. Prometheus wants each name once, so there they are one.
fn of_folder(folder: &Path, format: Format) -> Result<Vec<Tree>> {
    let mut trees: BTreeMap<(u64, u64), Vec<Found>> = BTreeMap::new();
    let mut firsts: BTreeMap<u64, u64> = BTreeMap::new();
    for found in pages::read_folder(folder)? {
        let tree = if format == Format::Prom { 0 } else { found.page.tree };
        let first = *firsts.entry(tree).or_insert(found.page.start_ns);
        trees.entry((first, tree)).or_default().push(found);
    }
    if trees.is_empty() {
        return Err(io::Error::from(io::ErrorKind::NotFound))
            .with_context(|| format!("no counter page in {}", OsStr::display(folder.as_os_str())));
    }
    let inhabitants = Inhabitants::ours();
    Ok(trees.into_values().map(|pages| Tree::new(pages, &inhabitants)).collect())
}
