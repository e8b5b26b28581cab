//! The index beside a scan, found by itself; and equal budgets of locked memory spent by others.

use super::rules;
use crate::prove::files::beside::{self, How, LITTLE_MEMLOCK, SLOW};
use crate::prove::files::{LARGE, LIMIT};
use crate::stage::judge::Goal::{Below, Most};
use crate::stage::scene::{Scene, Turn};
use crate::stage::{Sample, Stage, disk};

/// MiB that each may lock: a little more than is hot.
const BUDGET: u64 = 64;

pub fn scenes() -> Vec<Scene> {
    vec![
        Scene {
            name: "unknown-index",
            title: "index beside a scan, paths unknown",
            contenders: &["alone", "hot"],
            aheads: &[128],
            rounds: 3,
            play: |stage, turn| index(stage, turn, How { settle: 10, seconds: 3, ..How::default() }),
            goals: &[Most("hot", "alone", "p999", 0.1)],
        },
        Scene {
            name: "unknown-index-slow",
            title: "the same, 100 disk reads a second",
            contenders: &["alone", "hot"],
            aheads: &[128],
            rounds: 3,
            // a third of the reads are the index's, of 128 KiB each: it takes 15 s before all of it was read once
            play: |stage, turn| {
                index(stage, turn, How { settle: 45, seconds: 4, reads_a_second: Some(SLOW), ..How::default() })
            },
            goals: &[Below("hot", "p999", 1e6)],
        },
        Scene {
            name: "equal-budget",
            title: "64 MiB locked, beside a scan",
            contenders: &["alone", "hot", "vmtouch-head", "mlockall", "largest-first"],
            aheads: &[128],
            rounds: 3,
            play: equal_budget,
            goals: &[
                Most("hot", "vmtouch-head", "p99", 1.0),
                Most("hot", "mlockall", "p99", 1.0),
                Most("hot", "largest-first", "p99", 1.0),
            ],
        },
    ]
}

fn index(stage: &mut Stage, turn: &Turn, how: How) -> Result<Sample, String> {
    beside::play(stage, turn, &How { rules: rules(turn.contender).to_owned(), ..how })
}

/// A service that uses nothing but its hot tenth, beside a scan that wants all memory.
fn equal_budget(stage: &mut Stage, turn: &Turn) -> Result<Sample, String> {
    let (file, scanned) = (stage.file("reads", LARGE)?, stage.file("scanned", LARGE)?);
    disk::evict(&file)?;
    disk::evict(&scanned)?;
    let program = stage.program("mapped_reads")?;
    let path = file.to_string_lossy().into_owned();
    let group = stage.group(LIMIT, None)?;
    let scan = stage.run([&program, "pattern=sequential", "seconds=0", &scanned.to_string_lossy()]);
    let _scan = stage.start(&scan, Some(&group))?;
    let _peer = match turn.contender {
        "vmtouch-head" => {
            let range = format!("0-{BUDGET}M");
            let run = stage.run(["vmtouch", "-l", "-m", "4G", "-p", &range, &path]);
            Some(stage.start(&run, Some(&group))?)
        }
        _ => None,
    };
    let mut argv = vec![program, "pattern=scattered".into(), "share=100".into(), "pause=100".into()];
    argv.extend(["settle=8".into(), "seconds=4".into(), format!("seed={}", turn.round)]);
    argv.extend(match turn.contender {
        "largest-first" => vec!["lock=head".into(), format!("budget={}", BUDGET << 20)],
        "mlockall" => vec!["lock=all".into()],
        _ => vec![],
    });
    argv.push(path);
    let mut run = stage.run(argv);
    match turn.contender {
        "hot" => {
            let mut env = stage.under(rules("hot"));
            env.push(("FAULTLESS_LOCK_MAX".into(), format!("{BUDGET}M")));
            run = run.env(env);
        }
        // the limit counts all of a mapping, touched or not: any that is smaller than the file has the same effect as the
        // budget, and a small one needs no right to raise it
        "mlockall" => run.limits = vec![(libc::RLIMIT_MEMLOCK, LITTLE_MEMLOCK)],
        _ => {}
    }
    Ok(stage.start(&run, Some(&group))?.finish()?.sample)
}
