//! A table of 1 GiB in anonymous memory with a skew, in half as much memory, swap on zram.

use crate::prove::files::LIMIT;
use crate::stage::judge::Goal::Most;
use crate::stage::scene::{Scene, Turn};
use crate::stage::{Sample, Stage};

/// MiB.
const TABLE: u64 = 4 * LIMIT;

pub fn scenes() -> Vec<Scene> {
    vec![Scene {
        name: "swapped-table",
        title: "1 GiB table with a skew, swap on zram",
        contenders: &["alone", "hot"],
        aheads: &[128],
        rounds: 3,
        play,
        goals: &[Most("hot", "alone", "major_per_read", 0.1)],
    }]
}

fn play(stage: &mut Stage, turn: &Turn) -> Result<Sample, String> {
    let argv = [
        stage.program("mapped_reads")?,
        "pattern=scattered".into(),
        "by=anon".into(),
        format!("bytes={}", TABLE << 20),
        "settle=10".into(),
        "seconds=4".into(),
        format!("seed={}", turn.round),
    ];
    let env = if turn.contender == "alone" { vec![] } else { stage.under("malloc:lock=hot,anon:lock=hot") };
    let run = stage.run(argv).env(env);
    stage.with_swap(2 * TABLE, |stage| {
        let group = stage.group(TABLE / 2, None)?;
        let mut sample = stage.start(&run, Some(&group))?.finish()?.sample;
        sample.insert("major_per_read".into(), sample["major"] / sample["operations"].max(1.0));
        Ok(sample)
    })
}
