//! `faultless compare`: the same program under several policies, in turns, and what that says.
//!
//! What must hold here: everything is checked before anything runs; whatever way it ends, no process, page or file
//! of ours is left, and what was measured by then is shown.

pub mod args;
mod capture;
mod child;
mod contender;
mod csv;
mod figures;
mod guard;
mod host;
mod html;
mod json;
mod markdown;
mod metric;
mod outcome;
mod plan;
mod plot;
mod runner;
mod server;
mod signals;
mod statistics;
mod table;

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Result;
use indicatif::{ProgressBar, ProgressFinish, ProgressStyle};

use crate::REFUSED;
use crate::environment::Environment;
use crate::exec;
use crate::library;
use crate::refusal::Refusal;
use crate::run;
use crate::target::{Target, Why};
use crate::tell::{answer, tell};
use args::Compare;
use capture::Capture;
use contender::{Contender, contenders, refusal};
use figures::Run;
use guard::Guard;
use host::Host;
use metric::Metric;
use outcome::{Comparison, Output};
use plan::{Length, Progress, order};
use runner::{DROP_CACHES, Runner, Served, Stop};
use server::Ready;
use signals::Signals;

/// Makes the text of a file from a comparison.
type Export = fn(&Comparison<'_>) -> String;

/// Compares. Returns the exit status.
///
/// # Errors
/// Bad input, before anything has run; or standard output cannot be written.
pub fn compare(args: &Compare) -> Result<i32> {
    let environment = Environment::read()?;
    let library = match library::find(args.lib.as_deref(), environment.lib.as_deref()) {
        Ok(library) => library,
        Err(error) => {
            tell(format!("{error:#}"));
            return Ok(REFUSED);
        }
    };
    let contenders = contenders(&args.contest, &environment, &library)?;
    let metrics = args.metric.iter().map(|text| Metric::parse(text)).collect::<Result<Vec<_>, _>>()?;
    let ready = args.ready.as_deref().map(Ready::parse).transpose()?;
    let exports = exports(args)?;
    let input = args.input.as_deref().unwrap_or(Path::new("/dev/null"));
    File::open(input).map_err(|error| cannot("--input", input, "read", &error))?;
    if args.cold {
        let opened = OpenOptions::new().write(true).open(DROP_CACHES);
        opened.map_err(|_| {
            refusal(
                "--cold",
                DROP_CACHES.as_ref(),
                "cannot be written, so caches cannot be dropped; run as root (in a container: --privileged), or drop \
                 what the program reads: --prepare 'faultless warm --evict FILES'",
            )
        })?;
    }
    environment.warnings().for_each(tell);
    let target = Target::look(&args.command[0], library.header);
    if target.file.is_none() {
        let error = io::Error::from_raw_os_error(libc::ENOENT);
        tell(format!("cannot run {}: {error}", target.name.display()));
        return Ok(exec::exit_code(&error));
    }
    if target.not_reached().is_some_and(Why::forbids_preload) {
        return Err(refusal("CMD", &target.name, &format!("{target}: all contenders would be the same")).into());
    }
    if target.not_reached().is_some() {
        tell(format!("{target}; only programs that it starts are reached"));
    }
    let pages = contenders.iter().find(|c| c.preloaded).map(|c| c.pages.clone()).unwrap_or_default();
    if let Err(why) = run::usable_folder(&pages) {
        tell(format!("no counter pages, so neither huge pages nor locked memory are known: {why}"));
    }

    // Behind the last refusal, because the guard is a process already.
    open_standard()?;
    let guard = Guard::start(pages.clone())?;
    let signals = Signals::block()?;
    let served = ready.zip(args.load.clone()).map(|(ready, load)| Served {
        load,
        ready,
        limit: Duration::from_secs_f64(args.ready_timeout),
    });
    let check_output = !args.ignore_output && served.is_none();
    let runner = Runner {
        command: &args.command,
        prepare: args.prepare.as_deref(),
        cold: args.cold,
        input,
        served,
        metrics: &metrics,
        ignore_failure: args.ignore_failure,
        beside: contender::without_us(&library),
        pages,
        signals: &signals,
        guard: &guard,
    };
    let mut rounds = Rounds { runner: &runner, contenders: &contenders, check_output, runs: Vec::new(), first: None };
    let stop = rounds.run(length(args), args.warmup as usize).err();
    let runs = rounds.whole();
    let comparison = Comparison {
        contenders: &contenders,
        command: line(&args.command),
        load: args.load.as_ref().map(|load| load.to_string_lossy().into_owned()),
        prepare: args.prepare.as_ref().map(|prepare| prepare.to_string_lossy().into_owned()),
        cold: args.cold,
        warmup: args.warmup as usize,
        metrics: &metrics,
        rounds: runs.len() / contenders.len(),
        runs,
        check_output,
        interrupted: if let Some(Stop::Signal(signal)) = stop { Some(signal) } else { None },
        host: Host::look(),
    };
    signals.restore();
    drop(guard);
    conclude(&comparison, stop, &exports)
}

/// Shows what there is, saves it, and says what is wrong with it.
fn conclude(comparison: &Comparison<'_>, stop: Option<Stop>, exports: &[(PathBuf, Export)]) -> Result<i32> {
    match &stop {
        Some(Stop::Failed(why, status)) => {
            tell(why);
            return Ok(*status);
        }
        Some(Stop::Signal(_)) if comparison.rounds < 2 => {
            tell("stopped by a signal, before two rounds were done");
            return Ok(status_of(&stop));
        }
        Some(Stop::Signal(_)) => tell("stopped by a signal; so far:"),
        None => {}
    }
    let mut status = status_of(&stop);
    let mut saved = Vec::new();
    for (path, export) in exports {
        match fs::write(path, export(comparison)) {
            Ok(()) => saved.push(path.display().to_string()),
            Err(error) => {
                tell(format!("{}: {error}", path.display()));
                status = status.max(1);
            }
        }
    }
    answer(&comparison.text(&saved))?;
    match comparison.output() {
        Output::Differs(index, difference) => {
            let run = &comparison.runs[index];
            let who = &comparison.contenders[run.contender].name;
            let first = &comparison.contenders[0].name;
            let line = |text: &Option<String>| text.clone().unwrap_or_else(|| "(ends before)".into());
            tell(format!(
                "the output of {who} differs from that of {first}, first in round {}: {}, line {}\n  {first}: {}\n  \
                 {who}: {}\n--ignore-output if that is as it should be",
                run.round + 1,
                difference.stream,
                difference.line,
                line(&difference.expected),
                line(&difference.found),
            ));
            status = status.max(1);
        }
        Output::Unsteady(difference) => tell(format!(
            "the program's output is not steady: {} differs from itself in {}, line {}; so nothing is said about the \
             output of the others",
            comparison.contenders[0].name, difference.stream, difference.line,
        )),
        Output::Identical | Output::Ignored => {}
    }
    Ok(status)
}

fn status_of(stop: &Option<Stop>) -> i32 {
    match stop {
        None => 0,
        Some(Stop::Signal(signal)) => 128 + signal,
        Some(Stop::Failed(_, status)) => *status,
    }
}

/// The runs, as they are made.
struct Rounds<'a> {
    runner: &'a Runner<'a>,
    contenders: &'a [Contender],
    check_output: bool,
    runs: Vec<Run>,
    /// what the first contender printed first
    first: Option<(u64, Capture)>,
}

