//! A table of 1 GiB in anonymous memory with a skew, in half as much memory, swap on zram.
//!
//! What must hold here: the oracle stands beside it, whose hot pieces are locked by the program itself as soon as they are
//! filled: less than it no lock can come to.

use crate::prove::files::LIMIT;
use crate::stage::judge::Goal::{Most, Shown};
use crate::stage::scene::{Scene, Turn};
use crate::stage::{Sample, Stage};

/// MiB.
const TABLE: u64 = 4 * LIMIT;

pub fn scenes() -> Vec<Scene> {
    vec![Scene {
        name: "swapped-table",
        title: "1 GiB table with a skew, swap on zram",
        contenders: &["alone", "hot", "oracle"],
        aheads: &[128],
        rounds: 3,
        play,
        goals: &[Most("hot", "alone", "major_per_read", 0.1), Shown("oracle", "major_per_read")],
    }]
}

fn play(stage: &mut Stage, turn: &Turn) -> Result<Sample, String> {
    let mut argv = vec![
        stage.program("mapped_reads")?,
        "pattern=scattered".into(),
        "by=anon".into(),
        format!("bytes={}", TABLE << 20),
        "settle=10".into(),
        "seconds=4".into(),
        format!("seed={}", turn.round),
    ];
    if turn.contender == "oracle" {
        argv.push("lock=hot".into());
    }
    let env = if turn.contender == "hot" { stage.under("malloc:lock=hot,anon:lock=hot") } else { vec![] };
    let run = stage.run(argv).env(env);
    stage.with_swap(2 * TABLE, |stage| {
        let group = stage.group(TABLE / 2, None)?;
        let mut sample = stage.start(&run, Some(&group))?.finish()?.sample;
        sample.insert("major_per_read".into(), sample["major"] / sample["operations"].max(1.0));
        Ok(sample)
    })
}
