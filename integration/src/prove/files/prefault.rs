//! 2 GiB brought into memory from cold: by the command, by a rule, by the peer, and as fast as the disk gives it.

use super::LIMIT;
use crate::artefacts::command;
use crate::bench::measure::available_mib;
use crate::stage::judge::Goal::{Below, Most};
use crate::stage::scene::{Scene, Turn};
use crate::stage::{Sample, Stage, disk};

const MIB: u64 = 8 * LIMIT;

pub fn scenes() -> Vec<Scene> {
    vec![Scene {
        name: "prefault",
        title: "cold prefault of 2 GiB",
        contenders: &["vmtouch", "direct", "warm", "populate"],
        aheads: &[128],
        rounds: 5,
        play,
        goals: &[
            Most("warm", "vmtouch", "seconds", 0.9),
            Most("warm", "direct", "seconds", 1.1),
            Most("populate", "vmtouch", "seconds", 0.9),
            Most("populate", "direct", "seconds", 1.1),
            Below("warm", "missing", 0.0),
            Below("populate", "missing", 0.0),
        ],
    }]
}

fn play(stage: &mut Stage, turn: &Turn) -> Result<Sample, String> {
    if available_mib() < MIB * 3 / 2 {
        return Err(format!("needs {} MiB of memory", MIB * 3 / 2));
    }
    let file = stage.file("large", MIB)?;
    disk::evict(&file)?;
    let path = file.to_string_lossy().into_owned();
    let (argv, env) = match turn.contender {
        "vmtouch" => (vec!["vmtouch".into(), "-t".into(), "-m".into(), "8G".into(), path], vec![]),
        "direct" => (vec![stage.program("direct_reads")?, path], vec![]),
        "warm" => (vec![command().to_string_lossy().into_owned(), "warm".into(), path], vec![]),
        _ => {
            let rule = format!("file={path}:populate");
            (vec![stage.program("mapped_reads")?, "reads=1000".into(), path], stage.under(&rule))
        }
    };
    let run = stage.run(argv).env(env);
    let mut sample = stage.start(&run, None)?.finish()?.sample;
    // at its end, not a while later: who is done says that the file is there
    let missing = ((MIB << 20) - disk::resident(&file)?) as f64 / f64::from(1 << 20);
    sample.insert("missing".into(), missing);
    let seconds = match turn.contender {
        "populate" => sample["mapping"],
        _ => sample["wall"],
    };
    sample.insert("seconds".into(), seconds);
    Ok(sample)
}
