//! `faultless warm`: files into the page cache, out of it, held there, or only looked at.
//!
//! What must hold here: no file is changed, and none that cannot be had keeps the others from their turn; no more
//! than half of what memory leaves is taken unasked, and what is left out is said.

mod bounds;
mod evict;
mod file;
mod headroom;
mod hold;
mod interrupt;
mod load;
mod pattern;
mod problems;
mod report;
mod resident;
mod walk;

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use faultless_core::options::Id;
use faultless_core::size::{Human, Size};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::args::Warm;
use crate::cgroup;
use crate::config::{Config, Flag};
use crate::environment::Environment;
use crate::tell::{answer, tell};
use file::Wanted;
use interrupt::Interrupt;
use problems::Problems;
use report::{Row, files};
use resident::{page, pages};
use walk::Walk;

/// Signs in the map of a file.
const CELLS: u64 = 32;
/// One in so many bytes that were read, and are gone by the end, are read again.
const MOST_GONE: u64 = 64;

/// Does it. Returns the exit status.
///
/// # Errors
/// Bad usage, before anything is read; or standard output cannot be written.
pub fn warm(args: &Warm) -> Result<i32> {
    let range = args.range.as_deref().map(|text| bounds::range("--range", text)).transpose()?;
    let max = args.max.as_deref().map(|text| in_bytes("--max", text)).transpose()?;
    let lock_max = if args.hold { Some(lock_max(args.lock_max.as_deref())?) } else { None };
    let interrupt = Interrupt::watch().context("no thread")?;
    let bar = bar();
    let problems = Problems::new(bar.clone());
    let walk = Walk {
        follow: args.follow,
        one_file_system: args.one_file_system,
        range,
        interrupt: &interrupt,
        problems: &problems,
    };
    let wanted = walk.files(&args.paths);
    let task = Task { args, wanted, interrupt: &interrupt, problems: &problems, bar };
    if args.query {
        task.query()?;
    } else if args.evict {
        task.evict()?;
    } else {
        let headroom = headroom::half();
        task.load(max, headroom)?;
        if let Some(lock_max) = lock_max.filter(|_| interrupt.signal().is_none()) {
            return task.hold(lock_max, headroom);
        }
    }
    Ok(match interrupt.signal() {
        Some(signal) => 128 + signal,
        None => i32::from(problems.failed() > 0),
    })
}

/// A size, in bytes; a share is one of the memory that this process may have.
fn in_bytes(flag: &str, text: &OsStr) -> Result<u64> {
    let size = bounds::size(flag, text)?;
    let memory = if size.is_relative() { cgroup::memory(std::process::id() as i32) } else { None };
    Ok(size.bytes(memory.unwrap_or(u64::MAX)))
}

/// The library's option: the flag, else the variable, else the default.
fn lock_max(flag: Option<&OsStr>) -> Result<u64> {
    let flag =
        Id::LockMax.row().zip(flag).map(|(row, value)| Flag { row, name: "--lock-max".into(), value: value.into() });
    let config = Config::resolve(&Environment::read()?, flag.as_slice())?;
    in_bytes("--lock-max", config.get(Id::LockMax))
}

/// Not drawn before there is something to read.
fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{wide_bar} {bytes} of {total_bytes} {binary_bytes_per_sec} {eta} left");
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
    style.map_or_else(|_| ProgressBar::hidden(), |style| bar.with_style(style))
}

struct Task<'a> {
    args: &'a Warm,
    wanted: Vec<Wanted>,
    interrupt: &'a Interrupt,
    problems: &'a Problems,
    bar: ProgressBar,
}

