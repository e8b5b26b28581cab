//! The command line. The options of the library come from its table, so that a flag, a variable and the docs
//! cannot differ.
//!
//! What must hold here: only what was typed, not what it means (that is [`crate::config`]).

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, Parser, Subcommand};
use faultless_core::options::{Id, Row, TABLE};

use crate::config::Flag;
use crate::style::When;

/// Makes page faults stop hurting programs that nobody can recompile.
#[derive(Parser, Debug)]
#[command(name = "faultless", version, after_help = EXAMPLES, arg_required_else_help = true)]
pub struct Cli {
    /// whether to colour what is printed
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", value_enum)]
    pub color: When,
    /// what to do
    #[command(subcommand)]
    pub command: Verb,
}

const EXAMPLES: &str = "\
Examples:
  faultless run --policy throughput --wait -- ./server      run it, then print what was achieved
  faultless run --rule file=/data/*.idx:populate+lock -- ./server
  faultless run --policy latency --dry-run -- ./server      say what would be done, run nothing
  faultless compare --policy none --policy throughput -- ./job
  faultless tune -- ./job                                   find the policy for it, or none
  faultless policy list
  faultless policy check site.rules
  faultless report 4711                                     also of a process in a container
  faultless report --wss 4711                               how much of its memory any process uses
  faultless off 4711                                        stop acting in a running process
  faultless attach 4711 --rule heap:huge=collapse           act on any running process, once
  faultless warm /data/*.idx                                read files ahead of who needs them
  faultless doctor -- ./server                              what this machine and this program allow
  faultless where -- ./job                                  where its page faults come from
  faultless top                                             watch all wrapped processes
  faultless systemd redis --policy latency                  the drop-in for a service

Exit status of run: the program's own; with --wait 128 and the signal if one killed it;
126 and 127 as env(1) if it cannot be run; 2 if an option or a rule is refused.";

/// The subcommands.
#[derive(Subcommand, Debug)]
pub enum Verb {
    /// Run a program under a policy
    Run(Run),
    /// List, show, check and explain policies
    #[command(subcommand)]
    Policy(PolicyVerb),
    /// Say what was done to a process, and what that achieved
    Report(Report),
    /// Stop acting in a running process: unlock, let go, pass through from then on
    Off(Off),
    /// Act on the memory of a running process, whatever it was started with
    Attach(Attach),
    /// Read files into the page cache, say what is there, drop it, or hold it
    Warm(Warm),
    /// Run a program under several policies in turns, and say what differs
    Compare(Box<crate::compare::args::Compare>),
    /// Try policies that fit a program, and print the one that helps, or leave it alone
    Tune(Box<crate::tune::args::Tune>),
    /// Say whether this machine, this user and a program can have what policies want
    Doctor(Doctor),
    /// Say where the page faults of a program come from
    Where(crate::where_::args::Where),
    /// Watch all wrapped processes
    Top(Top),
    /// Write the counters of all wrapped processes as Prometheus text
    Metrics(Metrics),
    /// Print the drop-in that puts a systemd service under a policy
    Systemd(crate::systemd::Systemd),
    /// Copy this command and its library into a folder
    Install(crate::install::Install),
    /// Print the completions of a shell
    Completions {
        /// which one
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Print the manual page, or write one for each subcommand into a folder
    Man {
        /// where to; it must be there
        folder: Option<PathBuf>,
    },
}

/// `faultless doctor`
#[derive(Args, Debug)]
#[command(after_help = DOCTOR)]
pub struct Doctor {
    /// one JSON object (docs/doctor.schema.json)
    #[arg(long)]
    pub json: bool,
    /// libfaultless.so, if it is not beside this command
    #[arg(long, value_name = "PATH")]
    pub lib: Option<PathBuf>,
    /// a program to look at too; it is not run
    #[arg(trailing_var_arg = true, value_name = "CMD")]
    pub command: Vec<OsString>,
}

const DOCTOR: &str = "\
Features of the kernel are tried, in child processes; nothing is changed. Run it as the user, in the container and \
under the limits that the program will have.

Examples:
  faultless doctor
  faultless doctor -- ./server            also: does preloading reach it
  docker run --rm -v /usr/local:/usr/local:ro IMAGE faultless doctor

Exit status: 0 if all is well, 1 if some policy does less than it could, 2 if it cannot work.";

/// `faultless top`
#[derive(Args, Debug)]
#[command(after_help = TOP)]
pub struct Top {
    /// print one table over one interval, and end
    #[arg(long)]
    pub once: bool,
    /// one JSON object (docs/top.schema.json)
    #[arg(long, requires = "once")]
    pub json: bool,
    /// seconds between two looks, 0.1 to 3600
    #[arg(long, value_name = "SECONDS", default_value = "2", value_parser = interval)]
    pub interval: f64,
}

fn interval(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok().filter(|s| (0.1..=3600.0).contains(s));
    seconds.ok_or_else(|| "not a number from 0.1 to 3600".into())
}

fn over(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok().filter(|s| (0.01..=3600.0).contains(s));
    seconds.ok_or_else(|| "not a number from 0.01 to 3600".into())
}

const TOP: &str = "\
Keys: up and down (or k and j) select a process, r shows its rules and back, q quits.

Columns: minor and major faults a second (less our own), resident and swapped bytes, the share of anonymous memory on \
huge pages, bytes locked, bytes that rules have populated, bytes in blocks of the pool (kept ones included). - is \
unknown; a policy in brackets is not in force: (off) told to stop, (sealed) by a seccomp filter, (inert) stood down. From 96 \
columns on also: what our actions take of one processor, how often auto has turned, bytes dropped behind scans. Processes of containers are shown where their /proc/PID/root may be looked into.";

/// `faultless metrics`
#[derive(Args, Debug)]
#[command(after_help = METRICS)]
pub struct Metrics {
    /// write into this file, by renaming a new one over it [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// a series for each running process, with its pid as a label
    #[arg(long)]
    pub per_process: bool,
}

const METRICS: &str = "\
For node_exporter's textfile collector, from a timer:
  faultless metrics --output /var/lib/node_exporter/textfile/faultless.prom

A series is the sum over the counter pages of one program under one policy, also of processes that have ended while \
their pages lie there. When these are removed it falls: clamp_min(deriv(x[5m]), 0) is a rate that does not mind. \
deploy/ has a dashboard and alerts.";

/// `faultless run`
#[derive(Args, Debug)]
pub struct Run {
    /// the options of the library
    #[command(flatten)]
    pub options: Flags,
    /// say what would be done, and run nothing
    #[arg(long)]
    pub dry_run: bool,
    /// stay as the parent, and print the table for the whole tree at the end
    #[arg(long)]
    pub wait: bool,
    /// who gets transparent huge pages in the whole tree, static and setuid programs too
    #[arg(long, value_name = "WHO", value_enum)]
    pub thp: Option<crate::outside::Thp>,
    /// stay as the parent, and save at the end what was hot (with lock=hot rules), for --heat of the next start
    #[arg(long, value_name = "FILE")]
    pub learn: Option<PathBuf>,
    /// libfaultless.so, if it is not beside this command
    #[arg(long, value_name = "PATH")]
    pub lib: Option<PathBuf>,
    /// the program and its arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "CMD")]
    pub command: Vec<OsString>,
}

/// `faultless policy`
#[derive(Subcommand, Debug)]
pub enum PolicyVerb {
    /// The built-in policies
    List,
    /// The rules of a policy, and every option with where it comes from
    Show(Show),
    /// Whether a file of rules can be read
    Check {
        /// the file, or - for standard input
        file: PathBuf,
    },
    /// Which rule takes which region of a running process
    Explain {
        /// the process
        pid: i32,
    },
}

/// `faultless policy show`
#[derive(Args, Debug)]
pub struct Show {
    /// the options as `run` would take them
    #[command(flatten)]
    pub options: Flags,
    /// print the options as a table in Markdown
    #[arg(long, hide = true)]
    pub markdown_options: bool,
    /// a built-in policy, or a file of rules; by default the one in force
    #[arg(value_name = "NAME|FILE")]
    pub name: Option<OsString>,
}

/// `faultless report`
#[derive(Args, Debug)]
pub struct Report {
    /// one JSON object
    #[arg(long, conflicts_with = "prom")]
    pub json: bool,
    /// Prometheus text
    #[arg(long)]
    pub prom: bool,
    /// how much of its memory a process (any) has used over some seconds. Clears its accessed bits, which reclaim goes by
    #[arg(long, conflicts_with = "prom")]
    pub wss: bool,
    /// with --wss: over how many seconds, 0.01 to 3600
    #[arg(long, value_name = "SECONDS", default_value = "2", value_parser = over, requires = "wss")]
    pub over: f64,
    /// a process, a counter page's file, or a folder of counter pages
    #[arg(value_name = "PID|FILE|FOLDER")]
    pub of: OsString,
}

/// `faultless off`
#[derive(Args, Debug)]
pub struct Off {
    /// the process
    pub pid: i32,
}

/// `faultless attach`
#[derive(Args, Debug)]
#[command(after_help = ATTACH)]
pub struct Attach {
    /// which memory, and what to do with it; several are looked at in this order
    #[arg(long = "rule", visible_alias = "rules", required = true, value_name = "RULES")]
    pub rules: Vec<OsString>,
    /// say what would be done, and do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// the process
    pub pid: i32,
}

const ATTACH: &str = "\
Once, on what the process has mapped now, by process_madvise(2) (Linux 5.10). It need not have been started with \
faultless, and may be static. No action changes what its memory holds:
  huge=collapse   on huge pages what is resident (Linux 6.1)
  willneed        read a file's part in; bring back what is swapped out
  cold            the first to go when memory gets tight
  pageout         goes now: to swap, or back to its file
  leave           nothing, whatever a later rule says

Examples:
  sudo faultless attach 4711 --rule heap:huge=collapse,anon@2M:huge=collapse
  sudo faultless attach 4711 --rule anon:willneed,heap:willneed     after a night in swap

It takes leave to trace the process, and CAP_SYS_NICE. From outside, stacks of threads and large malloc blocks look like \
anon, and are.

Exit status: 0 if nothing was refused; 1 if the kernel refused something; 2 if a rule is refused.";

/// `faultless warm`
#[derive(Args, Debug)]
#[command(after_help = WARM)]
pub struct Warm {
    /// only say what is resident: nothing is read
    #[arg(long, conflicts_with_all = ["evict", "hold", "max"])]
    pub query: bool,
    /// drop what is clean and not in use: nothing is written
    #[arg(long, conflicts_with_all = ["hold", "max"])]
    pub evict: bool,
    /// read, lock, and stay until a signal; READY=1 goes to NOTIFY_SOCKET
    #[arg(long)]
    pub hold: bool,
    /// the most to lock [default: FAULTLESS_LOCK_MAX, or 50pct]
    #[arg(long, value_name = "SIZE", requires = "hold")]
    pub lock_max: Option<OsString>,
    /// the most to read [default: half of what cgroups and MemAvailable leave]
    #[arg(long, value_name = "SIZE")]
    pub max: Option<OsString>,
    /// only this part of each file, in offsets: 512M..1G
    #[arg(long, value_name = "FROM..TO")]
    pub range: Option<OsString>,
    /// follow symbolic links also where they are found in folders
    #[arg(long)]
    pub follow: bool,
    /// stay on the file system of each PATH
    #[arg(long)]
    pub one_file_system: bool,
    /// one JSON object, with every file
    #[arg(long, conflicts_with = "hold")]
    pub json: bool,
    /// files, folders with all that lies in them, or patterns: * ? ** as in rules
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
}

const WARM: &str = "\
Files are read in the order given, those of a folder by name; only what is missing is read, several chunks at a \
time. A link is followed where it is named.

In a map of --query each sign is a part of the file: # resident, + partly, . not at all, ? unknown. Only the owner of \
a file, and who may write it, are told.

Before Linux 6.5, and for files of others, clean pages cannot be told from dirty ones: there --evict makes the kernel \
begin to write back what is dirty, as it would within seconds anyhow.

Exit status: 0, also if something was left out for want of memory; 1 if something could not be read, dropped or \
locked; 2 if an option is refused; 128 and the signal if one stopped it. A signal is the ordinary end of --hold: 0.";

/// The flags of the options table.
#[derive(Debug, Clone, Default)]
pub struct Flags(pub Vec<Flag>);

/// `--rule` takes one rule or several; as a variable they are RULES.
pub fn long(row: &Row) -> &'static str {
    if row.id == Id::Rules { "rule" } else { row.name }
}

impl Args for Flags {
    fn augment_args(command: Command) -> Command {
        TABLE.iter().filter(|r| !r.internal).fold(command, |command, row| {
            let default = if row.default.is_empty() { String::new() } else { format!(" [default: {}]", row.default) };
            let arg = Arg::new(row.name)
                .long(long(row))
                .value_name(row.metavar)
                .help(format!("{}{default}", row.help))
                .value_parser(clap::value_parser!(OsString));
            command.arg(match row.id {
                Id::Rules => arg.action(ArgAction::Append).alias(row.name),
                Id::Disable => arg.num_args(0..=1).require_equals(true).default_missing_value("1"),
                _ => arg,
            })
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Flags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Flags, clap::Error> {
        let flags = TABLE.iter().filter(|r| !r.internal).flat_map(|row| {
            let values = matches.get_many::<OsString>(row.name).into_iter().flatten();
            values.map(|value| Flag { row, name: format!("--{}", long(row)), value: value.clone() })
        });
        Ok(Flags(flags.collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Flags::from_arg_matches(matches)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn each_option_of_the_table_is_a_flag_of_run() {
        for row in TABLE.iter().filter(|r| !r.internal) {
            let flag = format!("--{}=1", long(row));
            let cli = Cli::try_parse_from(["faultless", "run", &flag, "--", "x"]).unwrap();
            let Verb::Run(run) = cli.command else { panic!("not run") };
            assert_eq!(run.options.0.len(), 1, "{flag}");
            assert_eq!(run.options.0[0].row.id, row.id);
        }
    }

    #[test]
    fn what_follows_the_program_belongs_to_the_program() {
        let cli = Cli::try_parse_from(["faultless", "run", "ls", "--policy", "-l"]).unwrap();
        let Verb::Run(run) = cli.command else { panic!("not run") };
        assert_eq!(run.command, ["ls", "--policy", "-l"]);
        assert!(run.options.0.is_empty());
    }
}
