//! What `lock=hot` costs where there is nothing to win: an idle program, a busy one that fits in memory.

use std::time::{Duration, Instant};

use super::rules;
use crate::stage::actor::Actor;
use crate::stage::judge::Goal::{Below, NotSlower};
use crate::stage::scene::{Scene, Turn};
use crate::stage::{Sample, Stage};

/// MiB of a file that fits.
const FITS: u64 = 64;
/// For how long an idle program is watched.
const IDLE: Duration = Duration::from_secs(5);

pub fn scenes() -> Vec<Scene> {
    vec![
        Scene {
            name: "idle",
            title: "an idle program",
            contenders: &["alone", "hot"],
            aheads: &[128],
            rounds: 3,
            play: idle,
            goals: &[Below("hot", "cpu", 0.001)],
        },
        Scene {
            name: "busy",
            title: "a busy program that fits in memory",
            contenders: &["alone", "hot"],
            aheads: &[128],
            rounds: 15,
            play: busy,
            goals: &[NotSlower("hot", "alone", "cost", 1.0 / 0.997)],
        },
    ]
}

fn idle(stage: &mut Stage, turn: &Turn) -> Result<Sample, String> {
    let file = stage.file("index", FITS)?;
    let argv = [stage.program("mapped_reads")?, "hold".into(), file.to_string_lossy().into_owned()];
    let mut program = start(stage, turn, argv.to_vec())?;
    program.ready()?;
    // what the end of its work leaves to be done is not idleness
    std::thread::sleep(Duration::from_secs(1));
    let (before, begun) = (on_cpu(program.pid())?, Instant::now());
    std::thread::sleep(IDLE);
    let cpu = (on_cpu(program.pid())? - before) / begun.elapsed().as_secs_f64();
    program.finish()?;
    Ok([("cpu".to_owned(), cpu)].into())
}

fn busy(stage: &mut Stage, turn: &Turn) -> Result<Sample, String> {
    let file = stage.file("index", FITS)?;
    // the same pages of the page cache for all: how they lie in memory weighs more than what is looked for
    let argv = [stage.program("mapped_reads")?, "settle=1".into(), "seconds=1".into()];
    let mut argv = argv.to_vec();
    argv.extend([format!("seed={}", turn.round), file.to_string_lossy().into_owned()]);
    Ok(start(stage, turn, argv)?.finish()?.sample)
}

fn start(stage: &mut Stage, turn: &Turn, argv: Vec<String>) -> Result<Actor, String> {
    let rules = rules(turn.contender);
    let env = if rules.is_empty() { vec![] } else { stage.under(rules) };
    let run = stage.run(argv).env(env);
    stage.start(&run, None)
}

/// Seconds that all threads of a process have run.
fn on_cpu(pid: u32) -> Result<f64, String> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).map_err(|e| e.to_string())?;
    let nanoseconds = tasks.flatten().filter_map(|task| {
        let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<f64>().ok()
    });
    match nanoseconds.sum::<f64>() {
        // it has touched a file: a kernel that counts would have counted that
        0.0 => Err("this kernel doesn't count what threads run (schedstat)".into()),
        sum => Ok(sum / 1e9),
    }
}