impl Task<'_> {
    /// One row for each file that `each` manages, until a signal comes.
    fn rows(&self, mut each: impl FnMut(&Wanted, &File) -> io::Result<Row>) -> Vec<Row> {
        let mut rows = Vec::new();
        for wanted in self.wanted.iter().take_while(|_| self.interrupt.signal().is_none()) {
            match wanted.open().and_then(|file| each(wanted, &file)) {
                Ok(row) => rows.push(Row { path: wanted.path.clone(), bytes: wanted.bytes(), ..row }),
                Err(error) => self.problems.fail(&wanted.path, error),
            }
        }
        rows
    }

    fn say(&self, rows: &[Row], text: impl FnOnce() -> String) -> io::Result<()> {
        if self.interrupt.signal().is_some() {
            tell("stopped by a signal; so far:");
        }
        answer(&if self.args.json { report::json(rows, self.problems) } else { text() })
    }

    fn query(&self) -> io::Result<()> {
        let rows = self.rows(|wanted, file| {
            let cells = cells(wanted, file);
            let resident = cells.iter().try_fold(0, |sum, (resident, _)| Some(sum + (*resident)?));
            let map = cells.iter().map(|cell| match *cell {
                (None, _) => '?',
                (Some(0), _) => '.',
                (Some(resident), pages) => {
                    if resident < pages {
                        '+'
                    } else {
                        '#'
                    }
                }
            });
            let resident = resident.map(|pages| wanted.bytes_of(pages));
            Ok(Row { resident, map: Some(map.collect()), ..Row::default() })
        });
        self.say(&rows, || report::table(&rows))
    }

    fn evict(&self) -> io::Result<()> {
        let rows = self.rows(|wanted, file| {
            let done = evict::evict(file, &wanted.range)?;
            let in_bytes = |pages: Option<u64>| pages.map(|pages| wanted.bytes_of(pages));
            let evicted = done.before.zip(done.stayed).map(|(before, stayed)| before.saturating_sub(stayed));
            let (resident, evicted, dirty) = (in_bytes(done.stayed), in_bytes(evicted), in_bytes(done.dirty));
            Ok(Row { resident, evicted, dirty, ..Row::default() })
        });
        self.say(&rows, || {
            let stayed: String = rows.iter().filter_map(stayed).collect();
            let (evicted, unknown) = report::sum(&rows, |row| row.evicted);
            let unknown = if unknown > 0 { format!(", of {} unknown", Human(unknown)) } else { String::new() };
            let of = files(rows.len());
            format!("{stayed}evicted {}{unknown}, {of}: {}\n", Human(evicted), report::residency(&rows))
        })
    }

    fn load(&self, max: Option<u64>, headroom: u64) -> io::Result<()> {
        let begun = Instant::now();
        self.bar.set_length(self.wanted.iter().map(Wanted::bytes).sum());
        // Draws on a terminal only.
        self.bar.set_draw_target(ProgressDrawTarget::stderr());
        self.bar.enable_steady_tick(Duration::from_millis(200));
        let budget = max.unwrap_or(headroom);
        let load = |budget, bar: &ProgressBar| load::load(&self.wanted, budget, self.interrupt, self.problems, bar);
        let tallies = load(budget, &self.bar);
        let read: u64 = tallies.iter().map(|tally| tally.read.load(Relaxed)).sum();
        if self.problems.failed() == 0 {
            // What has gone meanwhile, if it is little: where it is much, memory does not hold it, and what is read again pushes
            // out the next. DAMON takes some of what has just come.
            drop(load((budget - read).min(read / MOST_GONE), &ProgressBar::hidden()));
        }
        let took = begun.elapsed();
        self.bar.finish_and_clear();

        let rows = self.wanted.iter().zip(tallies).map(|(wanted, tally)| {
            // What could not be opened has been said.
            let resident = wanted.open().ok().and_then(|file| resident::resident(&file, &wanted.range));
            Row {
                path: wanted.path.clone(),
                bytes: wanted.bytes(),
                resident: resident.map(|pages| wanted.bytes_of(pages)),
                read: Some(tally.read.into_inner()),
                left_out: Some(tally.left_out.into_inner()),
                ..Row::default()
            }
        });
        let rows: Vec<Row> = rows.collect();
        if let (left_out @ 1.., _) = report::sum(&rows, |row| row.left_out) {
            let first = rows.iter().find(|row| row.left_out > Some(0)).map(|row| row.path.display());
            let why = match max {
                Some(max) => format!("--max is {}", Human(max)),
                None => format!("half of what memory leaves is {}; --max sets it", Human(headroom)),
            };
            let from = first.map(|path| format!(", from {path} on")).unwrap_or_default();
            tell(format!("left out {}{from}: {why}", Human(left_out)));
        }
        self.say(&rows, || {
            let (read, _) = report::sum(&rows, |row| row.read);
            let bytes = Human(rows.iter().map(|row| row.bytes).sum());
            let of = files(rows.len());
            let speed = Human((read as f64 / took.as_secs_f64().max(0.001)) as u64);
            let how = if read > 0 { format!(" in {:.2} s, {speed}/s", took.as_secs_f64()) } else { String::new() };
            format!("read {} of {bytes} in {of}{how}: {}\n", Human(read), report::residency(&rows))
        })
    }

    /// Locks within the option, the limit, and what was left when we began; then waits for a signal.
    fn hold(&self, lock_max: u64, headroom: u64) -> Result<i32> {
        let limit = hold::lockable();
        let budget = lock_max.min(limit).min(headroom);
        let mut rest = budget / page() * page();
        let mut left_out = 0;
        let rows = self.rows(|wanted, file| {
            let (locked, result) = hold::hold(file, &wanted.range, rest);
            rest -= locked.next_multiple_of(page()).min(rest);
            left_out += wanted.bytes() - locked;
            if let Err(error) = result {
                self.problems.fail(&wanted.path, format!("only {} locked: {error}", Human(locked)));
            }
            Ok(Row { resident: Some(locked), ..Row::default() })
        });
        let (locked, _) = report::sum(&rows, |row| row.resident);
        if left_out > 0 {
            let least = if budget == limit {
                "the limit of locked memory is"
            } else if budget == lock_max {
                "--lock-max is"
            } else {
                "memory leaves"
            };
            tell(format!("not locked: {}; {least} {}", Human(left_out), Size::Bytes(budget)));
        }
        if locked == 0 {
            tell("nothing is locked, so there is nothing to hold");
            return Ok(1);
        }
        answer(&format!("holding {} in {}, until a signal\n", Human(locked), files(rows.len())))?;
        hold::notify("READY=1").unwrap_or_else(|error| tell(format!("NOTIFY_SOCKET: {error}")));
        self.interrupt.wait();
        hold::notify("STOPPING=1").unwrap_or_else(|error| tell(format!("NOTIFY_SOCKET: {error}")));
        Ok(i32::from(self.problems.failed() > 0))
    }
}

/// What of each part of a file is resident, and how many pages the part has.
fn cells(wanted: &Wanted, file: &File) -> Vec<(Option<u64>, u64)> {
    let pages_in_all = pages(&wanted.range);
    let cells = pages_in_all.min(CELLS);
    let edge = |cell: u64| {
        let pages = (u128::from(pages_in_all) * u128::from(cell) / u128::from(cells)) as u64;
        (wanted.range.start + pages * page()).min(wanted.range.end)
    };
    (0..cells)
        .map(|cell| {
            let part = edge(cell)..edge(cell + 1);
            (resident::resident(file, &part), pages(&part))
        })
        .collect()
}

/// What stayed of a file, and why.
fn stayed(row: &Row) -> Option<String> {
    let stayed = row.resident.filter(|stayed| *stayed > 0)?;
    let why = match row.dirty {
        None => "dirty, mapped, locked or in use".into(),
        Some(0) => "mapped, locked or in use".into(),
        Some(dirty) if dirty >= stayed => "dirty".into(),
        Some(dirty) => format!("{} dirty, the rest mapped, locked or in use", Human(dirty)),
    };
    Some(format!("{}: {} stayed: {why}\n", row.path.display(), Human(stayed)))
}
