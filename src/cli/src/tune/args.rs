//! The command line of `faultless tune`.
//!
//! What must hold here: runs are made as `compare` makes them, so all that is about runs is its.

use std::path::PathBuf;

use clap::Args;

use crate::args::Flags;
use crate::compare::args::Measure;

/// `faultless tune`
#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub struct Tune {
    /// write the policy into this file too, if there is one that helps
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// options of the library, for every policy that is tried
    #[command(flatten)]
    pub options: Flags,
    /// how
    #[command(flatten)]
    pub measure: Measure,
}

const HELP: &str = "\
Examples:
  faultless tune -- ./job > job.rules; faultless run --policy ./job.rules -- ./job
  faultless tune --output redis.rules --load 'redis-benchmark -q -n 200000 -t get' --ready port:6379 \\
      --metric 'get/s:higher=GET: ([0-9.]+)' -- redis-server --save ''

Runs the program once under rules that only count, once under `faultless where`, proposes at most five policies, and \
compares them with the program alone as `faultless compare` does. The best is compared once more, alone with `none`, \
since the best of several looks better than it is; the gain is that of this second comparison. Judged by wall time, or \
by the first metric that says whether higher or lower is better.

The policy goes to standard output, everything else to standard error. Nothing is applied.

Exit status: 0, with a policy or with `leave it alone`; otherwise as compare.";
