//! The `faultless` command: wraps programs, shows policies, reports.
//!
//! What must hold here: the Rust runtime's own start (which ignores SIGPIPE and opens closed descriptors) is left
//! out, because `run` hands on everything as it came.
#![cfg_attr(not(test), no_main)]

mod args;
mod attach;
mod blocked;
mod cgroup;
mod compare;
mod completions;
mod config;
mod doctor;
mod elf;
mod environment;
mod everywhere;
mod exec;
mod explain;
mod heat;
mod install;
mod kinds;
mod launch;
mod library;
mod live_page;
mod man;
mod maps;
mod metrics;
mod off;
mod outside;
mod pages;
mod policy;
mod privilege;
mod process;
mod refusal;
mod report;
mod run;
mod small;
mod style;
mod systemd;
mod target;
mod tell;
mod top;
mod tree;
mod tune;
mod wait;
mod warm;
mod where_;
mod wss;

use clap::Parser;

use args::{Cli, Verb};
use refusal::Refusal;

/// Exit status for input that is refused, as clap has it.
const REFUSED: i32 = 2;

fn faultless() -> i32 {
    env_logger::init();
    let cli = Cli::parse();
    style::choose(cli.color);
    let (result, otherwise) = match &cli.command {
        // Whatever goes wrong before the program starts must not look like the program's own failure.
        Verb::Run(args) => (run::run(args), REFUSED),
        Verb::Policy(verb) => (policy::policy(verb), 1),
        Verb::Report(args) => (report::report(args), 1),
        Verb::Off(args) => (off::off(args), 1),
        Verb::Attach(args) => (attach::attach(args), 1),
        Verb::Warm(args) => (warm::warm(args), 1),
        Verb::Compare(args) => (compare::compare(args), 1),
        Verb::Tune(args) => (tune::tune(args), 1),
        // 1 means that it found something.
        Verb::Doctor(args) => (doctor::doctor(args), REFUSED),
        Verb::Where(args) => (where_::where_(args), REFUSED),
        Verb::Top(args) => (top::top(args), 1),
        Verb::Metrics(args) => (metrics::metrics(args), 1),
        Verb::Systemd(args) => (systemd::systemd(args), REFUSED),
        Verb::Install(args) => (install::install(args), 1),
        Verb::Completions { shell } => (completions::completions(*shell), 1),
        Verb::Man { folder } => (man::man(folder.as_deref()), 1),
    };
    result.unwrap_or_else(|error| {
        tell::tell(format!("{error:#}"));
        if error.is::<Refusal>() { REFUSED } else { otherwise }
    })
}

/// Called by the C library in place of Rust's own `main`.
#[cfg(not(test))]
// SAFETY: this is the only `main` of the program, with C's signature; the arguments are read by std on its own.
#[unsafe(no_mangle)]
extern "C" fn main(_argc: libc::c_int, _argv: *const *const libc::c_char) -> libc::c_int {
    faultless()
}

/// A test build has the test harness's entry; this keeps what `main` calls in use there.
#[cfg(test)]
fn main() {
    std::process::exit(faultless())
}
