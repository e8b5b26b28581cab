//! Threads that map, write, unmap and replace shared and private ranges at the same addresses while all is sampled.

use crate::prove::files::{LARGE, LIMIT};
use crate::stage::judge::Goal::{Above, Below};
use crate::stage::scene::{Scene, Turn};
use crate::stage::{Sample, Stage, disk};

const ROUNDS: u32 = 10_000_000;

pub fn scenes() -> Vec<Scene> {
    vec![Scene {
        name: "torture",
        title: "ranges replaced at the same addresses",
        contenders: &["hot"],
        aheads: &[128],
        rounds: 1,
        play,
        goals: &[Below("hot", "lost", 0.0), Above("hot", "operations", ROUNDS as f64)],
    }]
}

/// A thread of the program reads a file that is too large for the group, so that there is always something to find.
fn play(stage: &mut Stage, _: &Turn) -> Result<Sample, String> {
    let file = stage.file("reads", LARGE)?;
    disk::evict(&file)?;
    let argv = [stage.program("torture")?, ROUNDS.to_string(), "2".into(), file.to_string_lossy().into_owned()];
    let env = stage.under("file:lock=hot,anon:lock=hot,shm:lock=hot");
    let run = stage.run(argv).env(env);
    let group = stage.group(LIMIT, None)?;
    Ok(stage.start(&run, Some(&group))?.finish()?.sample)
}