impl Rounds<'_> {
    fn run(&mut self, length: Length, warmup: usize) -> Result<(), Stop> {
        let bar = bar();
        let count = self.contenders.len();
        bar.set_length((length.rounds(Progress::default()) * count) as u64);
        for round in 0..warmup {
            for contender in order(round, count) {
                let left = warmup - round;
                bar.set_message(format!("warm-up, {left} to go: {}", self.contenders[contender].name));
                self.once(contender, &format!("warm-up {}", round + 1))?;
            }
        }
        let begun = Instant::now();
        let mut progress = Progress::default();
        while !length.is_reached(progress) {
            for (position, contender) in order(progress.rounds, count).into_iter().enumerate() {
                let rounds = length.rounds(progress).max(progress.rounds + 1);
                bar.set_length((rounds * count) as u64);
                bar.set_message(format!("round {}: {}", progress.rounds + 1, self.contenders[contender].name));
                let (run, capture) = self.once(contender, &format!("round {}", progress.rounds + 1))?;
                let run = Run { round: progress.rounds, position, contender, ..run };
                let difference = if self.check_output { self.difference(&run, capture)? } else { None };
                self.runs.push(Run { difference, ..run });
                bar.inc(1);
            }
            let total = |c: usize| self.runs.iter().filter(|run| run.contender == c).map(|run| run.wall).sum::<f64>();
            let least = (0..count).map(total).fold(f64::INFINITY, f64::min);
            progress = Progress {
                rounds: progress.rounds + 1,
                elapsed: begun.elapsed(),
                least: Duration::from_secs_f64(least),
            };
        }
        Ok(())
    }

    fn once(&self, contender: usize, when: &str) -> Result<(Run, Capture), Stop> {
        self.runner.run(&self.contenders[contender]).map_err(|stop| match stop {
            Stop::Failed(why, status) => {
                let who = &self.contenders[contender].name;
                Stop::Failed(format!("{when} of {who}: {why}"), status)
            }
            signal => signal,
        })
    }

    /// From what the first contender printed first.
    fn difference(&mut self, run: &Run, capture: Capture) -> io::Result<Option<capture::Difference>> {
        match &self.first {
            None => {
                self.first = Some((run.output, capture));
                Ok(None)
            }
            Some((number, _)) if *number == run.output => Ok(None),
            Some((_, first)) => capture.difference(first),
        }
    }

    /// The runs of whole rounds.
    fn whole(&mut self) -> Vec<Run> {
        let whole = self.runs.len() / self.contenders.len() * self.contenders.len();
        self.runs.truncate(whole);
        std::mem::take(&mut self.runs)
    }
}

