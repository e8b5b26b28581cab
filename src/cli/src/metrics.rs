//! `faultless metrics`: the counters of all wrapped processes as Prometheus text, for the textfile collector.
//!
//! What must hold here: the names are those of the table of counters; whoever reads the file sees an old one or a
//! new one, never a part; without --per-process there is no label that grows with the number of processes.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use faultless_core::options::Id;
use faultless_core::page::Snapshot;
use faultless_core::report::{Facts, Totals, gauge, prom};

use crate::args::Metrics;
use crate::config::Config;
use crate::environment::Environment;
use crate::everywhere::{self, Seen};
use crate::process::Live;
use crate::tell::{answer, tell};

/// Writes them.
///
/// # Errors
/// A bad option in the environment; the file cannot be written.
pub fn metrics(metrics: &Metrics) -> Result<i32> {
    let config = Config::resolve(&Environment::read()?, &[])?;
    let all = everywhere::look(config.get(Id::Pages));
    all.missing().into_iter().for_each(tell);
    let mut seen = all.pages;
    if metrics.per_process {
        seen = running(seen);
    }
    let text = text(&seen, metrics.per_process)?;
    match &metrics.output {
        Some(file) => replace(file, &text).with_context(|| file.display().to_string())?,
        None => answer(&text)?,
    }
    Ok(0)
}

/// The pages of processes that run, by the ids that they have here; images that exec has replaced go with them, since
/// the kernel's counters go on across exec.
fn running(seen: Vec<Seen>) -> Vec<Seen> {
    let owners: Vec<(PathBuf, u32, u32)> = seen
        .iter()
        .filter_map(|s| Some((folder(s), s.found.page.pid, s.writer.as_ref()?.pid.unsigned_abs())))
        .collect();
    let of = |s: &Seen| owners.iter().find(|(f, inside, _)| *f == folder(s) && *inside == s.found.page.pid);
    let mut kept = Vec::new();
    for mut one in seen {
        if let Some((_, _, pid)) = of(&one) {
            one.found.page.pid = *pid;
            kept.push(one);
        }
    }
    kept
}

fn folder(seen: &Seen) -> PathBuf {
    seen.found.path.parent().unwrap_or(Path::new("")).to_owned()
}

fn text(seen: &[Seen], per_process: bool) -> Result<String> {
    let pages: Vec<&Snapshot> = seen.iter().map(|s| &*s.found.page).collect();
    let facts: Vec<Facts> = seen.iter().map(|s| s.writer.as_ref().map(Live::facts).unwrap_or_default()).collect();
    let totals = Totals { facts: &facts, per_process, ..Totals::new(&pages) };
    let mut text = String::new();
    let live = |i: usize| seen[i].writer.as_ref();
    gauge(&mut text, &totals, ["processes", "processes that run"], &|i| Some(u64::from(live(i).is_some())))?;
    gauge(&mut text, &totals, ["resident_bytes", "resident bytes of processes that run"], &|i| live(i)?.rss())?;
    gauge(&mut text, &totals, ["swapped_bytes", "swapped bytes of processes that run"], &|i| facts[i].swap)?;
    gauge(&mut text, &totals, ["mlocked_bytes", "locked bytes of processes that run, by whomever"], &|i| {
        facts[i].locked
    })?;
    prom(&mut text, &totals)?;
    Ok(text)
}

/// Writes a new file beside it, readable by all, and renames it over the old one.
fn replace(file: &Path, text: &str) -> io::Result<()> {
    let mut name = file.as_os_str().to_owned();
    // The collector reads only what ends in .prom.
    name.push(format!(".{}.new", std::process::id()));
    let new = Path::new(&name);
    let opened = OpenOptions::new().write(true).create_new(true).mode(0o644).open(new);
    let written = opened.and_then(|mut f| f.write_all(text.as_bytes())).and_then(|()| fs::rename(new, file));
    if written.is_err() {
        let _ = fs::remove_file(new);
    }
    written
}
