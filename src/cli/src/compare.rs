//! `faultless compare`: the same program under several policies, in turns, and what that says.
//!
//! What must hold here: everything is checked before anything runs; whatever way it ends, no process, page or file
//! of ours is left, and what was measured by then is shown.

pub mod args;
pub mod capture;
mod child;
pub mod contender;
mod csv;
pub mod figures;
mod guard;
mod host;
mod html;
mod json;
mod markdown;
pub mod metric;
pub mod outcome;
mod plan;
mod plot;
pub mod pmu;
pub mod runner;
mod server;
pub mod setup;
mod signals;
pub mod statistics;
pub mod table;

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Result;
use indicatif::{ProgressBar, ProgressFinish, ProgressStyle};

use crate::tell::{answer, tell};
use args::{Compare, Measure};
use capture::Capture;
use contender::{Contender, contenders};
use figures::Run;
use host::Host;
use outcome::{Comparison, Output};
use plan::{Length, Progress, order};
use runner::{Runner, Stop};
use setup::{Begun, Export, Setup};

/// Compares. Returns the exit status.
///
/// # Errors
/// Bad input, before anything has run; or standard output cannot be written.
pub fn compare(args: &Compare) -> Result<i32> {
    let setup = match Setup::check(&args.measure)? {
        Ok(setup) => setup,
        Err(status) => return Ok(status),
    };
    let contenders = contenders(&args.contest, &setup.environment, &setup.library)?;
    let pages = contenders.iter().find(|c| c.preloaded).map(|c| c.pages.clone()).unwrap_or_default();
    if let Some(status) = setup.refuses_target(&pages)? {
        return Ok(status);
    }
    let begun = setup.begin(pages)?;
    let (comparison, stop) = begun.contest(&setup, &contenders);
    begun.end();
    conclude(&comparison, stop, &setup.exports)
}

impl Begun {
    /// All rounds, or those that were whole when it stopped.
    pub fn contest<'a>(&self, setup: &'a Setup<'a>, contenders: &'a [Contender]) -> (Comparison<'a>, Option<Stop>) {
        let measure = setup.measure;
        let runner = self.runner(setup, &measure.command);
        let check_output = !measure.ignore_output && runner.served.is_none();
        let mut rounds = Rounds { runner: &runner, contenders, check_output, runs: Vec::new(), first: None };
        let stop = rounds.run(length(measure), measure.warmup as usize).err();
        let runs = rounds.whole();
        let comparison = Comparison {
            contenders,
            command: line(&measure.command),
            load: measure.load.as_ref().map(|load| load.to_string_lossy().into_owned()),
            prepare: measure.prepare.as_ref().map(|prepare| prepare.to_string_lossy().into_owned()),
            cold: measure.cold,
            warmup: measure.warmup as usize,
            metrics: &setup.metrics,
            rounds: runs.len() / contenders.len(),
            runs,
            check_output,
            interrupted: if let Some(Stop::Signal(signal)) = stop { Some(signal) } else { None },
            host: Host { pmu: self.pmu.missing(), ..Host::look() },
        };
        (comparison, stop)
    }
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

fn length(args: &Measure) -> Length {
    match (args.runs, args.time) {
        (Some(runs), _) => Length::Rounds(runs as usize),
        (None, Some(seconds)) => Length::Time(Duration::from_secs_f64(seconds)),
        (None, None) => Length::Enough,
    }
}

/// The command as a shell would take it, more or less.
pub fn line(words: &[OsString]) -> String {
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
