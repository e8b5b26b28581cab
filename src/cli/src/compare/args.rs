//! The command line of `faultless compare`.
//!
//! What must hold here: only what was typed; contenders keep the order in which they were typed, because the first
//! is the one that the others are compared with.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use faultless_core::options::{Id, TABLE};

use crate::args::Flags;
use crate::config::Flag;

/// `faultless compare`
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Compare {
    /// what is compared
    #[command(flatten)]
    pub contest: Contest,
    /// how
    #[command(flatten)]
    pub measure: Measure,
}

/// How contenders are run, what is run, and where the results go: whatever it is that is compared.
#[derive(Args, Debug)]
pub struct Measure {
    /// rounds, each with one run of every contender [default: 10, and more until each has run for 3 s]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub runs: Option<u32>,
    /// as many rounds as begin within so many seconds
    #[arg(long, value_name = "SECONDS", value_parser = seconds, conflicts_with = "runs")]
    pub time: Option<f64>,
    /// rounds ahead that do not count
    #[arg(long, value_name = "N", default_value = "2", value_parser = clap::value_parser!(u32).range(0..=1000))]
    pub warmup: u32,
    /// run by sh before each run, not measured
    #[arg(long, value_name = "CMD")]
    pub prepare: Option<OsString>,
    /// drop the page cache before each run
    #[arg(long)]
    pub cold: bool,
    /// standard input of each run [default: /dev/null]
    #[arg(long, value_name = "FILE")]
    pub input: Option<PathBuf>,
    /// the program is a server: run by sh once it is ready, and what is timed; the server is stopped afterwards
    #[arg(long, value_name = "CMD", requires = "ready")]
    pub load: Option<OsString>,
    /// when the server is ready: port:6379, line:TEXT in its output, or cmd:COMMAND that succeeds
    #[arg(long, value_name = "WHEN", requires = "load")]
    pub ready: Option<OsString>,
    /// how long to wait for that, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    pub ready_timeout: f64,
    /// a number in the output (of the load, where there is one): NAME=REGEX, NAME:higher=REGEX, NAME:lower=REGEX
    #[arg(long, value_name = "SPEC")]
    pub metric: Vec<OsString>,
    /// output that differs between contenders is no error
    #[arg(long)]
    pub ignore_output: bool,
    /// a run that fails is no error
    #[arg(long)]
    pub ignore_failure: bool,
    /// save everything, every run too, as JSON
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// save every run as CSV
    #[arg(long, value_name = "FILE")]
    pub csv: Option<PathBuf>,
    /// save the tables as Markdown
    #[arg(long, value_name = "FILE")]
    pub markdown: Option<PathBuf>,
    /// save one page with plots, which needs no network
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// libfaultless.so, if it is not beside this command
    #[arg(long, value_name = "PATH")]
    pub lib: Option<PathBuf>,
    /// the program and its arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "CMD")]
    pub command: Vec<OsString>,
}

const EXAMPLES: &str = "\
Examples:
  faultless compare --policy none --policy throughput --policy latency -- ./job
  faultless compare --rules 'malloc@{x}:huge' --param x=256K,1M,16M -- ./job
  faultless compare --policy throughput --load 'redis-benchmark -q -n 200000 -t get' --ready port:6379 \\
      --metric 'get/s:higher=GET: ([0-9.]+)' -- redis-server --save ''

Each round runs every contender once, in turns forwards and backwards, so that what drifts meets all alike. `none` is \
the program without the library, and comes first if a single other contender is given. The interval is a bootstrap \
over rounds; where it includes 1 there is no difference.

Each run has a process group of its own: what it leaves running there is killed. Its output goes into files without a \
name, and must be the same for all contenders.

Exit status: 0; 1 if runs failed or their output differed; 2 if an option is refused; 126 and 127 as env(1) if the \
program cannot be run; 128 and the signal if one stopped it.";

/// Something to compare.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Entry {
    /// `--policy`: a built-in one, or a file
    Policy(OsString),
    /// `--rules`: these, and nothing else
    Rules(OsString),
}

/// The contenders, and what is common to them.
#[derive(Clone, Debug, Default)]
pub struct Contest {
    /// in the order of the command line
    pub entries: Vec<Entry>,
    /// `--param NAME=A,B,C`
    pub params: Vec<OsString>,
    /// all other options of the library, for every contender but `none`
    pub options: Vec<Flag>,
}

const LIST: &str = "rule-list";
const PARAM: &str = "param";
const COMMON: &str = "Options of the library, for every contender but none";

impl Args for Contest {
    fn augment_args(command: Command) -> Command {
        let many = |id: &'static str, long: &'static str, value: &'static str, help: &'static str| {
            let arg = Arg::new(id).long(long).value_name(value).help(help).action(ArgAction::Append);
            arg.value_parser(clap::value_parser!(OsString))
        };
        let flags = Flags::augment_args(command);
        let names: Vec<_> = TABLE.iter().filter(|r| !r.internal && r.id != Id::Policy).map(|r| r.name).collect();
        let common = |command: Command, name| command.mut_arg(name, |arg| arg.help_heading(COMMON));
        names
            .into_iter()
            .fold(flags, common)
            .mut_arg("policy", |arg| {
                let help = "a contender: a built-in policy, or a file of rules (a value with a /) [default: none and \
                            throughput]";
                arg.action(ArgAction::Append).help(help)
            })
            .mut_arg("rules", |arg| arg.alias(None).help("a rule ahead of each contender's own; may be repeated"))
            .arg(many(LIST, "rules", "LIST", "a contender: these rules and no policy"))
            .arg(many(PARAM, PARAM, "NAME=A,B,…", "each value in turn for {NAME} in rules and options"))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Contest {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Contest, clap::Error> {
        let all = |id: &str| matches.get_many::<OsString>(id).into_iter().flatten().cloned();
        let places = |id: &str| matches.indices_of(id).into_iter().flatten();
        let policies = places("policy").zip(all("policy").map(Entry::Policy));
        let mut entries: Vec<_> = policies.chain(places(LIST).zip(all(LIST).map(Entry::Rules))).collect();
        entries.sort_by_key(|(place, _)| *place);
        let options = Flags::from_arg_matches(matches)?.0.into_iter().filter(|flag| flag.row.id != Id::Policy);
        Ok(Contest {
            entries: entries.into_iter().map(|(_, entry)| entry).collect(),
            params: all(PARAM).collect(),
            options: options.collect(),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Contest::from_arg_matches(matches)?;
        Ok(())
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number > 0.0 && number <= 1e6 => Ok(number),
        _ => Err("not a number of seconds above 0".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Cli, Verb};
    use clap::Parser;

    #[test]
    fn contenders_keep_the_order_of_the_command_line() {
        let line = "faultless compare --rules heap:huge --policy none --lock-max 1M --rules any:lock x --policy";
        let Verb::Compare(compare) = Cli::try_parse_from(line.split(' ')).unwrap().command else { panic!("another") };
        let entries = [Entry::Rules("heap:huge".into()), Entry::Policy("none".into()), Entry::Rules("any:lock".into())];
        assert_eq!(compare.contest.entries, entries);
        assert_eq!(compare.contest.options.len(), 1);
        assert_eq!(compare.measure.command, ["x", "--policy"]);
    }
}