/// Drawn between runs only, and only on a terminal; cleared when it is dropped.
fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {pos} of {len} runs, {eta} left; {wide_msg}");
    let bar = ProgressBar::new(0).with_finish(ProgressFinish::AndClear);
    style.map_or_else(|_| ProgressBar::hidden(), |style| bar.with_style(style))
}

fn length(args: &Compare) -> Length {
    match (args.runs, args.time) {
        (Some(runs), _) => Length::Rounds(runs as usize),
        (None, Some(seconds)) => Length::Time(Duration::from_secs_f64(seconds)),
        (None, None) => Length::Enough,
    }
}

/// The files to write, each checked for being writable before hours are spent.
fn exports(args: &Compare) -> Result<Vec<(PathBuf, Export)>, Refusal> {
    let all: [(&str, &Option<PathBuf>, Export); 4] = [
        ("--json", &args.json, json::export),
        ("--csv", &args.csv, csv::export),
        ("--markdown", &args.markdown, markdown::export),
        ("--html", &args.html, html::export),
    ];
    let mut exports = Vec::new();
    for (flag, path, export) in all {
        let Some(path) = path else { continue };
        let existed = path.exists();
        let opened = OpenOptions::new().append(true).create(true).open(path);
        opened.map_err(|error| cannot(flag, path, "write", &error))?;
        if !existed {
            let _ = fs::remove_file(path);
        }
        exports.push((path.clone(), export));
    }
    Ok(exports)
}

fn cannot(flag: &str, path: &Path, what: &str, error: &io::Error) -> Refusal {
    refusal(flag, path.as_os_str(), &format!("cannot {what} it: {error}"))
}

/// The command as a shell would take it, more or less.
fn line(words: &[OsString]) -> String {
    let quoted = words.iter().map(|word| {
        let word = word.to_string_lossy();
        let plain = |c: char| c.is_alphanumeric() || "-_./=:,@%+".contains(c);
        if !word.is_empty() && word.chars().all(plain) {
            word.into()
        } else {
            format!("'{}'", word.replace('\'', r"'\''"))
        }
    });
    quoted.collect::<Vec<_>>().join(" ")
}

/// Makes sure that 0, 1 and 2 are open, so that no file of ours gets their number and is mixed up with a child's.
fn open_standard() -> io::Result<()> {
    loop {
        // SAFETY: a NUL-terminated path. What is opened below 3 stays open on purpose.
        match unsafe { libc::open(c"/dev/null".as_ptr(), libc::O_RDWR) } {
            -1 => return Err(io::Error::last_os_error()),
            0..3 => {}
            other => {
                // SAFETY: just opened.
                unsafe { libc::close(other) };
                return Ok(());
            }
        }
    }
}
