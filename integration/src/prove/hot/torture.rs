//! Threads that map, write, unmap and replace shared and private ranges at the same addresses while all is sampled.
//!
//! What must hold here: nothing that the program wrote is lost, also when samples are taken without rest (a build of the
//! library for this alone); and without the handshake something is lost, or the torture shows nothing.

use std::path::PathBuf;
use std::process::Command;

use faultless_core::counters::C;

use crate::artefacts::workspace;
use crate::pages;
use crate::prove::files::{LARGE, LIMIT};
use crate::stage::judge::Goal::{Above, Below};
use crate::stage::scene::{Scene, Turn};
use crate::stage::{Sample, Stage, disk};

const ROUNDS: u32 = 10_000_000;
/// MiB of the file beside which ranges come and go where all is sampled anyway.
const SMALL: u64 = 4;
/// What has no handshake loses something long before.
const ROUNDS_UNGUARDED: u32 = 1_000_000;

pub fn scenes() -> Vec<Scene> {
    vec![Scene {
        name: "torture",
        title: "ranges replaced at the same addresses",
        contenders: &["hot", "hurried", "unguarded"],
        aheads: &[128],
        rounds: 1,
        play,
        goals: &[
            Below("hot", "lost", 0.0),
            Above("hot", "operations", ROUNDS as f64),
            Above("hot", "samples", 1.0),
            Below("hurried", "lost", 0.0),
            Above("hurried", "operations", ROUNDS as f64),
            Above("hurried", "samples", 1.0),
            Above("unguarded", "lost", 1.0),
        ],
    }]
}

/// A thread of the program reads a file that is too large for the group, so that there is always something to find.
fn play(stage: &mut Stage, turn: &Turn) -> Result<Sample, String> {
    // What is hurried samples whether or not it is worth it, and the small ranges the more often.
    let file = if turn.contender == "hot" { stage.file("reads", LARGE)? } else { stage.file("index", SMALL)? };
    disk::evict(&file)?;
    let rounds = if turn.contender == "unguarded" { ROUNDS_UNGUARDED } else { ROUNDS };
    let argv = [stage.program("torture")?, rounds.to_string(), "2".into(), file.to_string_lossy().into_owned()];
    let mut env = stage.under("file:lock=hot,anon:lock=hot");
    if turn.contender != "hot" {
        env.push(("LD_PRELOAD".into(), built(turn.contender)?.to_string_lossy().into_owned()));
    }
    let folder = stage.pages().join("of-torture");
    drop(std::fs::remove_dir_all(&folder));
    env.push(("FAULTLESS_PAGES".into(), folder.to_string_lossy().into_owned()));
    let run = stage.run(argv).env(env);
    let group = stage.group(LIMIT, None)?;
    let mut sample = stage.start(&run, Some(&group))?.finish()?.sample;
    let samples = pages::read(&folder)?.iter().map(|page| page.get(C::HotSamples)).sum::<u64>();
    sample.insert("samples".into(), samples as f64);
    Ok(sample)
}

/// The library with a feature that is never shipped.
fn built(feature: &str) -> Result<PathBuf, String> {
    let target = workspace().join("target/torture").join(feature);
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build
        .args(["build", "-q", "--release", "-p", "faultless-shim", "--features", feature, "--target-dir"])
        .arg(&target);
    let done = build.current_dir(workspace()).output().map_err(|e| format!("cargo: {e}"))?;
    match done.status.success() {
        true => Ok(target.join("release/libfaultless.so")),
        false => Err(String::from_utf8_lossy(&done.stderr).into_owned()),
    }
}
