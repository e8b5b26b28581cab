//! Runs one contender once: prepares, starts, waits, and takes what the kernel and the pages say.
//!
//! What must hold here: the clock runs over the program alone (a server: over its load alone); whatever way a run
//! ends, its processes and its pages are gone before the next begins.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use faultless_core::options::Id;

use super::capture::Capture;
use super::child::{Child, Ended, Left};
use super::contender::Contender;
use super::figures::{FromPages, Run, end};
use super::guard::Guard;
use super::metric::Metric;
use super::pmu::{Counts, Pmu, less};
use super::server::{self, Ready};
use super::signals::Signals;
use crate::exec::{self, Program};
use crate::launch::{self, Launch};
use crate::outside::Outside;
use crate::tree;
use crate::wait::End;

/// A server that is told to end has so long.
const STOP: Duration = Duration::from_secs(10);
/// Between two looks whether a server is ready.
const LOOK: Duration = Duration::from_millis(20);
/// Writing 3 drops the page cache, dentries and inodes.
pub const DROP_CACHES: &str = "/proc/sys/vm/drop_caches";

/// A server's side of it.
pub struct Served {
    /// what is timed, for sh
    pub load: OsString,
    /// when it begins
    pub ready: Ready,
    /// how long that may take
    pub limit: Duration,
}

/// What all runs have in common.
pub struct Runner<'a> {
    /// the program and its arguments
    pub command: &'a [OsString],
    /// run by sh before each
    pub prepare: Option<&'a OsStr>,
    /// whether caches are dropped
    pub cold: bool,
    /// standard input of the program
    pub input: &'a Path,
    /// for servers
    pub served: Option<Served>,
    /// looked for in the output
    pub metrics: &'a [Metric],
    /// whether a run may fail
    pub ignore_failure: bool,
    /// what commands beside the program start with
    pub beside: Launch,
    /// where pages are, as FAULTLESS_PAGES
    pub pages: OsString,
    /// for children
    pub signals: &'a Signals,
    /// for when we are killed
    pub guard: &'a Guard,
    /// what can be counted
    pub pmu: Pmu,
}

/// Why it does not go on.
pub enum Stop {
    /// a signal
    Signal(i32),
    /// what went wrong, and the exit status
    Failed(String, i32),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Stop {
        Stop::Failed(error.to_string(), 1)
    }
}

