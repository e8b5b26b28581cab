//! What is checked before anything runs, and what is held while it does.
//!
//! What must hold here: whatever is refused is refused before the first run; from [`Setup::begin`] on, a guard cleans up
//! behind us should we be killed.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;

use super::args::Measure;
use super::contender::{refusal, without_us};
use super::guard::Guard;
use super::metric::Metric;
use super::outcome::Comparison;
use super::pmu::Pmu;
use super::runner::{DROP_CACHES, Runner, Served};
use super::server::Ready;
use super::signals::Signals;
use super::{csv, html, json, markdown};
use crate::REFUSED;
use crate::environment::Environment;
use crate::exec;
use crate::library::{self, Library};
use crate::refusal::Refusal;
use crate::run;
use crate::target::{Target, Why};
use crate::tell::tell;

/// Makes the text of a file from a comparison.
pub type Export = fn(&Comparison<'_>) -> String;

/// A command line that can be run.
pub struct Setup<'a> {
    /// as typed
    pub measure: &'a Measure,
    /// the options in variables
    pub environment: Environment,
    /// what is preloaded
    pub library: Library,
    /// looked for in the output
    pub metrics: Vec<Metric>,
    /// files to write
    pub exports: Vec<(PathBuf, Export)>,
    ready: Option<Ready>,
    input: &'a Path,
}

/// What is held while programs run.
pub struct Begun {
    guard: Guard,
    signals: Signals,
    pages: OsString,
    /// what the processor counts here
    pub pmu: Pmu,
}

impl<'a> Setup<'a> {
    /// Checks all but the contenders and the program; the exit status if there is no library.
    ///
    /// # Errors
    /// A [`Refusal`].
    pub fn check(measure: &'a Measure) -> Result<Result<Setup<'a>, i32>> {
        let environment = Environment::read()?;
        let library = match library::find(measure.lib.as_deref(), environment.lib.as_deref()) {
            Ok(library) => library,
            Err(error) => {
                tell(format!("{error:#}"));
                return Ok(Err(REFUSED));
            }
        };
        let metrics = measure.metric.iter().map(|text| Metric::parse(text)).collect::<Result<Vec<_>, _>>()?;
        let ready = measure.ready.as_deref().map(Ready::parse).transpose()?;
        let exports = exports(measure)?;
        let input = measure.input.as_deref().unwrap_or(Path::new("/dev/null"));
        File::open(input).map_err(|error| cannot("--input", input, "read", &error))?;
        if measure.cold {
            let opened = OpenOptions::new().write(true).open(DROP_CACHES);
            opened.map_err(|_| {
                refusal(
                    "--cold",
                    DROP_CACHES.as_ref(),
                    "cannot be written, so caches cannot be dropped; run as root (in a container: --privileged), or \
                     drop what the program reads: --prepare 'faultless warm --evict FILES'",
                )
            })?;
        }
        environment.warnings().for_each(tell);
        Ok(Ok(Setup { measure, environment, library, metrics, exports, ready, input }))
    }

    /// The exit status if the program cannot be run; says what its pages cannot be had for.
    ///
    /// # Errors
    /// A [`Refusal`]: preloading must not reach it.
    pub fn refuses_target(&self, pages: &OsStr) -> Result<Option<i32>> {
        let target = Target::look(&self.measure.command[0], self.library.header);
        if target.file.is_none() {
            let error = io::Error::from_raw_os_error(libc::ENOENT);
            tell(format!("cannot run {}: {error}", target.name.display()));
            return Ok(Some(exec::exit_code(&error)));
        }
        if target.not_reached().is_some_and(Why::forbids_preload) {
            return Err(refusal("CMD", &target.name, &format!("{target}: all contenders would be the same")).into());
        }
        if target.not_reached().is_some() {
            tell(format!("{target}; only programs that it starts are reached"));
        }
        if let Err(why) = run::usable_folder(pages) {
            tell(format!("no counter pages, so neither huge pages nor locked memory are known: {why}"));
        }
        Ok(None)
    }

    /// Begins to hold. Behind the last refusal, because the guard is a process already.
    ///
    /// # Errors
    /// No memory, pipe or process.
    pub fn begin(&self, pages: OsString) -> io::Result<Begun> {
        open_standard()?;
        let guard = Guard::start(pages.clone())?;
        Ok(Begun { guard, signals: Signals::block()?, pages, pmu: Pmu::look() })
    }
}

impl Begun {
    /// Runs this command as all contenders are run.
    pub fn runner<'a>(&'a self, setup: &'a Setup<'_>, command: &'a [OsString]) -> Runner<'a> {
        let measure = setup.measure;
        let served = setup.ready.clone().zip(measure.load.clone()).map(|(ready, load)| Served {
            load,
            ready,
            limit: Duration::from_secs_f64(measure.ready_timeout),
        });
        Runner {
            command,
            prepare: measure.prepare.as_deref(),
            cold: measure.cold,
            input: setup.input,
            served,
            metrics: &setup.metrics,
            ignore_failure: measure.ignore_failure,
            beside: without_us(&setup.library),
            pages: self.pages.clone(),
            signals: &self.signals,
            guard: &self.guard,
            pmu: self.pmu,
        }
    }

    /// Nothing runs any more.
    pub fn end(self) {
        self.signals.restore();
    }
}

/// The files to write, each checked for being writable before hours are spent.
fn exports(args: &Measure) -> Result<Vec<(PathBuf, Export)>, Refusal> {
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
