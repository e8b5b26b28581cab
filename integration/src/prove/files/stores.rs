//! Programs that keep a store in a mapped file of twice the limit: sqlite, LMDB, Python's own mmap.

use crate::stage::judge::Goal::{self, Most, Same, Shown};
use crate::stage::scene::{Scene, Turn};
use crate::stage::{Sample, Stage, disk};

/// MiB of the limit.
const LIMIT: u64 = 128;
const GOALS: &[Goal] =
    &[Same("files", "alone", "digest"), Most("files", "alone", "read_bytes", 1.0), Shown("files", "p99")];

pub fn scenes() -> Vec<Scene> {
    let scene = |name, title, play| Scene {
        name,
        title,
        contenders: &["alone", "files"],
        aheads: &[128],
        rounds: 5,
        play,
        goals: GOALS,
    };
    vec![
        scene("sqlite", "sqlite with mmap_size", |stage, turn| play(stage, turn, "sqlite")),
        scene("lmdb", "LMDB", |stage, turn| play(stage, turn, "lmdb")),
        scene("python-mmap", "python mmap", |stage, turn| play(stage, turn, "mmap")),
    ]
}

fn play(stage: &mut Stage, turn: &Turn, kind: &str) -> Result<Sample, String> {
    let mib = (2 * LIMIT).to_string();
    let store = stage.place(&format!("store-{kind}-{mib}M"));
    let script = crate::artefacts::workspace().join("bench/stores.py").to_string_lossy().into_owned();
    let python = |job: &str, rest: &[&str]| -> Vec<String> {
        ["python3", &script, job, kind, &mib].iter().chain(rest).map(|s| (*s).to_owned()).collect()
    };
    if !store.exists() {
        let unfinished = store.with_extension("unfinished");
        let _ = std::fs::remove_file(&unfinished);
        let run = stage.run(python("build", &[&unfinished.to_string_lossy()]));
        stage.start(&run, None)?.finish()?;
        std::fs::rename(&unfinished, &store).map_err(|e| e.to_string())?;
    }
    disk::evict(&store)?;
    let run = stage.run(python("read", &[&turn.round.to_string(), &store.to_string_lossy()]));
    let env = if turn.contender == "alone" { vec![] } else { stage.under(turn.contender) };
    let group = stage.group(LIMIT, None)?;
    Ok(stage.start(&run.env(env), Some(&group))?.finish()?.sample)
}
