//! `faultless where`: where the page faults of a program come from, what they cost, and which rule would treat them.
//!
//! What must hold here: the program runs as it is, without the library; its output, its signals and its exit status
//! are its own; the report comes after its end.

mod advice;
pub mod args;
mod caller;
mod cost;
mod estimate;
mod evidence;
mod object;
mod pattern;
mod perf;
mod record;
mod report;
mod space;
mod tracer;
mod watch;

use std::fs::{self, File};
use std::io::{self, Write};

use anyhow::{Context, Result, bail};

use crate::exec::Program;
use crate::launch::Launch;
use crate::process::Live;
use crate::style;
use crate::tell::tell;
use crate::wait::{self, End};
use args::Where;
use report::Report;
use watch::{Seen, Watch};

/// Runs the program, or looks at the process, and reports.
///
/// # Errors
/// The report cannot be written, there is no such process, or it may not be looked into.
pub fn where_(args: &Where) -> Result<i32> {
    // Before anything runs: nobody wants to learn afterwards that the report has no place.
    let output =
        args.output.as_ref().map(|path| File::create(path).with_context(|| format!("cannot write {}", path.display())));
    let output = output.transpose()?;
    match args.pid() {
        Some(pid) => attach(args, pid, output),
        None => start(args, output),
    }
}

fn start(args: &Where, output: Option<File>) -> Result<i32> {
    let name = args.command[0].display().to_string();
    let program = Program::new(&args.command, &Launch::bare().environment())?;
    let (mut watch, mut ours) = (None, (0, 0));
    let ended = wait::run_with(&program, |pid| {
        // What our copy of ourselves took until its exec.
        ours = faults(pid).unwrap_or_default();
        watch = Some(Watch::child(pid));
    })?;
    let seen = watch.context("nothing was started")?.finish();
    if let End::NotStarted(errno) = ended.end {
        tell(format!("cannot run {name}: {}", io::Error::from_raw_os_error(errno)));
        return Ok(ended.end.exit_code());
    }
    let how = match ended.end {
        End::Killed(signal) => format!("was killed by signal {signal}"),
        other => format!("exited {}", other.exit_code()),
    };
    let words: Vec<_> = args.command.iter().map(|w| w.to_string_lossy()).collect();
    let subject = format!("{} {how}", words.join(" "));
    let (minor, major) = of_children();
    let counted = Some((minor.saturating_sub(ours.0), major.saturating_sub(ours.1)));
    write(args, output, &seen, subject, ended.ran.as_secs_f64(), counted)?;
    Ok(ended.end.exit_code())
}

fn attach(args: &Where, pid: i32, output: Option<File>) -> Result<i32> {
    let Some(live) = Live::find(pid) else { bail!("there is no process {pid}") };
    let before = faults(live.pid);
    let watch = Watch::running(pid)?;
    let ran = watch::wait(pid, args.duration)?;
    let after = faults(live.pid);
    let seen = watch.finish();
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    let subject = match after {
        Some(_) => format!("process {pid} ({})", name.trim_end()),
        None => format!("process {pid}, which has ended"),
    };
    let counted = before.zip(after).map(|(b, a)| (a.0.saturating_sub(b.0), a.1.saturating_sub(b.1)));
    write(args, output, &seen, subject, ran, counted)?;
    Ok(0)
}

fn write(
    args: &Where,
    output: Option<File>,
    seen: &Seen,
    subject: String,
    ran: f64,
    counted: Option<(u64, u64)>,
) -> Result<()> {
    let evidence = &seen.evidence;
    let costs = cost::Costs::measure(evidence);
    let alone = costs.unwatched(ran, evidence);
    let part = |group: &evidence::Group| costs.of(group).map(|ms| ms / 1e3 / alone.max(1e-9));
    let advice = advice::advise(evidence, advice::Machine::look(), part);
    let report =
        Report { subject, ran, alone, counted, evidence, advice: &advice, costs, without: seen.without.clone() };
    let text = if args.json { report.json() } else { report.text() };
    match output {
        Some(mut file) => file.write_all(text.as_bytes()).context("cannot write the report")?,
        None if args.json => drop(io::stderr().write_all(text.as_bytes())),
        None => drop(io::stderr().write_all(format!("{} {text}", style::name()).as_bytes())),
    }
    Ok(())
}

/// Minor and major faults of a process.
fn faults(pid: i32) -> Option<(u64, u64)> {
    let stat = procfs::process::Process::new(pid).ok()?.stat().ok()?;
    Some((stat.minflt, stat.majflt))
}

/// Those of all that we have waited for.
fn of_children() -> (u64, u64) {
    // SAFETY: all zeroes is a valid rusage, and the call fills it.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_CHILDREN, &mut usage);
        usage
    };
    (usage.ru_minflt as u64, usage.ru_majflt as u64)
}