impl Runner<'_> {
    /// Runs it once.
    ///
    /// # Errors
    /// [`Stop`]; nothing of the run is left.
    pub fn run(&self, contender: &Contender) -> Result<(Run, Capture), Stop> {
        if let Some(command) = self.prepare {
            let (ended, capture) = self.shell(command)?;
            if ended.end != End::Exited(0) {
                return Err(failed("--prepare", ended.end, &capture));
            }
        }
        if self.cold {
            // SAFETY: takes nothing and cannot fail. Dirty pages cannot be dropped.
            unsafe { libc::sync() };
            fs::write(DROP_CACHES, "3").map_err(|error| Stop::Failed(format!("{DROP_CACHES}: {error}"), 1))?;
        }
        let since = SystemTime::now();
        let (tree, program) = self.program(contender)?;
        self.guard.tree(tree);
        let capture = Capture::new()?;
        let outcome = match &self.served {
            None => self.job(contender, &program, capture),
            Some(served) => self.server(contender, &program, &capture, served),
        };
        let pages = match tree {
            0 => FromPages::default(),
            tree => FromPages::of(&tree::take(&self.pages, tree, since)),
        };
        self.guard.tree(0);
        let (ended, wall, capture, pmu) = outcome?;
        let mut run = Run { wall: wall.as_secs_f64(), pmu, ..Run::new(&ended, &pages) };
        if self.served.is_none() && ended.end != End::Exited(0) && !self.ignore_failure {
            return Err(failed("the program", ended.end, &capture));
        }
        run.output = capture.number()?;
        let text = if self.metrics.is_empty() { String::new() } else { capture.text()? };
        for metric in self.metrics {
            run.metrics.push(match metric.find(&text) {
                Ok(number) => Some(number),
                Err(_) if self.ignore_failure => None,
                Err(why) => {
                    let text = format!("--metric {} {why}:{}", metric.name, capture.last_lines());
                    return Err(Stop::Failed(text, 1));
                }
            });
        }
        Ok((run, capture))
    }

    /// The program, in a tree of its own if it has the library.
    fn program(&self, contender: &Contender) -> io::Result<(u64, Program)> {
        let mut environment = contender.launch.environment();
        let tree = if contender.preloaded { launch::draw_tree() } else { 0 };
        if let Some(row) = Id::Tree.row().filter(|_| contender.preloaded) {
            environment.retain(|(name, _)| name != row.env);
            environment.push((row.env.into(), format!("{tree:016x}").into()));
        }
        Ok((tree, Program::new(self.command, &environment)?))
    }

    fn job(
        &self,
        contender: &Contender,
        program: &Program,
        capture: Capture,
    ) -> Result<(Ended, Duration, Capture, Counts), Stop> {
        let mut counters = self.pmu.open();
        let child = self.start(contender, program, &capture)?;
        let ended = self.wait(&child)?;
        Ok((ended, ended.wall, capture, counters.read()))
    }

    /// A server under its load; what comes back is what the load printed.
    fn server(
        &self,
        contender: &Contender,
        program: &Program,
        said: &Capture,
        served: &Served,
    ) -> Result<(Ended, Duration, Capture, Counts), Stop> {
        if let Ready::Port(host, port) = &served.ready
            && server::answers(host, *port)
        {
            let text = format!("somebody answers on port {port} already; stop that server, or choose another port");
            return Err(Stop::Failed(text, 1));
        }
        let mut counters = self.pmu.open();
        let server = self.start(contender, program, said)?;
        // Whoever is started from here on inherits the server's counters, and is counted once more to be taken off.
        let mut beside = Vec::new();
        let loaded =
            self.until_ready(&server, said, served, &mut beside).and_then(|()| self.counted(&served.load, &mut beside));
        let (ended, signal) = match server.wait(Some(Duration::ZERO)) {
            // It ended before it was told to.
            Ok(ended) => return Err(failed("the server", ended.end, said)),
            Err(_) => server.stop(if matches!(loaded, Err(Stop::Signal(_))) { Duration::from_secs(2) } else { STOP }),
        };
        if let Some(signal) = signal {
            return Err(Stop::Signal(signal));
        }
        let (load, printed) = loaded?;
        if load.end != End::Exited(0) && !self.ignore_failure {
            return Err(failed("--load", load.end, &printed));
        }
        let ended = ended.ok_or_else(|| Stop::Failed("the server was waited for by somebody else".into(), 1))?;
        Ok((ended, load.wall, printed, less(counters.read(), &beside)))
    }

    fn until_ready(
        &self,
        server: &Child<'_>,
        said: &Capture,
        served: &Served,
        beside: &mut Vec<Counts>,
    ) -> Result<(), Stop> {
        let until = Instant::now() + served.limit;
        loop {
            let ready = match &served.ready {
                Ready::Port(host, port) => server::answers(host, *port),
                Ready::Line(text) => said.text()?.lines().any(|line| line.contains(text)),
                Ready::Command(command) => self.counted(command, beside)?.0.end == End::Exited(0),
            };
            if ready {
                return Ok(());
            }
            match server.wait(Some(LOOK)) {
                Ok(ended) => return Err(failed("the server", ended.end, said)),
                Err(Left::Signal(signal)) => return Err(Stop::Signal(signal)),
                Err(Left::Timeout) if Instant::now() < until => {}
                Err(Left::Timeout) => {
                    let text = format!("the server was not ready after {} s", served.limit.as_secs_f64());
                    return Err(Stop::Failed(text + &said.last_lines(), 1));
                }
            }
        }
    }

    /// The same as [`Self::shell`]; what the processor counted meanwhile is added to `beside`.
    fn counted(&self, command: &OsStr, beside: &mut Vec<Counts>) -> Result<(Ended, Capture), Stop> {
        let mut counters = self.pmu.open();
        let done = self.shell(command);
        beside.push(counters.read());
        done
    }

    /// A command for sh, without the library.
    fn shell(&self, command: &OsStr) -> Result<(Ended, Capture), Stop> {
        let words = ["sh".into(), "-c".into(), command.to_owned()];
        let program = Program::new(&words, &self.beside.environment())?;
        let capture = Capture::new()?;
        let input = File::open("/dev/null")?;
        let child = Child::start(&program, &capture.stdio(&input), self.signals, self.guard)?;
        Ok((self.wait(&child)?, capture))
    }

    fn start(&self, contender: &Contender, program: &Program, capture: &Capture) -> Result<Child<'_>, Stop> {
        let _lent = contender.outside.as_ref().map(Outside::lend);
        // Opened each time: the offset is the file's, not the child's.
        let input = File::open(self.input)?;
        let started = Child::start(program, &capture.stdio(&input), self.signals, self.guard);
        started.map_err(|error| {
            Stop::Failed(format!("cannot run {}: {error}", self.command[0].display()), exec::exit_code(&error))
        })
    }

    fn wait(&self, child: &Child<'_>) -> Result<Ended, Stop> {
        child.wait(None).map_err(|left| {
            child.abandon();
            match left {
                Left::Signal(signal) => Stop::Signal(signal),
                Left::Timeout => Stop::Failed("no limit was set".into(), 1),
            }
        })
    }
}

fn failed(who: &str, how: End, capture: &Capture) -> Stop {
    let text = match capture.last_lines() {
        lines if lines.is_empty() => format!("{who} ended with {}, and nothing was printed", end(how)),
        lines => format!("{who} ended with {}; the last that was printed:{lines}", end(how)),
    };
    Stop::Failed(text, 1)
}
