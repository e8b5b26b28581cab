//! A file of twice the limit, of which one contiguous tenth takes 95 % of the reads.

use super::{LARGE, LIMIT};
use crate::stage::judge::Goal::{Least, Most};
use crate::stage::scene::{Scene, Turn};
use crate::stage::{Sample, Stage, disk};

pub fn scenes() -> Vec<Scene> {
    vec![Scene {
        name: "hot-range",
        title: "hot tenth of a file 2 × the limit",
        contenders: &["alone", "rule", "auto", "oracle"],
        aheads: &[128, 8192],
        rounds: 5,
        play,
        goals: &[
            Least("rule", "alone", "rate", 3.0),
            Most("rule", "alone", "read_bytes", 1.0 / 7.0),
            Most("rule", "alone", "p99", 1.0 / 3.0),
            Least("auto", "alone", "rate", 2.0),
        ],
    }]
}

fn play(stage: &mut Stage, turn: &Turn) -> Result<Sample, String> {
    let file = stage.file("reads", LARGE)?;
    disk::evict(&file)?;
    // where bench/mapped_reads.c has its hot pieces of 2 MiB: from two fifths on
    let pieces = LARGE / 2;
    let from = pieces * 4 / 10;
    let (from, to) = (from * 2, (from + pieces / 10) * 2);
    let mut argv = vec![stage.program("mapped_reads")?, "pattern=hot".into(), "seconds=8".into()];
    argv.push(format!("seed={}", turn.round));
    if turn.contender == "oracle" {
        argv.extend(["advise=random".into(), "lock=hot".into()]);
    }
    argv.push(file.to_string_lossy().into_owned());
    let rules = match turn.contender {
        "rule" => format!("file={}:random+lock={from}M..{to}M", file.display()),
        "auto" => "file:auto".into(),
        _ => String::new(),
    };
    let env = if rules.is_empty() { vec![] } else { stage.under(&rules) };
    let group = stage.group(LIMIT, None)?;
    let run = stage.run(argv).env(env);
    Ok(stage.start(&run, Some(&group))?.finish()?.sample)
}
