//! A table of 1 GiB in anonymous memory with a skew, swap on zram: one that is itself more than there is, read as fast as can
//! be; and one that would fit, read some 1,700 times a second, while another program goes over as much memory of its own.
//!
//! What must hold here: both have the same goal, and the oracle beside it, whose hot pieces are locked by the program itself
//! as soon as they are filled: less than it no lock can come to. Of the first, the kernel keeps the hot part without help,
//! because it is used all the time; of the second it does not.

use crate::prove::files::LIMIT;
use crate::stage::judge::Goal::{self, Most, Shown};
use crate::stage::scene::{Scene, Turn};
use crate::stage::{Sample, Stage};

/// MiB.
const TABLE: u64 = 4 * LIMIT;

const GOALS: &[Goal] = &[Most("hot", "alone", "major_per_read", 0.1), Shown("oracle", "major_per_read")];
const CONTENDERS: &[&str] = &["alone", "hot", "oracle"];

pub fn scenes() -> Vec<Scene> {
    vec![
        Scene {
            name: "swapped-table",
            title: "1 GiB table with a skew, swap on zram",
            contenders: CONTENDERS,
            aheads: &[128],
            rounds: 3,
            play: |stage, turn| play(stage, turn, TABLE / 2, &["settle=10", "seconds=4"], false),
            goals: GOALS,
        },
        Scene {
            name: "squeezed-table",
            title: "the same, squeezed by another program",
            contenders: CONTENDERS,
            aheads: &[128],
            rounds: 3,
            // each page of the hot part is read every 16 s: it takes so long until all of it has been
            play: |stage, turn| play(stage, turn, TABLE, &["pause=500", "settle=100", "seconds=10"], true),
            goals: GOALS,
        },
    ]
}

fn play(stage: &mut Stage, turn: &Turn, limit: u64, how: &[&str], is_squeezed: bool) -> Result<Sample, String> {
    let program = stage.program("mapped_reads")?;
    let mut argv = vec![
        program.clone(),
        "pattern=scattered".into(),
        "by=anon".into(),
        format!("bytes={}", TABLE << 20),
        format!("seed={}", turn.round),
    ];
    argv.extend(how.iter().map(|&word| word.into()));
    if turn.contender == "oracle" {
        argv.push("lock=hot".into());
    }
    let env = if turn.contender == "hot" { stage.under("malloc:lock=hot,anon:lock=hot") } else { vec![] };
    let run = stage.run(argv).env(env);
    let bytes = format!("bytes={}", TABLE << 20);
    let other = stage.run([&program, "pattern=sequential", "by=anon", &bytes, "passes=1000000"]);
    stage.with_swap(4 * TABLE, |stage| {
        let group = stage.group(limit, None)?;
        let _other = if is_squeezed { Some(stage.start(&other, Some(&group))?) } else { None };
        let mut sample = stage.start(&run, Some(&group))?.finish()?.sample;
        sample.insert("major_per_read".into(), sample["major"] / sample["operations"].max(1.0));
        Ok(sample)
    })
}
