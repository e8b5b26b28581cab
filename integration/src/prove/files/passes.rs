//! One pass from front to back over a file of twice the limit, mapped and by read(), beside a program whose pages must
//! stay.

use super::{LARGE, LIMIT};
use crate::stage::judge::Goal::{self, Above, Below, NotSlower};
use crate::stage::scene::{Scene, Turn};
use crate::stage::{Sample, Stage, disk};

/// MiB that the other program holds.
const VICTIM: u64 = 64;

const GOALS: &[Goal] = &[
    NotSlower("auto", "alone", "seconds", 1.0),
    NotSlower("scan", "alone", "seconds", 1.0),
    Below("auto", "left", 16.0),
    Below("scan", "left", 16.0),
    Above("auto", "victim_kept", 0.99),
    Above("scan", "victim_kept", 0.99),
];

pub fn scenes() -> Vec<Scene> {
    let scene = |name, title, play| Scene {
        name,
        title,
        contenders: &["alone", "auto", "scan", "nocache"],
        aheads: &[128, 8192],
        rounds: 5,
        play,
        goals: GOALS,
    };
    vec![
        scene("pass-mapped", "sequential pass, mapped", |stage, turn| play(stage, turn, "mmap")),
        scene("pass-read", "sequential pass by read()", |stage, turn| play(stage, turn, "read")),
    ]
}

fn play(stage: &mut Stage, turn: &Turn, by: &str) -> Result<Sample, String> {
    let (file, held) = (stage.file("reads", LARGE)?, stage.file("victim", VICTIM)?);
    disk::evict(&file)?;
    disk::evict(&held)?;
    let program = stage.program("mapped_reads")?;
    let group = stage.group(LIMIT, None)?;
    let victim = stage.run([program.clone(), "hold".into(), held.to_string_lossy().into_owned()]);
    let mut victim = stage.start(&victim, Some(&group))?;
    victim.ready()?;
    let before = victim.resident();
    let mut argv = vec![program, "pattern=sequential".into(), "passes=1".into(), format!("by={by}")];
    argv.push(file.to_string_lossy().into_owned());
    if turn.contender == "nocache" {
        argv.insert(0, "nocache".into());
    }
    let env = match turn.contender {
        "auto" => stage.under("file:auto"),
        "scan" => stage.under("scan"),
        _ => vec![],
    };
    let run = stage.run(argv).env(env);
    let mut sample = stage.start(&run, Some(&group))?.finish()?.sample;
    sample.insert("left".into(), disk::resident(&file)? as f64 / f64::from(1 << 20));
    sample.insert("victim_kept".into(), victim.resident() / before);
    Ok(sample)
}
