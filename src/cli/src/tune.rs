//! `faultless tune`: finds the policy for a program by trying, and prints it, or says to leave the program alone.
//!
//! What must hold here: nothing is applied; the runs, their order and what is said of them are compare's own; no gain is
//! claimed that a second comparison, made for the winner alone, does not show.

pub mod args;
mod evidence;
mod proposals;
mod verdict;

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use anyhow::{Context, Result};
use procfs::{Current, Meminfo};

use crate::REFUSED;
use crate::compare::args::{Contest, Entry, Measure};
use crate::compare::contender::{Contender, contenders, refusal};
use crate::compare::outcome::{Comparison, Output};
use crate::compare::runner::Stop;
use crate::compare::setup::{Begun, Setup};
use crate::compare::statistics::ROUNDS;
use crate::compare::table::labelled;
use crate::refusal::Refusal;
use crate::tell::{answer, tell};
use args::Tune;
use evidence::Evidence;
use verdict::Target;

/// What the search came to.
enum Found {
    /// a policy, as a file
    Policy(String),
    /// none, and why
    Alone(String),
}

/// Tunes. Returns the exit status.
///
/// # Errors
/// Bad input, before anything has run; or the policy cannot be written.
pub fn tune(args: &Tune) -> Result<i32> {
    check(&args.measure)?;
    let setup = match Setup::check(&args.measure)? {
        Ok(setup) => setup,
        Err(status) => return Ok(status),
    };
    let options: Vec<_> = args.options.0.clone();
    let of = |entries: Vec<Entry>| {
        let entries = std::iter::once(Entry::Policy("none".into())).chain(entries).collect();
        let contest = Contest { entries, params: Vec::new(), options: options.clone() };
        contenders(&contest, &setup.environment, &setup.library)
    };
    let counted = of(vec![Entry::Rules(evidence::rules())])?;
    let pages = counted[1].pages.clone();
    if let Some(status) = setup.refuses_target(&pages)? {
        return Ok(status);
    }
    if let Some(path) = &args.output {
        writable(path)?;
    }
    let begun = setup.begin(pages)?;
    let outcome = Search { setup: &setup, begun: &begun, target: Target::of(&setup.metrics) }.run(&counted, of);
    begun.end();
    match outcome {
        Ok(Found::Policy(policy)) => {
            if let Some(path) = &args.output {
                fs::write(path, &policy).with_context(|| path.display().to_string())?;
                tell(format!("saved {}", path.display()));
            }
            answer(&policy)?;
            Ok(0)
        }
        Ok(Found::Alone(why)) => {
            answer(&format!("# leave it alone: {why}\n"))?;
            if let Some(path) = &args.output {
                tell(format!("{} is not written", path.display()));
            }
            Ok(0)
        }
        Err(Stop::Signal(signal)) => {
            tell("stopped by a signal");
            Ok(128 + signal)
        }
        Err(Stop::Failed(why, status)) => {
            tell(why);
            Ok(status)
        }
    }
}

/// The search, while programs run.
struct Search<'a> {
    setup: &'a Setup<'a>,
    begun: &'a Begun,
    target: Target,
}

impl Search<'_> {
    fn run(
        &self,
        counted: &[Contender],
        of: impl Fn(Vec<Entry>) -> Result<Vec<Contender>, Refusal>,
    ) -> Result<Found, Stop> {
        // What we propose ourselves is refused only together with options that were typed.
        let of = |entries| of(entries).map_err(|refusal| Stop::Failed(refusal.to_string(), REFUSED));
        let evidence = Evidence::gather(self.begun, self.setup, &counted[0], &counted[1])?;
        show(&labelled(&evidence.lines()));
        let entries = proposals::propose(&evidence, available());
        if entries.is_empty() {
            return Ok(Found::Alone("page faults take too little of it, and it has no memory worth a rule".into()));
        }
        let all = of(entries.clone())?;
        let winner = match self.target.best(&self.compare(&all)?) {
            Ok(winner) => winner,
            Err(why) => return Ok(Found::Alone(why)),
        };
        let pair = of(vec![entries[winner - 1].clone()])?;
        let again = self.compare(&pair)?;
        Ok(match self.target.best(&again) {
            Ok(_) => Found::Policy(self.target.policy(&again)),
            Err(why) => Found::Alone(format!("{} did well once, but not again: {why}", all[winner].name)),
        })
    }

    /// As compare does, shown on standard error.
    fn compare<'a>(&'a self, contenders: &'a [Contender]) -> Result<Comparison<'a>, Stop> {
        let (comparison, stop) = self.begun.contest(self.setup, contenders);
        if let Some(stop) = stop {
            return Err(stop);
        }
        show(&comparison.text(&[]));
        for (path, export) in &self.setup.exports {
            fs::write(path, export(&comparison))?;
        }
        if let Output::Unsteady(_) = comparison.output() {
            tell("the program's output is not steady, so nothing is said about the output of the others");
        }
        Ok(comparison)
    }
}

/// Too few rounds would call everything alike.
fn check(measure: &Measure) -> Result<()> {
    match measure.runs {
        Some(runs) if (runs as usize) < ROUNDS => {
            let text = runs.to_string();
            Err(refusal("--runs", text.as_ref(), &format!("too few to tell anything apart; at least {ROUNDS}")).into())
        }
        _ => Ok(()),
    }
}

/// Tried before hours are spent; what was not there is not left there.
fn writable(path: &Path) -> Result<()> {
    let existed = path.exists();
    let opened = fs::OpenOptions::new().append(true).create(true).open(path);
    opened.map_err(|error| refusal("--output", path.as_os_str(), &format!("cannot write it: {error}")))?;
    if !existed {
        let _ = fs::remove_file(path);
    }
    Ok(())
}

fn show(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// MemAvailable, in bytes; 0 if that is not known.
fn available() -> u64 {
    Meminfo::current().ok().and_then(|memory| memory.mem_available).unwrap_or(0)
}
