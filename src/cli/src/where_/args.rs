//! The command line of `faultless where`.
//!
//! What must hold here: only what was typed; a number alone is a process, anything else a program.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;

/// `faultless where`
#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub struct Where {
    /// one JSON object (docs/where.schema.json)
    #[arg(long)]
    pub json: bool,
    /// where the report goes [default: standard error]
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// how long to look at a PID, in seconds; SIGINT ends it earlier
    #[arg(long = "for", value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub duration: f64,
    /// a process, or the program and its arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "CMD|PID")]
    pub command: Vec<OsString>,
}

impl Where {
    /// The process, if a number alone was typed.
    pub fn pid(&self) -> Option<i32> {
        match self.command.as_slice() {
            [only] => only.to_str()?.parse().ok().filter(|pid| *pid > 0),
            _ => None,
        }
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok().filter(|s| (0.1..=86_400.0).contains(s));
    seconds.ok_or_else(|| "not a number from 0.1 to 86400".into())
}

const HELP: &str = "\
The program runs without libfaultless.so, its output and its exit status are its own, and the report comes when it \
has ended. Each fault is looked at, which slows a program that takes many by about a half; milliseconds are faults \
times what one costs here without that.

Examples:
  faultless where -- ./job              also what it starts
  faultless where 4711                  the next ten seconds of a running process
  faultless where --json -o where.json -- ./job

Without the right to use perf_event_open, faults are told by region only, from smaps. To have it: sysctl \
kernel.perf_event_paranoid=2, or CAP_PERFMON.";

#[cfg(test)]
mod tests {
    use super::*;

    fn of(command: &[&str]) -> Where {
        let command = command.iter().map(OsString::from).collect();
        Where { json: false, output: None, duration: 1.0, command }
    }

    #[test]
    fn a_number_alone_is_a_process() {
        assert_eq!(of(&["4711"]).pid(), Some(4711));
        assert_eq!(of(&["4711", "x"]).pid(), None);
        assert_eq!(of(&["./4711"]).pid(), None);
        assert_eq!(of(&["-1"]).pid(), None);
    }
}
