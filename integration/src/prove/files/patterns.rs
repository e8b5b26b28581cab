//! Patterns in which advice can harm: look-ups and scans by turns, uniform, strided, backwards, many small files.

use super::{LARGE, LIMIT};
use crate::stage::judge::Goal::{self, Below, MostOfBest, NotSlower};
use crate::stage::scene::{Scene, Turn};
use crate::stage::{Sample, Stage, disk};

/// MiB: the limit of the alternating scene, where fixed random advice takes its time.
const SMALL_LIMIT: u64 = 64;
/// Times that look-ups and a scan take turns.
const PASSES: u32 = 4;
/// Files and bytes of each.
const SMALL_FILES: (usize, usize) = (4096, 64 << 10);
/// Seconds that a mapping may take, the kernel's own share included.
const DEAR: f64 = 50e-6;

const AUTO: &[Goal] = &[NotSlower("auto", "alone", "cost", 1.0)];

pub fn scenes() -> Vec<Scene> {
    let scene = |name, title, aheads, play| Scene {
        name,
        title,
        contenders: &["alone", "auto"],
        aheads,
        rounds: 5,
        play,
        goals: AUTO,
    };
    vec![
        Scene {
            name: "alternating",
            title: "look-ups and full scans by turns",
            contenders: &["alone", "random", "sequential", "auto"],
            aheads: &[128],
            rounds: 5,
            play: alternating,
            goals: &[MostOfBest("auto", &["alone", "random", "sequential"], "seconds", 1.0 / 0.95)],
        },
        scene("uniform", "uniform random reads", &[128, 8192], |s, t| window(s, t, "uniform")),
        scene("strided", "reads 64 KiB apart", &[128], |s, t| window(s, t, "strided")),
        scene("backwards", "reads from back to front", &[128], |s, t| window(s, t, "backwards")),
        scene("small-files", "4096 files of 64 KiB", &[128], small_files),
        Scene {
            name: "small-mappings",
            title: "10,000 mappings of 64 KiB at once",
            contenders: &["alone", "auto", "files", "lock"],
            aheads: &[128],
            rounds: 5,
            play: small_mappings,
            goals: &[
                Below("auto", "cost", DEAR),
                Below("files", "cost", DEAR),
                Below("lock", "cost", DEAR),
                Below("auto", "ours", 8.0),
                Below("files", "ours", 8.0),
                Below("lock", "ours", 8.0),
            ],
        },
    ]
}

fn rules(stage: &Stage, contender: &str) -> Vec<(String, String)> {
    match contender {
        "alone" => vec![],
        "files" => stage.under("files"),
        advice => stage.under(&format!("file:{advice}")),
    }
}

fn alternating(stage: &mut Stage, turn: &Turn) -> Result<Sample, String> {
    // fixed random advice reads page by page, each time as slowly: one time over stands for four
    let passes = if turn.contender == "random" { 1 } else { PASSES };
    let arguments = ["pattern=alternating", "lookups=500", &format!("passes={passes}")];
    let mut sample = mapped(stage, turn, &arguments, 2 * SMALL_LIMIT, SMALL_LIMIT)?;
    sample.entry("seconds".into()).and_modify(|s| *s *= f64::from(PASSES / passes));
    Ok(sample)
}

fn window(stage: &mut Stage, turn: &Turn, pattern: &str) -> Result<Sample, String> {
    mapped(stage, turn, &[&format!("pattern={pattern}"), "seconds=2"], LARGE, LIMIT)
}

fn mapped(stage: &mut Stage, turn: &Turn, arguments: &[&str], mib: u64, limit: u64) -> Result<Sample, String> {
    let file = stage.file("reads", mib)?;
    disk::evict(&file)?;
    let mut argv = vec![stage.program("mapped_reads")?];
    argv.extend(arguments.iter().map(|a| (*a).to_owned()));
    argv.extend([format!("seed={}", turn.round), file.to_string_lossy().into_owned()]);
    let run = stage.run(argv).env(rules(stage, turn.contender));
    let group = stage.group(limit, None)?;
    Ok(stage.start(&run, Some(&group))?.finish()?.sample)
}

fn small_files(stage: &mut Stage, turn: &Turn) -> Result<Sample, String> {
    let program = stage.program("small_files")?;
    let (count, bytes) = SMALL_FILES;
    let folder = stage.place("small");
    let argv = |job: &str, number: usize| {
        let folder = folder.to_string_lossy().into_owned();
        [program.clone(), job.to_owned(), count.to_string(), number.to_string(), folder]
    };
    if !folder.join((count - 1).to_string()).exists() {
        std::fs::create_dir_all(&folder).map_err(|e| e.to_string())?;
        let make = stage.run(argv("make", bytes));
        stage.start(&make, None)?.finish()?;
    }
    let evict = stage.run(argv("evict", 0));
    stage.start(&evict, None)?.finish()?;
    let run = stage.run(argv("read", turn.round)).env(rules(stage, turn.contender));
    let group = stage.group(LIMIT / 2, None)?;
    Ok(stage.start(&run, Some(&group))?.finish()?.sample)
}

fn small_mappings(stage: &mut Stage, turn: &Turn) -> Result<Sample, String> {
    let file = stage.file("index", 64)?;
    let program = stage.program("many_mappings")?;
    let argv = [program, "10000".into(), (64 << 10).to_string(), file.to_string_lossy().into_owned()];
    let run = stage.run(argv).env(rules(stage, turn.contender));
    Ok(stage.start(&run, None)?.finish()?.sample)
}
